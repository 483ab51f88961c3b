"""Parcels drawn along stands: their cells err more alike than distance tells.

A variogram knows how far apart two cells are, not whether a border runs between them.
Where parcels follow stands fewer of their pairs of cells are parted by one than of the
same outline laid anywhere, and the mean of a parcel errs more. How far they follow
them the map of predictions shows: with ``W`` the variance of predictions inside
parcels and ``W'`` inside the same outlines moved aside, parcels keep

    s = 1 - W / W'

of the scatter out, never less than nothing. Residuals are taken to be parted by the
same borders. With ``V`` the variance of a parcel's mean by the variogram and ``U`` what
it would be if its cells shared all that neighbours share, the variogram expects the
scatter ``U - V`` inside the outline, of which s is not there:

    V' = V + s (U - V)

Without stand structure s is about nothing and ``V' = V``; small parcels, of which
``U - V`` is little, stay as they are; V' never falls below V nor exceeds U.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_SEEN = 0.75
"""Of the area inside a parcel that has to be seen inside its outline moved, for the
two to be compared."""
DIGITS = 4


def kept_out(area_ha: Floats, variance: Floats) -> float:
    """Return s, the share of the scatter that parcels keep out of them, 0-1.

    Both ``(1 + moves, parcel)`` as ``geo.outlines.Scatter`` has them. Every pair of a
    parcel and a move counts by the parcel's area; 0 where there is no such pair.
    """
    there = (area_ha[1:] >= LEAST_SEEN * area_ha[0]) & (area_ha[0] > 0)
    area = np.where(there, area_ha[0], 0.0)
    as_they_lie = float((area * np.where(there, variance[0], 0.0)).sum())
    moved = float((area * np.where(there, variance[1:], 0.0)).sum())
    if moved == 0.0:
        return 0.0
    return round(max(1.0 - as_they_lie / moved, 0.0), DIGITS)


def along_stands(variance: Floats, alike: Floats, share: float) -> Floats:
    """Return ``V + s (U - V)`` of parcels (p,); never less than ``variance``."""
    return np.asarray(variance + share * np.maximum(alike - variance, 0.0))


def widened_by(variance: Floats, along: Floats) -> float:
    """Return the median factor on the sd of parcels (p,); 1 where there are none."""
    some = variance > 0
    if not some.any():
        return 1.0
    return round(float(np.median(np.sqrt(along[some] / variance[some]))), DIGITS)


def width_m(area_ha: Floats) -> float:
    """Return the side, m, of the square parcel that half of the area is smaller than.

    0 without parcels.
    """
    if area_ha.size == 0:
        return 0.0
    ordered = np.sort(area_ha)
    half = np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)
    return float(100.0 * np.sqrt(ordered[min(int(half), ordered.size - 1)]))
