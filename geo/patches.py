"""Patches of cells that hang together, and how far cells are from some others."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_ROWS = 256
_AROUND = 512


def in_small_patches(
    mask: NDArray[np.bool_], *, cell_ha: float, least_ha: float
) -> NDArray[np.bool_]:
    """Say which cells of ``mask`` lie in a patch of less than ``least_ha``.

    Cells of a patch share sides. Strips of rows are labelled with as many rows around
    them as a patch needs cells: what reaches further is large enough.
    """
    needed = int(np.ceil(least_ha / cell_ha - 1e-9))
    small = np.zeros_like(mask)
    if needed <= 1:
        return small
    step = max(_ROWS, 4 * needed)
    for start in range(0, len(mask), step):
        top = max(start - needed, 0)
        part = mask[top : start + step + needed]
        labels, count = ndimage.label(part)
        cells = np.bincount(labels.ravel(), minlength=count + 1)
        few = cells < needed
        few[0] = False
        kept = slice(start - top, start - top + step)
        small[start : start + step] = few[labels[kept]]
    return small


def distance_m(
    mask: NDArray[np.bool_], *, cell_m: float, rows: slice
) -> NDArray[np.float32]:
    """Distance in metres from the cells of some rows to the nearest cell of ``mask``.

    0 on the mask, infinity where it is empty. Exact between centres, so within 0.71
    cells of the distance to what the mask was drawn from. Looks at as many rows around
    as it takes to be sure of the nearest.
    """
    height = len(mask)
    around = _AROUND
    while True:
        top, bottom = max(rows.start - around, 0), min(rows.stop + around, height)
        kept = slice(rows.start - top, rows.stop - top)
        cells = _cells_to(mask[top:bottom], kept)
        seen_whole = top == 0 and bottom == height
        if seen_whole or cells.max(initial=0.0) <= around:
            return np.asarray(cells * np.float32(cell_m), np.float32)
        around *= 2


def _cells_to(mask: NDArray[np.bool_], rows: slice) -> NDArray[np.float32]:
    """Return the distance in cells from some rows to the nearest cell of ``mask``."""
    if not mask.any():
        return np.full(mask[rows].shape, np.inf, np.float32)
    down, right = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    here = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    columns = np.arange(mask.shape[1], dtype=np.float32)
    cells: NDArray[np.float32] = np.hypot(down[rows] - here, right[rows] - columns)
    return cells.astype(np.float32)
