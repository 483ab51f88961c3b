import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo.errors import ModelError
from models.domain import MAX_POINTS, Domain

TRAIN = np.array([[0.0], [1.0], [2.0], [4.0], [8.0]])


def test_one_dimension_by_hand():
    """methods.md T23, after Meyer and Pebesma (2021)."""
    domain = Domain.fit(TRAIN, np.ones(1), folds=None)
    assert domain.mean_distance == pytest.approx(3.8)
    training = [1 / 3.8, 1 / 3.8, 1 / 3.8, 2 / 3.8, 4 / 3.8]
    np.testing.assert_allclose(
        np.round(training, 3), [0.263, 0.263, 0.263, 0.526, 1.053]
    )
    assert domain.threshold == pytest.approx(3.5 / 3.8)
    assert round(domain.threshold, 3) == 0.921
    places = np.array([[10.0], [13.0]])
    np.testing.assert_allclose(domain.dissimilarity(places), [2 / 3.8, 5 / 3.8])
    assert domain.contains(places).tolist() == [True, False]


def test_the_threshold_is_at_most_the_largest_training_di():
    domain = Domain.fit(np.array([[0.0], [1.0], [3.0]]), np.ones(1), folds=None)
    assert domain.threshold == pytest.approx(2 / 2)  # 2 over the mean of 1, 3, 2


def test_only_points_of_other_folds_count():
    domain = Domain.fit(TRAIN, np.ones(1), folds=np.array([0, 0, 0, 1, 1]))
    # 4, 3, 2 to the 4; 2 and 6 to the 2: the whisker is 7, the maximum 6
    assert domain.threshold == pytest.approx(6 / 3.8)


def test_importance_stretches_a_feature():
    train = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    ignored = Domain.fit(train, np.array([1.0, 0.0]), folds=None)
    assert ignored.contains(np.array([[1.0, 99.0]])).all()
    heeded = Domain.fit(train, np.array([1.0, 1.0]), folds=None)
    assert not heeded.contains(np.array([[1.0, 99.0]])).any()


def test_training_that_looks_all_the_same_is_refused():
    with pytest.raises(ModelError, match="the same"):
        Domain.fit(np.zeros((5, 2)), np.ones(2), folds=None)
    with pytest.raises(ModelError, match="two folds"):
        Domain.fit(TRAIN, np.ones(1), folds=np.zeros(5, dtype=np.int64))


def test_many_points_are_thinned_evenly():
    train = np.random.default_rng(0).normal(size=(3 * MAX_POINTS, 2))
    domain = Domain.fit(train, np.ones(2), folds=None)
    assert len(domain.points) == MAX_POINTS
    np.testing.assert_array_equal(domain.points[[0, -1]], train[[0, -1]])


@given(arrays(np.float64, (40, 3), elements=st.floats(-20, 20)))
def test_the_quick_answer_is_the_exact_one(places):
    train = np.random.default_rng(1).normal(size=(200, 3))
    domain = Domain.fit(train, np.array([2.0, 1.0, 0.5]), folds=np.arange(200) % 4)
    exact = domain.dissimilarity(places) <= domain.threshold
    np.testing.assert_array_equal(domain.contains(places), exact)
