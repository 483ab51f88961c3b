"""Two phases: plots calibrate canopy heights, and these train the satellite's model.

The first phase learns above-ground biomass at plots from canopy heights; what it
predicts for cells under the heights the second phase learns. So a cell of the map errs
by the second phase, by what the first one did not explain, and by the first one's own
coefficients, which all cells share (hierarchical model-based inference: Saarela et al.
2016, doi:10.1007/s13595-016-0590-1).

Only metrics that are means over an area go in: the mean height and the mean of its
square. A sum of the two holds on a cell as it does on a plot several times its size.
Where nothing is higher than the ground nothing stands, and more height is not less
biomass: there is no intercept, and no weight is negative.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from geo.errors import TooFewObservationsError
from models.learning.columns import rounded
from models.learning.spread import Spread
from models.scores import Scores, block_ids, score

Floats = NDArray[np.float64]

METRICS = ("chm_mean", "chm_mean_square")
"""Mean canopy height, m, and mean of its square, m2."""
FEWEST = 15
"""Plots under the heights below which nothing is calibrated (proposal)."""
FEWEST_BLOCKS = 10
BLOCK_M = 200.0
"""Plots within a square of this side are left out together."""


@dataclass(frozen=True, slots=True, eq=False)
class FirstPhase:
    """Biomass from canopy heights, and how far it may be off.

    ``beta`` (2,) are t/ha per unit of each metric, ``root`` (2, 2) has the covariance
    ``root root'`` of it. ``unseen`` (n,) are predictions for plots in blocks that were
    left out, ``spread`` the sd about a prediction that they give.
    """

    beta: Floats
    root: Floats
    unseen: Floats
    spread: Spread
    scores: Scores

    @classmethod
    def fit(cls, metrics: Floats, agb_t_ha: Floats, x: Floats, y: Floats) -> Self:
        """Calibrate on plots: ``metrics`` (n, 2), biomass (n,), places in metres.

        Least squares with coefficients not below zero, each plot weighed by one over
        its mean height. The covariance is the jackknife over blocks, as that of
        ``models.ridge``.

        Raises
        ------
        TooFewObservationsError
            With fewer than ``FEWEST`` plots, or all of them in one block.
        """
        n = agb_t_ha.size
        block = block_ids(x, y, block_m=BLOCK_M) if n else np.empty(0, np.int64)
        blocks = int(block.max()) + 1 if n else 0
        if n < FEWEST or blocks < FEWEST_BLOCKS:
            raise _too_few(n, blocks)
        unseen = np.empty(n)
        without = np.empty((blocks, len(METRICS)))
        for one in range(blocks):
            test = block == one
            without[one] = _weights(metrics[~test], agb_t_ha[~test])
            unseen[test] = metrics[test] @ without[one]
        off = without - without.mean(axis=0)
        covariance = (blocks - 1) / blocks * (off.T @ off)
        values, vectors = np.linalg.eigh(covariance)
        return cls(
            _weights(metrics, agb_t_ha),
            np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))),
            unseen,
            # The weights' own variance is carried as what all cells share.
            Spread.fit(unseen, np.zeros(n), agb_t_ha),
            score(agb_t_ha, unseen),
        )

    def targets(self, metrics: Floats, *, seed: int) -> "Targets":
        """Return what cells with ``metrics`` (m, 2) hold, and how far that is off."""
        mean = (metrics * self.beta).sum(axis=1)
        draw = np.random.default_rng([seed, len(mean)]).standard_normal(len(mean))
        return Targets(mean, metrics @ self.root, draw * self.scatter_sd(mean))

    def scatter_sd(self, mean: Floats) -> Floats:
        """Return the sd of what heights do not explain, at predictions, t/ha.

        Shaped as the intervals are, and as large as the errors in unseen blocks: what
        makes intervals hold is put on by the second phase.
        """
        at_plots = self.spread.sd(self.unseen, np.zeros(self.unseen.size))
        typical = float(np.sqrt(np.mean(at_plots**2)))
        sd = self.spread.sd(mean, np.zeros(mean.size))
        return np.asarray(sd * (self.scores.rmse / typical)) if typical else sd


def _weights(metrics: Floats, agb_t_ha: Floats) -> Floats:
    """Weigh plots by one over mean height: then the errors add up to nothing.

    As a ratio estimator does: what the fit says of all plots together is what they
    hold (unless the coefficient of the mean height is at its bound, 0). Without an
    intercept plain least squares would leave that to chance.
    """
    scale = metrics.max(axis=0)
    scale[scale == 0] = 1.0
    tall = metrics[:, 0] > 0  # on bare ground any weights say 0
    root = 1.0 / np.sqrt(metrics[tall, 0])
    found, _ = nnls(metrics[tall] / scale * root[:, None], agb_t_ha[tall] * root)
    return rounded(found / scale)


def _too_few(plots: int, blocks: int) -> TooFewObservationsError:
    return TooFewObservationsError(
        f"{plots} plots lie under the canopy heights, in {blocks} squares of "
        f"{BLOCK_M:g} m; {FEWEST} in {FEWEST_BLOCKS} are needed to calibrate them.",
        zh=f"冠层高范围内有 {plots} 个可用样地，分布于 {blocks} 个 {BLOCK_M:g} 米方块，"
        f"校准至少需要 {FEWEST_BLOCKS} 个方块内的 {FEWEST} 个；"
        "请增加样地或扩大飞行范围。",
        cure="Measure plots under the heights, or fly where plots are.",
        field="canopy",
        value=plots,
        expected=FEWEST,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What the second phase learns from, cell by cell (m,), t/ha.

    ``loadings`` (m, q) is by how much each cell moves with one sd of each error of the
    calibration; ``scatter`` (m,) one draw of what heights do not explain: the second
    phase learns from ``mean`` and is judged against ``mean + scatter``, which scatters
    as plots do.
    """

    mean: Floats
    loadings: Floats
    scatter: Floats

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return some cells, in the order of ``rows``."""
        return type(self)(self.mean[rows], self.loadings[rows], self.scatter[rows])
