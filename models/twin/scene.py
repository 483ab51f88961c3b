"""A block of a scene as it is delivered: digital numbers and classification codes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.grid import Tile
from models.twin.clouds import NO_DATA, Look, overcast
from models.twin.county import BANDS
from models.twin.ground import Ground
from models.twin.landscape import Landscape
from models.twin.optics import Surfaces, cell_m_of, coarse, haze, sensed, surface
from models.twin.schedule import QUANTIFICATION


@dataclass(frozen=True, slots=True)
class SceneBlock:
    """Digital numbers by Sentinel-2's band name (0 no data), codes of 20 m cells."""

    numbers: dict[str, NDArray[np.uint16]]
    codes: NDArray[np.uint8]


def scene_block(
    ground: Ground, tile: Tile, landscape: Landscape, seen: Surfaces, look: Look
) -> SceneBlock:
    """Return what ``look`` recorded of a block: reflectance x 10000 - offset."""
    clean = surface(ground, tile.grid, landscape, seen)
    hazy, codes = overcast(clean, ground, tile.grid, landscape.flora, look)
    seed, name = look.county.seed, look.delivery.pass_name
    factor, path = haze(seed, name)
    there = {10: codes != NO_DATA}
    there[20] = _whole(there[10])
    numbers = {}
    for index, band in enumerate(BANDS):
        cells = hazy[index] * factor[index] + path[index]
        cells = cells if cell_m_of(band) == 10 else coarse(cells)
        noisy = sensed(cells, seed=seed, scene=name, band=band, block=tile.name)
        whole = np.rint(noisy * QUANTIFICATION) - look.delivery.add_offset
        kept = there[cell_m_of(band)]
        numbers[band] = np.where(kept, np.clip(whole, 1, 65_535), 0).astype(np.uint16)
    return SceneBlock(numbers, np.where(there[20], codes[::2, ::2], 0).astype(np.uint8))


def _whole(there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where all of 2 x 2 cells are recorded."""
    height, width = there.shape
    blocks = there.reshape(height // 2, 2, width // 2, 2)
    return np.asarray(blocks.all(axis=(1, 3)))
