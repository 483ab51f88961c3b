"""What a region file says of the simulated county that it is about."""

from pydantic import Field

from config.frozen import Frozen


class TwinSettings(Frozen):
    """A simulated county that is made when it is not there, in ``data_root``."""

    size: int = Field(ge=64, le=20_000, description="Cells of 10 m along a side.")
    years: int = Field(ge=1, le=10)
    seed: int
    scenes_per_year: int = Field(24, ge=2, le=73)
