"""Blocks of the county as layers: what is true, and what registers say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.twin.county import (
    FARMLAND,
    SETTLEMENT,
    WATER,
    WETLAND,
    midyear,
)
from models.twin.fields import Floats, generator
from models.twin.ground import Ground
from models.twin.growth import (
    StandState,
    density_t_ha,
    fire_left,
    state_at,
    wooded,
)
from models.twin.landscape import Landscape
from models.twin.optics import coarse
from models.twin.terrain import slope_deg

COVER_SD_PCT = 6.0
"""Error of a cell of the reference raster of tree cover."""


@dataclass(frozen=True, slots=True)
class YearState:
    """What every stand is in the middle of a year."""

    year: int
    instant: float
    state: StandState


def year_state(landscape: Landscape, year: int) -> YearState:
    instant = midyear(year)
    return YearState(
        year, instant, state_at(landscape.stands, landscape.flora, instant)
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands on each cell of a block: t/ha, m, per cent of the sky, species."""

    agbd_t_ha: Floats
    height_m: Floats
    cover_pct: Floats
    species: NDArray[np.uint8]


def standing(ground: Ground, landscape: Landscape, when: YearState) -> Standing:
    """Return what truly stands on a block in the middle of a year."""
    stands, state, stand = landscape.stands, when.state, ground.stand
    trees = wooded(ground.cover, stand, stands, when.instant)
    left = fire_left(ground.severity, ground.burnt, when.instant)
    agbd = density_t_ha(
        state, ground.cover, stand, has_trees=trees, vigour=ground.vigour, left=left
    )
    height = np.where(trees, state.height_m[stand] * ground.vigour**0.25, 0.0)
    closure = np.where(trees, state.closure[stand] * ground.vigour**0.3 * left, 0.0)
    return Standing(
        agbd_t_ha=agbd,
        height_m=height,
        cover_pct=100 * np.clip(closure, 0.0, 1.0),
        species=np.where(trees, stands.species[stand], 0).astype(np.uint8),
    )


def mapped_cover(cover_pct: Floats, *, seed: int, block: str) -> NDArray[np.uint8]:
    """Return tree cover as a reference raster of 20 m has it: whole per cent, wrong."""
    draw = generator(seed, "tree cover", block)
    cells = coarse(cover_pct.astype(np.float32))
    error = COVER_SD_PCT * draw.standard_normal(cells.shape, dtype=np.float32)
    error = np.where(cells > 0, error, 0)
    return np.clip(np.rint(cells + error), 0, 100).astype(np.uint8)


def registers(ground: Ground) -> dict[str, NDArray[np.generic]]:
    """Return a block of the layers that offices hold, by name."""
    cover = ground.cover
    return {
        "dem": np.rint(ground.height_m * 10).astype(np.int16),
        "slope": np.rint(slope_deg(ground.east, ground.north) * 10).astype(np.int16),
        "farmland": (cover == FARMLAND).astype(np.uint8),
        "wetland": np.isin(cover, (WETLAND, WATER)).astype(np.uint8),
        "settlement": (cover == SETTLEMENT).astype(np.uint8),
    }


def ground_arrays(ground: Ground) -> dict[str, NDArray[np.generic]]:
    """Return a block as plain arrays, for a file between two passes."""
    return {name: getattr(ground, name) for name in Ground.__slots__}


def ground_of(arrays: dict[str, NDArray[np.generic]]) -> Ground:
    """Return the block that ``ground_arrays`` took apart."""
    return Ground(**arrays)  # type: ignore[arg-type]  # the names are its own
