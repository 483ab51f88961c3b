"""Polygons as a raster of covered shares."""

import numpy as np
from numpy.typing import NDArray

from geo.coverage import CoverageWeights


def covered_share(weights: CoverageWeights, rows: slice) -> NDArray[np.float32]:
    """Return the share (0-1) of each cell of some rows that polygons cover.

    Exact where polygons do not overlap. Where they do within one cell their shares
    add up, to 1 at most: never less than what is covered.
    """
    width = weights.grid.width
    size = rows.stop - rows.start, width
    runs, edges = weights.section(size, row=rows.start, column=0)
    steps = np.zeros(size[0] * width + 1)
    np.add.at(steps, runs.bounds[:, 0], 1.0)
    np.subtract.at(steps, runs.bounds[:, 1], 1.0)
    share = np.cumsum(steps)[:-1]
    np.add.at(share, edges.cell, edges.share)
    return np.asarray(np.minimum(share, 1.0), np.float32).reshape(size)
