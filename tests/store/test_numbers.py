import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.numbers import (
    MISSING,
    days_text,
    general,
    interval,
    p_value,
    plus_minus,
    rounded,
)


@pytest.mark.parametrize(
    ("value", "se", "expected"),
    [
        (6432.1, 1120.4, "6,400 ± 1,100"),
        (12.3456, 0.0567, "12.346 ± 0.057"),
        (-96.4, 58.3, "−96 ± 58"),
        (-0.04, 3.1, "0.0 ± 3.1"),
        (5.0, 0.0, "5 ± 0"),
        (5.0, None, "5"),
        (None, 1.0, MISSING),
        (math.nan, 1.0, MISSING),
    ],
)
def test_two_digits_of_the_error_decide(value, se, expected):
    assert plus_minus(value, se) == expected


def test_a_limit_near_zero_keeps_its_sign():
    assert interval(-192.3, -0.5) == "[−192.3; −0.5]"
    assert interval(None, 1.0) == MISSING
    assert interval(3.0, 3.0) == "3"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (2415.0, "2,415"),
        (1234567.0, "1,234,567"),
        (0.523, "0.523"),
        (3.6666667, "3.667"),
        (-0.412, "−0.412"),
        (math.inf, MISSING),
    ],
)
def test_general_numbers(value, expected):
    assert general(value) == expected


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.0004, "< 0.001"), (0.0312, "0.031"), (0.42, "0.42"), (None, MISSING)],
)
def test_p_values(p, expected):
    assert p_value(p) == expected


def test_the_last_day_of_a_period_is_one_of_its_days():
    assert days_text("20200601-20200901") == "2020-06-01 – 2020-08-31"
    assert days_text("summer") == "summer"


@given(st.floats(-1e9, 1e9), st.floats(1e-4, 1e8))
def test_what_is_shown_is_near_what_is_meant(value, se):
    shown, error = (
        float(part.replace("−", "-").replace(",", ""))
        for part in plus_minus(value, se).split(" ± ")
    )
    assert abs(shown - value) <= 0.051 * se + 1e-6
    assert abs(error - se) <= 0.051 * se + 1e-6


@given(st.floats(-1e6, 1e6), st.integers(-3, 6))
def test_no_minus_zero_is_ever_shown(value, decimals):
    text = rounded(value, decimals)
    assert text.strip("−0.,") or not text.startswith("−")
