"""What every step of making a county is given: the place, the draft, the workers."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pyproj

from geo.grid import Grid, Tile
from models.twin.county import BLOCK, County
from models.twin.ground import Ground, survey
from models.twin.landscape import Landscape
from models.twin.layers import ground_arrays, ground_of
from models.twin.schedule import Delivery, deliveries
from store.arrays import read_arrays, write_arrays
from store.twin import TRUTH, scratch

R = TypeVar("R")


@dataclass(frozen=True)
class Site:
    """A county in the making; blocks are made by ``pool`` and written in order."""

    draft: Path
    landscape: Landscape
    pool: Executor

    @property
    def county(self) -> County:
        return self.landscape.county

    @cached_property
    def deliveries(self) -> tuple[Delivery, ...]:
        return deliveries(self.county)

    @property
    def truth(self) -> Path:
        return self.draft / TRUTH

    def grid(self, cell_m: float) -> Grid:
        """Return the county's grid with cells of 10 or 20 m."""
        fine = self.county.grid
        side = int(fine.width * fine.cell_m / cell_m)
        return Grid(fine.crs, fine.left, fine.top, cell_m, side, side)

    def blocks(self, make: Callable[[Tile], R]) -> Iterator[tuple[Tile, R]]:
        """Yield what ``make`` makes of each tile, a row of tiles in memory at a time.

        In the order of the tiles, whichever is ready first.
        """
        row: list[Tile] = []
        for tile in self.county.grid.tiles(BLOCK):
            if row and tile.row != row[0].row:
                yield from zip(row, self.pool.map(make, row), strict=True)
                row = []
            row.append(tile)
        yield from zip(row, self.pool.map(make, row), strict=True)

    def keep_ground(self, tile: Tile) -> Ground:
        """Survey a tile and keep it for the scenes."""
        ground = survey(tile.grid, self.landscape)
        write_arrays(self._ground_file(tile), ground_arrays(ground))
        return ground

    def ground(self, tile: Tile) -> Ground:
        return ground_of(read_arrays(self._ground_file(tile)))

    def lonlat(self, x: float, y: float) -> tuple[float, float]:
        """Return longitude and latitude of a place, degrees."""
        lon, lat = self._to_lonlat.transform(x, y)
        return float(lon), float(lat)

    @cached_property
    def _to_lonlat(self) -> pyproj.Transformer:
        return pyproj.Transformer.from_crs(
            self.county.grid.crs, "OGC:CRS84", always_xy=True
        )

    def _ground_file(self, tile: Tile) -> Path:
        return scratch(self.draft) / f"{tile.name}.npz"
