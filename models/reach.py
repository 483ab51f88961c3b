"""The area of applicability for many cells: the same answer as ``Domain``, sooner.

Only one bit is wanted of each cell: is any training point within the radius? Points
that lie near most others are asked first, in single precision and many cells at a time;
a distance decides only when it is further from the radius than its rounding error can
be. What stays open, hardly ever a cell, is left to the exact search.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.domain import Domain

Singles = NDArray[np.float32]
Booleans = NDArray[np.bool_]

_UNIT = 2.0**-24
"""Relative rounding error of one operation in single precision."""

_STAGES = (16, 128)
"""Points asked at first, and after them; then 256 at a time."""

_CELLS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """A ``Domain`` made ready for many cells.

    ``points`` (m, k + 1) are the training points around their mean, those that cover
    most of the others first, each with minus half its squared length.
    """

    domain: Domain
    centre: NDArray[np.float64]
    points: Singles
    longest: float
    """Largest distance of a training point from their mean."""

    @classmethod
    def of(cls, domain: Domain) -> Self:
        centre = domain.points.mean(axis=0)
        around = domain.points - centre
        half_square = 0.5 * (around**2).sum(axis=1)
        order = _most_covering_first(domain.points, _radius(domain))
        points = np.column_stack([around, -half_square])[order].astype(np.float32)
        return cls(domain, centre, points, float(np.sqrt(2 * half_square.max())))

    def contains(self, standardised: Singles) -> Booleans:
        """Return which cells ``(k, n)``, in standard units, have a DI in the domain.

        The same as ``Domain.contains`` of the same numbers, cell by cell, however the
        cells are cut. A feature that is not finite is outside.
        """
        inside = np.zeros(standardised.shape[1], dtype=np.bool_)
        for start in range(0, standardised.shape[1], _CELLS):
            part = slice(start, start + _CELLS)
            self._decide(standardised[:, part], inside[part])
        return inside

    def _decide(self, standardised: Singles, inside: Booleans) -> None:
        """Fill ``inside`` (n,), which comes all False."""
        radius = _radius(self.domain)
        cells = self._around(standardised)
        half_square = 0.5 * np.einsum("kn,kn->n", cells[:-1], cells[:-1])
        # Written so that NaN, like what is far from all points, stays outside.
        near = half_square <= 0.5 * (self.longest + radius) ** 2 * (1 + 1e-3)
        rows = np.flatnonzero(near)
        best = np.full(rows.size, -np.inf, dtype=np.float32)
        still, open_rows = cells[:, rows], rows
        limit = half_square[rows] - 0.5 * radius**2
        scale = (
            2 * half_square[rows] + self.longest**2 + float(self.centre @ self.centre)
        )
        slack = 2 * (len(cells) + 16) * _UNIT * scale
        for points in self._groups():
            np.maximum(best, (points @ still).max(axis=0), out=best)
            sure = best > limit + slack
            inside[open_rows[sure]] = True
            if not sure.any():
                continue
            keep = np.flatnonzero(~sure)
            still, best, limit = still[:, keep], best[keep], limit[keep]
            slack, open_rows = slack[keep], open_rows[keep]
            if keep.size == 0:
                return
        doubtful = open_rows[best >= limit - slack]
        if doubtful.size:
            exact = standardised[:, doubtful].T.astype(np.float64)
            inside[doubtful] = self.domain.contains(exact)

    def _around(self, standardised: Singles) -> Singles:
        """Return weighted features around the centre, and a row of ones."""
        cells = np.ones((len(self.centre) + 1, standardised.shape[1]), np.float32)
        weights = self.domain.weights.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(standardised, weights[:, None], out=cells[:-1])
            cells[:-1] -= self.centre.astype(np.float32)[:, None]
        return cells

    def _groups(self) -> Iterator[Singles]:
        edges = [0, *_STAGES, *range(_STAGES[-1] + 256, len(self.points) + 256, 256)]
        for start, stop in pairwise(edges):
            if start < len(self.points):
                yield self.points[start:stop]


def _radius(domain: Domain) -> float:
    return domain.threshold * domain.mean_distance


def _most_covering_first(
    points: NDArray[np.float64], radius: float
) -> NDArray[np.int64]:
    """Order points so that the first ones together are near to most of all."""
    square = (points**2).sum(axis=1)
    apart = square[:, None] + square[None, :] - 2 * points @ points.T
    near = (apart <= (0.9 * radius) ** 2).astype(np.float32)
    np.fill_diagonal(near, 1)
    left = np.ones(len(points), dtype=np.bool_)
    order: list[int] = []
    while len(order) < _STAGES[-1] and left.any():
        chosen = int(np.argmax(near @ left.astype(np.float32)))
        order.append(chosen)
        left &= near[chosen] == 0
    rest = np.setdiff1d(np.arange(len(points)), order)
    return np.array([*order, *rest.tolist()], dtype=np.int64)
