import numpy as np
import pytest

from geo.errors import SettingsError, TableError
from models.siting.problem import GroupLimit, Limits, Problem
from models.siting.units import Borders
from tests.models.siting.cases import grid_problem

TABLE = [[4.0, 3.0], [2.0, 1.0]]


@pytest.mark.parametrize(
    "field", ["budget_cny", "max_area_ha", "min_area_ha", "min_zone_ha"]
)
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_limit_is_above_zero_and_finite(field, value):
    with pytest.raises(SettingsError, match=field) as told:
        Limits(**{field: value})
    assert told.value.where["field"] == field
    assert "更正" in told.value.zh


def test_a_budget_beyond_all_land_is_refused_with_the_sum():
    with pytest.raises(SettingsError, match=r"only 8\.00 CNY") as told:
        grid_problem(TABLE, 2.0, Limits(budget_cny=8.5))
    assert "8.00 元" in told.value.zh
    assert "8.00" in told.value.cure
    assert grid_problem(TABLE, 2.0, Limits(budget_cny=8.0))


def test_land_that_may_not_be_chosen_does_not_count():
    with pytest.raises(SettingsError, match=r"eligible land: 3\.00 ha"):
        grid_problem(
            TABLE,
            2.0,
            Limits(max_area_ha=3.5),
            eligible=[True, True, True, False],
        )


def test_limits_that_contradict_are_refused():
    with pytest.raises(SettingsError, match="contradict"):
        Limits(min_area_ha=3.0, max_area_ha=2.0)
    with pytest.raises(SettingsError, match="contradict"):
        Limits(groups=(GroupLimit("北镇", 3.0, 2.0),))
    with pytest.raises(SettingsError, match="not negative"):
        Limits(groups=(GroupLimit("北镇", -1.0),))


def test_a_group_is_known_and_limited_once():
    groups = ["北镇", "北镇", "南镇", "南镇"]
    with pytest.raises(SettingsError, match="without units") as told:
        grid_problem(
            TABLE, 2.0, Limits(groups=(GroupLimit("东镇", 1.0),)), group=groups
        )
    assert "北镇、南镇" in told.value.zh or "南镇、北镇" in told.value.zh
    twice = (GroupLimit("北镇", 1.0), GroupLimit("北镇", 2.0))
    with pytest.raises(SettingsError, match="given twice"):
        grid_problem(TABLE, 2.0, Limits(groups=twice), group=groups)


def test_the_penalty_is_not_negative():
    with pytest.raises(SettingsError, match="penalty_per_m"):
        grid_problem(TABLE, 2.0, Limits(), penalty=-0.1)


def test_borders_are_checked_against_the_units():
    units = grid_problem(TABLE, 2.0, Limits()).units
    with pytest.raises(TableError, match="beyond"):
        Problem(units, Borders([0], [9], [1.0]))


def test_the_same_problem_under_other_limits():
    problem = grid_problem(TABLE, 2.0, Limits(budget_cny=4.0))
    assert problem.under(Limits(budget_cny=6.0)).limits.budget_cny == 6.0
    with pytest.raises(SettingsError):
        problem.under(Limits(budget_cny=9.0))
