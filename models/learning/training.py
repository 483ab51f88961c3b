"""From a table of plots to a model one can sign: candidates, scores, card."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from geo.errors import ModelError
from models.domain import Domain
from models.learning.blocks import (
    Blocks,
    choose_blocks,
    folds_for,
    given_blocks,
    residual_variogram,
)
from models.learning.candidates import Candidate
from models.learning.card import Evidence, Figures, card_of
from models.learning.columns import Standard, rounded
from models.learning.diagnostics import importance, suspects
from models.learning.linear import BasisFit
from models.learning.model import LearnedModel
from models.learning.recipe import BASELINE, Recipe
from models.learning.selection import (
    Split,
    Trial,
    cheapest,
    compare,
    try_candidate,
    unseen,
)
from models.learning.spread import Spread, cross_fitted_sd
from models.learning.table import PlotTable, Target
from models.scores import (
    Scores,
    block_folds,
    block_ids,
    random_folds,
    score,
    significant,
)
from models.two_phase import Targets

MOST_FOR_TREES = 20_000
"""Plots above which extra trees, whose nodes grow with them, are not tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model with its card, and what its pictures show."""

    model: LearnedModel
    figures: Figures

    @property
    def card(self) -> dict[str, object]:
        """The model's card."""
        return self.model.card


def train(table: PlotTable, recipe: Recipe, before: Targets | None = None) -> Trained:
    """Choose, fit and score a model, and write its card.

    The order of the table's rows and columns changes no number but the order of the
    features; nor does the number of threads. ``before`` says of each row of the table,
    in its order, how a first phase came to its target: the model is then judged
    against targets that scatter as the first phase's did, and its coefficients carry
    the first phase's error. The residual's variogram is that of the second phase.

    Raises
    ------
    TooFewObservationsError
        With too few usable plots, or too few blocks.
    ModelError
        When no feature varies, or the observations do not, or are impossible.
    """
    with _one_thread():
        plots = _canonical(table, recipe.target)
        phase = None if before is None else _in_order_of(plots, table, before)
        blocks = _blocks(plots, recipe)
        split = _split(plots, blocks, recipe)
        candidates = _candidates(recipe, plots)
        trials = [try_candidate(one, split, seed=recipe.seed) for one in candidates]
        eligible = _eligible(recipe)
        compared = compare(trials, plots.observed, split.block, eligible=eligible)
        best = cheapest([one for one in compared if one.name in eligible])
        chosen = [one.name for one in compared].index(best.name)
        candidate, trial = candidates[chosen], trials[chosen]
        influence = _influence(candidate, trial, split, recipe)
        at_random = _at_random(candidate, split, recipe, phase)
        if phase is not None:
            trial = _carrying(phase, candidate, trial, split, recipe.seed)
            trials[chosen] = trial
            split = replace(split, plots=_judged(plots, phase))
        evidence = Evidence(
            asked=table,
            blocks=blocks,
            split=split,
            trials=tuple(trials),
            compared=compared,
            trial=trial,
            at_random=at_random,
            influence=influence,
        )
        return _assembled(evidence, recipe, plots)


def _in_order_of(plots: PlotTable, table: PlotTable, before: Targets) -> Targets:
    rows = {name: row for row, name in enumerate(table.ids)}
    return before.take(np.array([rows[name] for name in plots.ids], dtype=np.int64))


def _judged(plots: PlotTable, phase: Targets) -> PlotTable:
    """Return the plots with targets that scatter as the first phase's residuals do."""
    return replace(plots, observed=rounded(phase.mean + phase.scatter))


def _carrying(
    phase: Targets, candidate: Candidate, trial: Trial, split: Split, seed: int
) -> Trial:
    """Return the trial, its fit with the first phase's error in its covariance.

    The fit moves with each error of the first phase as a fit to targets moved by one
    sd of it does.
    """
    fitted, settings = trial.final.fitted, trial.final.settings
    if not isinstance(fitted, BasisFit):
        raise ModelError(
            f"{trial.name} cannot carry the error of a first phase.",
            zh=f"候选模型 {trial.name} 无法传递第一阶段误差；请用 ridge 或 "
            "gaussian_process。",
            cure="Train with the candidates ridge and gaussian_process.",
            field="candidates",
            value=trial.name,
        )
    rows = split.whole(Standard.of(split.plots.features))
    # Small steps at small targets: the logarithm of next to nothing is no small step.
    floor = 0.5 * float(rows.observed.min())
    moved = []
    for step in phase.loadings.T:
        other = replace(rows, observed=np.maximum(rows.observed + step, floor))
        again = candidate.refit(other, settings, seed=seed)
        if isinstance(again, BasisFit):
            moved.append(again.beta - fitted.beta)
    carried = fitted.with_error(np.column_stack(moved))
    return replace(trial, final=trial.final._replace(fitted=carried))


def _one_thread() -> AbstractContextManager[object]:
    """Let libraries of linear algebra add in one order, whatever the machine."""
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def _canonical(table: PlotTable, target: Target) -> PlotTable:
    """Return the usable plots with features sorted by name, constants left out."""
    order = sorted(range(len(table.names)), key=table.names.__getitem__)
    by_name = replace(
        table,
        names=tuple(table.names[i] for i in order),
        features=table.features[:, order],
    )
    plots = by_name.usable().without_constants()
    low, high = target.valid_range
    least, most = float(plots.observed.min()), float(plots.observed.max())
    if least < low or most > high or least == most:
        raise ModelError(
            f"{target.name} lies between {least:g} and {most:g} "
            f"{target.unit}; it has to vary, within {low:g} to {high:g}.",
            zh=f"{target.name} 的取值为 {least:g} 至 {most:g}，"
            f"应有变化且在 {low:g} 至 {high:g} 之间；请检查单位与无效值。",
            cure="Check the target's unit and its missing values.",
            field=target.name,
            value=f"{least:g} to {most:g}",
            expected=f"{low:g} to {high:g}",
        )
    return plots


def _blocks(plots: PlotTable, recipe: Recipe) -> Blocks:
    if recipe.block_m is None:
        return choose_blocks(plots)
    return given_blocks(plots, recipe.block_m)


def _split(plots: PlotTable, blocks: Blocks, recipe: Recipe) -> Split:
    block = block_ids(plots.x, plots.y, block_m=blocks.block_m)
    count = int(block.max()) + 1
    k = min(recipe.folds or folds_for(block.size, count), count)
    fold = block_folds(plots.x, plots.y, block_m=blocks.block_m, folds=k)
    return Split(plots, fold, block)


def _candidates(recipe: Recipe, plots: PlotTable) -> Sequence[Candidate]:
    """Return the baseline and the candidates to try; libraries load when needed."""
    from models.learning.process import ProcessCandidate
    from models.learning.ridge import RidgeCandidate

    chosen: list[Candidate] = [RidgeCandidate(BASELINE, plain_only=True)]
    if "ridge" in recipe.candidates:
        chosen.append(RidgeCandidate())
    if "gaussian_process" in recipe.candidates:
        chosen.append(ProcessCandidate())
    if "catboost" in recipe.candidates:
        from models.learning.boosting import BoostingCandidate

        chosen.append(BoostingCandidate())
    if "extra_trees" in recipe.candidates and plots.observed.size <= MOST_FOR_TREES:
        from models.learning.forest import ForestCandidate

        chosen.append(ForestCandidate())
    return chosen


def _eligible(recipe: Recipe) -> set[str]:
    """Return who may be chosen: the baseline too, where a ridge may."""
    names = set(recipe.candidates)
    return names | {BASELINE} if "ridge" in names else names


def _at_random(
    candidate: Candidate, split: Split, recipe: Recipe, phase: Targets | None
) -> Scores:
    """Score the chosen candidate on random folds, where neighbours help: a warning."""
    folds = int(split.fold.max()) + 1
    lot = random_folds(split.fold.size, folds=folds, seed=recipe.seed)
    mean, own, _ = unseen(candidate, replace(split, fold=lot), seed=recipe.seed)
    plots = split.plots if phase is None else _judged(split.plots, phase)
    return score(plots.observed, mean, cross_fitted_sd(mean, own, plots.observed, lot))


def _influence(
    candidate: Candidate, trial: Trial, split: Split, recipe: Recipe
) -> dict[str, float]:
    """Return how far leaving out one plot moves the others' predictions (RMS).

    Only the plots that look likeliest to drive the fit are left out. Settings are tuned
    again: a wild plot does most of its harm through them.
    """
    standard = Standard.of(split.plots.features)
    whole = split.whole(standard)
    known, _ = trial.final.fitted.predict(whole.columns)
    moved: dict[str, float] = {}
    for plot in suspects(whole.columns, split.plots.observed - trial.mean).tolist():
        others = np.flatnonzero(np.arange(known.size) != plot)
        rows = split.rows(others, standard)
        without = candidate.fit(rows, seed=recipe.seed).fitted
        apart = without.predict(rows.columns)[0] - known[others]
        name = split.plots.ids[plot]
        moved[name] = significant(float(np.sqrt(np.mean(apart**2))), 6)
    return moved


def _assembled(evidence: Evidence, recipe: Recipe, learnt: PlotTable) -> Trained:
    plots, trial, fold = evidence.split.plots, evidence.trial, evidence.split.fold
    standard = Standard.of(plots.features)
    columns, fitted = evidence.split.whole(standard).columns, trial.final.fitted
    moved = importance(lambda c: fitted.predict(c)[0], columns, seed=recipe.seed)
    weights = moved if moved.any() else np.ones_like(moved)
    domain = Domain.fit(
        columns.T.astype(np.float64), rounded(weights / weights.sum(), digits=6), fold
    )
    names = tuple(name for name in evidence.asked.names if name in plots.names)
    model = LearnedModel(
        names,
        tuple(names.index(name) for name in plots.names),
        standard,
        fitted,
        Spread.fit(trial.mean, trial.own, plots.observed),
        domain,
        recipe.target.valid_range,
        {},
    )
    by_name = dict(zip(plots.names, moved.tolist(), strict=True))
    sd = cross_fitted_sd(trial.mean, trial.own, plots.observed, fold)
    variogram = residual_variogram(plots, learnt.observed - trial.mean)
    figures = Figures(
        plots.observed, trial.mean, sd, plots.x, plots.y, variogram, by_name
    )
    return Trained(model.with_card(card_of(evidence, recipe, model, figures)), figures)
