"""An answer and what is certain about it."""

from dataclasses import dataclass
from typing import Literal

from models.siting.problem import Problem
from models.siting.program import Program
from models.siting.units import Flags

Solver = Literal["cut", "cut and branch", "branch"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader of the answer should know, in two languages."""

    code: str
    what: str
    zh: str


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Chosen units, in the order of the problem's, and what they come to."""

    selected: Flags
    objective: float
    """Benefit less the penalty on the perimeter."""
    bound: float
    """No answer within the limits can be worth more."""
    benefit: float
    cost_cny: float
    area_ha: float
    perimeter_m: float
    solver: Solver
    notes: tuple[Note, ...] = ()

    @property
    def gap_pct(self) -> float:
        """How far the best answer may lie above this one, % of this one."""
        return gap_pct(self.objective, self.bound)


def gap_pct(objective: float, bound: float) -> float:
    """Return (bound - objective) / |objective| in %; never below zero."""
    apart = max(bound - objective, 0.0)
    if apart == 0:
        return 0.0
    return 100 * apart / abs(objective) if objective != 0 else float("inf")


def solution_of(
    problem: Problem,
    program: Program,
    found: tuple[Flags, float],
    solver: Solver,
    notes: tuple[Note, ...] = (),
) -> Solution:
    """Sum up a choice and its bound."""
    selected, bound = found
    units, borders = problem.units, problem.borders
    ragged = selected[borders.first] != selected[borders.second]
    perimeter = borders.length_m[ragged].sum() + units.edge_m[selected].sum()
    objective = program.value(selected)
    return Solution(
        selected=selected,
        objective=objective,
        bound=max(bound, objective),
        benefit=float(units.benefit[selected].sum()),
        cost_cny=float(units.cost_cny[selected].sum()),
        area_ha=float(units.area_ha[selected].sum()),
        perimeter_m=float(perimeter),
        solver=solver,
        notes=notes,
    )
