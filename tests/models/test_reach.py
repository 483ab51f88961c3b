import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.domain import Domain
from models.reach import Reach


def _exact(domain, cells):
    return domain.contains(cells.T.astype(np.float64))


def test_one_dimension_by_hand():
    """methods.md T23: mean distance 3.8, threshold 0.921; 10 is in, 13 is out."""
    domain = Domain.fit(
        np.array([[0.0], [1.0], [2.0], [4.0], [8.0]]), np.ones(1), folds=None
    )
    assert round(domain.mean_distance, 3) == 3.8
    assert round(domain.threshold, 3) == 0.921
    reach = Reach.of(domain)
    cells = np.array([[10.0, 13.0, -3.0, -4.0, 11.5, 11.4999]], dtype=np.float32)
    assert reach.contains(cells).tolist() == [True, False, True, False, True, True]


@pytest.mark.parametrize(("features", "points"), [(1, 40), (20, 300), (68, 90)])
def test_every_cell_gets_the_exact_answer(features, points):
    generator = np.random.default_rng(features)
    mixing = generator.normal(size=(features, min(features, 4)))

    def cloud(count, wide):
        hidden = generator.normal(size=(count, mixing.shape[1])) * wide
        return hidden @ mixing.T + 0.3 * wide * generator.normal(size=(count, features))

    weights = np.exp(-np.arange(features) / 5)
    domain = Domain.fit(cloud(points, 1.0), weights, np.arange(points) % 5)
    reach = Reach.of(domain)
    for wide in (0.5, 1.5, 3.0):
        cells = np.ascontiguousarray(cloud(5000, wide).T, dtype=np.float32)
        exact = _exact(domain, cells)
        np.testing.assert_array_equal(reach.contains(cells), exact)
        assert wide != 1.5 or 0.02 < exact.mean() < 0.98  # both answers were asked for


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (3, 40), elements=st.floats(-20, 20, width=32)))
def test_any_cells_get_the_exact_answer(cells):
    train = np.random.default_rng(1).normal(size=(200, 3))
    domain = Domain.fit(train, np.array([2.0, 1.0, 0.5]), np.arange(200) % 4)
    inside = Reach.of(domain).contains(cells)
    np.testing.assert_array_equal(inside, _exact(domain, cells))
    alone = [Reach.of(domain).contains(cells[:, i : i + 1])[0] for i in (0, 39)]
    assert alone == inside[[0, 39]].tolist()


def test_cells_on_the_very_edge_are_left_to_the_exact_search():
    # A point far from the origin makes single precision coarse.
    train = np.array([[1000.0, 0.0], [1000.5, 0.0], [1001.0, 0.0], [1003.0, 0.0]])
    domain = Domain.fit(train, np.ones(2), folds=None)
    radius = domain.threshold * domain.mean_distance
    step = np.linspace(-1e-3, 1e-3, 2001)
    cells = np.stack([1003 + radius + step, 0 * step]).astype(np.float32)
    inside = Reach.of(domain).contains(cells)
    np.testing.assert_array_equal(inside, _exact(domain, cells))
    assert 0 < inside.mean() < 1


def test_what_is_no_number_or_beyond_numbers_is_outside():
    domain = Domain.fit(np.eye(3), np.ones(3), folds=None)
    cells = np.zeros((3, 5), dtype=np.float32)
    cells[1] = [np.nan, np.inf, -np.inf, 1e30, 0]
    assert Reach.of(domain).contains(cells).tolist() == [False] * 4 + [True]
