from dataclasses import replace

import numpy as np
import pytest

from models.siting.exact import Effort, branch
from models.siting.problem import GroupLimit, Limits
from models.siting.program import FREE, IN, OUT, program_of
from tests.models.siting.cases import best_by_trying, grid_problem, random_problem


@pytest.mark.parametrize("zone", [None, 2.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_highs_finds_the_best_of_all_choices(seed, zone):
    problem = random_problem(seed, 3, penalty=0.05)
    budget = problem.limits.budget_cny
    problem = problem.under(Limits(budget_cny=budget, min_zone_ha=zone))
    program = program_of(problem)
    found = branch(program)
    assert found.is_finished
    assert program.value(found.chosen) == pytest.approx(best_by_trying(problem))
    assert found.bound == pytest.approx(program.value(found.chosen), rel=1e-6)


def test_what_is_fixed_stays():
    problem = random_problem(1, 3, penalty=0.05)
    program = program_of(problem)
    fixed = np.array([IN, OUT, FREE, FREE, OUT, FREE, FREE, FREE, FREE], np.int8)
    found = branch(replace(program, fixed=fixed))
    assert found.chosen[0]
    assert not found.chosen[[1, 4]].any()


def test_locked_units_are_part_of_zones():
    problem = grid_problem(
        [[1.0, 5.0, 1.0]],
        1.0,
        Limits(budget_cny=2.0, min_zone_ha=2.0),
        locked_in=[True, False, False],
    )
    assert branch(program_of(problem)).chosen.tolist() == [True, True, False]


def test_nothing_free_is_an_answer_or_none():
    program = program_of(grid_problem([[1.0, 2.0]], 1.0, Limits(min_area_ha=1.0)))
    all_in = replace(program, fixed=np.array([IN, IN], np.int8))
    assert branch(all_in).chosen.tolist() == [True, True]
    all_out = replace(program, fixed=np.array([OUT, OUT], np.int8))
    assert branch(all_out).chosen is None
    assert branch(all_out).is_infeasible


def test_limits_that_nothing_meets():
    limits = Limits(min_area_ha=2.5, max_area_ha=2.9)
    found = branch(program_of(grid_problem(np.ones((2, 2)), 1.0, limits)))
    assert found.is_infeasible
    assert found.chosen is None
    assert found.bound == -np.inf


def test_a_search_that_is_cut_short_says_so():
    """Townships with a share each, so that one node is far from enough."""
    towns = np.repeat([f"T{k}" for k in range(4)], 36)
    problem = random_problem(3, 12, penalty=0.2, limits=Limits(), group=towns)
    groups = tuple(GroupLimit(f"T{k}", 7.0, 10.0) for k in range(4))
    program = program_of(problem.under(Limits(max_area_ha=34.0, groups=groups)))
    found = branch(program, Effort(nodes=1))
    assert not found.is_finished
    assert not found.is_infeasible
    assert found.bound > program.value(found.chosen)
