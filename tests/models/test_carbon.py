import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import carbon
from models.carbon import Part, RatioClass


def test_a_stand_by_hand():
    """methods.md T1: 88.921 t/ha with roots, CF 0.47."""
    stock = carbon.carbon_t(np.array([88.921]), root_shoot=0.0, carbon_fraction=0.47)
    assert stock[0] == pytest.approx(41.7929, abs=5e-5)
    assert carbon.co2_t(stock)[0] == pytest.approx(153.2405, abs=5e-5)
    roots = carbon.carbon_t(np.array([100.0]), root_shoot=0.25, carbon_fraction=0.47)
    assert roots[0] == pytest.approx(58.75)


def test_root_function_of_the_tool():
    """methods.md T11."""
    ratio = carbon.root_shoot_function(
        np.array([20, 50, 100, 200, 0, np.nan]), intercept=-1.085, slope=0.9256
    )
    np.testing.assert_allclose(
        ratio, [0.27039, 0.25257, 0.23988, 0.22782, np.nan, np.nan], atol=5e-6
    )


CLASSES = (RatioClass(0, 75, 0.46), RatioClass(75, np.inf, 0.23))


def test_root_classes_are_open_below_and_closed_above():
    ratio = carbon.root_shoot(np.array([0, 75, 75.01, 900, np.nan]), CLASSES[::-1])
    np.testing.assert_array_equal(ratio, [0.46, 0.46, 0.23, 0.23, np.nan])


@pytest.mark.parametrize(
    "classes", [CLASSES[:1], CLASSES[1:], (*CLASSES, RatioClass(80, 90, 1)), ()]
)
def test_root_classes_must_join(classes):
    with pytest.raises(ValueError, match="join from 0"):
        carbon.root_shoot(np.array([1.0]), classes)


def test_combining_rules():
    """methods.md T28."""
    product = carbon.relative_se_of_product(20.0, 30.0, 5.0)
    assert product == pytest.approx(36.40, abs=5e-3)
    total = carbon.se_of_sum(100 * 0.20, 50 * 0.30) / 150
    assert 100 * total == pytest.approx(16.67, abs=5e-3)


def test_limits_of_a_stock_stop_at_zero_and_those_of_a_change_do_not():
    value, se = np.array([100.0, 10.0]), np.array([10.0, 10.0])
    low, high = carbon.limits_90(value, se, stock=True)
    np.testing.assert_allclose(low, [100 - 16.44854, 0], atol=1e-5)
    np.testing.assert_allclose(high, [116.44854, 26.44854], atol=1e-5)
    assert carbon.limits_90(value, se, stock=False)[0][1] == pytest.approx(-6.44854)


def test_shared_errors_add_up_and_independent_ones_do_not():
    figure = np.array([100.0, 300.0, np.nan])
    parts = (
        *carbon.coefficient_parts(figure, {"carbon_fraction": 0.05}),
        Part("map", np.array([30.0, 40.0, np.nan]), shared=False),
    )
    np.testing.assert_allclose(
        carbon.parcel_se(parts)[:2], [np.hypot(5, 30), np.hypot(15, 40)]
    )
    variances = carbon.total_variances(parts)
    assert variances == pytest.approx({"carbon_fraction": 400.0, "map": 2500.0})
    budget = carbon.budget_pct(variances)
    assert budget["map"] == pytest.approx(100 * 2500 / 2900)
    assert carbon.budget_pct({"map": 0.0}) == {"map": 0.0}


def test_a_shared_error_cancels_between_gain_and_loss():
    parts = carbon.coefficient_parts(np.array([50.0, -50.0]), {"root_shoot": 0.1})
    assert carbon.total_variances(parts)["root_shoot"] == 0


@given(st.lists(st.just(0.0) | st.floats(1e-6, 0.3), min_size=1, max_size=5))
def test_a_product_errs_more_than_its_worst_factor_and_less_than_the_sum(relative):
    combined = float(carbon.relative_se_of_product(*relative))
    assert max(relative) <= combined * (1 + 1e-12)
    assert combined <= sum(relative) * (1 + 1e-12)


@given(st.floats(0.01, 0.1), st.floats(0.01, 0.1))
def test_first_order_agrees_with_simulation(first, second):
    generator = np.random.default_rng(8)
    draws = generator.normal(1, first, 20_000) * generator.normal(1, second, 20_000)
    linear = float(carbon.relative_se_of_product(first, second))
    assert draws.std() == pytest.approx(linear, rel=0.05)
