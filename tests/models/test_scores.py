import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import TooFewObservationsError
from models.scores import (
    block_folds,
    block_ids,
    cross_validate,
    random_folds,
    score,
    significant,
)


def test_scores_by_hand():
    observed = np.array([10.0, 20.0, 30.0, 40.0])
    predicted = np.array([12.0, 20.0, 30.0, 36.0])
    scores = score(observed, predicted, sd=np.full(4, 2.0))
    assert scores.n == 4
    assert scores.rmse == pytest.approx(np.sqrt((4 + 0 + 0 + 16) / 4))
    assert scores.relative_rmse == pytest.approx(np.sqrt(5) / 25)
    assert scores.bias == pytest.approx(-0.5)
    assert scores.r2 == pytest.approx(1 - 20 / 500)
    assert scores.coverage_90 == 0.75  # 4 is beyond 1.645 x 2, 2 is not


def test_what_is_not_defined_is_none():
    scores = score(np.zeros(3), np.zeros(3))
    assert scores.relative_rmse is None
    assert scores.r2 is None
    assert scores.coverage_90 is None
    assert scores.record()["n"] == 3
    with pytest.raises(TooFewObservationsError):
        score(np.zeros(0), np.zeros(0))


def test_blocks_by_hand():
    x, y = [0.0, 99.9, 100.0, 0.0, -0.1], [0.0, 0.0, 0.0, 100.0, 0.0]
    assert block_ids(x, y, block_m=100).tolist() == [1, 1, 3, 2, 0]
    with pytest.raises(ValueError, match="block_m=0"):
        block_ids(x, y, block_m=0)


def _lattice(size):
    x, y = np.meshgrid(np.arange(size) * 20.0 + 10, np.arange(size) * 20.0 + 10)
    return x.ravel(), y.ravel()


@given(st.integers(2, 7), st.randoms(use_true_random=False))
def test_a_block_is_never_cut_and_order_does_not_matter(folds, chance):
    x, y = _lattice(20)
    dealt = block_folds(x, y, block_m=100, folds=folds)
    for block in np.unique(block_ids(x, y, block_m=100)):
        assert len(set(dealt[block_ids(x, y, block_m=100) == block])) == 1
    sizes = np.bincount(dealt)
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 25  # one block
    order = np.arange(x.size)
    chance.shuffle(order)
    turned = block_folds(x[order], y[order], block_m=100, folds=folds)
    np.testing.assert_array_equal(turned, dealt[order])


def test_too_few_blocks_says_so():
    x, y = _lattice(5)
    with pytest.raises(TooFewObservationsError, match="lie in 1"):
        block_folds(x, y, block_m=1000, folds=5)


def test_random_folds_are_even_and_repeat():
    folds = random_folds(103, folds=5, seed=7)
    assert np.ptp(np.bincount(folds)) <= 1
    np.testing.assert_array_equal(folds, random_folds(103, folds=5, seed=7))
    assert (folds != random_folds(103, folds=5, seed=8)).any()


def test_every_row_is_predicted_from_the_others():
    observed = np.arange(10.0)
    folds = np.arange(10) % 5

    def others_mean(train, test):
        assert not set(train) & set(test)
        return np.full(test.size, observed[train].mean()), None

    predicted, scores = cross_validate(others_mean, observed, folds)
    assert predicted[0] == pytest.approx((observed.sum() - 0 - 5) / 8)
    assert scores.coverage_90 is None
    assert scores.r2 < 0


def test_random_folds_flatter_where_neighbours_repeat():
    # faults.md M02: a model that only remembers places scores well at random only.
    generator = np.random.default_rng(0)
    x, y = _lattice(30)
    stand = block_ids(x, y, block_m=100)
    observed = generator.normal(0, 10, stand.max() + 1)[stand]
    places = np.column_stack([x, y])

    def nearest(train, test):
        apart = ((places[test][:, None] - places[train][None]) ** 2).sum(axis=-1)
        return observed[train][apart.argmin(axis=1)], None

    _, random = cross_validate(nearest, observed, random_folds(900, folds=5, seed=0))
    blocked_folds = block_folds(x, y, block_m=100, folds=5)
    _, blocked = cross_validate(nearest, observed, blocked_folds)
    assert random.r2 > 0.5
    assert blocked.r2 < 0


def test_significant_digits():
    assert significant(1.23456789, 3) == 1.23
    assert significant(0.000123456, 3) == 0.000123
    assert significant(-98765.0, 2) == -99000.0
