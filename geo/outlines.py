"""How much values scatter inside outlines, as they lie and moved aside.

Outlines that follow what they enclose hold values more alike than the same outlines do
anywhere else. No variogram tells that: it knows distances, not lines.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.zonal import CoverageWeights, StripSums

Numbers = NDArray[np.float64]
Step = tuple[int, int]


def knight_moves(cells: int) -> tuple[Step, ...]:
    """Return four moves (down, across), each ``cells`` one way and half that aside.

    At right angles to one another, and along no axis: outlines on a lattice of that
    width do not come to lie on their neighbours.
    """
    half = cells // 2
    return (cells, half), (half, -cells), (-cells, -half), (-half, cells)


@dataclass(frozen=True, slots=True, eq=False)
class Scatter:
    """Observed area, ha, and variance of the cells inside each outline.

    Both ``(1 + moves, parcel)``: first as the outlines lie, then moved. The variance
    is in the squared unit of the values, NaN where nothing was observed.
    """

    area_ha: Numbers
    variance: Numbers


class MovedSums:
    """Sums inside parcels and the same parcels moved, of a raster that comes in blocks.

    Every cell is given at most once; those that are not given are unobserved.
    """

    def __init__(self, weights: CoverageWeights, moves: tuple[Step, ...]) -> None:
        self._shape = weights.grid.shape
        self._sums = {
            step: StripSums(weights, bands=2)
            for step in ((0, 0), *dict.fromkeys(moves))
        }

    def add(self, values: NDArray[Any], *, row: int, column: int) -> None:
        """Add a block ``(y, x)`` that starts at row, column of the weights' grid.

        It may reach beyond the grid, and has to as far as the moves go if outlines at
        the grid's edge are to see what they are moved to. NaN is unobserved.
        """
        for (down, across), added in self._sums.items():
            rows = _within(row - down, values.shape[0], self._shape[0])
            columns = _within(column - across, values.shape[1], self._shape[1])
            part = values[rows, columns].astype(np.float64)
            if part.size:
                added.add(
                    np.stack([part, part * part]),
                    row=row - down + rows.start,
                    column=column - across + columns.start,
                )

    @property
    def result(self) -> Scatter:
        found = [added.result for added in self._sums.values()]
        area = np.stack([seen[0] for _, seen in found])
        total = np.stack([sums for sums, _ in found])
        mean = np.full(total.shape, np.nan)
        np.divide(total, area[:, None], out=mean, where=area[:, None] > 0)
        return Scatter(area, np.maximum(mean[:, 1] - mean[:, 0] ** 2, 0.0))


def _within(start: int, count: int, size: int) -> slice:
    """Which of ``count`` cells from ``start`` on lie within ``size``."""
    first = min(max(-start, 0), count)
    return slice(first, max(min(size - start, count), first))
