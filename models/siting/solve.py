"""One door: a problem in, an answer with its certificate out."""

from dataclasses import replace

import numpy as np

from geo.errors import InfeasibleError
from models.siting.clusters import large_zones
from models.siting.core import Care, Found
from models.siting.cut import cut
from models.siting.exact import Effort, branch
from models.siting.feasible import require_feasible
from models.siting.problem import Problem
from models.siting.program import FREE, Program, program_of
from models.siting.solution import Solution, Solver, gap_pct, solution_of

_ZONE_UNITS = 64
"""HiGHS gets a problem with a least zone when no more units than this are free."""


def solve(problem: Problem, care: Care | None = None) -> Solution:
    """Return the units to choose, and a bound on what the best choice is worth.

    Budget, areas and townships' shares are solved by minimum cuts. A least zone is not
    something that a cut can hold: zones are put right afterwards, against the bound
    without that limit, and small problems go to HiGHS as well.

    The same problem gives the same answer, unless ``care.seconds`` is set.

    Raises
    ------
    InfeasibleError
        Nothing meets the limits: by which sum they contradict, where that is known.
    """
    require_feasible(problem)
    care = care if care is not None else Care()
    program = program_of(problem)
    found = cut(replace(program, min_zone_ha=0.0), care)
    solver: Solver = "cut and branch" if found.is_branched else "cut"
    notes: tuple[str, ...] = ()
    if program.min_zone_ha > 0:
        found, notes = _with_zones(program, found, care)
        solver = "cut and branch" if found.is_branched else "cut"
    if found.chosen is None:
        found, solver = _by_branching(program, found, care), "branch"
    if found.chosen is None:
        raise _none_found(is_sure=not np.isfinite(found.bound))
    return solution_of(problem, program, (found.chosen, found.bound), solver, notes)


def _with_zones(
    program: Program, found: Found, care: Care
) -> tuple[Found, tuple[str, ...]]:
    relaxed = found
    chosen = None
    if found.chosen is not None:
        chosen = large_zones(program, found.chosen, found.net)
    found = replace(found, chosen=chosen)
    free = int((program.fixed == FREE).sum())
    if free <= _ZONE_UNITS and found.gap_pct(program) > care.gap_pct:
        found = _by_branching(program, found, care)
    wide = (
        gap_pct(program.value(found.chosen), relaxed.bound)
        if (found.chosen is not None)
        else 0.0
    )
    if found.is_branched or wide <= care.gap_pct:
        return found, ()
    return found, (
        "The bound is that of the request without a least zone, so the gap holds what "
        "that limit costs.",
    )


def _by_branching(program: Program, found: Found, care: Care) -> Found:
    effort = Effort(nodes=care.core_nodes, seconds=care.seconds, gap=1e-4)
    judged = branch(program, effort)
    chosen = found.chosen
    if judged.chosen is not None:
        value = -np.inf if chosen is None else program.value(chosen)
        if program.value(judged.chosen) > value:
            chosen = judged.chosen
    return replace(
        found, chosen=chosen, bound=min(found.bound, judged.bound), is_branched=True
    )


def _none_found(*, is_sure: bool) -> InfeasibleError:
    if is_sure:
        return InfeasibleError(
            "No choice of whole units meets all limits, though parts of units would.",
            zh="任何整单元组合都无法同时满足全部限制（若单元可拆分则可满足）。"
            "请略微放宽面积或预算限制。",
            cure="Widen the limits on area or budget a little.",
            field="limits",
        )
    return InfeasibleError(
        "No answer was found within the effort allowed; there may be one.",
        zh="在给定计算量内未找到可行方案（可能存在）。请放宽限制或增加计算量。",
        cure="Widen the limits, or allow more nodes.",
        field="limits",
    )
