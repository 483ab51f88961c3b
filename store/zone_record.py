"""What an answer to a request says: the record behind the map, the tables and JSON."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from store.record import Coefficient


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UptakeRecord(Frozen):
    """Uptake from planting to a year, t CO2, with 90 % limits."""

    year: int
    total_tco2: float
    low_tco2: float
    high_tco2: float
    mean_tco2_yr: float


class ZoneRecord(Frozen):
    """One contiguous zone."""

    rank: int
    area_ha: float
    """Of what may be planted in its parcels."""
    score: float
    """Mean score of its land, 0-1."""
    species_group: str
    """Of several, that of most land first."""
    uptake: tuple[UptakeRecord, ...]
    cost_cny: float
    cost_cny_tco2: float
    cost_cny_tco2_low: float
    cost_cny_tco2_high: float
    """Per t CO2 to the horizon, at the 90 % limits of uptake; not discounted."""
    exposure_tco2e_yr: float
    selection_frequency: float
    sureness: Literal["firm", "likely", "sensitive"]
    reasons: tuple[str, ...]
    reasons_zh: tuple[str, ...]
    parcels: tuple[str, ...]


class Certificate(Frozen):
    """How good the choice is, in benefit (score x ha, less the penalty)."""

    objective: float
    bound: float
    gap_pct: float
    solver: str
    notes: tuple[str, ...]


class Robust(Frozen):
    """Over how many draws the selection frequencies are."""

    draws: int
    seed: int
    infeasible: int
    worst_gap_pct: float


class WhatIf(Frozen):
    """The same request under another budget and area: what it would come to.

    Without an answer the numbers are None, and ``why`` says what stands against it.
    """

    budget_cny: float | None
    max_area_ha: float | None
    is_request: bool
    benefit: float | None = None
    area_ha: float | None = None
    cost_cny: float | None = None
    uptake: UptakeRecord | None = None
    gap_pct: float | None = None
    why: str = ""
    why_zh: str = ""


class AnswerRecord(Frozen):
    """Everything that a reader of the zones may ask."""

    answer_id: str
    region: str
    title: str
    title_zh: str
    request_title_zh: str
    night: date
    run_id: str
    simulated: tuple[str, ...]
    planted: int
    horizon: int
    request: dict[str, object]
    weights: dict[str, float]
    consistency_ratio: float | None
    criteria_missing: tuple[str, ...]
    """Criteria of the default weights that no layer gives."""
    penalty_per_m: float
    certificate: Certificate
    robust: Robust
    zones: tuple[ZoneRecord, ...]
    area_ha: float
    cost_cny: float
    benefit: float
    uptake: tuple[UptakeRecord, ...]
    planted_ha: dict[int, float]
    """Area planted in each year of the plan."""
    units: int
    eligible_units: int
    eligible_ha: float
    excluded: dict[str, int]
    """Parcels that may not be planted, by the rule that takes most of them."""
    reason_titles: dict[str, tuple[str, str]]
    """English and Chinese of the rules in ``excluded``."""
    not_checked: tuple[str, ...]
    """Rules that no layer was there for: their land may be among the zones."""
    not_checked_zh: tuple[str, ...]
    notes: tuple[str, ...]
    notes_zh: tuple[str, ...]
    what_if: tuple[WhatIf, ...]
    """Budgets and areas around those asked for, row by row of budgets."""
    coefficients: tuple[Coefficient, ...]
    inputs: dict[str, str]
    versions: dict[str, str]
    sources: tuple[str, ...]

    @property
    def unsure(self) -> int:
        """How many coefficients are unverified or proposals."""
        return sum(c.status in {"unverified", "proposal"} for c in self.coefficients)

    @property
    def sureness_counts(self) -> dict[str, int]:
        """How many zones are firm, likely and sensitive."""
        found = dict.fromkeys(("firm", "likely", "sensitive"), 0)
        for zone in self.zones:
            found[zone.sureness] += 1
        return found
