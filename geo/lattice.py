"""Cubic interpolation between the nodes of a square lattice, and its transpose."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Stencil:
    """The four nodes about each position along one axis, and their weights.

    Lagrange's cubic: polynomials up to the third degree come back exactly, and the
    weights of a position add up to 1.
    """

    first: Places
    """Number of the first of the four nodes."""
    weights: Numbers
    """(n, 4)."""

    @classmethod
    def at(cls, positions: Numbers) -> "Stencil":
        """Make the stencil of ``positions``, counted in nodes."""
        base = np.floor(positions).astype(np.int64)
        t = positions - base
        weights = np.stack(
            [
                -t * (t - 1) * (t - 2) / 6,
                (t + 1) * (t - 1) * (t - 2) / 2,
                -(t + 1) * t * (t - 2) / 2,
                (t + 1) * t * (t - 1) / 6,
            ],
            axis=1,
        )
        return cls(base - 1, weights)


def interpolate(nodes: Numbers, rows: Stencil, columns: Stencil) -> Numbers:
    """Return values at every crossing of ``rows`` and ``columns``, (y, x)."""
    along = np.zeros((len(rows.first), nodes.shape[1]))
    for step in range(4):
        along += rows.weights[:, step, None] * nodes[rows.first + step]
    values = np.zeros((len(rows.first), len(columns.first)))
    for step in range(4):
        values += columns.weights[:, step] * along[:, columns.first + step]
    return values


def deposit(
    shape: tuple[int, int], rows: Stencil, columns: Stencil, amounts: Numbers
) -> Numbers:
    """Put each amount on its sixteen nodes; the sum over the nodes is kept."""
    nodes = np.zeros(shape[0] * shape[1])
    for i in range(4):
        for j in range(4):
            place = (rows.first + i) * shape[1] + columns.first + j
            part = amounts * rows.weights[:, i] * columns.weights[:, j]
            nodes += np.bincount(place, part, minlength=len(nodes))
    return nodes.reshape(shape)
