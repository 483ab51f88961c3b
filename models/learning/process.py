"""Candidate: a Gaussian process with a linear trend, on a few pivots.

The full process costs a product of n x n numbers per cell for its variance. Most of it
lives on a few dozen well-chosen points (subset of regressors; Quinonero-Candela and
Rasmussen 2005, jmlr.org/papers/v6/quinonero-candela05a.html), which makes it a linear
model in as many bumps. Away from them the bumps, and with them part of the variance,
vanish: there the area of applicability has to say so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from models.learning.candidates import Floats, Rows, Settings, Tuned
from models.learning.columns import rounded
from models.learning.linear import BasisFit
from models.learning.scales import Scale, back, onto, smear_of, usable_scales
from models.scores import significant

MOST_PIVOTS = 40
_SMALLEST = 1e-2
"""A pivot that leaves less than this share of a bump unexplained is not taken."""

LENGTHS = (0.5, 1.0, 2.0)
"""Candidates, times the median distance of two plots."""
TREND_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
NOISE_RATIOS = (0.1, 1.0, 10.0)
"""Candidates: variance of a plot's noise over that of the process."""


class _Basis(NamedTuple):
    pivots: Floats
    length: float
    whole: Floats
    """1, features and whitened bumps (1 + k + m, n)."""
    unwhiten: Floats
    """(m, m): takes coefficients of whitened bumps to those of bumps."""


class _Tried(NamedTuple):
    rmse: float
    settings: Settings


@dataclass(frozen=True, slots=True)
class ProcessCandidate:
    """Length, trend, noise and scale of the target chosen on spatial folds."""

    name: str = "gaussian_process"

    def fit(self, rows: Rows, *, seed: int) -> Tuned:
        """Tune on the folds of ``rows``, then fit to all of them."""
        best = min(
            (tried for length in LENGTHS for tried in _tries(rows, length)),
            key=lambda tried: tried.rmse,
        )
        fitted = self.refit(rows, best.settings, seed=seed)
        return Tuned(fitted, best.settings, best.rmse)

    def refit(self, rows: Rows, settings: Settings, *, seed: int) -> BasisFit:
        """Fit with settings that are known."""
        del seed  # nothing is left to chance
        scale: Scale = settings["scale"]  # type: ignore[assignment]  # our own
        told = {name: float(str(v)) for name, v in settings.items() if name != "scale"}
        basis = _basis(rows, told["length"])
        n, features = rows.observed.size, len(rows.columns)
        left = basis.whole @ basis.whole.T / n
        left += np.diag(_penalty(basis, features, told["trend"], told["noise"] / n))
        moment = basis.whole @ onto(scale, rows.observed) / n
        inverse = np.linalg.inv(left)
        root = np.linalg.cholesky((inverse + inverse.T) / 2) * told["sd"] / np.sqrt(n)
        turn = np.eye(len(left))
        turn[1 + features :, 1 + features :] = basis.unwhiten
        return BasisFit.of(
            scale,
            told["smear"],
            beta=turn @ np.linalg.solve(left, moment),
            covariance_root=turn @ root,
            pivots=basis.pivots,
            length=basis.length,
        )


def _tries(rows: Rows, length: float) -> Iterator[_Tried]:
    """Yield each scale and pair of penalties for one length, with its RMSE."""
    basis = _basis(rows, length)
    scales = usable_scales(rows.observed)
    targets = np.column_stack([onto(scale, rows.observed) for scale in scales])
    pairs = list(product(TREND_PENALTIES, NOISE_RATIOS))
    values = _unseen(rows, basis, targets, pairs)
    for (trend, noise), value in zip(pairs, values, strict=True):
        for scale, target, unseen in zip(scales, targets.T, value.T, strict=True):
            residual = target - unseen
            smear = significant(smear_of(scale, residual))
            error = back(scale, unseen, smear) - rows.observed
            settings: Settings = {
                "scale": scale,
                "length": length,
                "trend": trend,
                "noise": noise,
                "smear": smear,
                "sd": significant(float(np.sqrt(np.mean(residual**2)))),
            }
            yield _Tried(significant(float(np.sqrt(np.mean(error**2))), 8), settings)


def _unseen(
    rows: Rows, basis: _Basis, targets: Floats, pairs: list[tuple[float, float]]
) -> Floats:
    """Return predictions (pairs, n, scales) for every fold from the others."""
    whole = np.empty((len(pairs), *targets.shape))
    features = len(rows.columns)
    for fold in rows.folds():
        train, test = rows.split(fold)
        seen, n = basis.whole[:, train], train.size
        gram, moment = seen @ seen.T / n, seen @ targets[train] / n
        lefts = [
            gram + np.diag(_penalty(basis, features, trend, noise / n))
            for trend, noise in pairs
        ]
        betas = np.linalg.solve(np.stack(lefts), moment[None])
        whole[:, test] = np.einsum("pbs,bn->pns", betas, basis.whole[:, test])
    return rounded(whole)


def _penalty(basis: _Basis, features: int, trend: float, noise: float) -> Floats:
    bumps = len(basis.pivots)
    # A trace on the intercept keeps it solvable where bumps add up to a constant.
    return np.concatenate([[1e-9], np.full(features, trend), np.full(bumps, noise)])


def _basis(rows: Rows, length: float) -> _Basis:
    columns = rows.columns.astype(np.float64)
    whole_length = significant(length * _median_apart(columns))
    places = columns.T / whole_length
    chosen = _pivots(places)
    bumps = _bumps(places[chosen], places)
    root = np.linalg.cholesky(bumps[:, chosen] + 1e-9 * np.eye(len(chosen)))
    white = solve_triangular(root, bumps, lower=True)
    unwhiten = solve_triangular(root, np.eye(len(root)), lower=True).T
    whole = np.vstack([np.ones(len(places)), columns, white])
    return _Basis(columns.T[chosen], whole_length, whole, unwhiten)


def _bumps(pivots: Floats, places: Floats) -> Floats:
    return np.stack(
        [np.exp(-0.5 * ((places - pivot) ** 2).sum(axis=1)) for pivot in pivots]
    )


def _pivots(places: Floats) -> list[int]:
    """Return rows whose bumps explain most of all bumps: pivoted Cholesky, greedily."""
    left = np.ones(len(places))
    rows = np.empty((MOST_PIVOTS, len(places)))
    chosen: list[int] = []
    for step in range(min(MOST_PIVOTS, len(places))):
        pivot = int(np.argmax(rounded(left, digits=8)))
        if left[pivot] < _SMALLEST:
            break
        bump = _bumps(places[pivot : pivot + 1], places)[0]
        known = rows[:step, pivot] @ rows[:step]
        rows[step] = (bump - known) / np.sqrt(left[pivot])
        left = np.maximum(left - rows[step] ** 2, 0.0)
        chosen.append(pivot)
    return chosen


def _median_apart(columns: Floats) -> float:
    """Return the median distance of two plots, of at most 400 at even steps."""
    count = min(columns.shape[1], 400)
    even = np.linspace(0, columns.shape[1] - 1, count).round().astype(np.int64)
    some = columns[:, even].T
    square = (some**2).sum(axis=1)
    apart = square[:, None] + square[None, :] - 2 * some @ some.T
    upper = apart[np.triu_indices(count, 1)]
    return max(float(np.sqrt(np.median(np.maximum(upper, 0.0)))), 1e-6)
