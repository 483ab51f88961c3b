import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.errors import InfeasibleError
from models.siting.core import QUICK, Care
from models.siting.cut import cut
from models.siting.exact import branch
from models.siting.problem import GroupLimit, Limits, Problem
from models.siting.program import program_of
from models.siting.solve import solve
from models.siting.units import Borders
from models.siting.zones import zones
from tests.models.siting.cases import best_by_trying, grid_problem, random_problem

FEW = settings(
    max_examples=7, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_four_units_by_hand_without_borders():
    """Densities 4, 3/2, 1, 1/2 per CNY; with 3 CNY the first two, worth 7."""
    problem = grid_problem(
        [[4.0, 3.0], [3.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]], Limits(budget_cny=3.0)
    )
    found = solve(problem)
    assert found.selected.tolist() == [True, True, False, False]
    assert (found.objective, found.cost_cny, found.area_ha) == (7.0, 3.0, 2.0)
    assert 0 <= found.gap_pct < 1e-9
    assert found.bound >= found.objective


def test_a_border_is_worth_a_poorer_neighbour_by_hand():
    """3x3, each 1 CNY, two may be chosen, 0.02 per m and 100 m: 2 for each side.

    The best two, opposite corners of 10 and 9, have two sides each: 19 - 8 = 11. The
    corner of 10 and its neighbour of 8 have three sides: 18 - 6 = 12.
    """
    table = [[10.0, 8.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 9.0]]
    problem = grid_problem(table, 1.0, Limits(budget_cny=2.0), penalty=0.02)
    found = solve(problem)
    assert np.flatnonzero(found.selected).tolist() == [0, 1]
    assert found.objective == pytest.approx(12.0)
    assert found.perimeter_m == 300.0
    assert found.benefit == 18.0
    free = solve(grid_problem(table, 1.0, Limits(budget_cny=2.0)))
    assert np.flatnonzero(free.selected).tolist() == [0, 8]


def test_the_outer_edge_is_perimeter_too():
    """A unit alone has four sides wherever it is, so the best of the table wins."""
    edge = np.array([2, 1, 2, 1, 0, 1, 2, 1, 2]) * 100.0
    table = [[10.0, 1.0, 1.0], [1.0, 11.0, 1.0], [1.0, 1.0, 1.0]]
    problem = grid_problem(
        table, 1.0, Limits(budget_cny=1.0), penalty=0.02, edge_m=edge
    )
    found = solve(problem)
    assert np.flatnonzero(found.selected).tolist() == [4]
    assert found.objective == pytest.approx(11.0 - 8.0)
    assert found.perimeter_m == 400.0


def test_without_limits_everything_that_pays_is_chosen():
    found = solve(grid_problem([[3.0, -1.0], [2.0, -9.0]], 1.0, Limits()))
    assert found.selected.tolist() == [True, False, True, False]
    assert found.gap_pct < 1e-9


def test_locked_units_are_as_they_are_locked():
    problem = grid_problem(
        [[9.0, 8.0], [7.0, 1.0]],
        1.0,
        Limits(budget_cny=2.0),
        locked_in=[False, False, False, True],
        locked_out=[True, False, False, False],
    )
    assert solve(problem).selected.tolist() == [False, True, False, True]


def test_a_least_area_takes_what_does_not_pay():
    problem = grid_problem([[5.0, -1.0], [-2.0, -3.0]], 1.0, Limits(min_area_ha=3.0))
    found = solve(problem)
    assert found.selected.tolist() == [True, True, True, False]
    assert found.objective == 2.0


def test_townships_give_their_share_by_hand():
    towns = ["北镇", "北镇", "南镇", "南镇"]
    limits = Limits(
        budget_cny=2.0, groups=(GroupLimit("南镇", 1.0), GroupLimit("北镇", 0.0, 1.0))
    )
    problem = grid_problem([[9.0, 8.0], [2.0, 1.0]], 1.0, limits, group=towns)
    assert solve(problem).selected.tolist() == [True, False, True, False]


def test_zones_have_the_least_size_by_hand():
    """Single cells of 9 are out of the question where zones take 2 ha: 9 + 1."""
    table = [[9.0, 1.0, 0.5], [0.5, 0.5, 0.5], [4.0, 4.0, 0.5]]
    limits = Limits(budget_cny=2.0, min_zone_ha=2.0)
    found = solve(grid_problem(table, 1.0, limits))
    assert np.flatnonzero(found.selected).tolist() == [0, 1]
    assert found.gap_pct == pytest.approx(0.0, abs=0.05)


LIMITS = {
    "budget": lambda p: Limits(budget_cny=p(0.4, "cost_cny")),
    "area": lambda _: Limits(max_area_ha=5.0),
    "both": lambda p: Limits(budget_cny=p(0.3, "cost_cny"), max_area_ha=6.0),
    "least area": lambda p: Limits(budget_cny=p(0.7, "cost_cny"), min_area_ha=9.0),
    "townships": lambda p: Limits(
        budget_cny=p(0.6, "cost_cny"),
        groups=(GroupLimit("a", 3.0, 5.0), GroupLimit("b", 2.0, 4.0)),
    ),
}


def problem_of(kind, seed, penalty, side=4):
    towns = np.repeat(["a", "b"], side * side // 2)
    problem = random_problem(seed, side, penalty=penalty, limits=Limits(), group=towns)

    def part(share, field):
        return float(np.floor(share * getattr(problem.units, field).sum()))

    return problem.under(LIMITS[kind](part))


@pytest.mark.parametrize("kind", LIMITS)
def test_the_answer_is_the_best_of_all_choices(kind):
    for seed in range(2):
        problem = problem_of(kind, seed, 0.05, side=4)
        small = Problem(
            problem.units.take(np.arange(12)),
            _first_rows(problem.borders, 12),
            penalty_per_m=0.05,
        )
        limits = problem.limits
        if kind == "townships":
            limits = Limits(
                groups=(GroupLimit("a", 3.0, 5.0), GroupLimit("b", 1.0, 2.0))
            )
        elif kind == "least area":
            limits = Limits(min_area_ha=9.0)
        elif limits.budget_cny is not None:
            limits = Limits(
                budget_cny=min(limits.budget_cny, small.units.cost_cny.sum()),
                max_area_ha=limits.max_area_ha,
            )
        small = small.under(limits)
        best = best_by_trying(small)
        found = solve(small)
        assert found.objective == pytest.approx(best, rel=5e-4)
        assert found.bound >= best - 1e-9


def _first_rows(borders, count):
    kept = (borders.first < count) & (borders.second < count)
    return Borders(borders.first[kept], borders.second[kept], borders.length_m[kept])


@pytest.mark.parametrize("kind", LIMITS)
@FEW
@given(seed=st.integers(0, 10**6), penalty=st.sampled_from([0.0, 0.01, 0.06, 0.2]))
def test_never_above_the_optimum_and_the_bound_never_below(kind, seed, penalty):
    problem = problem_of(kind, seed, penalty, side=4)
    program = program_of(problem)
    exact = branch(program)
    if exact.chosen is None:
        with pytest.raises(InfeasibleError):
            solve(problem)
        return
    optimum = program.value(exact.chosen)
    slack = 1e-6 * abs(optimum) + 1e-9
    found = solve(problem)
    assert program.is_answer(found.selected)
    assert found.objective <= optimum + slack
    assert found.bound >= optimum - slack
    assert abs(optimum - found.objective) <= 1e-3 * abs(optimum) + 1e-9
    quick = cut(program, QUICK)  # no help of HiGHS: the bound alone
    assert quick.bound >= optimum - slack
    if quick.chosen is not None:
        assert program.value(quick.chosen) <= optimum + slack
        value = program.value(quick.chosen)
        stated = quick.gap_pct(program) / 100 * abs(value) if value else np.inf
        assert optimum - value <= stated + slack


@FEW
@given(seed=st.integers(0, 10**6), order=st.randoms(use_true_random=False))
def test_the_order_of_units_does_not_matter(seed, order):
    problem = random_problem(seed, 5, penalty=0.03)
    place = list(range(25))
    order.shuffle(place)
    place = np.array(place)
    back = np.argsort(place)
    borders = problem.borders
    other = Problem(
        problem.units.take(place),
        Borders(back[borders.first], back[borders.second], borders.length_m),
        problem.limits,
        problem.penalty_per_m,
    )
    one, two = solve(problem), solve(other)
    apart = 1e-3 * abs(one.objective) + 1e-9
    assert abs(one.objective - two.objective) <= apart
    assert min(one.bound, two.bound) >= max(one.objective, two.objective) - 1e-9


@FEW
@given(seed=st.integers(0, 10**6))
def test_more_money_is_never_worse(seed):
    last = 0.0
    for share in (0.2, 0.4, 0.7):
        problem = random_problem(seed, 5, penalty=0.03, limits=Limits())
        budget = share * problem.units.cost_cny.sum()
        found = solve(problem.under(Limits(budget_cny=float(budget))))
        assert found.cost_cny <= budget * (1 + 1e-9)
        assert found.bound >= last - 1e-9
        assert found.objective >= last - 1e-3 * abs(last)
        last = max(last, found.objective)


@FEW
@given(seed=st.integers(0, 10**6))
def test_locks_hold_in_every_answer(seed):
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, 8, 25)
    problem = random_problem(
        seed,
        5,
        penalty=0.04,
        limits=Limits(),
        locked_in=kind == 0,
        locked_out=kind == 1,
    )
    locked = problem.units.cost_cny[kind == 0].sum()
    whole = problem.units.cost_cny[kind != 1].sum()
    problem = problem.under(
        Limits(budget_cny=float(locked + 0.3 * (whole - locked)) + 1e-6)
    )
    found = solve(problem)
    assert found.selected[kind == 0].all()
    assert not found.selected[kind == 1].any()


def test_zones_of_a_least_size_against_every_choice():
    for seed in range(2):
        problem = random_problem(seed, 3, penalty=0.02)
        limits = Limits(budget_cny=problem.limits.budget_cny, min_zone_ha=3.0)
        problem = problem.under(limits)
        best = best_by_trying(problem)
        found = solve(problem)
        assert found.objective == pytest.approx(best, rel=1e-3)
        assert found.bound >= best - 1e-9
        made = zones(found.selected, problem.borders, problem.units.area_ha)
        assert (made.area_ha >= 3.0).all()


def test_zones_of_a_least_size_beyond_what_highs_gets():
    problem = random_problem(3, 20, penalty=0.005)
    limits = Limits(budget_cny=problem.limits.budget_cny, min_zone_ha=12.0)
    found = solve(problem.under(limits))
    made = zones(
        found.selected, problem.borders, problem.units.area_ha, min_zone_ha=12.0
    )
    assert not made.is_small.any()
    assert found.cost_cny <= limits.budget_cny
    assert 0 < found.gap_pct < 15
    assert [note.code for note in found.notes] == ["relaxed_bound"]


def test_whole_units_that_cannot_meet_the_limits():
    """Between 2.5 and 2.9 ha there is no sum of whole hectares."""
    limits = Limits(min_area_ha=2.5, max_area_ha=2.9)
    with pytest.raises(InfeasibleError, match="whole units") as told:
        solve(grid_problem(np.ones((2, 2)), 1.0, limits))
    assert "整单元" in told.value.zh


def test_the_same_problem_gives_the_same_answer():
    problem = random_problem(5, 12, penalty=0.02)
    one, two = solve(problem), solve(problem)
    np.testing.assert_array_equal(one.selected, two.selected)
    assert (one.bound, one.objective) == (two.bound, two.objective)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_certificate_holds_in_any_unit(scale):
    """Whole capacities are rounded; benefits in kt or g give the same answer."""
    problem = random_problem(11, 6, penalty=0.03)
    units = problem.units
    other = grid_problem(
        (units.benefit * scale).reshape(6, 6),
        units.cost_cny.reshape(6, 6),
        problem.limits,
        penalty=0.03 * scale,
    )
    found, expected = solve(other), solve(problem)
    assert found.objective / scale == pytest.approx(expected.objective, rel=1e-3)
    assert found.bound / scale >= expected.objective * (1 - 1e-9)
    assert found.gap_pct <= 0.05


def test_a_penalty_next_to_nothing_and_one_beyond_everything():
    small = solve(random_problem(2, 6, penalty=1e-15))
    none = solve(random_problem(2, 6, penalty=0.0))
    assert small.objective == pytest.approx(none.objective, rel=1e-3)
    huge = solve(random_problem(2, 6, penalty=1e6))
    assert huge.objective == 0.0
    assert not huge.selected.any()
    assert huge.bound < 1e-3
    assert [note.code for note in huge.notes] == ["nothing_chosen"]


def test_cuts_alone_come_close_on_a_larger_grid():
    problem = random_problem(1, 60, penalty=0.02)
    found = solve(problem, Care(windows=0, core_units=0))
    assert found.solver == "cut"
    assert found.gap_pct < 0.05
