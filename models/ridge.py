"""Ridge regression in closed form, with an error that knows neighbours repeat."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.scores import significant

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PENALTIES = tuple(float(penalty) for penalty in 10.0 ** np.arange(-6, 1.5, 0.5))
"""Candidates: weight of the squared coefficients beside the mean squared error."""


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """A fit on features in standard units: ``(feature - centre) / scale``.

    ``beta`` (k + 1,) starts with the intercept; ``covariance`` (k + 1, k + 1) is that
    of ``beta``.
    """

    centre: Floats
    scale: Floats
    beta: Floats
    covariance: Floats

    def design(self, features: Floats) -> Floats:
        """Return the design rows (n, k + 1) of ``features`` (n, k)."""
        standard = (features - self.centre) / self.scale
        return np.column_stack([np.ones(len(standard)), standard])

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return mean and model variance at ``features`` (n, k)."""
        design = self.design(features)
        return (design * self.beta).sum(axis=1), self.variance(design)

    def variance(self, design: Floats) -> Floats:
        """Return the model variance (n,) at ``design`` rows (n, k + 1)."""
        variance = np.einsum("ni,ij,nj->n", design, self.covariance, design)
        return np.asarray(np.maximum(variance, 0.0))


def fit_ridge(
    features: Floats, observed: Floats, *, block: Integers, penalty: float
) -> Ridge:
    """Fit ``observed`` (n,) on ``features`` (n, k); the intercept is not penalised.

    ``beta = (A'A/n + penalty I)^-1 A'y/n`` with A the design. The covariance is the
    delete-one-block jackknife (the CR3 of cluster-robust inference), which allows for
    any correlation within a block and errs on the large side with few blocks:
    MacKinnon, Nielsen and Webb (2023), doi:10.1016/j.jeconom.2022.04.001.
    """
    moments = _Moments.of(features, observed, block)
    spread = moments.beta_without_block(penalty)
    spread = spread - spread.mean(axis=0)
    blocks = len(spread)
    covariance = (blocks - 1) / blocks * np.einsum("gi,gj->ij", spread, spread)
    return Ridge(
        moments.centre,
        moments.scale,
        _rounded(moments.beta(penalty)),
        _rounded(covariance),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Sums of products by block: all that a fit, and a fit without a block, need."""

    centre: Floats
    scale: Floats
    gram: Floats
    moment: Floats
    count: Floats

    @classmethod
    def of(cls, features: Floats, observed: Floats, block: Integers) -> Self:
        centre, scale = features.mean(axis=0), features.std(axis=0)
        centre, scale = _rounded(centre), _rounded(np.where(scale > 0, scale, 1))
        columns = [np.ones(len(features)), *((features - centre) / scale).T]
        _, rows = np.unique(block, return_inverse=True)

        def by_block(values: Floats) -> Floats:
            # Sums in the order of the rows, whatever the number of threads.
            sums = np.bincount(rows.reshape(-1), weights=values)
            return sums.astype(np.float64)

        gram = np.array([[by_block(a * b) for b in columns] for a in columns])
        moment = np.array([by_block(a * observed) for a in columns])
        return cls(
            centre,
            scale,
            gram.transpose(2, 0, 1),
            moment.T,
            by_block(np.ones(len(observed))),
        )

    def beta(self, penalty: float) -> Floats:
        gram, moment = self.gram.sum(axis=0), self.moment.sum(axis=0)
        count = self.count.sum()[None]
        return np.asarray(_solve(gram[None], moment[None], count, penalty)[0])

    def beta_without_block(self, penalty: float) -> Floats:
        return _solve(
            self.gram.sum(axis=0) - self.gram,
            self.moment.sum(axis=0) - self.moment,
            self.count.sum() - self.count,
            penalty,
        )


def _solve(gram: Floats, moment: Floats, count: Floats, penalty: float) -> Floats:
    ridge = np.diag([0.0] + [penalty] * (gram.shape[-1] - 1))
    left = gram / count[:, None, None] + ridge
    right = (moment / count[:, None])[..., None]
    return np.asarray(np.linalg.solve(left, right)[..., 0])


def choose_penalty(
    features: Floats,
    observed: Floats,
    *,
    folds: Integers,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[float, float]:
    """Return the penalty with the least error across ``folds``, and that RMSE."""
    squared = np.zeros(len(penalties))
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        single = np.zeros(int(train.sum()), dtype=np.int64)
        moments = _Moments.of(features[train], observed[train], single)
        standard = (features[test] - moments.centre) / moments.scale
        for row, penalty in enumerate(penalties):
            beta = moments.beta(penalty)
            error = beta[0] + (standard * beta[1:]).sum(axis=1) - observed[test]
            squared[row] += float((error**2).sum())
    best = int(np.argmin(_rounded(squared)))
    return penalties[best], float(np.sqrt(squared[best] / len(observed)))


def _rounded(values: Floats) -> Floats:
    """Round each value: what another LAPACK would give differs in later digits."""
    texts = [significant(value) for value in np.ravel(values).tolist()]
    rounded = np.array(texts, dtype=np.float64)
    return rounded.reshape(np.shape(values))
