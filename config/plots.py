"""The ``[plots]`` section of a region: field plots that a model is learnt from."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from config.frozen import Frozen


class PlotSettings(Frozen):
    """Tree lists and plots of a region, as ``forestsink plots`` reads them.

    Paths are relative to the region's data. Columns and units are told only where
    headers do not tell them: ``tree_columns = { species = "sz" }``.
    """

    trees: str = Field(description="CSV of trees, one a row.")
    plots: str = Field(description="CSV of plots with their areas.")
    x: str = Field(description="Column of eastings, or longitudes, of plot centres.")
    y: str = Field(description="Column of northings, or latitudes.")
    crs: str | None = Field(None, description="Of x and y; the region's by default.")
    measured: str = Field("", description="Column of the days or years of measuring.")
    year: int | None = Field(
        None, ge=1985, le=2100, description="Year of measuring, where no column says."
    )
    shape: Literal["circle", "square"] = Field(
        "circle", description="Outline of a plot; a square lies along the grid."
    )
    sample: Literal["probability", "purposive"] = Field(
        "purposive",
        description="Whether plots were drawn by lot or on a grid over all forest, "
        "each place as likely as any other: only then do they carry a total.",
    )
    tree_columns: Mapping[str, str] = {}
    tree_units: Mapping[str, str] = {}
    plot_columns: Mapping[str, str] = {}
    plot_units: Mapping[str, str] = {}
    area_is: Literal["horizontal", "slope"] = "horizontal"
    equation: str = Field("", description="For species that have none.")
    species_map: str | None = None
    own_equations: str | None = None
    height_curve: str = Field("", description='"own", or a CSV of dbh and height.')
    stress: float | None = Field(None, description="E of Chave et al. 2014.")
    draws: int = Field(1000, ge=100, description="Of the Monte Carlo.")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _is_dated(self) -> Self:
        if (self.year is None) == (not self.measured):
            raise ValueError(
                "either measured, a column of days or years, or year has to be given"
            )
        return self


class CanopySettings(Frozen):
    """A raster of canopy heights above ground: from a drone, or from lidar."""

    file: str = Field(description="GeoTIFF, metres above ground; in the region's CRS.")
    date: date
    crs: str | None = Field(None, description="Where the file itself names none.")
