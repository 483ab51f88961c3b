"""Where a model may be asked: the area of applicability.

Meyer and Pebesma (2021), doi:10.1111/2041-210X.13650: the dissimilarity index (DI) of
a place is its distance to the nearest training point, in features scaled by their
importance, over the mean distance between training points.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from geo.errors import ModelError
from models.scores import significant

Floats = NDArray[np.float64]

MAX_POINTS = 2_000
"""Training points kept; more make the search slower and the domain hardly finer."""

_COARSE = 2.0
"""Slack of the first, quick search; it decides nothing, see ``Domain.contains``."""


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """Training points (m, k) in weighted standard units, and how far is too far.

    ``weights`` (k,) are the importances that features in standard units are
    multiplied by; ``mean_distance`` is that between all pairs of points;
    ``threshold`` is the largest DI inside the domain.
    """

    points: Floats
    weights: Floats
    mean_distance: float
    threshold: float

    @classmethod
    def fit(
        cls, standardised: Floats, weights: Floats, folds: NDArray[np.int64] | None
    ) -> Self:
        """Learn the domain from training rows (n, k) in standard units.

        The DI of a training point looks only at points of other ``folds`` (None: at
        all others). The threshold is the upper quartile of these plus 1.5 times
        their interquartile range, and at most their maximum. Of more than
        ``MAX_POINTS`` rows, that many are taken at even steps of their order.
        """
        count = min(len(standardised), MAX_POINTS)
        chosen = np.linspace(0, len(standardised) - 1, count).round().astype(np.int64)
        points = standardised[chosen] * weights
        distance = cdist(points, points)
        mean_distance = significant(distance.sum() / max(count * (count - 1), 1))
        if not mean_distance > 0:
            raise ModelError(
                "All training points look the same to the model.",
                zh="所有训练样点的特征相同，无法确定模型适用域；请检查训练数据。",
                cure="Check the features and the training area.",
            )
        own = np.arange(count) if folds is None else folds[chosen]
        distance[own[:, None] == own[None, :]] = np.inf
        return cls(points, weights, mean_distance, _threshold(distance, mean_distance))

    def dissimilarity(self, standardised: Floats) -> Floats:
        """Return the DI of rows (n, k) in standard units."""
        distance, _ = cKDTree(self.points).query(standardised * self.weights)
        return np.asarray(distance, dtype=np.float64) / self.mean_distance

    def contains(self, standardised: Floats) -> NDArray[np.bool_]:
        """Return which rows (n, k) have a DI of at most the threshold.

        A quick search that may miss the nearest point settles most rows: whatever it
        finds inside the radius is proof enough. Only the rest is searched exactly.
        """
        tree = cKDTree(self.points)
        weighted = standardised * self.weights
        radius = self.threshold * self.mean_distance
        bound = radius * (1 + 1e-9)
        distance, _ = tree.query(weighted, eps=_COARSE, distance_upper_bound=bound)
        inside = np.asarray(distance <= radius)
        open_rows = np.flatnonzero(~inside)
        if open_rows.size:
            distance, _ = tree.query(weighted[open_rows], distance_upper_bound=bound)
            inside[open_rows] = distance <= radius
        return inside


def _threshold(distance: Floats, mean_distance: float) -> float:
    training = distance.min(axis=1) / mean_distance
    training = training[np.isfinite(training)]
    if training.size == 0:
        raise ModelError(
            "The domain needs training points in at least two folds.",
            zh="确定模型适用域至少需要两折训练样点；请检查折的划分。",
            cure="Use more folds or a larger training area.",
        )
    lower, upper = np.quantile(training, [0.25, 0.75])
    return significant(min(upper + 1.5 * (upper - lower), training.max()))
