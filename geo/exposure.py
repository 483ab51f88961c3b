"""Distance-weighted emissions: exact sums, and a fast method for whole grids.

The fast method puts the sources on a lattice of a hundredth of the kernel's length,
convolves there by FFT, interpolates to the cells (both ways with cubics) and replaces
the lattice's answer by the exact one around every source that stands out. Its error is
under 1e-3 of the exposure wherever that exceeds a millionth of the emissions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import fft

from geo.emitters import Sources
from geo.errors import SettingsError
from geo.grid import Grid, Tile
from geo.kernels import Kernel
from geo.lattice import Stencil, deposit, interpolate

Numbers = NDArray[np.float64]
Method = Literal["auto", "exact", "fast"]

STEPS_PER_LENGTH = 100
"""Lattice steps in the kernel's length."""
_STEPS_WITH_WIND = 160
_STEPS_PER_TAPER = 20
_MAX_NODES = 3072
"""Side of the largest lattice: some 300 MB with its transforms."""
_MARGIN = 3
"""Lattice steps beyond what must be reached, for the cubics."""
_WINDOW = 9
"""Lattice steps about a source in which its answer is made exact."""
_STANDS_OUT = 0.04
"""Share of the local exposure from which a lattice cell's sources are made exact."""
_EXACT_PAIRS = 100_000_000
_PAIRS_AT_ONCE = 2_000_000
_STRIP_CELLS = 2**21


def exposure_at(xs: Numbers, ys: Numbers, sources: Sources, kernel: Kernel) -> Numbers:
    """Sum of emission x weight at each point, t CO2e/yr, exactly.

    Parameters
    ----------
    xs, ys
        Points, in metres in the CRS of ``sources``; distances are planar.
    """
    total = np.zeros(len(xs))
    step = max(_PAIRS_AT_ONCE // max(len(sources.xs), 1), 1)
    for start in range(0, len(xs), step):
        part = slice(start, start + step)
        east = xs[part, None] - sources.xs
        north = ys[part, None] - sources.ys
        # Summed within a row: how points are cut into parts changes no bit.
        total[part] = (kernel.weight(east, north) * sources.emission_t).sum(axis=1)
    return total


def exposure_grid(
    grid: Grid, sources: Sources, kernel: Kernel, *, method: Method = "auto"
) -> NDArray[np.float32]:
    """Exposure at every cell centre, t CO2e/yr, float32 ``(y, x)``.

    Parameters
    ----------
    sources
        In the grid's CRS; those beyond the kernel's range do not count.
    method
        ``auto`` is exact where that is a small sum or the kernel has no taper.

    Raises
    ------
    SettingsError
        When ``fast`` is asked of a kernel without taper, or one whose range is too
        many of its lengths for a lattice.
    """
    values = np.zeros(grid.shape, np.float32)
    near = _within(sources, grid, kernel.cutoff_m)
    if len(near.xs) == 0:
        return values
    pairs = grid.width * grid.height * len(near.xs)
    small = pairs <= _EXACT_PAIRS or kernel.taper == 0
    if method == "exact" or (method == "auto" and small):
        _fill_exactly(values, grid, near, kernel)
    else:
        step_m = lattice_step_m(kernel)
        for tile in grid.tiles(_tile_cells(grid, kernel, step_m)):
            there = _within(near, tile.grid, kernel.cutoff_m)
            if len(there.xs):
                _Mesh.over(tile, there, kernel, step_m).fill(values)
    return values


def lattice_step_m(kernel: Kernel) -> float:
    """Return the lattice step of the fast method, in metres.

    Raises
    ------
    SettingsError
        When no lattice suits the kernel.
    """
    steps = STEPS_PER_LENGTH if kernel.wind is None else _STEPS_WITH_WIND
    step_m = kernel.length_m / steps
    if kernel.taper > 0:
        step_m = min(step_m, kernel.taper * kernel.cutoff_m / _STEPS_PER_TAPER)
    if kernel.taper == 0 or 2 * kernel.cutoff_m / step_m > _MAX_NODES * 0.9:
        raise SettingsError(
            f"The fast exposure cannot hold a range of {kernel.cutoff_m:g} m with a "
            f"length of {kernel.length_m:g} m and a taper of {kernel.taper:g}.",
            zh=f"快速暴露算法不支持范围 {kernel.cutoff_m:g} 米、特征距离 "
            f"{kernel.length_m:g} 米、渐隐比例 {kernel.taper:g} 的组合。",
            cure="Use a taper of 0.1 and a range of at most ten lengths, or the exact "
            "method.",
            field="exposure.cutoff_km",
            value=kernel.cutoff_m / 1000,
        )
    return step_m


def nearest_feature(
    xs: Numbers, ys: Numbers, features: NDArray[np.object_]
) -> tuple[NDArray[np.int64], Numbers]:
    """Index and distance in metres of the source nearest to each point.

    Points, lines and areas alike, in the plane of their CRS; 0 m inside an area. The
    first of equally near ones; -1 and infinity when there is none.
    """
    index = np.full(len(xs), -1, np.int64)
    distance_m = np.full(len(xs), np.inf)
    if len(features) == 0 or len(xs) == 0:
        return index, distance_m
    tree = shapely.STRtree(features)
    (point, found), apart = tree.query_nearest(
        shapely.points(xs, ys), return_distance=True, all_matches=True
    )
    order = np.lexsort((found, point))
    first = np.unique(point[order], return_index=True)[1]
    chosen = order[first]
    index[point[chosen]] = found[chosen]
    distance_m[point[chosen]] = apart[chosen]
    return index, distance_m


def _within(sources: Sources, grid: Grid, reach_m: float) -> Sources:
    left, bottom, right, top = grid.bounds
    east = np.maximum(np.maximum(left - sources.xs, sources.xs - right), 0)
    north = np.maximum(np.maximum(bottom - sources.ys, sources.ys - top), 0)
    near = (np.hypot(east, north) <= reach_m) & (sources.emission_t > 0)
    return Sources(sources.xs[near], sources.ys[near], sources.emission_t[near])


def _fill_exactly(
    values: NDArray[np.float32], grid: Grid, sources: Sources, kernel: Kernel
) -> None:
    xs = grid.xs()
    for row, y in enumerate(grid.ys()):
        values[row] = exposure_at(xs, np.full(grid.width, y), sources, kernel)


def _tile_cells(grid: Grid, kernel: Kernel, step_m: float) -> int:
    room_m = (_MAX_NODES - 2 * _MARGIN - 4) * step_m - 2 * kernel.cutoff_m
    return max(int(room_m / grid.cell_m), 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Mesh:
    """The lattice about one tile: its answer, and the sources that stand out."""

    tile: Tile
    sources: Sources
    kernel: Kernel
    step_m: float
    corner: tuple[float, float]
    """Easting and northing of the first node; rows run south."""
    nodes: Numbers

    @classmethod
    def over(
        cls, tile: Tile, sources: Sources, kernel: Kernel, step_m: float
    ) -> "_Mesh":
        left, bottom, right, top = tile.grid.bounds
        reach_m = kernel.cutoff_m + _MARGIN * step_m
        corner = left - reach_m, top + reach_m
        shape = (
            fft.next_fast_len(
                int((top - bottom + 2 * reach_m) / step_m) + 2, real=True
            ),
            fft.next_fast_len(
                int((right - left + 2 * reach_m) / step_m) + 2, real=True
            ),
        )
        empty = cls(tile, sources, kernel, step_m, corner, np.empty((0, 0)))
        loads = deposit(
            shape, *empty.stencils(sources.xs, sources.ys), sources.emission_t
        )
        spectrum = fft.rfft2(loads)
        spectrum *= fft.rfft2(_wrapped(kernel, step_m, shape))
        nodes = fft.irfft2(spectrum, s=shape, overwrite_x=True)
        return cls(tile, sources, kernel, step_m, corner, nodes)

    def stencils(self, xs: Numbers, ys: Numbers) -> tuple[Stencil, Stencil]:
        """Return stencils of rows at ``ys`` and of columns at ``xs``."""
        rows = (self.corner[1] - ys) / self.step_m
        columns = (xs - self.corner[0]) / self.step_m
        return Stencil.at(rows), Stencil.at(columns)

    def fill(self, values: NDArray[np.float32]) -> None:
        """Write the tile's exposure into its place of the whole."""
        grid, row, column = self.tile.grid, self.tile.row, self.tile.column
        columns = slice(column, column + grid.width)
        xs, ys = grid.xs(), grid.ys()
        deep = max(_STRIP_CELLS // grid.width, 1)
        for start in range(0, grid.height, deep):
            lines = slice(start, min(start + deep, grid.height))
            place = slice(row + lines.start, row + lines.stop)
            part = interpolate(self.nodes, *self.stencils(xs, ys[lines]))
            values[place, columns] = np.maximum(part, 0.0)
        for at, window in self._windows():
            rows_in, columns_in = window
            difference = self._difference(at, xs[columns_in], ys[rows_in])
            place = slice(row + rows_in.start, row + rows_in.stop)
            across = slice(column + columns_in.start, column + columns_in.stop)
            mended = values[place, across] + difference
            values[place, across] = np.maximum(mended, 0.0)

    def _windows(self) -> Iterator[tuple[int, tuple[slice, slice]]]:
        """Yield each source to be made exact, and the cells about it in the tile."""
        grid, reach = self.tile.grid, _WINDOW * self.step_m
        for at in np.flatnonzero(self._stands_out()):
            x, y = self.sources.xs[at], self.sources.ys[at]
            columns = _span(x - reach - grid.left, x + reach - grid.left, grid)
            rows = _span(grid.top - y - reach, grid.top - y + reach, grid)
            rows = slice(rows.start, min(rows.stop, grid.height))
            columns = slice(columns.start, min(columns.stop, grid.width))
            if rows.start < rows.stop and columns.start < columns.stop:
                yield int(at), (rows, columns)

    def _stands_out(self) -> NDArray[np.bool_]:
        """Say of each source whether its lattice cell holds much of what is there."""
        rows, columns = self.stencils(self.sources.xs, self.sources.ys)
        here = np.zeros(len(self.sources.xs))
        for i in range(4):
            for j in range(4):
                weight = rows.weights[:, i] * columns.weights[:, j]
                here += weight * self.nodes[rows.first + i, columns.first + j]
        cell = rows.first * self.nodes.shape[1] + columns.first
        _, group = np.unique(cell, return_inverse=True)
        held = np.bincount(group, self.sources.emission_t)[group]
        return held > _STANDS_OUT * here

    def _difference(self, at: int, xs: Numbers, ys: Numbers) -> Numbers:
        """Return exact minus lattice for one source, on the cells given."""
        x, y, amount = (
            float(values[at])
            for values in (self.sources.xs, self.sources.ys, self.sources.emission_t)
        )
        exact = self.kernel.weight(xs - x, (ys - y)[:, None])
        rows, columns = self.stencils(np.array([x]), np.array([y]))
        to_rows, to_columns = self.stencils(xs, ys)
        top, left = int(to_rows.first.min()), int(to_columns.first.min())
        down = np.arange(top, int(to_rows.first.max()) + 4)
        right = np.arange(left, int(to_columns.first.max()) + 4)
        seen = np.zeros((len(down), len(right)))
        for i in range(4):
            for j in range(4):
                share = rows.weights[0, i] * columns.weights[0, j]
                east = (right - columns.first[0] - j) * self.step_m
                north = -(down - rows.first[0] - i) * self.step_m
                seen += share * self.kernel.weight(
                    east.astype(np.float64), north.astype(np.float64)[:, None]
                )
        inside = (
            Stencil(to_rows.first - top, to_rows.weights),
            Stencil(to_columns.first - left, to_columns.weights),
        )
        return np.asarray(amount * (exact - interpolate(seen, *inside)))


def _span(low_m: float, high_m: float, grid: Grid) -> slice:
    return slice(
        max(int(np.floor(low_m / grid.cell_m)), 0),
        max(int(np.ceil(high_m / grid.cell_m)), 0),
    )


def _wrapped(kernel: Kernel, step_m: float, shape: tuple[int, int]) -> Numbers:
    """Return the kernel at every node offset, the negative ones at the far end."""
    south = fft.fftfreq(shape[0], 1 / shape[0])
    east = fft.fftfreq(shape[1], 1 / shape[1])
    north_m = -south[:, None] * step_m
    return kernel.weight(east * step_m, north_m)
