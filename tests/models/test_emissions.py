import numpy as np
import pytest

from geo.errors import TableError
from models.emissions import co2e_t_yr, factor_t_mwh, reported_or_estimated


def one(number):
    return np.array([float(number)])


def test_a_lignite_plant_by_hand():
    """101 kg/GJ x 3.6 / 0.36 = 1.01 t/MWh; x 1,320 MW x 4,500 h = 5.9994 Mt."""
    factor = factor_t_mwh(one(101), one(0.36))
    assert factor[0] == pytest.approx(1.01)
    total = co2e_t_yr(one(1320), full_load_hours=one(4500), factor_t_mwh=factor)
    assert total[0] == pytest.approx(5_999_400)


def test_reported_figures_win_and_estimates_are_marked():
    result = reported_or_estimated(np.array([np.nan, 7.0, 0.0]), np.array([5, 6, 9.0]))
    np.testing.assert_array_equal(result.co2e_t_yr, [5, 7, 0])
    np.testing.assert_array_equal(result.estimated, [True, False, False])


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("capacity_mw", -1),
        ("capacity_mw", np.nan),
        ("full_load_hours", 8785),
        ("full_load_hours", -1),
        ("factor_t_mwh", np.inf),
    ],
)
def test_impossible_activity_is_refused(field, bad):
    good = {"capacity_mw": one(1), "full_load_hours": one(1), "factor_t_mwh": one(1)}
    good[field] = np.array([1.0, bad])
    with pytest.raises(TableError, match=f"Source 1 has {field}") as error:
        co2e_t_yr(**good)
    assert error.value.where["item"] == "1"
    assert "排放源" in error.value.zh


@pytest.mark.parametrize("efficiency", [0, -0.1, 1.2, np.nan, 36])
def test_impossible_efficiency_is_refused(efficiency):
    with pytest.raises(TableError, match="efficiency"):
        factor_t_mwh(one(101), one(efficiency))


@pytest.mark.parametrize(
    ("reported", "estimate"), [(-1, 5), (np.inf, 5), (np.nan, np.nan)]
)
def test_no_silent_nulls(reported, estimate):
    with pytest.raises(TableError, match="co2e_t_yr"):
        reported_or_estimated(one(reported), one(estimate))
