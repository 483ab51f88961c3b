"""Drone flights: single crowns as a canopy height model and an orthomosaic."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid
from models.twin.county import BANDS, CELL_M, LEFT, TOP, County, decimal_year
from models.twin.fields import Floats, generator, grid_places, key_of, uniform
from models.twin.ground import Ground, survey
from models.twin.growth import fire_left, state_at, wooded
from models.twin.landscape import Landscape
from models.twin.optics import Light, surface, surfaces_of

FINE_M = 0.5
SITE_CELLS = 24
"""Side of a site in cells of the county: 240 m."""
TREE_M = 2.4
"""Pitch of the lattice that trees stand on."""
CHM_SD_M, FLIGHT_BIAS_SD_M = 0.25, 0.30
SITES = 4


@dataclass(frozen=True, slots=True)
class Flight:
    """A site on a day."""

    site: str
    grid: Grid
    """Cells of ``FINE_M``."""
    row: int
    column: int
    """The site's first cell in the county's grid."""
    day: date


def flights(landscape: Landscape) -> tuple[Flight, ...]:
    """Return every flight: the sites with most woods, in the first and last year."""
    county = landscape.county
    days = (date(county.calendar[0], 8, 20), date(county.last_year, 9, 5))
    if county.years == 1:
        days = (date(county.last_year, 5, 10), days[1])
    return tuple(
        Flight(f"site{n + 1}", _fine_grid(county, row, column), row, column, day)
        for n, (row, column) in enumerate(_sites(landscape))
        for day in days
    )


def canopy_m(landscape: Landscape, flight: Flight) -> NDArray[np.float32]:
    """Return the canopy height model of a flight, metres above ground.

    Crowns are half ellipsoids on a jittered lattice. Photogrammetry blurs and offsets
    them; what a flight gets wrong is shared by all of its cells.
    """
    fine = _heights(landscape, flight.grid, flight.day)
    seed = landscape.county.seed
    draw = generator(seed, "flight", flight.site, flight.day.isoformat())
    bias = FLIGHT_BIAS_SD_M * draw.standard_normal()
    noise = draw.standard_normal(fine.shape, dtype=np.float32)
    errors = bias + CHM_SD_M * noise
    seen = fine + np.where(fine > 0.5, errors, 0.2 * errors)
    return np.maximum(seen, 0).astype(np.float32)


def ortho(
    landscape: Landscape, flight: Flight, canopy: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return red, green and blue of a flight, dims (band, y, x): crowns in the sun."""
    rows = slice(flight.row, flight.row + SITE_CELLS)
    columns = slice(flight.column, flight.column + SITE_CELLS)
    grid = landscape.county.grid.window(rows, columns)
    ground = survey(grid, landscape)
    light = Light(flight.day)
    bands = surface(ground, grid, landscape, surfaces_of(landscape, light))
    times = int(CELL_M / FINE_M)
    relief = np.gradient(canopy.astype(np.float64), FINE_M)
    lit = np.clip(1 + 0.22 * (relief[0] - relief[1]), 0.35, 1.7)
    draw = generator(
        landscape.county.seed, "ortho", flight.site, flight.day.isoformat()
    )
    lit *= 1 + 0.06 * draw.standard_normal(canopy.shape)
    picture = [bands[BANDS.index(name)] for name in ("B04", "B03", "B02")]
    fine = np.stack([_finer(band, times) for band in picture]) * lit
    return np.asarray(np.clip(np.rint(fine * 1500), 1, 255).astype(np.uint8))


def _heights(landscape: Landscape, grid: Grid, day: date) -> Floats:
    """Return the height of crowns (m), 0 between them."""
    seed, instant = landscape.county.seed, decimal_year(day)
    ground = survey(grid, landscape)
    state = state_at(landscape.stands, landscape.flora, instant)
    trees = wooded(ground.cover, ground.stand, landscape.stands, instant)
    chance = np.where(trees, state.stems_ha[ground.stand], 0) * TREE_M**2 / 10_000
    left = fire_left(ground.severity, ground.burnt, instant)
    top_m = state.height_m[ground.stand] * ground.vigour**0.25
    x, y = grid_places(grid.xs(), grid.ys()).xy
    column = np.floor((x - LEFT) / TREE_M).astype(np.int64)
    row = np.floor((TOP - y) / TREE_M).astype(np.int64)
    highest = np.zeros(grid.shape)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            i, j = row + down, column + right
            shift_x, shift_y = (uniform(key_of(seed, "tree", n), i, j) for n in "xy")
            apart = np.hypot(
                x - LEFT - (j + shift_x) * TREE_M, TOP - y - (i + shift_y) * TREE_M
            )
            own = top_m * (0.62 + 0.42 * uniform(key_of(seed, "tree top"), i, j))
            stands_there = uniform(key_of(seed, "tree there"), i, j) < chance * left
            radius = np.clip(0.9 + 0.085 * own, 0.8, 2.4)
            dome = 1 - 0.55 * (apart / radius) ** 2
            crown = np.where(stands_there & (apart < radius), own * dome, 0.0)
            highest = np.maximum(highest, crown)
    return highest


def _sites(landscape: Landscape) -> list[tuple[int, int]]:
    """Pick sites that are apart: one with a clear-cut between the flights, then woods.

    The woods are the fullest of forty drawn places.
    """
    county = landscape.county
    if county.size < 8 * SITE_CELLS:
        return [(SITE_CELLS // 2, SITE_CELLS // 2)]
    draw = generator(county.seed, "sites")
    places = draw.integers(4, county.size - SITE_CELLS - 4, (40, 2))
    wooded_share = [_wooded_share(landscape, int(r), int(c)) for r, c in places]
    chosen = _cut_between(landscape)
    for n in np.argsort(-np.array(wooded_share), kind="stable"):
        row, column = (int(value) for value in places[n])
        apart = [max(abs(row - r), abs(column - c)) for r, c in chosen]
        if all(gap > 1.5 * SITE_CELLS for gap in apart):
            chosen.append((row, column))
        if len(chosen) == SITES:
            break
    return chosen


def _cut_between(landscape: Landscape) -> list[tuple[int, int]]:
    """Return the most wooded site about a stand that is cut between the flights."""
    stands, county = landscape.stands, landscape.county
    row = ((TOP - stands.y) / CELL_M).astype(np.int64) - SITE_CELLS // 2
    column = ((stands.x - LEFT) / CELL_M).astype(np.int64) - SITE_CELLS // 2
    last = county.size - SITE_CELLS - 4
    inside = (np.minimum(row, column) > 4) & (np.maximum(row, column) < last)
    first = decimal_year(date(county.calendar[0], 9, 1))
    final = decimal_year(date(county.last_year, 8, 1))
    between = (stands.cut > first) & (stands.cut < final)
    places = [
        (int(row[n]), int(column[n])) for n in np.flatnonzero(inside & between)[:20]
    ]
    return sorted(places, key=lambda place: -_wooded_share(landscape, *place))[:1]


def _wooded_share(landscape: Landscape, row: int, column: int) -> float:
    rows, columns = slice(row, row + SITE_CELLS), slice(column, column + SITE_CELLS)
    ground: Ground = survey(landscape.county.grid.window(rows, columns), landscape)
    instant = decimal_year(date(landscape.county.calendar[0], 8, 20))
    trees = wooded(ground.cover, ground.stand, landscape.stands, instant)
    return round(float(trees.mean()), 3)


def _fine_grid(county: County, row: int, column: int) -> Grid:
    side = int(SITE_CELLS * CELL_M / FINE_M)
    left, top = LEFT + column * CELL_M, TOP - row * CELL_M
    return Grid(county.grid.crs, left, top, FINE_M, side, side)


def _finer(band: NDArray[np.float32], times: int) -> Floats:
    return np.repeat(np.repeat(band, times, axis=0), times, axis=1).astype(np.float64)
