"""Patches of cells that hang together, and how far cells are from some others."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_ROWS = 256
_BLOCK = 16


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
    cells of the distance to what the mask was drawn from. Looks at no more rows around
    than can hold the nearest.
    """
    if not mask.any():
        return np.full(mask[rows].shape, np.inf, np.float32)
    around = _reach(mask, rows)
    top = max(rows.start - around, 0)
    part = mask[top : rows.stop + around]
    cells = _cells_to(part, slice(rows.start - top, rows.stop - top))
    return np.asarray(cells * np.float32(cell_m), np.float32)


def _reach(mask: NDArray[np.bool_], rows: slice) -> int:
    """Bound the distance (in cells) from some rows to ``mask`` by that of blocks."""
    height, width = (-(-size // _BLOCK) for size in mask.shape)
    held = np.zeros((height, width), bool)
    for row in range(height):
        band = np.any(mask[row * _BLOCK : (row + 1) * _BLOCK], axis=0)
        starts = np.arange(0, mask.shape[1], _BLOCK)
        held[row] = np.logical_or.reduceat(band, starts)
    far = ndimage.distance_transform_edt(~held)
    here = far[rows.start // _BLOCK : -(-rows.stop // _BLOCK)]
    # Cells of two blocks are at most a diagonal further apart than their centres.
    return int(np.ceil((here.max() + np.sqrt(2)) * _BLOCK))


def _cells_to(mask: NDArray[np.bool_], rows: slice) -> NDArray[np.float32]:
    """Return the distance in cells from some rows to the nearest cell of ``mask``."""
    down, right = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    here = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    columns = np.arange(mask.shape[1], dtype=np.float32)
    south = down[rows].astype(np.float32) - here
    east = right[rows].astype(np.float32) - columns
    cells: NDArray[np.float32] = np.hypot(south, east, out=south)
    return cells
