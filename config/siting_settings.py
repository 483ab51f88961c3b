"""What a region file says about siting: sources, layers of the land, rules, kernel."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from config.frozen import Frozen

Datum = Literal["wgs84", "cgcs2000", "gcj02"]


class SourceSettings(Frozen):
    """A table of emission sources with longitude and latitude (WGS 84).

    Lines, areas, several files, other columns: ``[[siting.sources]]`` instead. How
    their weight falls with distance: ``[siting.exposure]``.
    """

    path: str
    simulated: bool = False


class SourceFileSettings(Frozen):
    """One file of emission sources: a table of points, or a vector layer."""

    path: str
    datum: Datum = Field(
        description="gcj02 for coordinates of Chinese web maps, which are shifted back."
    )
    layer: str | None = None
    columns: Mapping[str, str] = Field({}, description="Our column = the file's.")
    defaults: Mapping[str, str] = Field(
        {}, description="Our column = what holds where the file says nothing."
    )
    keep_status: tuple[str, ...] = Field(
        (), description="Texts of the column status that count; empty for all."
    )
    declared_crs: str | None = None
    encoding: str | None = None
    simulated: bool = False


class LandFileSettings(Frozen):
    """One layer of the land: a raster, or areas, lines or points."""

    path: str
    layer: str | None = None
    band: int = Field(1, ge=1)
    field: str | None = Field(None, description="Attribute that ``values`` are of.")
    values: tuple[str, ...] = Field(
        (), description="Codes or texts that count; empty for all."
    )
    buffer_m: float = Field(
        0, ge=0, le=1000, description="Half the width of lines, radius about points."
    )
    resampling: Literal["nearest", "bilinear", "average"] = "nearest"
    datum: Datum = "wgs84"
    declared_crs: str | None = None
    encoding: str | None = None
    unit: str = Field("1", description="Of a layer that forestsink does not know.")
    low: float | None = Field(None, description="Least possible value, for such.")
    high: float | None = Field(None, description="Greatest possible value, for such.")
    simulated: bool = False


class OwnRule(Frozen):
    """A rule of the region's own about a layer of ``layers``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    code: int = Field(ge=12, le=29, description="Least is most binding.")
    kind: Literal["hard", "soft"] = "hard"
    layer: str
    test: Literal["above", "at_least", "below", "at_most"] = "above"
    value: float = 0.0
    unit: str = "1"
    title: str
    title_zh: str
    source: str = Field(
        min_length=3, description="Which law, plan or decision says so."
    )


class WindSettings(Frozen):
    """How often the wind blows from each sector, from north clockwise."""

    shares: tuple[float, ...] = Field(description="8 or 16 shares of 0 to 1.")
    calm: float = Field(0.0, ge=0, le=1)


class ExposureSettings(Frozen):
    """How the weight of a source falls with distance: a rule of planning."""

    kernel: Literal["exponential", "gaussian", "inverse"] = "exponential"
    length_km: float = Field(20, gt=0, le=500)
    cutoff_km: float = Field(100, gt=0, le=2000, description="No weight beyond.")
    taper: float = Field(
        0.1, ge=0, le=1, description="Last share of the range, fading."
    )
    power: float = Field(2, gt=0, le=10, description="Of the inverse kernel.")
    wind: WindSettings | None = None
    carry_years: int = Field(
        0, ge=0, le=10, description="Age of figures that may stand in for a year's."
    )


class SitingSettings(Frozen):
    """Everything that siting reads of a region file."""

    sources: tuple[SourceFileSettings, ...] = ()
    layers: Mapping[str, LandFileSettings] = {}
    rules: tuple[OwnRule, ...] = ()
    rule_values: Mapping[str, float] = Field({}, description="Other thresholds.")
    rules_off: tuple[str, ...] = Field((), description="Rules that do not hold here.")
    exposure: ExposureSettings = ExposureSettings()
    rain_mm: float | None = Field(
        None, ge=0, le=20_000, description="Annual rain, where there is no layer rain."
    )

    @model_validator(mode="after")
    def _rules_have_layers(self) -> Self:
        missing = [rule.layer for rule in self.rules if rule.layer not in self.layers]
        if missing:
            raise ValueError(f"rules name layers that are not there: {missing}")
        return self
