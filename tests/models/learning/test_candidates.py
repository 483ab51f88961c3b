import numpy as np
import pytest

from models.learning.boosting import BoostingCandidate, _boosted, even_trees
from models.learning.candidates import Rows
from models.learning.columns import STEP, Standard
from models.learning.forest import ForestCandidate, _grown, free_trees
from models.learning.linear import BasisFit
from models.learning.process import ProcessCandidate
from models.learning.ridge import RidgeCandidate
from models.learning.trees import EvenTrees, FreeTrees

CANDIDATES = [
    RidgeCandidate(),
    ProcessCandidate(),
    BoostingCandidate(),
    ForestCandidate(),
]


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(80, 4))
    observed = 60 + 20 * features[:, 0] + 8 * np.sin(2 * features[:, 1])
    observed += generator.normal(0, 4, 80)
    columns = Standard.of(features).columns(features.T)
    return Rows(columns, observed, np.arange(80) % 4, np.arange(80) % 16)


@pytest.fixture(scope="module")
def cells():
    features = np.random.default_rng(1).normal(size=(4, 3000))
    return Standard(np.zeros(4), np.ones(4)).columns(features)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda one: one.name)
def test_a_candidate_learns_is_kept_and_comes_back(candidate, rows, cells):
    tuned = candidate.fit(rows, seed=0)
    assert 0 < tuned.inner_rmse < np.std(rows.observed) / 1.5
    mean, variance = tuned.fitted.predict(cells)
    assert mean.dtype == variance.dtype == np.float64
    assert (variance >= 0).all()
    again = type(tuned.fitted).from_arrays(tuned.fitted.to_arrays(), 4)
    np.testing.assert_array_equal(again.predict(cells)[0], mean)
    refitted = candidate.refit(rows, tuned.settings, seed=0)
    np.testing.assert_array_equal(refitted.predict(cells)[0], mean)
    assert tuned.fitted.cost_ns() > 0


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda one: one.name)
def test_cutting_the_cells_changes_no_byte(candidate, rows, cells):
    fitted = candidate.fit(rows, seed=0).fitted
    mean, variance = fitted.predict(cells)
    for start, stop in ((0, 1), (17, 1000), (2999, 3000)):
        part = fitted.predict(np.ascontiguousarray(cells[:, start:stop]))
        np.testing.assert_array_equal(part[0], mean[start:stop])
        np.testing.assert_array_equal(part[1], variance[start:stop])


def test_a_basis_by_hand():
    pivot = np.array([[1.0, 0.0]])
    fit = BasisFit.of(
        "plain",
        0.0,
        beta=np.array([10.0, 2.0, 0.0, 5.0]),
        covariance_root=np.diag([1.0, 0.5, 0.0, 0.0]),
        pivots=pivot,
        length=2.0,
    )
    columns = np.array([[1.0, 3.0], [0.0, 0.0]], dtype=np.float32)
    mean, variance = fit.predict(columns)
    bump = np.exp(-0.5 * 4 / 4)
    np.testing.assert_allclose(mean, [10 + 2 + 5, 10 + 6 + 5 * bump], atol=1e-5)
    np.testing.assert_allclose(variance, [1 + 0.25, 1 + 0.25 * 9], rtol=1e-5)


def test_few_pivots_say_what_the_whole_process_says():
    generator = np.random.default_rng(3)
    features = generator.normal(size=(30, 2))
    observed = np.sin(features[:, 0]) + features[:, 1]
    columns = Standard(np.zeros(2), np.ones(2)).columns(features.T)
    rows = Rows(columns, observed, np.arange(30) % 3, np.arange(30))
    told = {"length": 1.0, "trend": 0.1, "noise": 0.1, "smear": 0.0, "sd": 0.3}
    fit = ProcessCandidate().refit(rows, {"scale": "plain", **told}, seed=0)
    places = columns.T.astype(float)

    def kernel(a, b):
        apart = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
        return np.exp(-apart / (2 * fit.length**2)) / (0.1 / 30) + a @ b.T / 0.1 + 1e9

    gram = kernel(places, places) / 30 + np.eye(30)
    asked = places[:5] + 0.1
    expected = kernel(asked, places) / 30 @ np.linalg.solve(gram, observed)
    on_grid = np.round(asked / STEP) * STEP
    mean, _ = fit.predict(on_grid.T.astype(np.float32))
    np.testing.assert_allclose(mean, expected, atol=0.02)


def test_even_trees_by_hand():
    trees = EvenTrees(
        np.array([[0, 1], [1, -1]], dtype=np.int32),
        np.array([[0.0, 0.5], [-1.0, 0.0]], dtype=np.float32),
        np.array([[1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 10.0, 20.0]]),
        100.0,
    )
    columns = np.array([[-1.0, 1.0, 1.0], [-2.0, 0.0, 0.6]], dtype=np.float32)
    mean, _ = trees.predict(columns)
    assert mean.tolist() == [100 + 1 + 10, 100 + 2 + 20, 100 + 4 + 20]


def test_even_trees_are_the_booster(rows, cells):
    booster = _boosted(rows, np.arange(80), 60, 0)
    ours, _ = even_trees(booster, 4).predict(cells)
    theirs = booster.predict(np.ascontiguousarray(cells.T), thread_count=1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    on_borders = np.zeros((4, 3), dtype=np.float32)
    on_borders[0] = booster.get_borders()[0][:3]
    np.testing.assert_allclose(
        even_trees(booster, 4).predict(on_borders)[0],
        booster.predict(np.ascontiguousarray(on_borders.T), thread_count=1),
        rtol=1e-12,
    )


def test_free_trees_are_the_forest(rows, cells):
    forest = _grown(rows, np.arange(80), 2, 0, trees=20)
    ours, _ = free_trees(forest).predict(cells)
    np.testing.assert_allclose(ours, forest.predict(cells.T), rtol=1e-12)


def test_trees_that_were_tampered_with_are_refused(rows):
    """faults.md M09: an index out of bounds, or a walk that never ends."""
    even = even_trees(_boosted(rows, np.arange(80), 20, 0), 4).to_arrays()
    free = free_trees(_grown(rows, np.arange(80), 5, 0, trees=3)).to_arrays()
    inner = int(np.flatnonzero(free["feature"] >= 0)[2])
    for kind, arrays, name, place, value in (
        (EvenTrees, even, "feature", (0, 0), 4),
        (EvenTrees, even, "feature", (0, 0), -2),
        (EvenTrees, even, "border", (0, 0), np.nan),
        (FreeTrees, free, "feature", inner, 99),
        (FreeTrees, free, "left", inner, inner),
        (FreeTrees, free, "right", inner, 10**6),
        (FreeTrees, free, "root", 0, -1),
        (FreeTrees, free, "value", 0, np.inf),
    ):
        changed = {key: values.copy() for key, values in arrays.items()}
        changed[name][place] = value
        with pytest.raises(ValueError, match=name):
            kind.from_arrays(changed, 4)
    with pytest.raises(ValueError, match="leaves"):
        EvenTrees.from_arrays(even | {"leaves": even["leaves"][:, :3]}, 4)


@pytest.mark.parametrize("scale", ["plain", "root", "log"])
def test_shared_errors_of_a_cell_add_up_to_its_variance(scale, rows, cells):
    fitted = RidgeCandidate().refit(
        rows, {"scale": scale, "penalty": 0.01, "smear": 0.5}, seed=0
    )
    _, variance = fitted.predict(cells)
    shared = fitted.loadings(cells)
    assert shared.shape == (len(fitted.weights) - 1, cells.shape[1])
    np.testing.assert_allclose((shared**2).sum(axis=0), variance, rtol=1e-9)


def test_a_mean_of_cells_moves_as_the_mean_of_their_features_says(rows, cells):
    """On the plain scale z' Cov z of the mean cell, which is less than the cells'."""
    fitted = RidgeCandidate(plain_only=True).fit(rows, seed=0).fitted
    some = cells[:, :200]
    together = fitted.loadings(some).mean(axis=1)
    middle = fitted.weights[1:] @ fitted.basis(some).mean(axis=1)
    np.testing.assert_allclose((together**2).sum(), (middle**2).sum(), rtol=1e-9)
    assert (together**2).sum() < fitted.predict(some)[1].mean()
