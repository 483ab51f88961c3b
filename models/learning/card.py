"""The card of a model: what it was made from, how good it is, where it holds."""

from dataclasses import dataclass

import numpy as np

from geo.correlation import Variogram
from models.learning.blocks import Blocks, practical_range
from models.learning.candidates import Floats, Integers
from models.learning.diagnostics import (
    DRIVES,
    Saturation,
    age_of_plots,
    saturation,
)
from models.learning.model import Card, LearnedModel
from models.learning.recipe import BASELINE, Recipe
from models.learning.selection import Compared, Split, Trial, nested_choice
from models.learning.spread import coverage_by_third, thirds
from models.learning.table import PlotTable
from models.scores import Scores, cross_validate, score, significant

STANDARD_NS = 100.0
"""Declared, per cell and 20 features: to standard units, and knowing what is absent."""
DOMAIN_NS = 250.0
"""Declared, per cell and 20 features: the area of applicability (models/reach.py)."""

MAD_TO_SD = 1.4826
"""Median absolute deviation to standard deviation, under a normal law."""

DECILES = np.arange(0, 1.01, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What pictures of a model show; arrays (n,) in one order of plots.

    ``predicted`` and ``sd`` are for blocks that the model had not seen.
    """

    observed: Floats
    predicted: Floats
    sd: Floats
    x: Floats
    y: Floats
    variogram: Variogram
    importance: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that was found out while training."""

    asked: PlotTable
    """The table as it was given."""
    blocks: Blocks
    split: Split
    trials: tuple[Trial, ...]
    compared: tuple[Compared, ...]
    trial: Trial
    """Of the chosen candidate."""
    at_random: Scores
    influence: dict[str, float]


def card_of(
    evidence: Evidence, recipe: Recipe, model: LearnedModel, figures: Figures
) -> Card:
    """Return the card; every number is rounded to what it can be relied on for."""
    plots = evidence.split.plots
    blocked = score(plots.observed, figures.predicted, figures.sd)
    target = recipe.target
    limits = [v if np.isfinite(v) else None for v in target.valid_range]
    return {
        "target": {"name": target.name, "unit": target.unit, "valid_range": limits},
        "features": _features(plots, recipe, model, figures.importance),
        "chosen": _chosen(evidence),
        "candidates": [_candidate(evidence, one) for one in evidence.compared],
        "scores": _scores(evidence, blocked),
        "intervals": _intervals(evidence, model, figures, blocked),
        "residual": _residual(evidence, figures, blocked),
        "blocks": {
            "block_m": evidence.blocks.block_m,
            "reason": evidence.blocks.reason,
            "first_range_m": significant(evidence.blocks.range_m, 3),
            "blocks": int(evidence.split.block.max()) + 1,
            "folds": int(evidence.split.fold.max()) + 1,
        },
        "domain": _domain(evidence, model),
        "cost": _cost(evidence, model),
        "saturation": _saturation(saturation(plots.observed, figures.predicted)),
        "influence": _influence(evidence, figures),
        "age_of_plots": age_of_plots(plots.day, recipe.imagery),
        "training": {
            "n": plots.observed.size,
            "dropped": evidence.asked.observed.size - plots.observed.size,
            "constant_features": sorted(set(evidence.asked.names) - set(plots.names)),
            "digest": plots.digest(),
            "observed_range": _range(plots.observed),
            "observed_mean": significant(float(plots.observed.mean()), 6),
            "seed": recipe.seed,
            "tried": [trial.name for trial in evidence.trials],
        },
    }


def _features(
    plots: PlotTable, recipe: Recipe, model: LearnedModel, moved: dict[str, float]
) -> list[dict[str, object]]:
    units = dict(recipe.units)
    total = sum(moved.values())
    told = []
    for name in model.names:
        values = plots.features[:, plots.names.index(name)]
        deciles = np.quantile(values, DECILES)
        told.append(
            {
                "name": name,
                "unit": units.get(name, ""),
                "range": _range(values),
                "deciles": [significant(value, 6) for value in deciles.tolist()],
                "importance": significant(moved[name], 6),
                "importance_share": significant(moved[name] / total, 4)
                if total
                else 0.0,
            }
        )
    return told


def _chosen(evidence: Evidence) -> dict[str, object]:
    by_name = {one.name: one for one in evidence.compared}
    chosen = by_name[evidence.trial.name]
    best = min(evidence.compared, key=lambda one: one.rmse)
    return {
        "name": chosen.name,
        "settings": evidence.trial.final.settings,
        "why": f"Cheapest per cell ({chosen.cost_ns:g} ns) within one standard error "
        f"of the best, {best.name}: blocked RMSE {chosen.rmse:.4g} against "
        f"{best.rmse:.4g}.",
        "why_zh": f"在与最优模型 {best.name} 相差不超过一个标准误的候选中，单像元计算"
        f"成本最低（{chosen.cost_ns:g} ns）：分块交叉验证 RMSE 为 {chosen.rmse:.4g}，"
        f"最优为 {best.rmse:.4g}。",
    }


def _candidate(evidence: Evidence, one: Compared) -> dict[str, object]:
    trial = next(trial for trial in evidence.trials if trial.name == one.name)
    observed = evidence.split.plots.observed
    return {
        "name": one.name,
        "is_baseline": one.name == BASELINE,
        "blocked": score(observed, trial.mean).record(),
        "mse_above_best": one.worse_by,
        "error_of_difference": one.error_of_difference,
        "within_one_standard_error": one.keeps_up,
        "cost_ns_per_cell": one.cost_ns,
        "settings": trial.final.settings,
    }


def _scores(evidence: Evidence, blocked: Scores) -> dict[str, object]:
    observed, fold = evidence.split.plots.observed, evidence.split.fold
    baseline = next(trial for trial in evidence.trials if trial.name == BASELINE)
    others = [trial for trial in evidence.trials if trial.name != BASELINE]

    def plain_mean(train: np.ndarray, test: np.ndarray) -> tuple[Floats, Floats | None]:
        return np.full(test.size, observed[train].mean()), None

    _, plain = cross_validate(plain_mean, observed, fold)
    return {
        "blocked": blocked.record(),
        "random": evidence.at_random.record(),
        "choice_included_blocked": score(
            observed, nested_choice(others, fold)
        ).record(),
        "plain_ridge_blocked": score(observed, baseline.mean).record(),
        "plain_mean_blocked": plain.record(),
    }


def _intervals(
    evidence: Evidence, model: LearnedModel, figures: Figures, blocked: Scores
) -> dict[str, object]:
    by_third = coverage_by_third(figures.predicted, figures.sd, figures.observed)
    spread = model.spread
    final = spread.sd(figures.predicted, evidence.trial.own)
    third = thirds(figures.predicted)
    return {
        "nominal": 0.9,
        "coverage_90": significant(float(blocked.coverage_90 or 0.0), 6),
        "coverage_90_by_third": [significant(share, 6) for share in by_third],
        "plots_by_third": np.bincount(third).tolist(),
        "sd_by_third": [
            significant(float(np.sqrt(np.mean(final[third == number] ** 2))), 6)
            for number in np.unique(third)
        ],
        "tilt": spread.tilt,
        "knots": spread.knots.tolist(),
        "factor": spread.factor.tolist(),
    }


def _residual(
    evidence: Evidence, figures: Figures, blocked: Scores
) -> dict[str, object]:
    variogram = figures.variogram
    error = figures.observed - figures.predicted
    return {
        "rmse": significant(blocked.rmse, 6),
        "nugget": variogram.nugget,
        "sill": variogram.sill,
        "range_m": variogram.range_m,
        "practical_range_m": significant(practical_range(variogram), 6),
        "mean_se": significant(_mean_se(error, evidence.split.block), 6),
    }


def _mean_se(error: Floats, block: Integers) -> float:
    """Return the standard error of the mean error, whole blocks being the units."""
    about = error - error.mean()
    _, place = np.unique(block, return_inverse=True)
    sums = np.bincount(np.asarray(place).reshape(-1), weights=about)
    g = len(sums)
    squares = float((sums**2).sum())
    return float(np.sqrt(g / max(g - 1, 1) * squares)) / error.size


def _domain(evidence: Evidence, model: LearnedModel) -> dict[str, object]:
    rows = evidence.split.whole(model.standard).columns
    inside = model.domain.contains(rows.T.astype(np.float64))
    return {
        "threshold": model.domain.threshold,
        "mean_distance": model.domain.mean_distance,
        "points": len(model.domain.points),
        "training_share_inside": significant(float(inside.mean()), 6),
    }


def _cost(evidence: Evidence, model: LearnedModel) -> dict[str, float]:
    scale = len(model.names) / 20
    fit = significant(evidence.trial.final.fitted.cost_ns(), 4)
    total = fit + (STANDARD_NS + DOMAIN_NS) * scale
    return {
        "declared_ns_per_cell": significant(total, 3),
        "fit_ns": fit,
        "standard_units_ns": significant(STANDARD_NS * scale, 3),
        "domain_ns": significant(DOMAIN_NS * scale, 3),
    }


def _saturation(found: Saturation) -> dict[str, object]:
    return {
        "saturates": found.saturates,
        "upper_valid_limit": found.upper_valid_limit,
        "slope_below": found.slope_below,
        "slope_above": found.slope_above,
    }


def _influence(evidence: Evidence, figures: Figures) -> dict[str, object]:
    # Of the middle of the errors: the plot in question must not raise its own limit.
    error = np.abs(figures.observed - figures.predicted)
    typical = significant(MAD_TO_SD * float(np.median(error)), 6)
    ranked = sorted(evidence.influence.items(), key=lambda item: (-item[1], item[0]))
    told = [
        {
            "plot": name,
            "moves_predictions_by": moved,
            "share_of_typical_error": significant(moved / typical, 4)
            if typical
            else 0.0,
        }
        for name, moved in ranked
    ]
    drives = [name for name, moved in ranked if moved > DRIVES * typical]
    return {"plots": told, "driving_plots": drives, "limit_share": DRIVES}


def _range(values: Floats) -> list[float]:
    return [significant(float(v), 6) for v in (values.min(), values.max())]
