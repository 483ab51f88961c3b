"""How sure a choice is: what is chosen when weights, growth or costs are otherwise.

Monte Carlo: every draw takes other weights of criteria, other growth and other costs,
and is solved anew by cuts that start from the prices of the request itself. A unit
chosen in nine draws of ten is firm.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from geo.errors import SettingsError
from models.siting.clusters import large_zones
from models.siting.core import QUICK, Found
from models.siting.cut import cut
from models.siting.feasible import least_cost, require_feasible
from models.siting.problem import SLACK, Problem
from models.siting.program import Program, program_of
from models.siting.solution import gap_pct
from models.siting.units import Flags, Numbers

FIRM, LIKELY = 0.9, 0.5
"""Least selection frequency of a firm and of a likely unit; below is sensitive."""
NOT_CHOSEN, SENSITIVE, LIKELY_CODE, FIRM_CODE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Criteria:
    """Benefit as a weighted sum: benefit_i = sum_k weight_k value_ik.

    ``values`` (units, k), each in units of benefit; ``weights`` (k,) add to 1.
    ``grows`` says which of them is growth, so that errors of growth scale it; with -1
    none does. ``sureness`` is the concentration of a Dirichlet distribution about the
    weights: a weight w has the standard deviation sqrt(w (1 - w) / (sureness + 1)).
    """

    values: Numbers
    weights: Numbers
    sureness: float = 50.0
    grows: int = 0

    def __post_init__(self) -> None:
        wrong = (
            self.values.ndim != 2
            or self.weights.shape != self.values.shape[1:]
            or not (self.weights >= 0).all()
            or abs(float(self.weights.sum()) - 1) > 1e-6
            or not self.sureness > 0
        )
        if wrong:
            raise SettingsError(
                f"Weights {self.weights.tolist()} of criteria of shape "
                f"{self.values.shape} are not usable.",
                zh=f"权重 {self.weights.tolist()} 与指标不符："
                "个数须与指标相同、不为负且合计为 1，集中度须大于零。",
                cure="Give a weight for each criterion, not negative, that add to 1.",
                field="weights",
                value=self.weights.tolist(),
                expected="sum 1",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Relative standard deviations of growth and cost: numbers, or one per unit.

    ``shared`` parts go up and down for all units together, ``class`` parts for units of
    one class (a species group) together, the others for each unit alone. Factors are
    lognormal with mean 1.
    """

    growth: Numbers | float = 0.2
    growth_class: float = 0.15
    growth_shared: float = 0.1
    cost: Numbers | float = 0.15
    cost_shared: float = 0.1
    classes: NDArray[np.int64] = field(default_factory=lambda: np.array(0))
    """Class of each unit, from 0."""

    def __post_init__(self) -> None:
        for name in ("growth", "growth_class", "growth_shared", "cost", "cost_shared"):
            value = np.asarray(getattr(self, name))
            if not (np.isfinite(value) & (value >= 0) & (value <= 2)).all():
                raise SettingsError(
                    f"The relative spread {name} is not within 0 to 2.",
                    zh=f"相对标准差 {name} 须在 0 至 2 之间。请更正。",
                    cure="Give a share: 0.2 is 20 %.",
                    field=name,
                    expected="0 to 2",
                )


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """``frequency`` 0-1 with which each unit is chosen, and what to call it.

    ``verdict`` is 0 for a unit outside the answer, else 1 sensitive, 2 likely, 3 firm.
    ``infeasible`` counts draws that no answer was found for; they are left out of the
    frequency. ``worst_gap_pct`` is the largest certified gap of the draws.
    """

    frequency: Numbers
    verdict: NDArray[np.uint8]
    draws: int
    infeasible: int
    worst_gap_pct: float


def selection_frequency(
    problem: Problem,
    selected: Flags,
    spread: Spread,
    *,
    criteria: Criteria | None = None,
    draws: int = 100,
    seed: int = 0,
) -> Robustness:
    """Solve the problem ``draws`` times with other figures and count.

    ``selected`` is the answer that is judged. Draw k depends on (seed, k) alone, so
    more draws leave the first ones as they are. Without ``criteria``, growth scales the
    whole benefit. Limits stay; units locked in or out stay so.

    Raises ``InfeasibleError`` as ``solve`` does, and ``SettingsError`` for no draws.
    """
    require_feasible(problem)
    if draws < 1:
        raise SettingsError(
            f"{draws} draws say nothing.",
            zh=f"抽样次数 {draws} 无意义，至少为 1（建议 100）。",
            cure="Ask for at least one draw; 100 give frequencies to 0.05.",
            field="draws",
            value=draws,
        )
    program = program_of(problem)
    base = cut(replace(program, min_zone_ha=0.0), QUICK)
    count, failed, worst = np.zeros(len(program)), 0, 0.0
    for number in range(draws):
        key = np.random.Philox(key=np.array([seed, number], dtype=np.uint64))
        other = _drawn(problem, program, spread, criteria, np.random.Generator(key))
        found = _answer(problem, other, base)
        if found.chosen is None:
            failed += 1
            continue
        count += found.chosen
        worst = max(worst, gap_pct(other.value(found.chosen), found.bound))
    frequency = count / max(draws - failed, 1)
    return Robustness(frequency, verdicts(frequency, selected), draws, failed, worst)


def verdicts(frequency: Numbers, selected: Flags) -> NDArray[np.uint8]:
    """Return 3 for firm, 2 for likely, 1 for sensitive, 0 for a unit not selected."""
    code = np.where(frequency >= LIKELY, LIKELY_CODE, SENSITIVE)
    code = np.where(frequency >= FIRM, FIRM_CODE, code)
    return np.where(selected, code, NOT_CHOSEN).astype(np.uint8)


def _answer(problem: Problem, program: Program, base: Found) -> Found:
    if "budget_cny" in program.names:
        row = program.names.index("budget_cny")
        cost = program.rows[[row]].toarray()[0]
        if least_cost(problem, program, cost) > program.upper[row] * (1 + SLACK):
            return replace(base, chosen=None)
    found = cut(replace(program, min_zone_ha=0.0), QUICK, start=base.price)
    if program.min_zone_ha > 0 and found.chosen is not None:
        return replace(found, chosen=large_zones(program, found.chosen, found.net))
    return found


def _drawn(
    problem: Problem,
    program: Program,
    spread: Spread,
    criteria: Criteria | None,
    generator: np.random.Generator,
) -> Program:
    """Return the program with benefits and costs of one draw."""
    count = len(program)
    growth = _factor(generator, spread.growth_shared, 1)
    growth = growth * _of_class(generator, spread, count)
    growth = growth * _factor(generator, spread.growth, count)
    cost = _factor(generator, spread.cost_shared, 1)
    cost = cost * _factor(generator, spread.cost, count)
    benefit = problem.units.benefit * growth
    if criteria is not None:
        weights = generator.dirichlet(
            np.maximum(criteria.weights * criteria.sureness, 1e-6)
        )
        values = criteria.values * weights
        benefit = values.sum(axis=1)
        if criteria.grows >= 0:
            benefit += values[:, criteria.grows] * (growth - 1.0)
    edge = program.weight - problem.units.benefit
    rows = program.rows
    if "budget_cny" in program.names:
        rows = rows.copy()
        row = program.names.index("budget_cny")
        inside = slice(rows.indptr[row], rows.indptr[row + 1])
        rows.data[inside] *= cost[rows.indices[inside]]
    return replace(program, weight=benefit + edge, rows=rows)


def _of_class(generator: np.random.Generator, spread: Spread, count: int) -> Numbers:
    classes = np.broadcast_to(spread.classes, (count,))
    each = _factor(generator, spread.growth_class, int(classes.max(initial=0)) + 1)
    return each[classes]


def _factor(
    generator: np.random.Generator, relative: Numbers | float, count: int
) -> Numbers:
    """Return lognormal factors of mean 1 with this relative standard deviation."""
    variance = np.log1p(np.square(relative))
    drawn = generator.standard_normal(count)
    factor: Numbers = np.exp(np.sqrt(variance) * drawn - variance / 2)
    return factor
