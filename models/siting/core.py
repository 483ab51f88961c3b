"""The last percent: units that a cut leaves open are decided by HiGHS.

The flow of a cut says for each unit how much of the bound is lost at least when the
unit is forced to be otherwise, its regret. A unit whose regret takes the bound below
the answer at hand is as the cut has it in every better answer. The others are open: a
window of them makes the answer better, all of them together make it the optimum.
"""

from dataclasses import dataclass, replace

import numpy as np

from models.siting.exact import Branched, Effort, branch
from models.siting.prices import Look, Market, undecided
from models.siting.program import FREE, IN, OUT, Program
from models.siting.solution import gap_pct
from models.siting.units import Flags, Numbers, Places

_RINGS = 12
"""Steps from the border of the answer over which open units are told apart."""


@dataclass(frozen=True, slots=True)
class Care:
    """How much work an answer is worth. All but ``seconds`` are independent of clocks.

    ``gap_pct`` is the certified gap to stop at. HiGHS gets up to ``windows`` windows of
    ``window_units`` where more are open, then all open units if there are at most
    ``core_units``; it gives up after so many nodes of its tree, or after ``seconds``
    each time. Prices take up to ``most_looks`` cuts. Single moves start from up to
    ``starts`` cuts and may change the ``near_units`` closest to indifference besides
    those that cuts disagree on.
    """

    gap_pct: float = 0.05
    windows: int = 4
    window_units: int = 400
    window_nodes: int = 100
    core_units: int = 2_500
    core_nodes: int = 300
    seconds: float | None = None
    most_looks: int = 100
    starts: int = 6
    near_units: int = 1_500
    tolerance: float = 1e-7

    def effort(self, nodes: int) -> Effort:
        return Effort(nodes=nodes, seconds=self.seconds, gap=1e-4)


QUICK = Care(
    windows=0,
    core_units=0,
    most_looks=30,
    tolerance=1e-4,
    starts=1,
    near_units=300,
)
"""For many answers of which none must be certain to the last percent."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A choice (None: none was found), the bound, and whether HiGHS had a part.

    ``price`` is that of the sides of the limits, ``net`` that of the rows.
    """

    chosen: Flags | None
    bound: float
    is_branched: bool
    price: Numbers
    net: Numbers

    def gap_pct(self, program: Program) -> float:
        if self.chosen is None:
            return float("inf")
        return gap_pct(program.value(self.chosen), self.bound)


def settle(market: Market, found: Found, care: Care) -> Found:
    """Return a better answer or bound, or both, or what was given."""
    program = market.program
    look = market.look(found.price, afresh=True)
    found = replace(found, bound=min(found.bound, look.bound), is_branched=True)
    split = undecided(market, look)
    count = int(_still_open(program, look, found).sum())
    for _ in range(care.windows if count > care.window_units else 0):
        better = _improved(
            program, look, found, _window(program, look, found, split), care
        )
        if better is found or better.gap_pct(program) <= care.gap_pct:
            found = better
            break
        found = better
    count = int(_still_open(program, look, found).sum())
    if count <= care.core_units and found.gap_pct(program) > care.gap_pct:
        found = _decided(program, look, found, care)
    return found


def _still_open(program: Program, look: Look, found: Found) -> Flags:
    """Return the units that an answer better than this one might have otherwise."""
    value = -np.inf if found.chosen is None else program.value(found.chosen)
    found_open: Flags = (program.fixed == FREE) & (look.bound - look.regret > value)
    return found_open


def _base(look: Look, found: Found) -> Flags:
    return look.least if found.chosen is None else found.chosen


def _window(program: Program, look: Look, found: Found, split: Flags) -> Places:
    """Return open units: what cuts disagree on first, from the border outwards."""
    base = _base(look, found)
    ragged = base[program.first] != base[program.second]
    near = np.zeros(len(program), bool)
    near[program.first[ragged]] = near[program.second[ragged]] = True
    ring = np.full(len(program), _RINGS)
    for step in range(_RINGS):
        ring[near & (ring == _RINGS)] = step
        near = near | (program.pairs @ near.astype(np.float64) > 0)
    ring[~split] += _RINGS + 1
    order = np.lexsort((look.regret, ring))
    return order[_still_open(program, look, found)[order]]


def _improved(
    program: Program, look: Look, found: Found, window: Places, care: Care
) -> Found:
    fixed = np.where(_base(look, found), IN, OUT).astype(np.int8)
    fixed[window[: care.window_units]] = FREE
    effort = care.effort(care.window_nodes)
    return _better(program, found, branch(replace(program, fixed=fixed), effort))


def _decided(program: Program, look: Look, found: Found, care: Care) -> Found:
    """Decide all open units: those of large regret are as the cut has them."""
    fixed = np.where(look.least, IN, OUT).astype(np.int8)
    fixed[_still_open(program, look, found)] = FREE
    judged = branch(replace(program, fixed=fixed), care.effort(care.core_nodes))
    found = _better(program, found, judged)
    value = -np.inf if found.chosen is None else program.value(found.chosen)
    return replace(found, bound=min(found.bound, max(judged.bound, value)))


def _better(program: Program, found: Found, judged: Branched) -> Found:
    if judged.chosen is None:
        return found
    if found.chosen is not None:
        before = program.value(found.chosen)
        if program.value(judged.chosen) <= before + 1e-12 * abs(before):
            return found
    return replace(found, chosen=judged.chosen)
