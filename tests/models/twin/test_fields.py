"""Randomness that is the same whichever part is asked for, in whatever order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.twin.fields import (
    Noise,
    generator,
    grid_places,
    key_of,
    normal,
    point_places,
    uniform,
)

WHOLE = st.integers(-(2**40), 2**40)


def test_a_hash_is_known_and_is_not_another():
    assert key_of(1, "a", 2) == key_of(1, "a", 2)
    assert len({key_of(1, "a"), key_of(2, "a"), key_of(1, "b"), key_of(1, "a", 0)}) == 4


@given(WHOLE, WHOLE)
def test_a_place_has_its_number_alone_or_in_company(i, j):
    key = key_of(3, "place")
    alone = float(uniform(key, i, j))
    company = uniform(key, np.array([i - 1, i, i + 1])[:, None], np.array([j, j + 1]))
    assert company[1, 0] == alone
    assert 0 <= alone < 1


def test_hashed_numbers_are_even_and_independent():
    i, j = np.mgrid[0:300, 0:300]
    values = uniform(key_of(1, "even"), i, j)
    assert values.mean() == pytest.approx(0.5, abs=0.005)
    assert values.var() == pytest.approx(1 / 12, abs=0.001)
    for shifted in (values[1:, :-1], values[:-1, 1:]):
        assert abs(np.corrcoef(values[:-1, :-1].ravel(), shifted.ravel())[0, 1]) < 0.01
    numbers = normal(key_of(1, "normal"), i, j)
    assert numbers.mean() == pytest.approx(0, abs=0.01)
    assert numbers.std() == pytest.approx(1, abs=0.01)


def test_noise_is_centred_smooth_and_of_unit_spread():
    field = Noise(5, "smooth", 100.0)
    values = field.on(np.arange(0.0, 20_000, 25), np.arange(0.0, 20_000, 25))
    assert values.mean() == pytest.approx(0, abs=0.03)
    assert values.std() == pytest.approx(1, abs=0.05)
    near, far = np.diff(values[::8], axis=1).std(), values.std() * 2**0.5
    assert near < far / 2


def test_points_and_grid_agree_and_a_part_is_the_whole_cut():
    xs, ys = np.arange(450_005.0, 450_905, 10), np.arange(3_419_995.0, 3_419_195, -10)
    whole = grid_places(xs, ys)
    field = whole.octaves(9, "part", (300.0, 120.0))
    part = grid_places(xs[13:40], ys[5:31]).octaves(9, "part", (300.0, 120.0))
    np.testing.assert_array_equal(part, field[5:31, 13:40])
    x, y = whole.xy
    points = point_places(x[7], y[7]).octaves(9, "part", (300.0, 120.0))
    np.testing.assert_allclose(points, field[7], atol=1e-12)


def test_generators_belong_to_their_names():
    one = generator(1, "scene", "b").standard_normal(5)
    np.testing.assert_array_equal(generator(1, "scene", "b").standard_normal(5), one)
    assert not np.allclose(generator(1, "scene", "c").standard_normal(5), one)
