"""Slope from a height raster."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def horn_gradient(
    height_m: NDArray[np.floating], cell_m: float
) -> tuple[Numbers, Numbers]:
    """Return the rise to the east and to the north, m/m (Horn 1981).

    Central differences over three rows and columns with weights 1, 2, 1. The surface
    goes straight on beyond the edge. A neighbour that is NaN is taken on the straight
    line through the cell and the neighbour opposite, or level with the cell where that
    is NaN too; NaN where the cell itself is.
    """
    wide = _padded(np.asarray(height_m, np.float64))
    here = wide[1:-1, 1:-1]

    whole = bool(np.isfinite(wide).all())

    def at(down: int, right: int) -> Numbers:
        near = _shifted(wide, down, right)
        if whole:
            return near
        across = 2 * here - _shifted(wide, -down, -right)
        return np.where(
            np.isfinite(near), near, np.where(np.isfinite(across), across, here)
        )

    corners = {(i, j): at(i, j) for i in (-1, 1) for j in (-1, 1)}
    east = corners[-1, 1] + corners[1, 1] - corners[-1, -1] - corners[1, -1]
    east += 2 * (at(0, 1) - at(0, -1))
    north = corners[-1, -1] + corners[-1, 1] - corners[1, -1] - corners[1, 1]
    north += 2 * (at(-1, 0) - at(1, 0))
    unknown = np.where(np.isfinite(here), 8 * cell_m, np.nan)
    return east / unknown, north / unknown


def slope_deg(height_m: NDArray[np.floating], cell_m: float) -> Numbers:
    """Steepest slope of each cell in degrees, by ``horn_gradient``.

    To work in strips, give each one row more on both sides and drop theirs.
    """
    east, north = horn_gradient(height_m, cell_m)
    return np.asarray(np.degrees(np.arctan(np.hypot(east, north))))


def _shifted(wide: Numbers, down: int, right: int) -> Numbers:
    height, width = wide.shape
    return wide[1 + down : height - 1 + down, 1 + right : width - 1 + right]


def _padded(height_m: Numbers) -> Numbers:
    """Continue straight over the edge: 2 x the last row less the one before."""
    wide = height_m
    for axis, size in enumerate(height_m.shape):
        pads = [(0, 0), (0, 0)]
        pads[axis] = (1, 1)
        if size > 1:
            wide = np.pad(wide, pads, mode="reflect", reflect_type="odd")
        else:
            wide = np.pad(wide, pads, mode="edge")
    return wide
