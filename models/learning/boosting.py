"""Candidate: gradient-boosted even trees, fitted by CatBoost, kept as plain arrays."""

from dataclasses import dataclass

import numpy as np
from catboost import CatBoostRegressor
from numpy.typing import NDArray

from models.learning.candidates import Rows, Settings, Singles, Tuned
from models.learning.trees import EvenTrees
from models.scores import significant

MOST_TREES = 240
STEP = 20
"""Numbers of trees are tried in these steps."""
DEPTH = 4
BORDERS = 32
_TOLD: dict[str, object] = {
    "loss_function": "RMSE",
    "learning_rate": 0.05,
    "depth": DEPTH,
    "l2_leaf_reg": 3.0,
    "border_count": BORDERS,
    "boosting_type": "Plain",
    "bootstrap_type": "MVS",
    "thread_count": 1,  # the sums of several threads differ from run to run
    "verbose": False,
    "allow_writing_files": False,
}


@dataclass(frozen=True, slots=True)
class BoostingCandidate:
    """The number of trees chosen on spatial folds."""

    name: str = "catboost"

    def fit(self, rows: Rows, *, seed: int) -> Tuned:
        """Tune on the folds of ``rows``, then fit to all of them."""
        squared = np.zeros(MOST_TREES // STEP)
        for fold in rows.folds():
            train, test = rows.split(fold)
            booster = _boosted(rows, train, MOST_TREES, seed)
            asked = np.ascontiguousarray(rows.columns[:, test].T)
            stages = booster.staged_predict(asked, eval_period=STEP, thread_count=1)
            for row, stage in enumerate(stages):
                squared[row] += float(((stage - rows.observed[test]) ** 2).sum())
        best = int(np.argmin([significant(value, 8) for value in squared]))
        settings: Settings = {"trees": (best + 1) * STEP}
        rmse = float(np.sqrt(squared[best] / rows.observed.size))
        return Tuned(self.refit(rows, settings, seed=seed), settings, rmse)

    def refit(self, rows: Rows, settings: Settings, *, seed: int) -> EvenTrees:
        """Fit with a known number of trees."""
        everything = np.arange(rows.observed.size)
        trees = int(str(settings["trees"]))
        return even_trees(_boosted(rows, everything, trees, seed), len(rows.columns))


def _boosted(
    rows: Rows, train: NDArray[np.int64], trees: int, seed: int
) -> CatBoostRegressor:
    booster = CatBoostRegressor(iterations=trees, random_seed=seed, **_TOLD)
    learnt = np.ascontiguousarray(rows.columns[:, train].T)
    return booster.fit(learnt, rows.observed[train])


def even_trees(booster: CatBoostRegressor, features: int) -> EvenTrees:
    """Read the trees off a fitted booster by asking it.

    A row whose features are all lowest falls into the first leaf of every tree. Raise
    one feature past one border after another: a bit of a leaf's number that flips
    belongs to that feature and border. Only the booster's public face is used.
    """
    borders = booster.get_borders()
    questions = [
        (feature, border)
        for feature in range(features)
        for border in borders.get(feature, [])
    ]
    counts = np.asarray(booster.get_tree_leaf_counts(), dtype=np.int64)
    depths = np.log2(counts).round().astype(np.int64)
    deepest = int(depths.max())
    flips = _flips(booster, questions, features)
    feature = np.full((len(counts), deepest), -1, dtype=np.int32)
    border = np.zeros((len(counts), deepest), dtype=np.float32)
    for level in range(deepest):
        turned = (flips >> level) & 1 == 1
        trees = np.flatnonzero(depths > level)
        rows = turned[:, trees].argmax(axis=0)
        feature[trees, level] = [questions[row][0] for row in rows.tolist()]
        border[trees, level] = [questions[row][1] for row in rows.tolist()]
    scale, bias = booster.get_scale_and_bias()
    values = np.asarray(booster.get_leaf_values(), dtype=np.float64) * scale
    leaves = np.zeros((len(counts), 2**deepest))
    for tree, part in enumerate(np.split(values, np.cumsum(counts)[:-1])):
        leaves[tree] = np.tile(part, 2**deepest // len(part))
    return EvenTrees(feature, border, leaves, float(bias))


def _flips(
    booster: CatBoostRegressor, questions: list[tuple[int, float]], features: int
) -> NDArray[np.int64]:
    """Return, per question and tree, the bits that passing the border turns."""
    lowest = np.full(features, np.finfo(np.float32).min, dtype=np.float32)
    below: list[Singles] = []
    above: list[Singles] = []
    for feature, border in questions:
        for side, rows in ((border, below), (np.inf, above)):
            probe = lowest.copy()
            probe[feature] = np.nextafter(np.float32(border), np.float32(side))
            if side is border:
                probe[feature] = np.float32(border)
            rows.append(probe)
    leaves = [
        np.asarray(booster.calc_leaf_indexes(np.stack(rows), thread_count=1))
        for rows in (below, above)
    ]
    return np.asarray(leaves[0] ^ leaves[1], dtype=np.int64)
