"""An answer in words and tables: zones in order, units, and the record of it all."""

from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from config.settings import Settings
from config.siting_tables import used_rows
from config.zone_request import ZoneRequest
from geo.plantable import part_on_cells
from models.siting.expected import order_of, reasons_of, uptake_of
from models.siting.robust import FIRM, LIKELY, Robustness
from models.siting.solution import Solution
from models.siting.units import Flags
from models.siting.zones import zones as contiguous
from pipelines.siting_criteria import USED
from pipelines.zone_cells import cells_of
from pipelines.zone_problem import Posed
from pipelines.zone_units import Candidates
from store.keys import code_digest, digest_of
from store.record import Coefficient
from store.zone_files import Answer
from store.zone_record import (
    AnswerRecord,
    Certificate,
    Robust,
    UptakeRecord,
    WhatIf,
    ZoneRecord,
)

LIBRARIES = ("forestsink", "geopandas", "numpy", "scipy", "shapely")
GROWTH_ROWS = ("growth_limit", "growth_rate", "growth_power")
Numbers = NDArray[np.float64]
VERDICTS = ("", "sensitive", "likely", "firm")
"""What a unit's code of robustness means."""


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """All that an answer is told from."""

    settings: Settings
    request: ZoneRequest
    land: Candidates
    posed: Posed
    solution: Solution
    robust: Robustness
    what_if: tuple[WhatIf, ...]


def tell(solved: Solved) -> Answer:
    """Put zones, units and the record together."""
    posed, parcels = solved.posed, solved.land.shapes
    area = posed.problem.units.area_ha
    split = contiguous(solved.solution.selected, posed.problem.borders, area)
    inside = [split.zone == number for number in range(len(split))]
    scores = [float(np.average(posed.score[one], weights=area[one])) for one in inside]
    order = order_of(scores, split.area_ha.tolist())
    records = tuple(
        _zone(solved, inside[at], rank, scores[at])
        for rank, at in enumerate(order, start=1)
    )
    rank_of = np.zeros(len(split) + 1, np.int64)
    rank_of[order] = np.arange(1, len(order) + 1)
    geometry, horizon = parcels.geometry.to_numpy(), solved.request.horizon
    free, grid = solved.land.code == 0, solved.settings.region.grid.grid()
    shapes = [
        part_on_cells(shapely.union_all(geometry[inside[at]]), free, grid)
        for at in order
    ]
    rank = rank_of[split.zone]
    return Answer(
        _record(solved, records),
        gpd.GeoDataFrame(
            pd.DataFrame([_row(one, horizon) for one in records]),
            geometry=shapes,
            crs=parcels.crs,
        ),
        _unit_rows(solved, rank),
        cells_of(
            solved.land,
            posed,
            horizon,
            rank=rank,
            frequency=solved.robust.frequency,
        ),
    )


def _zone(solved: Solved, inside: Flags, rank: int, score: float) -> ZoneRecord:
    request, posed, units = solved.request, solved.posed, solved.posed.problem.units
    uptake = _uptake(solved, inside)
    last = next(one for one in uptake if one.year == request.horizon)
    cost = float(units.cost_cny[inside].sum())
    frequency = _mean(solved.robust.frequency, units.area_ha, inside)
    reasons = reasons_of(
        inside,
        units.eligible,
        units.area_ha,
        criteria=posed.values,
        weights=posed.weights,
    )
    exposure = solved.land.table["emission_exposure"].to_numpy()
    return ZoneRecord(
        rank=rank,
        area_ha=float(units.area_ha[inside].sum()),
        score=score,
        species_group=", ".join(solved.land.groups_of(inside)),
        uptake=uptake,
        cost_cny=cost,
        cost_cny_tco2=cost / last.total_tco2,
        cost_cny_tco2_low=cost / last.high_tco2,
        cost_cny_tco2_high=cost / last.low_tco2,
        exposure_tco2e_yr=_mean(exposure, units.area_ha, inside),
        selection_frequency=frequency,
        sureness=_sureness(frequency),
        reasons=tuple(reason.sentence for reason in reasons),
        reasons_zh=tuple(reason.sentence_zh for reason in reasons),
        parcels=solved.land.ground.parcels_of(inside),
    )


def _uptake(solved: Solved, inside: Flags) -> tuple[UptakeRecord, ...]:
    found = uptake_of(
        inside,
        solved.posed.problem.units.area_ha,
        solved.land.potential,
        planted=solved.land.planted,
    )
    return tuple(UptakeRecord(**asdict(one)) for one in found)


def _sureness(frequency: float) -> Literal["firm", "likely", "sensitive"]:
    if frequency >= FIRM:
        return "firm"
    return "likely" if frequency >= LIKELY else "sensitive"


def _mean(values: Numbers, area_ha: Numbers, inside: Flags) -> float:
    return float(np.average(values[inside], weights=area_ha[inside]))


def _row(zone: ZoneRecord, horizon: int) -> dict[str, object]:
    """Return a zone as a row of the GeoPackage; lists become text."""
    row: dict[str, object] = {
        "rank": zone.rank,
        "area_ha": round(zone.area_ha, 4),
        "score": round(zone.score, 6),
        "species_group": zone.species_group,
    }
    for one in zone.uptake:
        row |= {
            f"uptake_{one.year}_tco2": round(one.total_tco2, 2),
            f"uptake_{one.year}_low": round(one.low_tco2, 2),
            f"uptake_{one.year}_high": round(one.high_tco2, 2),
        }
        if one.year == horizon:
            row["uptake_tco2_yr"] = round(one.mean_tco2_yr, 3)
    return row | {
        "cost_cny": round(zone.cost_cny, 2),
        "cost_cny_tco2": round(zone.cost_cny_tco2, 2),
        "exposure_tco2e_yr": round(zone.exposure_tco2e_yr, 2),
        "selection_frequency": round(zone.selection_frequency, 4),
        "sureness": zone.sureness,
        "reasons": "; ".join(zone.reasons),
        "reasons_zh": "；".join(zone.reasons_zh),
        "parcels": ", ".join(zone.parcels),
    }


def _unit_rows(solved: Solved, rank: NDArray[np.int64]) -> gpd.GeoDataFrame:
    table, units = solved.land.table, solved.posed.problem.units
    reason = np.where(units.locked_out, "locked_out", table["reason"].to_numpy(str))
    eligible, last = units.eligible, solved.land.potential[solved.request.horizon]
    uptake = last.co2_t_ha * units.area_ha
    rows = {
        "parcel_id": units.unit_id,
        "zone_rank": rank,
        "area_ha": table["area_ha"].round(4),
        "eligible_ha": table["eligible_ha"].round(4),
        "is_eligible": eligible,
        "reason": reason,
        "score": np.where(eligible, solved.posed.score.round(6), np.nan),
        "species_group": np.where(eligible, table["group"], ""),
        "planting_year": np.where(rank > 0, solved.land.years, 0),
        "cost_cny": np.where(eligible, units.cost_cny.round(2), np.nan),
        "uptake_tco2": np.where(eligible, uptake.round(3), np.nan),
        "selection_frequency": solved.robust.frequency.round(4),
        "sureness": np.array(VERDICTS)[solved.robust.verdict],
    }
    parcels = solved.land.shapes
    return gpd.GeoDataFrame(
        pd.DataFrame(rows), geometry=parcels.geometry.to_numpy(), crs=parcels.crs
    )


def _record(solved: Solved, zones: tuple[ZoneRecord, ...]) -> AnswerRecord:
    request, land, posed = solved.request, solved.land, solved.posed
    solution, robust, night = solved.solution, solved.robust, land.night.record
    table, region = land.table, solved.settings.region
    notes = [*land.notes, *((note.what, note.zh) for note in solution.notes)]
    told = request.model_dump(mode="json")
    coefficients = _coefficients(land)
    versions = {name: version(name) for name in LIBRARIES}
    versions["code"] = code_digest()[:12]
    siting = region.siting.model_dump(mode="json")
    identity = [told, night["run_id"], siting, dict(land.digests), versions]
    identity.append([row.model_dump(mode="json") for row in coefficients])
    notes = [*land.notes, *((note.what, note.zh) for note in solution.notes)]
    excluded = table.loc[~table["is_eligible"], "reason"].value_counts()
    return AnswerRecord(
        answer_id=digest_of(identity)[:12],
        region=region.name,
        title=region.title,
        title_zh=region.title_zh,
        request_title_zh=request.title_zh,
        night=date.fromisoformat(night["night"]),
        run_id=night["run_id"],
        simulated=region.simulated,
        planted=land.planted,
        horizon=request.horizon,
        request=told,
        weights={name: w for name, w in posed.weights.items() if w > 0},
        consistency_ratio=posed.ratio,
        criteria_missing=posed.missing,
        penalty_per_m=posed.problem.penalty_per_m,
        certificate=Certificate(
            objective=solution.objective,
            bound=solution.bound,
            gap_pct=solution.gap_pct,
            solver=solution.solver,
            notes=tuple(note.what for note in solution.notes),
        ),
        robust=Robust(
            draws=robust.draws,
            seed=request.seed,
            infeasible=robust.infeasible,
            worst_gap_pct=robust.worst_gap_pct,
        ),
        zones=zones,
        area_ha=solution.area_ha,
        cost_cny=solution.cost_cny,
        benefit=solution.benefit,
        uptake=_uptake(solved, solution.selected),
        planted_ha=_planted_ha(solved),
        units=len(table),
        eligible_units=int(table["is_eligible"].sum()),
        eligible_ha=float(table.loc[table["is_eligible"], "eligible_ha"].sum()),
        excluded={str(name): int(n) for name, n in sorted(excluded.items())},
        reason_titles={name: _titles(land, str(name)) for name in excluded.index},
        not_checked=tuple(land.titles[name][0] for name in land.unchecked),
        not_checked_zh=tuple(land.titles[name][1] for name in land.unchecked),
        notes=tuple(english for english, _ in notes),
        notes_zh=tuple(chinese for _, chinese in notes),
        what_if=solved.what_if,
        coefficients=coefficients,
        inputs=dict(land.digests),
        versions=versions,
        sources=region.citations,
    )


def _titles(land: Candidates, reason: str) -> tuple[str, str]:
    return land.titles.get(reason, (reason, reason))


def _planted_ha(solved: Solved) -> dict[int, float]:
    inside, area = solved.solution.selected, solved.posed.problem.units.area_ha
    years = solved.land.years[inside]
    return {
        int(year): float(area[inside][years == year].sum()) for year in np.unique(years)
    }


def _coefficients(land: Candidates) -> tuple[Coefficient, ...]:
    groups = sorted(set(land.table.loc[land.table["is_eligible"], "group"]))
    rows = [*USED, *((name, group) for group in groups for name in GROWTH_ROWS)]
    return used_rows([*rows, ("carbon_fraction", "any"), ("least_planting", "any")])
