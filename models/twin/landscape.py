"""What is on the map besides stands: settlements, roads, fires."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.twin.county import FOREST, LEFT, TOP, County, Flora
from models.twin.fields import Floats, Places, key_of, point_places, uniform
from models.twin.stands import Stands, make_stands
from models.twin.terrain import relief

VILLAGE_PITCH_M = 1700.0
VILLAGE_SHARE = 0.62
ROAD_STEPS = 8
FIRE_KM2 = 14.0
"""One fire in so many square kilometres."""


@dataclass(frozen=True, slots=True)
class Settlements:
    """Places by number; ``radius_m`` is where streets end, ``i, j`` a lattice cell."""

    x: Floats
    y: Floats
    radius_m: Floats
    i: NDArray[np.int64]
    j: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fire:
    """A fire on a known date."""

    number: int
    x: float
    y: float
    radius_m: float
    day: date


@dataclass(frozen=True, slots=True)
class Landscape:
    """Everything of the county that is a list and not a raster."""

    county: County
    flora: Flora
    stands: Stands
    settlements: Settlements
    roads: tuple[NDArray[np.float64], ...]
    """Lines, (vertices, 2)."""
    road_boxes: NDArray[np.float64]
    """West, south, east and north of each, (roads, 4)."""
    fires: tuple[Fire, ...]


def make_landscape(county: County, flora: Flora) -> Landscape:
    stands = make_stands(county, flora)
    settlements = _settlements(county)
    roads = tuple(_roads(settlements, county.seed))
    fires = tuple(_fires(county, stands))
    boxes = np.array([[*line.min(axis=0), *line.max(axis=0)] for line in roads])
    return Landscape(
        county, flora, stands, settlements, roads, boxes.reshape(-1, 4), fires
    )


def _settlements(county: County) -> Settlements:
    """Put a village at the lowest dry one of twelve places of every lattice cell."""
    seed = county.seed
    side = int(np.ceil(county.size * 10 / VILLAGE_PITCH_M))
    i, j = np.divmod(np.arange(side * side), side)
    x, y, badness = [], [], []
    for n in range(12):
        right = 0.12 + 0.76 * uniform(key_of(seed, "village x", n), i, j)
        down = 0.12 + 0.76 * uniform(key_of(seed, "village y", n), i, j)
        x.append(LEFT + (j + right) * VILLAGE_PITCH_M)
        y.append(TOP - (i + down) * VILLAGE_PITCH_M)
        land = relief(point_places(x[-1], y[-1]), seed)
        badness.append(land.height_m + 500 * (land.river_m < 120))
    best = np.argmin(badness, axis=0)
    pick = np.arange(len(i))
    east, south = np.array(x)[best, pick], np.array(y)[best, pick]
    inside = (east < LEFT + county.size * 10) & (south > TOP - county.size * 10)
    there = inside & (uniform(key_of(seed, "village"), i, j) < VILLAGE_SHARE)
    there[np.argmax(inside)] = True
    size = uniform(key_of(seed, "village size"), i, j)
    radius_m = 55 + 60 * size + 170 * size**8
    return Settlements(east[there], south[there], radius_m[there], i[there], j[there])


def _roads(places: Settlements, seed: int) -> list[NDArray[np.float64]]:
    """Join each settlement with the next to the east and to the south, if near."""
    cells = zip(places.i.tolist(), places.j.tolist(), strict=True)
    where = {cell: n for n, cell in enumerate(cells)}
    pairs = []
    for (i, j), start in where.items():
        for steps in (((0, 1), (0, 2)), ((1, 0), (2, 0))):
            ends = (where.get((i + down, j + right)) for down, right in steps)
            end = next((n for n in ends if n is not None), None)
            if end is not None:
                pairs.append((start, end))
    if not pairs:
        return []
    towns = np.column_stack([places.x, places.y])
    return list(_bent(towns[np.array(pairs)], seed))


def _bent(ends: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Bend straight lines towards low ground: each vertex picks one of nine sides.

    From (road, 2, 2) to (road, vertex, 2).
    """
    start, stop = ends[:, :1], ends[:, 1:]
    share = np.linspace(0, 1, ROAD_STEPS + 1)[1:-1, None]
    middle = start * (1 - share) + stop * share
    along = (stop - start)[:, 0]
    across = np.column_stack([-along[:, 1], along[:, 0]])
    across /= np.hypot(*along.T)[:, None]
    offsets = np.linspace(-240, 240, 9)
    spots = middle[:, :, None] + offsets[:, None] * across[:, None, None]
    land = relief(point_places(spots[..., 0], spots[..., 1]), seed)
    cost = land.height_m + 0.10 * np.abs(offsets) + 60 * (land.river_m < 60)
    best = np.argmin(cost, axis=2)[..., None, None]
    lowest = np.take_along_axis(spots, best, axis=2)[:, :, 0]
    lines = np.concatenate([start, lowest, stop], axis=1)
    smooth = (lines[:, :-2] + 2 * lines[:, 1:-1] + lines[:, 2:]) / 4
    return np.concatenate([start, smooth, stop], axis=1).round(1)


def _fires(county: County, stands: Stands) -> Iterator[Fire]:
    """Light each fire in a forest stand, in the spring or the autumn of a year."""
    count = max(2, round(county.area_km2 / FIRE_KM2))
    side, seed = county.size * 10.0, county.seed
    inside = (stands.x > LEFT + 0.08 * side) & (stands.x < LEFT + 0.92 * side)
    inside &= (stands.y < TOP - 0.08 * side) & (stands.y > TOP - 0.92 * side)
    forest = np.flatnonzero(inside & (stands.land == FOREST))
    if not len(forest):
        return
    luck = uniform(key_of(seed, "fires"), np.arange(count)[:, None], np.arange(4))
    for number in range(count):
        at = forest[int(luck[number, 0] * len(forest))]
        year = county.calendar[(number + 1) % county.years]
        first = date(year, 2, 20) if luck[number, 1] < 0.6 else date(year, 10, 5)
        yield Fire(
            number + 1,
            float(round(stands.x[at], 1)),
            float(round(stands.y[at], 1)),
            float(round(140 + 220 * luck[number, 2])),
            first + timedelta(days=int(55 * luck[number, 3])),
        )


def on_road(places: Places, landscape: Landscape, width_m: float) -> NDArray[np.bool_]:
    """Return where a grid's cell centres lie within half of ``width_m`` of a road."""
    hit = np.zeros(places.shape, bool)
    reach = width_m / 2
    west, south, east, north = landscape.road_boxes.T
    near = (east > places.x.min() - reach) & (west < places.x.max() + reach)
    near &= (north > places.y.min() - reach) & (south < places.y.max() + reach)
    for number in np.flatnonzero(near):
        for start, stop in pairwise(landscape.roads[number]):
            _mark(hit, places, start, stop, reach)
    return hit


def _mark(
    hit: NDArray[np.bool_],
    places: Places,
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    reach_m: float,
) -> None:
    """Mark the cells near one straight piece, looking at its own box only."""
    low, high = np.minimum(start, stop) - reach_m, np.maximum(start, stop) + reach_m
    columns = np.flatnonzero((places.x >= low[0]) & (places.x <= high[0]))
    rows = np.flatnonzero((places.y >= low[1]) & (places.y <= high[1]))
    if not len(columns) or not len(rows):
        return
    x, y = places.x[columns][None, :], places.y[rows][:, None]
    along = stop - start
    length2 = float(along @ along) or 1.0
    t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length2, 0, 1)
    apart = np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
    hit[np.ix_(rows, columns)] |= apart <= reach_m
