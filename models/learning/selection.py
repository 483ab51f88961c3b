"""Which candidate: nested, spatially blocked cross-validation, and cost per cell."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from models.learning.candidates import Candidate, Floats, Integers, Rows, Tuned
from models.learning.columns import Standard
from models.learning.table import PlotTable
from models.scores import Scores, score, significant

INNER_FOLDS = 4
"""Folds that tuning leaves out in turn, inside the training rows of an outer fold."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """How one candidate did on blocks it had not seen.

    ``mean`` and ``own`` (n,) are its predictions and their variances, ``inner_rmse``
    (folds,) what it thought of itself while tuning for each outer fold.
    """

    name: str
    mean: Floats
    own: Floats
    inner_rmse: Floats
    final: Tuned

    def scores(self, observed: Floats, sd: Floats | None = None) -> Scores:
        """Return the scores against ``observed`` (n,)."""
        return score(observed, self.mean, sd)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Plots, the fold that each is predicted in, and the block that it lies in."""

    plots: PlotTable
    fold: Integers
    block: Integers

    def rows(self, chosen: Integers, standard: Standard) -> Rows:
        """Return some plots as candidates see them, with few folds to tune on."""
        _, inner = np.unique(self.fold[chosen], return_inverse=True)
        return Rows(
            standard.columns(self.plots.features[chosen].T),
            self.plots.observed[chosen],
            np.asarray(inner, dtype=np.int64).reshape(-1) % INNER_FOLDS,
            self.block[chosen],
        )

    def whole(self, standard: Standard) -> Rows:
        """Return all plots as candidates see them."""
        return self.rows(np.arange(self.fold.size), standard)


def unseen(
    candidate: Candidate, split: Split, *, seed: int
) -> tuple[Floats, Floats, Floats]:
    """Predict every plot from other folds: tuned, standardised and fitted there.

    Returns means and variances (n,), and the inner RMSE of each fold.
    """
    plots = split.plots
    mean, own = np.empty_like(plots.observed), np.empty_like(plots.observed)
    inner = []
    for fold in np.unique(split.fold):
        train, test = split.fold != fold, split.fold == fold
        standard = Standard.of(plots.features[train])
        tuned = candidate.fit(split.rows(np.flatnonzero(train), standard), seed=seed)
        columns = standard.columns(plots.features[test].T)
        mean[test], own[test] = tuned.fitted.predict(columns)
        inner.append(tuned.inner_rmse)
    return mean, own, np.array(inner)


def try_candidate(candidate: Candidate, split: Split, *, seed: int) -> Trial:
    """Predict every plot unseen, then fit to all of them."""
    mean, own, inner = unseen(candidate, split, seed=seed)
    standard = Standard.of(split.plots.features)
    final = candidate.fit(split.whole(standard), seed=seed)
    return Trial(candidate.name, mean, own, inner, final)


@dataclass(frozen=True, slots=True)
class Compared:
    """A candidate against the best: how much worse, and within what error."""

    name: str
    rmse: float
    worse_by: float
    """Mean squared error less that of the best, in squared units."""
    error_of_difference: float
    """Its standard error over the blocks, squared units."""
    cost_ns: float

    @property
    def keeps_up(self) -> bool:
        """Whether it is within one standard error of the best."""
        return self.worse_by <= self.error_of_difference


def compare(
    trials: Sequence[Trial],
    observed: Floats,
    block: Integers,
    *,
    eligible: Container[str],
) -> tuple[Compared, ...]:
    """Compare ``trials`` with the best ``eligible`` of them, plot by plot, in blocks.

    The error is that of the difference, for candidates meet the same easy and hard
    plots: the sums of differences by block are independent, those of plots are not.
    """
    squared = {t.name: (t.mean - observed) ** 2 for t in trials}
    rivals = [trial.name for trial in trials if trial.name in eligible]
    best = min(rivals, key=lambda name: significant(float(squared[name].mean()), 8))
    return tuple(
        Compared(
            t.name,
            significant(float(np.sqrt(squared[t.name].mean())), 6),
            *_difference(squared[t.name] - squared[best], block),
            significant(t.final.fitted.cost_ns(), 4),
        )
        for t in trials
    )


def cheapest(compared: Sequence[Compared]) -> Compared:
    """Return the cheapest per cell of those within one standard error of the best."""
    return min(
        (one for one in compared if one.keeps_up),
        key=lambda one: (one.cost_ns, one.rmse),
    )


def nested_choice(trials: Sequence[Trial], folds: Integers) -> Floats:
    """Return predictions of whoever tuned best inside each outer fold's training rows.

    Its scores hold what choosing among candidates costs.
    """
    inner = np.stack([trial.inner_rmse for trial in trials])
    winners = inner.argmin(axis=0)
    _, place = np.unique(folds, return_inverse=True)
    means = np.stack([trial.mean for trial in trials])
    chosen = winners[np.asarray(place).reshape(-1)]
    return np.asarray(means[chosen, np.arange(folds.size)])


def _difference(worse: Floats, block: Integers) -> tuple[float, float]:
    _, place = np.unique(block, return_inverse=True)
    about = worse - worse.mean()
    sums = np.bincount(np.asarray(place).reshape(-1), weights=about)
    g = len(sums)
    error = np.sqrt(g / max(g - 1, 1) * float((sums**2).sum())) / worse.size
    return significant(float(worse.mean()), 6), significant(float(error), 6)
