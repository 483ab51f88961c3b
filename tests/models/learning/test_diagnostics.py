import numpy as np
import pytest

from models.learning.diagnostics import (
    age_of_plots,
    importance,
    saturation,
    suspects,
)


def test_the_importance_of_a_linear_model_is_its_coefficient():
    columns = np.random.default_rng(0).normal(size=(3, 4000)).astype(np.float32)
    moved = importance(lambda c: 2.0 * c[0] - 0.5 * c[1] + 1.0, columns, seed=0)
    np.testing.assert_allclose(moved, [2.0, 0.5, 0.0], rtol=0.03, atol=1e-12)


def test_saturation_is_found_where_predictions_go_flat():
    """faults.md M14."""
    generator = np.random.default_rng(0)
    observed = generator.uniform(0, 500, 300)
    noise = generator.normal(0, 20, 300)
    flat = saturation(observed, np.minimum(observed, 200) + noise)
    assert flat.saturates
    assert flat.upper_valid_limit == pytest.approx(200, abs=30)
    assert flat.slope_above < 0.25
    straight = saturation(observed, 0.8 * observed + noise)
    assert not straight.saturates
    assert straight.upper_valid_limit == pytest.approx(observed.max(), rel=1e-3)
    assert straight.slope_below == pytest.approx(0.8, abs=0.05)


def test_a_model_without_skill_is_not_called_saturated():
    generator = np.random.default_rng(1)
    observed = generator.uniform(0, 500, 300)
    assert not saturation(observed, generator.normal(250, 20, 300)).saturates


def test_the_plot_that_pulls_is_suspected_first():
    generator = np.random.default_rng(0)
    columns = generator.normal(size=(2, 50)).astype(np.float32)
    residual = generator.normal(0, 1, 50)
    columns[:, 17], residual[17] = 6.0, 40.0
    found = suspects(columns, residual)
    assert found[0] == 17
    assert len(found) == 5


def test_the_age_of_plots_by_hand():
    """faults.md M13."""
    day = np.array(["2015-07-01", "2019-07-01", "2020-07-01", "NaT"], "datetime64[D]")
    told = age_of_plots(day, np.datetime64("2020-07-01"))
    assert told["median_years"] == 1.0
    assert told["largest_years"] == 5.0
    assert told["old_share"] == pytest.approx(1 / 3, abs=1e-3)
    assert told["unknown_share"] == 0.25
    assert age_of_plots(day, None) is None
    assert age_of_plots(day[3:], np.datetime64("2020-07-01")) is None
