"""Candidate: extremely randomised trees, fitted by scikit-learn, kept as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from models.learning.candidates import Rows, Settings, Tuned
from models.learning.trees import FreeTrees
from models.scores import significant

TREES = 100
LEAVES = (1, 3)
"""Candidates: fewest plots in a leaf."""
TUNING_TREES = 40
"""Enough to tell one size of leaves from another."""


@dataclass(frozen=True, slots=True)
class ForestCandidate:
    """The fewest plots in a leaf chosen on spatial folds."""

    name: str = "extra_trees"

    def fit(self, rows: Rows, *, seed: int) -> Tuned:
        """Tune on the folds of ``rows``, then fit to all of them."""
        tried = [(self._rmse(rows, leaf, seed), leaf) for leaf in LEAVES]
        rmse, leaf = min(tried)
        settings: Settings = {"plots_in_leaf": leaf, "trees": TREES}
        return Tuned(self.refit(rows, settings, seed=seed), settings, rmse)

    def refit(self, rows: Rows, settings: Settings, *, seed: int) -> FreeTrees:
        """Fit with a known size of leaves."""
        leaf = int(str(settings["plots_in_leaf"]))
        return free_trees(_grown(rows, np.arange(rows.observed.size), leaf, seed))

    def _rmse(self, rows: Rows, leaf: int, seed: int) -> float:
        squared = 0.0
        for fold in rows.folds():
            train, test = rows.split(fold)
            grown = _grown(rows, train, leaf, seed, trees=TUNING_TREES)
            unseen = grown.predict(rows.columns[:, test].T)
            squared += float(((unseen - rows.observed[test]) ** 2).sum())
        return significant(float(np.sqrt(squared / rows.observed.size)), 8)


def _grown(
    rows: Rows, train: NDArray[np.int64], leaf: int, seed: int, *, trees: int = TREES
) -> ExtraTreesRegressor:
    forest = ExtraTreesRegressor(
        trees, min_samples_leaf=leaf, max_features=0.5, random_state=seed, n_jobs=1
    )
    return forest.fit(rows.columns[:, train].T, rows.observed[train])


def free_trees(forest: ExtraTreesRegressor) -> FreeTrees:
    """Read the trees off a fitted forest (or of any kind of scikit-learn's)."""
    trees = [one.tree_ for one in forest.estimators_]
    counts = np.array([tree.node_count for tree in trees], dtype=np.int64)
    root = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return FreeTrees(
        root,
        np.concatenate([_feature(tree.feature) for tree in trees]),
        np.concatenate([tree.threshold for tree in trees]),
        _children([tree.children_left for tree in trees], root),
        _children([tree.children_right for tree in trees], root),
        np.concatenate([tree.value[:, 0, 0] for tree in trees]),
    )


def _feature(feature: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.where(feature >= 0, feature, -1).astype(np.int32)


def _children(
    children: list[NDArray[np.int64]], root: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return children numbered through all trees; a leaf's are -1."""
    moved = [
        np.where(child >= 0, child + start, -1)
        for child, start in zip(children, root.tolist(), strict=True)
    ]
    return np.concatenate(moved).astype(np.int32)
