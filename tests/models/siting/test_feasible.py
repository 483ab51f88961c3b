import numpy as np
import pytest

from geo.errors import InfeasibleError
from models.siting.feasible import conflicts, least_cost, require_feasible
from models.siting.problem import GroupLimit, Limits
from models.siting.program import program_of
from tests.models.siting.cases import grid_problem

TABLE = [[4.0, 3.0], [2.0, 1.0]]
COST = [[1.0, 2.0], [3.0, 4.0]]
TOWNS = ["北镇", "北镇", "南镇", "南镇"]


def only(problem):
    (found,) = conflicts(problem)
    return found


def test_nothing_speaks_against_a_request_that_can_be_met():
    limits = Limits(budget_cny=3.0, min_area_ha=2.0, max_area_ha=2.0)
    assert conflicts(grid_problem(TABLE, COST, limits)) == ()
    require_feasible(grid_problem(TABLE, COST, limits))


def test_locked_units_beyond_the_budget():
    problem = grid_problem(
        TABLE, COST, Limits(budget_cny=5.0), locked_in=[False, False, True, True]
    )
    found = only(problem)
    assert (found.field, found.needed, found.available) == ("budget_cny", 7.0, 5.0)
    assert found.short_by == 2.0
    assert "2.00 more" in found.what
    assert "2.00 元" in found.zh


def test_locked_units_beyond_the_area():
    problem = grid_problem(
        TABLE, COST, Limits(max_area_ha=1.0), locked_in=[True, False, True, False]
    )
    assert {one.field for one in conflicts(problem)} == {"max_area_ha"}
    assert conflicts(problem)[0].short_by == 1.0


def test_an_area_beyond_the_land():
    problem = grid_problem(
        TABLE, COST, Limits(min_area_ha=3.0), locked_out=[True, True, False, False]
    )
    found = only(problem)
    assert (found.field, found.short_by) == ("min_area_ha", 1.0)


def test_an_area_beyond_the_budget_by_hand():
    """Three of the cheapest cost 1 + 2 + 3; half of the third 1 + 2 + 1.5."""
    problem = grid_problem(TABLE, COST, Limits(budget_cny=5.0, min_area_ha=3.0))
    found = only(problem)
    assert (found.field, found.needed, found.short_by) == ("budget_cny", 6.0, 1.0)
    half = grid_problem(TABLE, COST, Limits(budget_cny=5.0, min_area_ha=2.5))
    assert least_cost(half, program_of(half)) == 4.5
    assert conflicts(half) == ()


def test_a_township_without_enough_land_or_with_too_much_locked():
    problem = grid_problem(
        TABLE,
        COST,
        Limits(groups=(GroupLimit("北镇", 2.5), GroupLimit("南镇", 0.0, 1.0))),
        group=TOWNS,
        locked_in=[False, False, True, True],
    )
    found = {one.field: one.short_by for one in conflicts(problem)}
    assert found == {"groups.北镇": 0.5, "groups.南镇": 1.0}


def test_minima_of_townships_against_the_whole():
    groups = (GroupLimit("北镇", 1.0), GroupLimit("南镇", 2.0))
    problem = grid_problem(
        TABLE, COST, Limits(max_area_ha=2.5, groups=groups), group=TOWNS
    )
    found = only(problem)
    assert (found.field, found.needed, found.short_by) == ("max_area_ha", 3.0, 0.5)
    caps = (GroupLimit("北镇", 0.0, 1.0), GroupLimit("南镇", 0.0, 1.0))
    wide = grid_problem(TABLE, COST, Limits(min_area_ha=3.0, groups=caps), group=TOWNS)
    assert only(wide).short_by == 1.0


def test_minima_of_townships_against_the_budget_by_hand():
    """One ha of 南镇 costs 3; then the cheapest other ha within 北镇's cap costs 1."""
    groups = (GroupLimit("南镇", 1.0), GroupLimit("北镇", 0.0, 1.0))
    limits = Limits(budget_cny=3.5, min_area_ha=2.0, groups=groups)
    problem = grid_problem(TABLE, COST, limits, group=TOWNS)
    assert only(problem).needed == 4.0
    more = problem.under(Limits(budget_cny=9.0, min_area_ha=3.0, groups=groups))
    assert least_cost(more, program_of(more)) == 8.0  # 南镇 3 + 4, 北镇 1


def test_a_locked_unit_that_no_zone_can_hold():
    problem = grid_problem(
        [[1.0, 1.0, 1.0]],
        1.0,
        Limits(min_zone_ha=2.0),
        eligible=[True, False, True],
        locked_in=[True, False, False],
    )
    found = only(problem)
    assert (found.field, found.short_by) == ("min_zone_ha", 1.0)
    assert "U0" in found.what
    assert "U0" in found.zh


def test_all_conflicts_are_told_at_once_in_both_languages():
    problem = grid_problem(
        TABLE,
        COST,
        Limits(budget_cny=5.0, max_area_ha=1.0),
        locked_in=[False, False, True, True],
    )
    with pytest.raises(InfeasibleError) as told:
        require_feasible(problem)
    record = told.value.record()
    assert record["code"] == "infeasible"
    assert "budget_cny" in record["field"]
    assert "max_area_ha" in record["field"]
    assert "锁定" in record["message_zh"]


def test_the_least_cost_is_that_of_a_linear_programme():
    from scipy.optimize import linprog

    for seed in range(20):
        generator = np.random.default_rng(seed)
        area = generator.uniform(0.5, 2.0, (4, 4))
        cost = generator.uniform(1.0, 9.0, (4, 4))
        towns = np.repeat(["a", "b"], 8)
        whole = {name: area.ravel()[towns == name].sum() for name in "ab"}
        groups = (
            GroupLimit("a", 0.3 * whole["a"], 0.6 * whole["a"]),
            GroupLimit("b", 0.2 * whole["b"], 0.9 * whole["b"]),
        )
        limits = Limits(min_area_ha=0.55 * area.sum(), groups=groups)
        locked = generator.random(16) < 0.1
        problem = grid_problem(
            area, cost, limits, area_ha=area.ravel(), group=towns, locked_in=locked
        )
        rows = [-area.ravel()]
        right = [-limits.min_area_ha]
        for limit in groups:
            inside = np.where(towns == limit.group, area.ravel(), 0.0)
            rows += [-inside, inside]
            right += [-limit.min_ha, limit.max_ha]
        bounds = [(float(one), 1.0) for one in locked]
        expected = linprog(cost.ravel(), A_ub=rows, b_ub=right, bounds=bounds)
        assert expected.success
        found = least_cost(problem, program_of(problem))
        assert found == pytest.approx(expected.fun)
