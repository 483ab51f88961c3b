import itertools

import numpy as np
import pytest

from models.siting.network import Network, best_cut
from models.siting.problem import Limits
from models.siting.program import IN, OUT, program_of
from tests.models.siting.cases import grid_problem, random_problem


def network_of(table, penalty=0.01, largest=1e3, **more):
    program = program_of(grid_problem(table, 1.0, Limits(), penalty=penalty, **more))
    return program, Network.of(program, largest=largest)


def by_trying(network, whole):
    """Return the largest rounded worth and all choices that reach it."""
    choices = [np.array(c) for c in itertools.product([False, True], repeat=len(whole))]
    worth = np.array([network.worth(whole, chosen) for chosen in choices])
    best = worth.max()
    return best, [choices[k] for k in np.flatnonzero(worth == best)]


def test_a_square_of_four_by_hand():
    """Borders cost 1 each: 3 - 2 > 0 alone, and -1 joins between two that pay."""
    program, network = network_of([[3.0, -1.0], [-1.0, 3.0]])
    cut = best_cut(network, network.whole(program.weight), program.fixed)
    assert cut.least.tolist() == [True, True, True, True]
    assert network.worth(network.whole(program.weight), cut.least) == 4.0


def test_of_equal_choices_the_least_and_the_most_are_told():
    """A unit of 2 with two borders of 1 may be in or out; -2 beside it as well."""
    program, network = network_of([[2.0, -9.0], [-9.0, -9.0]])
    cut = best_cut(network, network.whole(program.weight), program.fixed)
    assert not cut.least.any()
    assert cut.most.tolist() == [True, False, False, False]


@pytest.mark.parametrize("seed", range(8))
def test_least_most_and_regret_are_those_of_all_choices(seed):
    problem = random_problem(seed, 3, penalty=0.06)
    program = program_of(problem)
    network = Network.of(program, largest=1e4)
    whole = network.whole(program.weight - 30.0)
    best, ties = by_trying(network, whole)
    cut = best_cut(network, whole, program.fixed)
    np.testing.assert_array_equal(cut.least, np.logical_and.reduce(ties))
    np.testing.assert_array_equal(cut.most, np.logical_or.reduce(ties))
    for unit in range(9):
        forced = [
            network.worth(whole, np.array(choice))
            for choice in itertools.product([False, True], repeat=9)
            if choice[unit] != cut.least[unit]
        ]
        assert max(forced) <= best - cut.regret[unit] + 1e-9


def test_a_known_unit_stays_and_pulls_its_neighbours():
    program, network = network_of([[-0.5, -1.0], [-9.0, -9.0]])
    known = np.array([0, IN, 0, OUT], np.int8)
    cut = best_cut(network, network.whole(program.weight), known)
    assert cut.least.tolist() == [False, True, False, False]
    program, network = network_of([[0.5, -1.0], [-9.0, -9.0]])
    cut = best_cut(network, network.whole(program.weight), known)
    assert cut.least.tolist() == [True, True, False, False]


def test_rounding_only_ever_adds_worth():
    generator = np.random.default_rng(0)
    table = generator.uniform(-1, 1, (3, 3))
    program, network = network_of(table, penalty=0.00123, largest=2.0**40)
    assert network.scale < 2.0**12  # coarse on purpose
    whole = network.whole(program.weight)
    for choice in itertools.product([False, True], repeat=9):
        chosen = np.array(choice)
        assert network.worth(whole, chosen) >= program.value(chosen)


def test_capacities_fit_32_bits_whatever_the_unit():
    for scale in (1e-12, 1.0, 1e12):
        _, network = network_of(np.ones((3, 3)), penalty=scale, largest=scale)
        incident = np.bincount(network.first, network.border, 9)
        incident += np.bincount(network.second, network.border, 9)
        assert 2**20 < incident.max() <= 2**29
