"""Problems small enough for paper, and an answer by trying everything."""

import itertools

import numpy as np

from models.siting.problem import Limits, Problem
from models.siting.program import program_of
from models.siting.units import Borders, Units


def grid_borders(rows, columns, length_m=100.0):
    place = np.arange(rows * columns).reshape(rows, columns)
    first = np.concatenate([place[:, :-1].ravel(), place[:-1].ravel()])
    second = np.concatenate([place[:, 1:].ravel(), place[1:].ravel()])
    return Borders(first, second, np.full(len(first), length_m))


def grid_problem(benefit, cost, limits, *, penalty=0.0, **more):
    """One unit of 1 ha for each cell of a small table, borders of 100 m."""
    benefit, cost = np.asarray(benefit, float), np.asarray(cost, float)
    count = benefit.size
    units = Units(
        unit_id=[f"U{number}" for number in range(count)],
        benefit=benefit.ravel(),
        cost_cny=np.broadcast_to(cost, benefit.shape).ravel(),
        **{"area_ha": 1.0, **more},
    )
    borders = grid_borders(*benefit.shape)
    return Problem(units, borders, limits, penalty_per_m=penalty)


def random_problem(seed, side=4, *, penalty=0.02, limits=None, **more):
    generator = np.random.default_rng(seed)
    benefit = generator.integers(1, 60, (side, side)).astype(float)
    cost = generator.integers(1, 30, (side, side)).astype(float)
    if limits is None:
        limits = Limits(budget_cny=float(np.floor(0.4 * cost.sum())))
    return grid_problem(benefit, cost, limits, penalty=penalty, **more)


def best_by_trying(problem):
    """Return the largest objective of all choices that keep the limits, or None."""
    program = program_of(problem)
    found = None
    for choice in itertools.product([False, True], repeat=len(problem.units)):
        chosen = np.array(choice)
        if program.is_answer(chosen):
            value = program.value(chosen)
            found = value if found is None else max(found, value)
    return found
