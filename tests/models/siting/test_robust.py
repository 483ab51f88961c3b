import numpy as np
import pytest

from geo.errors import InfeasibleError, SettingsError
from models.siting.problem import Limits
from models.siting.robust import Criteria, Spread, selection_frequency, verdicts
from models.siting.solve import solve
from tests.models.siting.cases import grid_problem, random_problem

NONE = Spread(
    growth=0.0, growth_class=0.0, growth_shared=0.0, cost=0.0, cost_shared=0.0
)


def test_without_spread_every_draw_is_the_answer():
    problem = grid_problem([[9.0, 8.0], [2.0, 1.0]], 1.0, Limits(budget_cny=2.0))
    found = selection_frequency(problem, solve(problem).selected, NONE, draws=5)
    assert found.frequency.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert found.verdict.tolist() == [3, 3, 0, 0]
    assert (found.draws, found.infeasible) == (5, 0)


def test_two_equal_units_share_the_draws_and_a_rich_one_is_firm():
    problem = grid_problem([[50.0, 5.0, 5.0]], 1.0, Limits(budget_cny=2.0))
    found = selection_frequency(
        problem, solve(problem).selected, Spread(cost=0.0, cost_shared=0.0), draws=200
    )
    assert found.frequency[0] == 1.0
    assert found.frequency[1] + found.frequency[2] == pytest.approx(1.0)
    assert 0.4 < found.frequency[1] < 0.6


def test_names_of_frequencies():
    frequency = np.array([0.9, 0.89, 0.5, 0.49, 0.95])
    selected = np.array([True, True, True, True, False])
    assert verdicts(frequency, selected).tolist() == [3, 2, 2, 1, 0]


def test_a_draw_is_the_same_however_many_there_are():
    problem = random_problem(4, 6)
    selected = solve(problem).selected
    one = selection_frequency(problem, selected, Spread(), draws=3, seed=7)
    two = selection_frequency(problem, selected, Spread(), draws=6, seed=7)
    other = selection_frequency(problem, selected, Spread(), draws=6, seed=8)
    again = selection_frequency(problem, selected, Spread(), draws=6, seed=7)
    counted = np.round(two.frequency * 6) - np.round(one.frequency * 3)
    assert ((counted >= 0) & (counted <= 3)).all()
    np.testing.assert_array_equal(two.frequency, again.frequency)
    assert (two.frequency != other.frequency).any()


def test_weights_that_are_unsure_change_the_choice():
    """Each criterion speaks for one unit; sure weights never let the second win."""
    values = np.array([[10.0, 0.0], [0.0, 10.0]])
    problem = grid_problem([[6.0, 4.0]], 1.0, Limits(budget_cny=1.0))
    selected = solve(problem).selected
    for sureness, low, high in ((2.0, 0.5, 0.8), (10_000.0, 1.0, 1.0)):
        found = selection_frequency(
            problem,
            selected,
            NONE,
            criteria=Criteria(values, np.array([0.6, 0.4]), sureness),
            draws=100,
        )
        assert low <= found.frequency[0] <= high


def test_growth_scales_its_own_criterion_only():
    values = np.array([[0.0, 5.0], [0.0, 4.0]])
    criteria = Criteria(values, np.array([0.5, 0.5]), 1e6, grows=0)
    problem = grid_problem([[2.5, 2.0]], 1.0, Limits(budget_cny=1.0))
    wild = Spread(growth=1.0, cost=0.0, cost_shared=0.0)
    found = selection_frequency(
        problem, np.array([True, False]), wild, criteria=criteria, draws=30
    )
    assert found.frequency.tolist() == [1.0, 0.0]


def test_zones_keep_their_least_size_in_every_draw():
    problem = random_problem(3, 12, penalty=0.005)
    limits = Limits(budget_cny=problem.limits.budget_cny, min_zone_ha=6.0)
    problem = problem.under(limits)
    found = selection_frequency(problem, solve(problem).selected, Spread(), draws=3)
    assert found.infeasible < 3
    assert found.frequency.max() == 1.0


def test_draws_that_nothing_meets_are_counted_and_left_out():
    """Two units cost 2 and must both be in: about half of the draws cost more."""
    problem = grid_problem(
        [[5.0, 5.0, 1.0]], [[1.0, 1.0, 9.0]], Limits(budget_cny=2.0, min_area_ha=2.0)
    )
    found = selection_frequency(
        problem, np.array([True, True, False]), Spread(), draws=20
    )
    assert 3 < found.infeasible < 17
    assert found.frequency[:2].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "weights", [[0.5, 0.6], [1.0], [-0.5, 1.5], [float("nan"), 1.0]]
)
def test_weights_add_to_one(weights):
    with pytest.raises(SettingsError, match="not usable"):
        Criteria(np.ones((3, 2)), np.array(weights))


def test_wrong_spreads_and_no_draws_are_refused():
    with pytest.raises(SettingsError, match="cost"):
        Spread(cost=-0.1)
    with pytest.raises(SettingsError, match="growth"):
        Spread(growth=np.array([0.1, np.nan]))
    problem = grid_problem([[1.0, 2.0]], 1.0, Limits(budget_cny=1.0))
    with pytest.raises(SettingsError, match="draws"):
        selection_frequency(problem, np.ones(2, bool), NONE, draws=0)


def test_a_request_that_cannot_be_met_is_refused_before_any_draw():
    problem = grid_problem(
        [[1.0, 2.0]], [[4.0, 4.0]], Limits(budget_cny=5.0), locked_in=[True, True]
    )
    with pytest.raises(InfeasibleError):
        selection_frequency(problem, np.ones(2, bool), NONE)
