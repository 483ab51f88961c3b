"""Townships' shares of what is chosen: by hand, and against trying everything."""

import itertools

import numpy as np
import pytest

from geo.errors import InfeasibleError, SettingsError
from models.siting.problem import GroupLimit, Limits
from models.siting.program import program_of
from models.siting.shares import keeps_shares
from models.siting.solve import solve
from tests.models.siting.cases import best_by_trying, grid_problem, random_problem


def test_half_of_three_by_hand():
    """West is worth more, but may be half of the whole: two of each side."""
    problem = grid_problem(
        [[9, 8, 2, 1], [7, 6, 4, 3]],
        1.0,
        Limits(
            max_area_ha=4,
            groups=(GroupLimit("west", max_share=0.5), GroupLimit("east")),
        ),
        group=["west", "west", "east", "east"] * 2,
    )
    found = solve(problem)
    assert np.flatnonzero(found.selected).tolist() == [0, 1, 6, 7]
    assert found.objective == 24
    assert found.gap_pct <= 0.05


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("penalty", [0.0, 0.03])
def test_the_best_of_all_choices(seed, penalty):
    generator = np.random.default_rng(seed)
    names = generator.choice(["a", "b", "c"], 12)
    costs = generator.integers(1, 20, 12).astype(float)
    groups = (GroupLimit("a", max_share=0.4), GroupLimit("b", min_share=0.3))
    problem = grid_problem(
        generator.integers(1, 40, (3, 4)),
        costs.reshape(3, 4),
        Limits(budget_cny=float(np.floor(costs.sum() / 2)), groups=groups),
        penalty=penalty,
        group=names,
        area_ha=generator.integers(1, 5, 12).astype(float),
    )
    best = best_by_trying(problem)
    found = solve(problem)
    assert keeps_shares(problem, found.selected)
    assert found.objective == pytest.approx(best, rel=5e-4)
    assert found.bound >= best * (1 - 1e-9)


def test_hundreds_of_units_have_a_small_certified_gap():
    names = np.array(["a", "b", "c", "d"])[np.arange(256) // 64]
    problem = random_problem(
        3,
        16,
        limits=Limits(
            budget_cny=1100.0,
            groups=(
                GroupLimit("a", min_share=0.35),
                GroupLimit("b", max_share=0.15),
                GroupLimit("c", min_share=0.2, max_share=0.3),
            ),
        ),
        group=names,
    )
    found = solve(problem)
    assert keeps_shares(problem, found.selected)
    assert found.cost_cny <= 1100
    assert found.gap_pct <= 0.5


def test_zones_keep_their_size_and_townships_their_shares():
    names = np.array(["a", "b"])[np.arange(64) % 8 // 4]
    problem = random_problem(
        5,
        8,
        limits=Limits(
            max_area_ha=24.0,
            min_zone_ha=3.0,
            groups=(GroupLimit("a", min_share=0.6),),
        ),
        group=names,
    )
    found = solve(problem)
    assert program_of(problem).is_answer(found.selected)


def test_a_share_that_no_land_can_fill_is_explained():
    problem = grid_problem(
        np.ones((2, 4)),
        1.0,
        Limits(min_area_ha=6, groups=(GroupLimit("a", min_share=0.5),)),
        group=["a", "a", "b", "b", "b", "b", "b", "b"],
    )
    with pytest.raises(InfeasibleError, match=r"3.00 ha at least.*1.00 ha short") as e:
        solve(problem)
    assert "最低占比" in e.value.zh


def test_shares_that_never_make_a_whole_are_explained():
    problem = grid_problem(
        np.ones((2, 2)),
        1.0,
        Limits(
            max_area_ha=2,
            groups=(GroupLimit("a", max_share=0.4), GroupLimit("b", max_share=0.4)),
        ),
        group=["a", "b"] * 2,
    )
    with pytest.raises(InfeasibleError, match=r"at most 0\.00 ha"):
        solve(problem)


def test_shares_that_cap_the_whole_say_how_much_it_can_be():
    """The rest can give 2 ha, so a may give 2 ha, half of 4: 5 ha are 1 too many."""
    problem = grid_problem(
        np.ones((2, 4)),
        1.0,
        Limits(min_area_ha=5, groups=(GroupLimit("a", max_share=0.5),)),
        group=["a"] * 6 + ["b"] * 2,
    )
    with pytest.raises(InfeasibleError, match=r"at most 4\.00 ha.* 1\.00 ha short"):
        solve(problem)


def test_shares_against_the_budget_are_explained_by_the_best_without():
    """Land of b costs more than there is."""
    problem = grid_problem(
        np.ones((2, 2)),
        [[1, 1], [9, 9]],
        Limits(budget_cny=2, min_area_ha=1, groups=(GroupLimit("b", min_share=0.5),)),
        group=["a", "a", "b", "b"],
    )
    with pytest.raises(InfeasibleError, match=r"b 0\.0 % \(50-100 %\)") as error:
        solve(problem)
    assert "占比" in error.value.zh


def test_shares_the_wrong_way_round_are_refused():
    limit = GroupLimit("a", min_share=0.5, max_share=0.3)
    with pytest.raises(SettingsError, match=r"groups\.a"):
        Limits(groups=(limit,))


def test_ranges_hold_every_share_within_them():
    """Hectares for a range keep the shares of each area in it."""
    limit = GroupLimit("a", min_share=0.2, max_share=0.6)
    inner, outer = limit.within(90, 100), limit.within(100, 90)
    for whole, part in itertools.product((90, 95, 100), range(101)):
        if inner.min_ha <= part <= inner.max_ha:
            assert 0.2 * whole <= part <= 0.6 * whole
        if 0.2 * whole <= part <= 0.6 * whole:
            assert outer.min_ha <= part <= outer.max_ha
