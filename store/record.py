"""What a night did: the record behind the report, the map and ``status``."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SceneUse(Frozen):
    """One acquisition that a composite used."""

    scene_id: str
    acquired: date
    provider: str
    clear_pct: float
    composites: tuple[str, ...]
    """Periods of the composites that it went into."""


class Attention(Frozen):
    """Something left out or doubtful, why, and what to do about it."""

    subject: str
    code: str
    message: str
    message_zh: str
    cure: str = ""
    where: dict[str, str] = {}
    left_out: bool = True
    """False for what is used all the same, and only worth a look."""


class Estimate(Frozen):
    """A total with its standard error and 90 % limits."""

    name: str
    value: float
    se: float
    low: float
    high: float
    unit: str


class Coefficient(Frozen):
    """A coefficient that the night used."""

    name: str
    value: float
    se: float | None
    unit: str
    source: str
    status: Literal["confirmed", "derived", "unverified", "proposal"]


class Biomass(Frozen):
    """Which way a night took to biomass, and what is known of the model behind it."""

    route: str = "tier1"
    """A code of ``geo.layers.ROUTES``: of the model that was used, if any."""
    area_pct: dict[str, float] = {}
    """Share of the parcels' observed area that took each route, in per cent."""
    model: dict[str, object] = {}
    """From the card of the region's own model; empty by tier 1."""
    unconfirmed: tuple[str, ...] = ()
    """Coefficients behind the plots that are not confirmed."""


class PlotsTotal(Frozen):
    """Biomass of the parcels' forest as field plots say it, or why they do not.

    Figures are above-ground dry matter, t; ``se`` holds the sampling error and what all
    plots' equations share. ``map_total`` is what the map says of the same forest.
    """

    reason: str = ""
    reason_zh: str = ""
    total: float | None = None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    sampling_se: float | None = None
    plots: int = 0
    year: int | None = None
    """When the plots were measured: the total is that year's."""
    forest_ha: float | None = None
    map_total: float | None = None
    method: str = ""
    method_zh: str = ""
    auxiliaries: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    flags_zh: tuple[str, ...] = ()


class LayerUse(Frozen):
    """One published file."""

    layer: str
    period: str
    file: str
    sha256: str


class NightRecord(Frozen):
    """Everything that a reader of the results may ask of a run."""

    region: str
    title: str
    title_zh: str
    night: date
    season: str
    baseline_season: str | None
    """None when there is nothing earlier to compare with; then there is no change."""
    run_id: str
    simulated: tuple[str, ...] = ()
    """Inputs that are simulated, in words; shown wherever results are."""
    status: Literal["complete", "incomplete"]
    observed_pct: float
    """Share of the parcels' area that was observed in the season."""
    scenes: tuple[SceneUse, ...]
    attentions: tuple[Attention, ...]
    parcel_count: int
    parcel_statuses: dict[str, int]
    parcel_verdicts: dict[str, int]
    biomass: Biomass = Biomass()
    totals: tuple[Estimate, ...]
    plots_total: PlotsTotal | None = None
    """None where the region names no plots."""
    budget: dict[str, float]
    """Share of each source of error in the variance of the total CO2, in per cent."""
    model_card: dict[str, object]
    change_card: dict[str, object]
    coefficients: tuple[Coefficient, ...]
    layers: tuple[LayerUse, ...]
    inputs: dict[str, str]
    """SHA-256 of each input by name."""
    versions: dict[str, str]
    sources: tuple[str, ...]
    """Citations and licences that a map or a report must show."""
