"""Features in standard units on a grid so fine that it costs nothing, and exact sums.

A matrix product adds in whatever order its library likes, so that cutting the cells
elsewhere may change the last digit. Here features are whole multiples of 2^-15 up to
64 standard deviations (21 bits), weights whole multiples of a power of two with as many
bits as leave room for the sum: no product and no sum is ever rounded, and every order
gives the same bytes. The grid moves a feature by at most 0.000015 of its sd.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

STEP = 2.0**-15
FAR = 64.0
"""Standard deviations at which a feature is cut; such a cell is not in the domain."""

_BITS = 53 - 21 - 1
"""Bits of float64 left for weights and for the number of terms."""


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """Centre and scale (k,) of each feature over the plots."""

    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, features: Floats) -> Self:
        """Learn from plots (n, k); a feature that does not vary has the scale 1."""
        scale = features.std(axis=0)
        centre = rounded(features.mean(axis=0))
        return cls(centre, rounded(np.where(scale > 0, scale, 1.0)))

    def columns(self, features: NDArray[np.floating]) -> Singles:
        """Return ``features`` (k, n) in standard units, on the grid, NaN as 0."""
        whole = np.empty(features.shape, dtype=np.float32)
        for row, (centre, scale) in enumerate(
            zip(self.centre.tolist(), self.scale.tolist(), strict=True)
        ):
            column = features[row].astype(np.float64)
            column -= centre
            column *= 1.0 / (scale * STEP)
            np.rint(column, out=column)
            # fmin and fmax, unlike clip, turn NaN into a number.
            np.fmin(column, FAR / STEP, out=column)
            np.fmax(column, -FAR / STEP, out=column)
            np.multiply(column, STEP, out=whole[row], casting="same_kind")
        return whole


def is_far(columns: Singles) -> NDArray[np.bool_]:
    """Return which cells of ``columns`` (k, n) were cut at ``FAR``."""
    far = np.zeros(columns.shape[1], dtype=np.bool_)
    for column in columns:
        far |= np.abs(column) >= FAR
    return far


def exact_weights(weights: Floats) -> Floats:
    """Round ``weights`` (rows, terms) to whole multiples of a power of two by row.

    As many bits are kept as leave the sum over the terms exact.
    """
    bits = _BITS - int(np.ceil(np.log2(max(weights.shape[1], 2))))
    largest = np.abs(weights).max(axis=1, keepdims=True)
    _, power = np.frexp(np.where(largest > 0, largest, 1.0))
    unit = np.ldexp(1.0, power - bits)
    return np.asarray(np.rint(weights / unit) * unit)


def squares(columns: Floats) -> Floats:
    """Return the sum over rows of the squares of ``columns`` (k, n), in their order."""
    total = np.zeros(columns.shape[1])
    square = np.empty_like(total)
    for column in columns:
        np.multiply(column, column, out=square)
        total += square
    return total


def rounded(values: Floats, *, digits: int = 10) -> Floats:
    """Round to significant digits, below which machines may differ."""
    whole = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore"):
        power = np.floor(np.log10(np.abs(whole)))
    power = np.where(np.isfinite(power), power, 0.0)
    unit = 10.0 ** (digits - 1 - power)
    return np.asarray(np.round(whole * unit) / unit)
