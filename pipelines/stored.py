"""Layers of a whole region, put together from their tiles."""

import numpy as np
from numpy.typing import NDArray

from pipelines.context import Night, TileKeys
from store.rasters import read_band


def region_band(
    night: Night, keys: TileKeys, file: str, index: int
) -> NDArray[np.float32]:
    """Read one band of every tile onto the region's grid; NaN where no value."""
    values = np.full(night.grid.shape, np.nan, np.float32)
    for tile in night.tiles:
        rows = slice(tile.row, tile.row + tile.grid.height)
        columns = slice(tile.column, tile.column + tile.grid.width)
        path = night.catalog.need(keys[tile.name]).path(file)
        values[rows, columns] = read_band(path, index)
    return values


def digests(keys: TileKeys) -> dict[str, str]:
    """Return the digest of each tile's key, for the keys of what is made from them."""
    return {name: key.digest for name, key in sorted(keys.items())}
