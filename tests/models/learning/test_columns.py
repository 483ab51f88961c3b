import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.columns import (
    FAR,
    STEP,
    Standard,
    exact_weights,
    is_far,
    rounded,
    squares,
)


def test_standard_units_by_hand():
    standard = Standard.of(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert standard.centre.tolist() == [2.0, 5.0]
    assert standard.scale.tolist() == [1.0, 1.0]  # the second does not vary
    columns = standard.columns(np.array([[2.5, 2.0 + 1e-6], [7.0, 5.0]]))
    assert columns.tolist() == [[0.5, 0.0], [2.0, 0.0]]
    assert columns.dtype == np.float32


def test_columns_are_whole_steps_and_far_ones_are_told():
    standard = Standard(np.zeros(1), np.ones(1))
    given_ = np.array([[0.1, 63.9, 64.1, -1e30, np.nan]])
    columns = standard.columns(given_)
    np.testing.assert_array_equal(columns / STEP, np.round(columns / STEP))
    assert columns[0, 2:].tolist() == [FAR, -FAR, FAR]
    assert is_far(columns).tolist() == [False, False, True, True, True]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_a_sum_has_the_same_bytes_in_any_order(terms, seed):
    generator = np.random.default_rng(seed)
    weights = exact_weights(
        generator.normal(size=(3, terms)) * 10.0 ** seed.bit_length()
    )
    cells = generator.uniform(-FAR, FAR, (terms, 50))
    columns = Standard(np.zeros(terms), np.ones(terms)).columns(cells).astype(float)
    whole = weights @ columns
    order = generator.permutation(terms)
    np.testing.assert_array_equal(weights[:, order] @ columns[order], whole)
    one_by_one = np.zeros_like(whole)
    for term in range(terms):
        one_by_one += weights[:, term : term + 1] * columns[term]
    np.testing.assert_array_equal(one_by_one, whole)
    np.testing.assert_array_equal(weights @ columns[:, 7:9], whole[:, 7:9])


def test_weights_keep_six_digits_and_more():
    weights = np.array([[1.0, -3.3333333, 1e-3], [0.0, 0.0, 0.0]])
    kept = exact_weights(weights)
    assert np.abs(kept - weights).max() < 4 * 2.0**-28
    np.testing.assert_array_equal(exact_weights(kept), kept)


def test_squares_and_rounding_by_hand():
    assert squares(np.array([[3.0, 1.0], [4.0, 2.0]])).tolist() == [25.0, 5.0]
    assert rounded(np.array([123456.0, 0.0, -0.00123456]), digits=3).tolist() == [
        123000.0,
        0.0,
        -0.00123,
    ]
