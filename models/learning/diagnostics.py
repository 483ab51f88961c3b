"""What a card says besides scores: importance, saturation, influence, age of plots."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.learning.candidates import Floats, Integers, Singles
from models.scores import significant

Predict = Callable[[Singles], Floats]

SHUFFLES = 5
DAYS_PER_YEAR = 365.25
OLD_YEARS = 3.0
"""Plots measured further than this from the imagery are counted as old (proposal)."""
_FLAT = 0.25
"""A slope below this share of the one before has gone flat."""
_F_LIMIT = 11.0
"""F of the kink with 1 and many degrees of freedom at p = 0.001."""
SUSPECTS = 5
"""Plots that are left out one by one to see what each does to the fit."""
DRIVES = 0.5
"""Share of a typical error by which leaving one plot out may move predictions."""


def importance(predict: Predict, columns: Singles, *, seed: int) -> Floats:
    """Return what each feature of ``columns`` (k, n) moves, in the target's unit.

    The root mean square change of the prediction when the feature's values are dealt
    out anew, over the square root of two: for a linear model its |coefficient| times
    the feature's sd.
    """
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(columns.shape[1]) for _ in range(SHUFFLES)]
    known = predict(columns)
    moved = np.empty(len(columns))
    for row in range(len(columns)):
        squared = 0.0
        for order in orders:
            dealt = columns.copy()
            dealt[row] = columns[row, order]
            squared += float(np.mean((predict(dealt) - known) ** 2))
        moved[row] = significant(np.sqrt(squared / SHUFFLES / 2), 8)
    return moved


@dataclass(frozen=True, slots=True)
class Saturation:
    """Up to which observed value predictions still rise with it."""

    saturates: bool
    upper_valid_limit: float
    slope_below: float
    slope_above: float | None


def saturation(observed: Floats, predicted: Floats) -> Saturation:
    """Look for the value above which predictions for unseen blocks stop rising.

    A straight line of predicted on observed against one with a kink: the kink counts
    when it is significant and the slope beyond it is a quarter or less of that before.
    Without one, the limit is the largest observed value.
    """
    straight = _line(observed, predicted, None)
    limits = np.unique(np.quantile(observed, np.arange(0.3, 0.96, 0.025)))
    fits = [(_line(observed, predicted, limit), limit) for limit in limits.tolist()]
    (squared, below, above), limit = min(
        fits, key=lambda fit: significant(fit[0][0], 8)
    )
    left = max(observed.size - 4, 1)
    kink = squared > 0 and (straight[0] - squared) / (squared / left) > _F_LIMIT
    if kink and below > 0 and above <= _FLAT * below:
        return Saturation(
            True, significant(limit, 4), significant(below, 4), significant(above, 4)
        )
    return Saturation(
        False, significant(float(observed.max()), 4), significant(straight[1], 4), None
    )


def _line(
    observed: Floats, predicted: Floats, kink: float | None
) -> tuple[float, float, float]:
    """Return the squared error, and the slopes before and after ``kink``."""
    columns = [np.ones_like(observed), observed]
    if kink is not None:
        columns.append(np.maximum(observed - kink, 0.0))
    design = np.column_stack(columns)
    fitted, *_ = np.linalg.lstsq(design, predicted, rcond=None)
    squared = float(((predicted - design @ fitted) ** 2).sum())
    after = float(fitted[1] + (fitted[2] if kink is not None else 0.0))
    return squared, float(fitted[1]), after


def suspects(columns: Singles, residual: Floats) -> Integers:
    """Return the plots most likely to drive a fit, by a ridge's Cook's distance."""
    whole = np.vstack([np.ones(columns.shape[1]), columns]).astype(np.float64)
    gram = whole @ whole.T / columns.shape[1] + 1e-2 * np.eye(len(whole))
    leverage = np.einsum("kn,kn->n", whole, np.linalg.solve(gram, whole))
    distance = np.abs(residual) * leverage
    texts = np.array([significant(value, 8) for value in distance.tolist()])
    return np.argsort(-texts, kind="stable")[:SUSPECTS].astype(np.int64)


def age_of_plots(
    day: NDArray[np.datetime64], imagery: np.datetime64 | None
) -> dict[str, object] | None:
    """Return how far plots' days are from the imagery's, years; None if not known."""
    known = day[~np.isnat(day)]
    if imagery is None or known.size == 0:
        return None
    gap = np.abs((known - imagery).astype(np.float64)) / DAYS_PER_YEAR
    return {
        "imagery": str(imagery),
        "median_years": significant(float(np.median(gap)), 3),
        "largest_years": significant(float(gap.max()), 3),
        "old_share": significant(float(np.mean(gap > OLD_YEARS)), 3),
        "old_years": OLD_YEARS,
        "unknown_share": significant(1 - known.size / day.size, 3),
    }
