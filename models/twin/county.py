"""The county: where it lies, how large it is, what grows there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid

NAME, NAME_ZH = "Linjiang (simulated)", "临江县（模拟）"
SIMULATED = "SIMULATED, no real place or measurement; 模拟数据，非实测、非真实地点"
"""Stands in every file."""
CRS = "EPSG:4548"
"""CGCS2000 / 3-degree Gauss-Kruger CM 117E; the hills of the lower Yangtze."""
LEFT, TOP, CELL_M = 450_000.0, 3_420_000.0, 10.0
VERSION = "1"
"""Goes up whenever the same settings would give another county."""
FIRST_YEAR = 2021
"""Products of the first year carry no offset, those from 2022 on do."""
BLOCK = 512
"""Cells along the side of a block of the synthesis; 512 also in the files."""
PLOT_HA = 0.0667
"""One mu: a square of 25.82 m."""

BAND_KEYS: Mapping[str, str] = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B11": "swir16",
    "B12": "swir22",
}
"""Sentinel-2's name of a band and the key of its asset, in the order of the arrays."""
BANDS = tuple(BAND_KEYS)
FINE_BANDS = ("B02", "B03", "B04", "B08")
"""Bands of 10 m; the others have 20 m."""

WATER, WETLAND, FARMLAND, SETTLEMENT, ROAD, GRASS, SHRUB, FOREST = range(1, 9)
COVERS: Mapping[int, tuple[str, str]] = {
    WATER: ("water", "水域"),
    WETLAND: ("wetland", "湿地"),
    FARMLAND: ("farmland", "耕地"),
    SETTLEMENT: ("settlement", "建设用地"),
    ROAD: ("road", "道路"),
    GRASS: ("idle grassland", "宜林荒山"),
    SHRUB: ("shrub", "灌木林地"),
    FOREST: ("forest", "乔木林地"),
}


@dataclass(frozen=True, slots=True)
class Species:
    """A tree species or group: how it grows and what a stem of it weighs.

    Density after ``t`` years on an average site is
    ``agbd_max_t_ha * (1 - exp(-growth_per_yr * t)) ** growth_power``, height likewise
    (Chapman-Richards). A stem's organs weigh ``a * (D^2 H) ** b`` kg, D in cm at breast
    height, H in m.
    """

    code: int
    name_zh: str
    latin: str
    key: str
    leaf: str
    altitude_low_m: float
    altitude_high_m: float
    share: float
    is_planted: bool
    agbd_max_t_ha: float
    growth_per_yr: float
    growth_power: float
    height_max_m: float
    height_per_yr: float
    height_power: float
    stems_young_ha: float
    stems_old_ha: float
    rotation_yr: float
    organs: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Flora:
    """The species, and the reflectance of pure surfaces in the order of ``BANDS``."""

    species: tuple[Species, ...]
    spectra: Mapping[str, NDArray[np.float32]]

    def by_code(self, code: int) -> Species:
        return self.species[code - 1]

    def column(self, name: str) -> NDArray[np.float64]:
        """One number of every species by its code; code 0, no trees, has 0."""
        return np.array([0.0, *(float(getattr(one, name)) for one in self.species)])

    def is_leaf(self, leaf: str) -> NDArray[np.bool_]:
        return np.array([False, *(one.leaf == leaf for one in self.species)])


@dataclass(frozen=True, slots=True)
class County:
    """What a twin is asked to be.

    ``size`` counts cells of 10 m along a side; it is even, for the bands of 20 m.
    """

    size: int
    years: int
    seed: int
    scenes_per_year: int = 24

    def __post_init__(self) -> None:
        if self.size < 64 or self.size % 2 or self.size > 20_000:
            raise ValueError(f"size must be even and 64 to 20000, got {self.size}.")
        if not 1 <= self.years <= 10 or not 2 <= self.scenes_per_year <= 73:
            raise ValueError(f"A county needs 1-10 years of 2-73 scenes, got {self}.")

    @property
    def grid(self) -> Grid:
        return Grid(CRS, LEFT, TOP, CELL_M, self.size, self.size)

    @property
    def calendar(self) -> tuple[int, ...]:
        return tuple(range(FIRST_YEAR, FIRST_YEAR + self.years))

    @property
    def last_year(self) -> int:
        return FIRST_YEAR + self.years - 1

    @property
    def area_km2(self) -> float:
        return (self.size * CELL_M / 1000) ** 2


def decimal_year(day: date) -> float:
    """Return ``day`` as years, such as 2021.5, at its noon."""
    start = date(day.year, 1, 1)
    length = (date(day.year + 1, 1, 1) - start).days
    return day.year + ((day - start).days + 0.5) / length


def midyear(year: int) -> float:
    """Return the instant that a year's true density is of: its first of July."""
    return decimal_year(date(year, 7, 1))


def day_of(instant: float) -> date:
    """Return the day that ``instant``, a decimal year, falls on."""
    start = date(int(instant), 1, 1)
    length = (date(start.year + 1, 1, 1) - start).days
    return start + timedelta(days=int((instant - start.year) * length))
