"""What lies on each cell of a block for good: height, cover, stand, vigour, fire."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid
from models.twin.county import (
    FARMLAND,
    FOREST,
    GRASS,
    ROAD,
    SETTLEMENT,
    SHRUB,
    WATER,
    WETLAND,
    decimal_year,
)
from models.twin.fields import Floats, Places, grid_places
from models.twin.landscape import Fire, Landscape, Settlements, on_road
from models.twin.stands import NEVER, stand_of
from models.twin.terrain import Relief, gradient, slope_deg

ROAD_WIDTH_M = 11.0


@dataclass(frozen=True, slots=True)
class Ground:
    """A block of the county; every array has the shape of its grid."""

    height_m: NDArray[np.float32]
    east: NDArray[np.float32]
    """Rise to the east, m/m."""
    north: NDArray[np.float32]
    cover: NDArray[np.uint8]
    stand: NDArray[np.int32]
    vigour: NDArray[np.float32]
    """Density of the place over that of its stand, around 1."""
    severity: NDArray[np.float32]
    """Of the one fire that passed here, 0 to 1."""
    burnt: NDArray[np.float32]
    """The decimal year of that fire, ``NEVER`` where none did."""


def survey(grid: Grid, landscape: Landscape) -> Ground:
    """Return the block of the county at ``grid``."""
    seed = landscape.county.seed
    places = grid_places(grid.xs(), grid.ys())
    land, east, north = gradient(grid, seed)
    stand = stand_of(grid, landscape.stands, seed)
    cover = landscape.stands.land[stand]
    _take_lowland(cover, places, land, slope_deg(east, north), seed)
    cover[_streets(places, landscape.settlements, seed) & (cover != WATER)] = SETTLEMENT
    cover[on_road(places, landscape, ROAD_WIDTH_M)] = ROAD
    severity, burnt = _fire(places, landscape.fires, seed)
    burns = np.isin(cover, (GRASS, SHRUB, FOREST))
    return Ground(
        height_m=land.height_m.astype(np.float32),
        east=east.astype(np.float32),
        north=north.astype(np.float32),
        cover=cover,
        stand=stand,
        vigour=_vigour(places, seed),
        severity=np.where(burns, severity, 0).astype(np.float32),
        burnt=np.where(burns, burnt, NEVER).astype(np.float32),
    )


def _take_lowland(
    cover: NDArray[np.uint8], places: Places, land: Relief, slope: Floats, seed: int
) -> None:
    """Put fields, marsh and water into the valleys."""
    taste = places.octaves(seed, "fields", (700.0, 250.0), 0.6)
    is_field = (land.valley < 0.085 + 0.035 * taste) & (slope < 9 + 2 * taste)
    cover[is_field] = FARMLAND
    marsh = places.octaves(seed, "marsh", (900.0, 200.0), 0.4) > 0.85
    cover[(land.river_m < 150) & marsh] = WETLAND
    winding = 1 + 0.3 * places.noise(seed, "banks", 300.0)
    cover[land.river_m < 38 * winding] = WATER
    cover[(land.stream_m < 6.5 * winding) & (land.valley < 0.12)] = WATER


def _streets(places: Places, towns: Settlements, seed: int) -> NDArray[np.bool_]:
    streets = np.zeros(places.shape, bool)
    reach = 1.7 * towns.radius_m
    near = (towns.x + reach > places.x.min()) & (towns.x - reach < places.x.max())
    near &= (towns.y + reach > places.y.min()) & (towns.y - reach < places.y.max())
    if not near.any():
        return streets
    ragged = 1 + 0.25 * places.octaves(seed, "streets", (120.0, 50.0), 0.6)
    x, y = places.x[None, :], places.y[:, None]
    for n in np.flatnonzero(near):
        streets |= np.hypot(x - towns.x[n], y - towns.y[n]) < towns.radius_m[n] * ragged
    return streets


def _vigour(places: Places, seed: int) -> NDArray[np.float32]:
    patchy = 0.20 * places.noise(seed, "vigour wide", 70.0)
    patchy += 0.14 * places.noise(seed, "vigour", 26.0)
    return np.exp(np.clip(patchy - 0.03, -1.2, 0.8)).astype(np.float32)


def _fire(places: Places, fires: tuple[Fire, ...], seed: int) -> tuple[Floats, Floats]:
    """Return severity and date; where two fires meet, the fiercer one counts."""
    severity, burnt = np.zeros(places.shape), np.full(places.shape, NEVER)
    ragged = None
    x, y = places.x[None, :], places.y[:, None]
    west, east = places.x.min(), places.x.max()
    south, north = places.y.min(), places.y.max()
    for fire in fires:
        reach = 1.5 * fire.radius_m
        beyond = max(west - fire.x, fire.x - east, south - fire.y, fire.y - north)
        if beyond > reach:
            continue
        if ragged is None:
            ragged = 0.3 * places.octaves(seed, "flames", (190.0, 70.0), 0.6)
        apart = np.hypot(x - fire.x, y - fire.y) / fire.radius_m
        here = np.clip(1.15 - apart**2 + ragged, 0.0, 1.0)
        fiercer = here > severity
        severity = np.where(fiercer, here, severity)
        burnt = np.where(fiercer, decimal_year(fire.day), burnt)
    return severity, burnt
