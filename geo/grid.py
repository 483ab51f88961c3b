"""The raster grid of a region and its tiles."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo.errors import GridMismatchError


@dataclass(frozen=True, slots=True)
class Grid:
    """Square cells in a projected CRS: north up, ``left`` and ``top`` are corners.

    Rows run south, columns east; ``shape`` is ``(height, width)``.
    """

    crs: str
    left: float
    top: float
    cell_m: float
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.cell_m <= 0 or self.width <= 0 or self.height <= 0:
            raise ValueError(f"A grid needs cells, got {self}.")

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def transform(self) -> Affine:
        return Affine(self.cell_m, 0.0, self.left, 0.0, -self.cell_m, self.top)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top, in metres."""
        right = self.left + self.width * self.cell_m
        return self.left, self.top - self.height * self.cell_m, right, self.top

    @property
    def cell_ha(self) -> float:
        return self.cell_m * self.cell_m / 10_000

    def geobox(self) -> GeoBox:
        return GeoBox(self.shape, self.transform, self.crs)

    def xs(self) -> NDArray[np.float64]:
        """Eastings of the cell centres."""
        return self.left + (np.arange(self.width, dtype=np.float64) + 0.5) * self.cell_m

    def ys(self) -> NDArray[np.float64]:
        """Northings of the cell centres, from the top."""
        return self.top - (np.arange(self.height, dtype=np.float64) + 0.5) * self.cell_m

    def window(self, rows: slice, columns: slice) -> Self:
        """Return the part of this grid at ``rows`` and ``columns``."""
        return type(self)(
            self.crs,
            self.left + columns.start * self.cell_m,
            self.top - rows.start * self.cell_m,
            self.cell_m,
            columns.stop - columns.start,
            rows.stop - rows.start,
        )

    def tiles(self, cells: int) -> Iterator["Tile"]:
        """Cut the grid into squares of ``cells`` cells, row by row from the top left.

        The last row and column are smaller where the grid does not divide.
        """
        for row in range(0, self.height, cells):
            for column in range(0, self.width, cells):
                rows = slice(row, min(row + cells, self.height))
                columns = slice(column, min(column + cells, self.width))
                name = f"r{row // cells:03d}c{column // cells:03d}"
                yield Tile(name, row, column, self.window(rows, columns))

    def require_same(self, other: "Grid") -> None:
        """Raise ``GridMismatchError`` unless ``other`` has these very cells."""
        if self != other:
            raise GridMismatchError(
                f"Expected the grid {self}, got {other}.",
                zh=f"栅格网格不一致：应为 {self}，实为 {other}。",
                cure="Align the raster with geo.align first.",
            )


@dataclass(frozen=True, slots=True)
class Tile:
    """A named part of a region's grid; ``row`` and ``column`` are its first cell."""

    name: str
    row: int
    column: int
    grid: Grid
