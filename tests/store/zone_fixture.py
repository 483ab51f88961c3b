"""A made-up answer: three zones on 60 x 40 cells, one of each sureness."""

from datetime import date

import geopandas as gpd
import numpy as np
from shapely import box

from geo.grid import Grid
from geo.layers import LAYERS
from store.record import Coefficient
from store.zone_files import Answer
from store.zone_rasters import Cells
from store.zone_record import (
    AnswerRecord,
    Certificate,
    Robust,
    UptakeRecord,
    WhatIf,
    ZoneRecord,
)

GRID = Grid("EPSG:4548", 450_000.0, 3_420_000.0, 10.0, 60, 40)
NASTY = "<script>alert('区')</script>"
SURENESS = ("firm", "likely", "sensitive")
REQUEST = f'title_zh = "{NASTY}"\nmax_area_ha = 9 # 上限\n'


def unit(number: int):
    """Return the square of 100 m that is unit ``number``, of six in a row by four."""
    left = GRID.left + 100 * (number % 6)
    top = GRID.top - 100 * (number // 6)
    return box(left, top - 100, left + 100, top)


def uptake(area: float) -> tuple[UptakeRecord, ...]:
    return tuple(
        UptakeRecord(
            year=year,
            total_tco2=area * share,
            low_tco2=area * share / 2,
            high_tco2=area * share * 2,
            mean_tco2_yr=area * share / (year - 2024),
        )
        for year, share in ((2030, 30.0), (2040, 120.0), (2060, 240.0))
    )


def zone(rank: int) -> ZoneRecord:
    return ZoneRecord(
        rank=rank,
        area_ha=4.0 - rank,
        score=0.9 - 0.1 * rank,
        species_group="mixed_broadleaf",
        uptake=uptake(4.0 - rank),
        cost_cny=80_000.0,
        cost_cny_tco2=100.0 * rank,
        cost_cny_tco2_low=50.0 * rank,
        cost_cny_tco2_high=200.0 * rank,
        exposure_tco2e_yr=1234.5,
        selection_frequency=1.0 - 0.3 * rank,
        sureness=SURENESS[rank - 1],
        reasons=("Carbon potential 250 t CO2/ha", "Cost of planting 20,000 CNY/ha"),
        reasons_zh=("固碳潜力 250 t CO2/ha", "造林成本 20,000 CNY/ha"),
        parcels=(f"P-{rank}", "P-9"),
    )


def what_if() -> tuple[WhatIf, ...]:
    """Return answers to two budgets and two areas: one asked, one infeasible."""
    done = {"benefit": 3.5, "area_ha": 5.9, "cost_cny": 2e5, "gap_pct": 0.01}
    done["uptake"] = uptake(5.9)[-1]
    return (
        WhatIf(budget_cny=2e5, max_area_ha=6.0, is_request=False, **done),
        WhatIf(
            budget_cny=2e5,
            max_area_ha=9.0,
            is_request=False,
            why="max_area_ha is beyond all land.",
            why_zh="面积上限超出全部可造林地。",
        ),
        WhatIf(budget_cny=None, max_area_ha=6.0, is_request=True, **done),
    )


def record(**changes: object) -> AnswerRecord:
    zones = tuple(zone(rank) for rank in (1, 2, 3))
    told = {
        "answer_id": "0123456789ab",
        "region": "made-up",
        "title": "Made-up county",
        "title_zh": "虚构县",
        "request_title_zh": NASTY,
        "night": date(2023, 10, 5),
        "run_id": "feedbeef0123",
        "simulated": ("everything 全部",),
        "planted": 2024,
        "horizon": 2060,
        "request": {"max_area_ha": 9.0},
        "weights": {"carbon_potential": 0.7, "cost": 0.3},
        "consistency_ratio": 0.042,
        "criteria_missing": (),
        "penalty_per_m": 0.001,
        "certificate": Certificate(
            objective=4.2, bound=4.21, gap_pct=0.238, solver="cut", notes=()
        ),
        "robust": Robust(draws=20, seed=0, infeasible=0, worst_gap_pct=0.5),
        "zones": zones,
        "area_ha": 6.0,
        "cost_cny": 240_000.0,
        "benefit": 4.5,
        "uptake": uptake(6.0),
        "planted_ha": {2024: 2.5, 2025: 3.5},
        "units": 24,
        "eligible_units": 20,
        "eligible_ha": 19.5,
        "excluded": {"farmland": 3, "wetland": 1},
        "reason_titles": {
            "farmland": ("Cultivated land", "耕地"),
            "wetland": ("Wetland", "湿地"),
        },
        "not_checked": ("Permanent basic farmland",),
        "not_checked_zh": ("永久基本农田",),
        "notes": ("A note.",),
        "notes_zh": ("一条说明。",),
        "what_if": what_if(),
        "coefficients": (
            Coefficient(
                name="planting_base",
                value=22_500.0,
                se=6000.0,
                unit="CNY/ha",
                source="proposal of ours",
                status="proposal",
            ),
        ),
        "inputs": {"tree_cover": "ab" * 32},
        "versions": {"code": "c0de", "numpy": "2"},
        "sources": ("Contains made-up data",),
    }
    return AnswerRecord(**{**told, **changes})


def code() -> np.ndarray:
    """Return reasons: two rows of farmland below, a road down the first column."""
    found = np.zeros(GRID.shape, np.uint8)
    found[30:, :20] = 10
    found[:, 0] = 9
    return found


RANK = np.zeros(24)
RANK[[0, 1, 6]] = 1
RANK[[3, 4]] = 2
RANK[11] = 3


def cells() -> Cells:
    rank = RANK.copy()
    rank[18:20] = np.nan  # farmland, the units in the lower left corner
    frequency = np.where(np.isnan(rank), np.nan, np.linspace(0, 1, 24))
    shapes = np.empty(24, object)
    shapes[:] = [unit(number) for number in range(24)]
    return Cells(
        code=code(),
        reasons=LAYERS["eligible"],
        shapes=shapes,
        values={
            "zone": (rank,),
            "selection": (frequency, frequency / 2),
            "cost": (np.where(np.isnan(rank), np.nan, 22_500.0),),
        },
    )


def answer(**changes: object) -> Answer:
    told = record(**changes)
    shapes = [
        box(*unit(0).bounds).union(unit(1)).union(unit(6)),
        unit(3).union(unit(4)),
        unit(11),
    ]
    zones = gpd.GeoDataFrame(
        {
            "rank": [one.rank for one in told.zones],
            "area_ha": [one.area_ha for one in told.zones],
            "sureness": [one.sureness for one in told.zones],
        },
        geometry=shapes[: len(told.zones)],
        crs=GRID.crs,
    )
    units = gpd.GeoDataFrame(
        {
            "parcel_id": [f"P-{number}" for number in range(24)],
            "zone_rank": RANK.astype(int),
            "is_eligible": ~np.isin(np.arange(24), (18, 19)),
            "sureness": np.array(["", *SURENESS])[RANK.astype(int)],
        },
        geometry=[unit(number) for number in range(24)],
        crs=GRID.crs,
    )
    return Answer(told, zones, units, cells())
