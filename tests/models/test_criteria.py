import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.coefficients import priority_weights
from config.siting_tables import cost_rates
from geo.errors import SettingsError
from models.criteria import (
    CRITERIA,
    CostRates,
    benefit,
    idle_land,
    planting_cost,
    scaled,
)


def test_every_criterion_says_what_it_is():
    assert set(priority_weights()) <= set(CRITERIA)
    for one in CRITERIA.values():
        assert one.direction in {-1, 1}
        assert one.unit
        assert one.title_zh


def test_costs_by_hand():
    """10000 + 2 % a degree, 500 a km, 3000 for measures from 5 degrees."""
    rates = CostRates(10_000, 0.02, 500, 3000)
    found = planting_cost(
        np.array([0, 4.9, 5, np.nan]), np.array([0, 2000, 1000, 0]), rates
    )
    np.testing.assert_allclose(found, [10_000, 11_980, 14_500, np.nan])
    assert cost_rates().base_cny_ha == 1500 * 15


def test_idle_land():
    found = idle_land(np.array([0, 19.9, 20, np.nan]), below_pct=20)
    np.testing.assert_array_equal(found, [1, 1, 0, np.nan])


def test_scaling_turns_costs_around():
    values = np.array([10.0, 20, 30, np.nan])
    np.testing.assert_array_equal(scaled("idle_land", values), [0, 0.5, 1, np.nan])
    np.testing.assert_array_equal(scaled("cost", values), [1, 0.5, 0, np.nan])
    some = np.array([True, True, False, True])
    np.testing.assert_array_equal(
        scaled("idle_land", values, among=some), [0, 1, 1, np.nan]
    )
    np.testing.assert_array_equal(scaled("cost", np.full(3, 7.0)), np.zeros(3))


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.sampled_from([*CRITERIA]),
)
def test_scaled_lies_in_zero_to_one_and_keeps_the_order(values, name):
    found = scaled(name, np.array(values))
    assert ((found >= 0) & (found <= 1)).all()
    order = np.argsort(values, kind="stable")
    steps = np.diff(found[order]) * CRITERIA[name].direction
    assert (steps >= -1e-12).all()


def test_benefit_by_hand():
    criteria = {"idle_land": np.array([0.0, 1]), "cost": np.array([50.0, 100])}
    found = benefit(criteria, {"idle_land": 0.75, "cost": 0.25, "access": 0.0})
    np.testing.assert_allclose(found, [0.25, 0.75])


@pytest.mark.parametrize("weights", [{"access": 1.0}, {}, {"beauty": 1.0}])
def test_a_weight_without_values(weights):
    with pytest.raises(SettingsError, match="no values"):
        benefit({"cost": np.zeros(2)}, weights)
    with pytest.raises(SettingsError, match="beauty"):
        scaled("beauty", np.zeros(2))
