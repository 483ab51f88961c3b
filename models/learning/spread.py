"""How far a new observation may be from its prediction: intervals that were tried.

The spread comes from predictions for blocks that the model had not seen. Its shape
over the predicted value is fitted, its size is conformal: the quantile of the
standardised errors that makes 90 % intervals hold 90 % (Lei et al. 2018,
doi:10.1080/01621459.2017.1307116), in each third of the predicted values.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.carbon import Z_90
from models.learning.candidates import Floats, Integers
from models.learning.columns import rounded
from models.scores import significant

SHARE = 0.9
THIRDS = 3
_TILTS = np.arange(-0.6, 1.01, 0.1)
"""Candidates: growth of the sd over half the range of predictions."""
_FLOOR = 0.25
"""Lowest sd, as a share of that in the middle."""
_OWN_SAY = 60
"""Plots at which a third's own quantile has as much say as the quantile of all."""
_ROUNDS = 3
"""A factor also acts on its neighbours' thirds, so that it takes a few rounds."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """SD of a new observation around a prediction, by the predicted value.

    ``sd^2 = (own + (level shape(mean))^2) factor(mean)^2`` with ``shape`` linear:
    1 at ``middle``, 1 + ``tilt`` at ``middle + half``. ``factor`` (3,) runs straight
    between the ``knots`` (3,), the medians of the thirds.
    """

    level: float
    tilt: float
    middle: float
    half: float
    knots: Floats
    factor: Floats

    @classmethod
    def fit(cls, mean: Floats, own: Floats, observed: Floats) -> Self:
        """Learn from predictions for unseen blocks, all (n,); ``own`` is a variance."""
        low, high = np.quantile(mean, [0.02, 0.98])
        middle, half = significant((low + high) / 2), significant((high - low) / 2)
        half = half if half > 0 else 1.0
        error = np.abs(observed - mean)
        level, tilt = _level_and_tilt(mean, own, error, middle=middle, half=half)
        spread = cls(level, tilt, middle, half, np.zeros(1), np.ones(1))
        size = _conformal(error / (Z_90 * spread.sd(mean, own)))
        third = thirds(mean)
        knots = [float(np.median(mean[third == number])) for number in np.unique(third)]
        apart = rounded(np.unique(knots))
        spread = cls(level, tilt, middle, half, apart, np.full(len(apart), size))
        for _ in range(_ROUNDS if len(apart) == THIRDS else 0):
            ratio = error / (Z_90 * spread.sd(mean, own))
            factor = spread.factor * _own_factors(ratio, third)
            spread = replace(spread, factor=rounded(factor, digits=6))
        return spread

    def sd(self, mean: Floats, own: Floats) -> Floats:
        """Return the sd at predictions ``mean`` with variances ``own``."""
        shape = np.maximum(1.0 + self.tilt * (mean - self.middle) / self.half, _FLOOR)
        shape *= self.level
        shape *= shape
        shape += own
        np.sqrt(shape, out=shape)
        shape *= _between(mean, self.knots, self.factor)
        return shape

    def widening(self, mean: Floats) -> Floats:
        """Return the conformal factor that ``sd`` is widened by at predictions."""
        return _between(mean, self.knots, self.factor)

    def to_array(self) -> Floats:
        """Return all numbers in a row."""
        told = [self.level, self.tilt, self.middle, self.half]
        return np.concatenate([told, self.knots, self.factor])

    @classmethod
    def from_array(cls, values: Floats) -> Self:
        """Build the spread again; ``ValueError`` if the numbers cannot be."""
        count, odd = divmod(len(values) - 4, 2)
        if odd or count < 1:
            raise ValueError("spread")
        level, tilt, middle, half = values[:4].tolist()
        knots, factor = values[4 : 4 + count], values[4 + count :]
        if not (half > 0 and level >= 0 and (np.diff(knots) > 0).all()):
            raise ValueError("spread")
        return cls(level, tilt, middle, half, knots, factor)


def _own_factors(ratio: Floats, third: Integers) -> Floats:
    """Return how much wider each third should be, shrunk towards not at all."""
    return np.array(
        [
            _conformal(ratio[third == number])
            ** (np.sum(third == number) / (np.sum(third == number) + _OWN_SAY))
            for number in range(THIRDS)
        ]
    )


def thirds(mean: Floats) -> Integers:
    """Return which third of the predicted values each lies in: 0, 1 or 2."""
    limits = np.quantile(mean, [1 / 3, 2 / 3])
    return np.searchsorted(limits, mean, side="left").astype(np.int64)


def cross_fitted_sd(
    mean: Floats, own: Floats, observed: Floats, folds: Integers
) -> Floats:
    """Return the sd of each plot by the spread of the other folds: an honest one."""
    sd = np.empty_like(mean)
    for fold in np.unique(folds):
        test = folds == fold
        spread = Spread.fit(mean[~test], own[~test], observed[~test])
        sd[test] = spread.sd(mean[test], own[test])
    return sd


def coverage_by_third(mean: Floats, sd: Floats, observed: Floats) -> list[float]:
    """Return the share of observations in their 90 % interval, by third."""
    covered = np.abs(observed - mean) <= Z_90 * sd
    third = thirds(mean)
    return [float(covered[third == number].mean()) for number in np.unique(third)]


def _level_and_tilt(
    mean: Floats, own: Floats, error: Floats, *, middle: float, half: float
) -> tuple[float, float]:
    """Return the level and tilt under which the errors are likeliest (normal)."""
    typical = float(np.sqrt(np.mean(error**2)))
    if typical == 0:
        return 0.0, 0.0
    best = (np.inf, 0.0, 0.0)
    for tilt in rounded(_TILTS, digits=3).tolist():
        shape = np.maximum(1.0 + tilt * (mean - middle) / half, _FLOOR)
        for level in (typical * np.geomspace(0.3, 1.6, 24)).tolist():
            variance = own + (level * shape) ** 2
            cost = float(np.mean(np.log(variance) + error**2 / variance))
            best = min(best, (significant(cost, 8), significant(level), tilt))
    return best[1], best[2]


def _conformal(ratio: Floats) -> float:
    """Return the quantile that a new one of n + 1 exchangeable ratios stays below."""
    rank = int(np.ceil(SHARE * (ratio.size + 1)))
    return max(float(np.sort(ratio)[min(rank, ratio.size) - 1]), 1e-9)


def _between(mean: Floats, knots: Floats, factor: Floats) -> NDArray[np.float64]:
    """Interpolate ``factor`` at ``mean``, flat beyond the ends.

    A few whole passes cost less than a search for each cell.
    """
    total = np.full(mean.shape, factor[0])
    for row in range(len(knots) - 1):
        share = (mean - knots[row]) * (1.0 / (knots[row + 1] - knots[row]))
        np.minimum(share, 1.0, out=share)
        np.maximum(share, 0.0, out=share)
        total += share * (factor[row + 1] - factor[row])
    return total
