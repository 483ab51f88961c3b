"""Means of cells over larger cells, with an error that knows their correlation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.correlation import Variogram
from models.learning.model import LearnedModel, Predicted

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]

LEAST_KNOWN = 0.5
"""Share of a larger cell that has to be predicted for it to have a mean."""


def bounded(variogram: Variogram, variance: float) -> Variogram:
    """Return ``variogram`` with the sill that errors of this ``variance`` can have.

    Errors have the covariance ``variance - gamma(d)``. A variogram that still rises at
    the farthest pair of plots is fitted with a sill, and a length, that no pair bears
    out; its share of the nugget would make neighbours alike that are not. How steeply
    it starts is kept: sill and length shrink together. One with a smaller sill than
    the variance stays as it is.
    """
    sill = min(variogram.sill, max(variance - variogram.nugget, 0.0))
    if sill == variogram.sill:
        return variogram
    return Variogram(variogram.nugget, sill, variogram.range_m * sill / variogram.sill)


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """How ``over`` x ``over`` cells become one.

    The residual of a cell is correlated with its neighbours' as ``variogram`` says;
    what the model itself does not know is common to all cells of a larger one.
    """

    over: int
    cell_m: float
    variogram: Variogram
    least_known: float = LEAST_KNOWN

    def of(self, predicted: Predicted, model: LearnedModel) -> Predicted:
        """Return the means (y / over, x / over) of cells (y, x), and their sd.

        Cells beyond the end count as not predicted. In the domain is a larger cell of
        which at least half of what was predicted is.
        """
        mean = self._grouped(predicted.mean.astype(np.float64))
        sd = self._grouped(predicted.sd.astype(np.float64))
        inside = self._grouped(predicted.in_domain.astype(np.float64))
        known = np.isfinite(mean)
        count = known.sum(axis=0)
        enough = (count > 0) & (count >= self.least_known * self.over**2)
        whole = np.where(known, mean, 0.0)
        own = model.spread.sd(whole, np.zeros_like(whole))
        rest = np.sqrt(np.maximum(np.where(known, sd, 0.0) ** 2 - own**2, 0.0))
        own, rest = own * known, rest * known
        count = np.maximum(count, 1)
        spread = np.einsum("iyx,ij,jyx->yx", own, self._correlation(), own)
        variance = (spread + rest.sum(axis=0) ** 2) / count**2
        means = np.where(enough, whole.sum(axis=0) / count, np.nan)
        share = (inside * known).sum(axis=0) / count
        return Predicted(
            means.astype(np.float32),
            np.where(enough, np.sqrt(variance), np.nan).astype(np.float32),
            enough & (share >= 0.5),
        )

    def _grouped(self, cells: Floats) -> Floats:
        """Return cells (over^2, y / over, x / over), NaN beyond the end."""
        k = self.over
        rows, columns = (-(-size // k) * k for size in cells.shape)
        padded = np.full((rows, columns), np.nan)
        padded[: cells.shape[0], : cells.shape[1]] = cells
        parts = padded.reshape(rows // k, k, columns // k, k).transpose(1, 3, 0, 2)
        return parts.reshape(k * k, rows // k, columns // k)

    def _correlation(self) -> Floats:
        row, column = np.divmod(np.arange(self.over**2), self.over)
        apart = np.hypot(row[:, None] - row, column[:, None] - column) * self.cell_m
        return np.asarray(self.variogram.correlation(apart))
