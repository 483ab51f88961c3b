"""Parts of a region's layers, put together from the tiles that they lie in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid, Tile
from pipelines.context import Night, TileKeys
from store.rasters import read_overview, read_window

STRIP = 512
"""Rows that are read at a time: those of one row of blocks."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """Some rows and columns of the region's grid; ``row``, ``column`` are the first."""

    row: int
    column: int
    height: int
    width: int

    def grid(self, region: Grid) -> Grid:
        return region.window(
            slice(self.row, self.row + self.height),
            slice(self.column, self.column + self.width),
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """Cells of one tile: where they lie in the tile, and where in the window."""

    tile: Tile
    rows: slice
    columns: slice
    row: int
    column: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the window."""
        height = self.rows.stop - self.rows.start
        width = self.columns.stop - self.columns.start
        return (
            slice(self.row, self.row + height),
            slice(self.column, self.column + width),
        )


def pieces(tiles: Sequence[Tile], window: Window) -> Iterator[Piece]:
    """Cut ``window`` where tiles meet, and into strips of blocks; always the same."""
    for tile in tiles:
        rows = _within(tile.row, tile.grid.height, window.row, window.height)
        columns = _within(tile.column, tile.grid.width, window.column, window.width)
        if rows is None or columns is None:
            continue
        start = rows.start
        while start < rows.stop:
            stop = min((start // STRIP + 1) * STRIP, rows.stop)
            yield Piece(
                tile,
                slice(start, stop),
                columns,
                tile.row + start - window.row,
                tile.column + columns.start - window.column,
            )
            start = stop


def tiles_of(tiles: Sequence[Tile], window: Window) -> list[str]:
    """Return the names of the tiles that ``window`` reaches into."""
    return sorted({piece.tile.name for piece in pieces(tiles, window)})


def read_piece(
    night: Night, keys: TileKeys, file: str, piece: Piece, bands: Sequence[int]
) -> Floats:
    """Read some bands of a piece, ``(band, y, x)`` in their units, NaN = no value."""
    path = night.catalog.need(keys[piece.tile.name]).path(file)
    return read_window(path, bands, piece.rows, piece.columns)


def region_picture(
    night: Night, keys: TileKeys, file: str, index: int, *, most: int
) -> Floats:
    """Read one band of the region for a picture, at most ``most`` cells a side."""
    step = max(1, -(-max(night.grid.shape) // most))
    shape = tuple(-(-side // step) for side in night.grid.shape)
    values = np.full(shape, np.nan, np.float32)
    for tile in night.tiles:
        if tile.name not in keys:
            continue
        rows = slice(-(-tile.row // step), -(-(tile.row + tile.grid.height) // step))
        columns = slice(
            -(-tile.column // step), -(-(tile.column + tile.grid.width) // step)
        )
        size = rows.stop - rows.start, columns.stop - columns.start
        if 0 not in size:
            path = night.catalog.need(keys[tile.name]).path(file)
            values[rows, columns] = read_overview(path, index, size)
    return values


def digests(keys: TileKeys, names: Sequence[str] | None = None) -> dict[str, str]:
    """Return the digest of each tile's key, for the keys of what is made from them."""
    return {
        name: key.digest
        for name, key in sorted(keys.items())
        if names is None or name in names
    }


def _within(first: int, count: int, start: int, size: int) -> slice | None:
    """Rows (or columns) of a tile that a window needs, counted within the tile."""
    low, high = max(first, start), min(first + count, start + size)
    return slice(low - first, high - first) if low < high else None
