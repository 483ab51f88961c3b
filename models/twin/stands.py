"""Stands on a jittered lattice: species, age, site, and what happens to them when."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid
from models.twin.county import (
    FIRST_YEAR,
    FOREST,
    GRASS,
    LEFT,
    SHRUB,
    TOP,
    County,
    Flora,
    decimal_year,
)
from models.twin.fields import (
    Floats,
    Places,
    grid_places,
    key_of,
    normal,
    point_places,
    uniform,
)
from models.twin.terrain import relief

Ints = NDArray[np.int64]

PITCH_M = 160.0
"""One stand in 2.56 ha."""
JITTER = 0.35
MARGIN = 2
"""Rings of stands beyond the county, so that its edge is like its middle."""
NEVER = 9999.0
CUT_PER_YR, THIN_PER_YR, PLANT_PER_YR = 0.07, 0.03, 0.08
"""Chance in a year: of a mature plantation, a plantation over 8 years, idle land."""


@dataclass(frozen=True, slots=True)
class Stands:
    """A stand per row, by its number; dates are decimal years, ``NEVER`` if not.

    ``land`` is its class (grass, shrub or forest) where nothing else, such as a field,
    takes the cell. ``species`` of idle land is what would be planted there.
    """

    rows: int
    columns: int
    x: Floats
    y: Floats
    land: NDArray[np.uint8]
    species: NDArray[np.uint8]
    birth: Floats
    site: Floats
    stock: Floats
    cut: Floats
    planted: Floats
    thinned: Floats
    thinned_share: Floats

    def __len__(self) -> int:
        return len(self.x)

    def only(self, numbers: NDArray[np.integer]) -> Self:
        """Return the stands of these numbers alone, counted anew."""
        picked = {
            name: getattr(self, name)[numbers]
            for name in self.__slots__
            if name not in {"rows", "columns"}
        }
        return replace(self, **picked)

    def lattice(self) -> tuple[Ints, Ints]:
        """Row and column of every stand, counted from the county's corner."""
        rows, columns = np.divmod(np.arange(len(self)), self.columns)
        return rows - MARGIN, columns - MARGIN


def make_stands(county: County, flora: Flora) -> Stands:
    """Draw every stand of the county."""
    side = int(np.ceil(county.size * 10 / PITCH_M)) + 2 * MARGIN
    rows, columns = np.divmod(np.arange(side * side), side)
    i, j = rows - MARGIN, columns - MARGIN
    seed = county.seed
    x, y = _centres(seed, i, j)
    places = point_places(x, y)
    height_m = relief(places, seed).height_m
    species = _species(places, height_m, flora, seed=seed, i=i, j=j)
    land = _land(places, seed)
    birth = _birth(flora, species, seed=seed, i=i, j=j)
    site = 0.18 * places.noise(seed, "site", 2100.0) + 0.10 * _normal(
        seed, "site", i, j
    )
    events = _events(county, flora, land, species, birth)
    return Stands(
        rows=side,
        columns=side,
        x=x,
        y=y,
        land=land,
        species=species,
        birth=birth,
        site=np.clip(np.exp(site), 0.55, 1.6),
        stock=np.clip(0.95 + 0.15 * _normal(seed, "stock", i, j), 0.35, 1.4),
        cut=events[0],
        planted=events[1],
        thinned=events[2],
        thinned_share=0.2 + 0.2 * uniform(key_of(seed, "thinned share"), i, j),
    )


def stand_of(grid: Grid, stands: Stands, seed: int) -> NDArray[np.int32]:
    """Return the number of the stand that each cell belongs to.

    The nearest centre, after the place was moved by a smooth field of some metres:
    borders on the ground wind about the straight ones of the cadastre.
    """
    places = grid_places(grid.xs(), grid.ys())
    x, y = places.xy
    x, y = x + _bend(places, seed, "x"), y + _bend(places, seed, "y")
    column = np.floor((x - LEFT) / PITCH_M).astype(np.int64)
    row = np.floor((TOP - y) / PITCH_M).astype(np.int64)
    best = np.full(grid.shape, np.inf)
    found = np.zeros(grid.shape, np.int32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            number = (row + down + MARGIN) * stands.columns + column + right + MARGIN
            number = np.clip(number, 0, len(stands) - 1)
            apart = (x - stands.x[number]) ** 2 + (y - stands.y[number]) ** 2
            nearer = apart < best
            best = np.where(nearer, apart, best)
            found = np.where(nearer, number, found).astype(np.int32)
    return found


def _bend(places: Places, seed: int, axis: str) -> Floats:
    return 6.0 * places.octaves(seed, f"bend {axis}", (140.0, 60.0), 0.5)


def _centres(seed: int, i: Ints, j: Ints) -> tuple[Floats, Floats]:
    right = JITTER * (2 * uniform(key_of(seed, "centre x"), i, j) - 1)
    down = JITTER * (2 * uniform(key_of(seed, "centre y"), i, j) - 1)
    return (
        LEFT + (j + 0.5 + right) * PITCH_M,
        TOP - (i + 0.5 + down) * PITCH_M,
    )


def _normal(seed: int, name: str, i: Ints, j: Ints) -> Floats:
    return normal(key_of(seed, f"stand {name}"), i, j)


def _land(places: Places, seed: int) -> NDArray[np.uint8]:
    use = places.octaves(seed, "use", (1000.0, 400.0), 0.7)
    land = np.full(len(use), FOREST, np.uint8)
    land[use < -0.95] = SHRUB
    land[use < -1.25] = GRASS
    return land


def _species(
    places: Places, height_m: Floats, flora: Flora, *, seed: int, i: Ints, j: Ints
) -> NDArray[np.uint8]:
    """Pick the species with the best chance: by share, altitude, patch and luck."""
    scores = []
    for one in flora.species:
        luck = uniform(key_of(seed, "luck", one.code), i, j)
        score = np.log(one.share) + 0.8 * places.noise(seed, f"of {one.code}", 800.0)
        score -= 0.9 * np.log(-np.log(np.clip(luck, 1e-9, 1 - 1e-9)))
        outside = np.maximum(one.altitude_low_m - height_m, 0)
        outside += np.maximum(height_m - one.altitude_high_m, 0)
        scores.append(score - outside / 25.0)
    codes = np.array([one.code for one in flora.species], np.uint8)
    return np.asarray(codes[np.argmax(scores, axis=0)])


def _birth(
    flora: Flora, species: NDArray[np.uint8], *, seed: int, i: Ints, j: Ints
) -> Floats:
    luck = uniform(key_of(seed, "age"), i, j)
    rotation = flora.column("rotation_yr")[species]
    age = np.where(rotation > 0, 1 + luck * 1.25 * rotation, 12 + 68 * luck**1.3)
    return FIRST_YEAR - age


def _events(
    county: County,
    flora: Flora,
    land: NDArray[np.uint8],
    species: NDArray[np.uint8],
    birth: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Draw when each stand is cut, planted and thinned, at most once each."""
    seed, number = county.seed, np.arange(len(land))
    rotation = flora.column("rotation_yr")[species]
    is_forest, is_crop = land == FOREST, rotation > 0
    cut, planted, thinned = (np.full(len(land), NEVER) for _ in range(3))
    for year in county.calendar:
        luck = uniform(key_of(seed, "event", year), number, 0)
        day = year + 0.03 + 0.9 * uniform(key_of(seed, "day", year), number, 0)
        age = year - birth
        free = is_forest & (cut == NEVER) & (thinned == NEVER)
        felled = free & is_crop & (age > 0.8 * rotation) & (luck < CUT_PER_YR)
        cut[felled] = day[felled]
        planted[felled] = _spring(year + 1)
        rare = free & ~felled & (age > 8) & (luck > 1 - THIN_PER_YR)
        thinned[rare] = day[rare]
        idle = (land == GRASS) & (planted == NEVER) & (luck < PLANT_PER_YR)
        planted[idle] = _spring(year)
    return cut, planted, thinned


def _spring(year: int) -> float:
    """Planting is done by the twelfth of March (植树节)."""
    return decimal_year(date(year, 3, 12))
