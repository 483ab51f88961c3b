"""Emission sources of the county: works, roads and villages, in t CO2e a year."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.twin.county import LEFT, TOP
from models.twin.fields import generator
from models.twin.landscape import Landscape

ROAD_T_KM = 62.0
"""t CO2e a year from a kilometre of county road."""
VILLAGE_T_HA = 190.0
"""t CO2e a year from a hectare of settlement: heating, cooking, small trade."""


@dataclass(frozen=True, slots=True)
class Works:
    """A point source; capacity, hours and factor are 0 where they mean nothing."""

    source_id: str
    name: str
    name_zh: str
    sector: str
    fuel: str
    x: float
    y: float
    capacity_mw: float
    hours_yr: float
    factor_tco2e_mwh: float
    emission_tco2e_yr: float


_WORKS = (
    ("power", "power station", "热电厂", "bituminous_coal", 60.0, 4600.0, 0.92),
    ("cement", "cement works", "水泥厂", "", 0.0, 0.0, 0.0),
    ("industry", "plywood mill", "胶合板厂", "biomass", 0.0, 0.0, 0.0),
    ("industry", "brick works", "砖瓦厂", "bituminous_coal", 0.0, 0.0, 0.0),
    ("waste", "landfill", "垃圾填埋场", "", 0.0, 0.0, 0.0),
)
_TYPICAL_T = {"cement": 310_000.0, "industry": 14_000.0, "waste": 9_500.0}


def works(landscape: Landscape) -> tuple[Works, ...]:
    """Return the county's works beside its settlements, and a power station outside."""
    towns, county = landscape.settlements, landscape.county
    draw = generator(county.seed, "works")
    count = min(max(4, round(county.area_km2 / 60)), 80)
    order = np.argsort(-towns.radius_m, kind="stable")
    found = []
    for n in range(count):
        sector, name, name_zh, fuel, mw, hours, factor = _WORKS[n % len(_WORKS)]
        size = float(np.exp(0.5 * draw.standard_normal()))
        town = int(order[n % len(order)])
        angle, reach = 2 * np.pi * draw.random(), towns.radius_m[town] + 60
        x = towns.x[town] + reach * np.cos(angle)
        y = towns.y[town] + reach * np.sin(angle)
        if n == 0:
            x, y = LEFT - 4200.0, TOP + 2600.0
        mw = round(mw * size, 1)
        amount = mw * hours * factor if mw else _TYPICAL_T[sector] * size
        found.append(
            Works(
                source_id=f"LJ-P{n + 1:03d}",
                name=f"Simulated {name} {n + 1}",
                name_zh=f"模拟{name_zh}{n + 1}",
                sector=sector,
                fuel=fuel,
                x=round(float(x), 1),
                y=round(float(y), 1),
                capacity_mw=mw,
                hours_yr=hours,
                factor_tco2e_mwh=factor,
                emission_tco2e_yr=float(round(amount)),
            )
        )
    return tuple(found)


def road_t_yr(line: NDArray[np.float64]) -> float:
    """Return what a road emits a year, t CO2e."""
    length_km = float(np.hypot(*np.diff(line, axis=0).T).sum()) / 1000
    return round(length_km * ROAD_T_KM, 1)


def village_t_yr(radius_m: float) -> float:
    """Return what a settlement emits a year, t CO2e."""
    return round(np.pi * radius_m**2 / 10_000 * VILLAGE_T_HA, 1)
