"""One door: a problem in, an answer with its certificate out."""

from dataclasses import replace

import numpy as np

from geo.errors import InfeasibleError, SettingsError
from models.siting.clusters import large_zones
from models.siting.core import Care, Found
from models.siting.cut import cut
from models.siting.exact import Effort, branch
from models.siting.feasible import require_feasible
from models.siting.problem import Problem
from models.siting.program import FREE, Program, program_of
from models.siting.shares import (
    Search,
    cannot_share,
    in_hectares,
    share_conflict,
    without_shares,
)
from models.siting.solution import Note, Solution, Solver, solution_of
from models.siting.units import Flags

_MOST_UNITS = 20_000
"""HiGHS is asked for an answer that cuts did not find up to this many free units."""
_SHARE_UNITS = 1_500
"""HiGHS gets a problem with townships' shares up to this many free units."""
_ZONE_UNITS = 64
"""HiGHS gets a problem with a least zone when no more units than this are free."""


_RELAXED = Note(
    "relaxed_bound",
    "The bound is that of the request without a least zone, so the gap holds what that "
    "limit costs.",
    "上界按不限最小连片面积计算，因此间隙中包含了该限制本身的代价。",
)
_NOTHING = Note(
    "nothing_chosen",
    "Not one unit is worth the border it would add: lower the boundary penalty.",
    "没有任何单元的效益高于其新增边界的惩罚，请降低边界惩罚。",
)


def solve(problem: Problem, care: Care | None = None) -> Solution:
    """Return the units to choose, and a bound on what the best choice is worth.

    Budget and areas, of townships too, are solved by minimum cuts; townships' shares
    of the whole by cuts over ranges of the whole, and by HiGHS where that is small. A
    least zone is not
    something that a cut can hold: zones are put right afterwards, against the bound
    without that limit, and small problems go to HiGHS as well.

    The same problem gives the same answer, unless ``care.seconds`` is set.

    Raises
    ------
    InfeasibleError
        Nothing meets the limits: by which sum they contradict, where that is known.
    """
    care = care if care is not None else Care()
    if problem.has_shares:
        return _with_shares(problem, care)
    require_feasible(problem)
    program = program_of(problem)
    found = cut(replace(program, min_zone_ha=0.0), care)
    solver: Solver = "cut and branch" if found.is_branched else "cut"
    notes: tuple[Note, ...] = ()
    if program.min_zone_ha > 0:
        found, notes = _with_zones(program, found, care)
        solver = "cut and branch" if found.is_branched else "cut"
    if found.chosen is None and (program.fixed == FREE).sum() <= _MOST_UNITS:
        found, solver = _by_branching(program, found, care), "branch"
    if found.chosen is None:
        raise _none_found(is_sure=not np.isfinite(found.bound))
    if not found.chosen.any():
        notes = (*notes, _NOTHING)
    return solution_of(problem, program, (found.chosen, found.bound), solver, notes)


def _with_shares(problem: Problem, care: Care) -> Solution:
    """Keep townships' shares: by ranges of the area, then by HiGHS where that is small.

    Raises
    ------
    InfeasibleError
        A share cannot be kept, or no answer that keeps all was found.
    """
    require_feasible(problem)
    conflict = share_conflict(problem)
    if conflict is not None:
        raise conflict
    search = Search(problem, care)
    search.run()
    program = program_of(problem)
    chosen = search.chosen
    if program.min_zone_ha > 0 and chosen is not None:
        chosen = _zones_of_shares(problem, program, chosen, care)
    nothing = np.zeros(0)
    found = Found(chosen, search.bound, is_branched=False, price=nothing, net=nothing)
    solver: Solver = "cut"
    free = int((program.fixed == FREE).sum())
    if found.gap_pct(program) > care.gap_pct and free <= _SHARE_UNITS:
        solver = "branch" if chosen is None else "cut and branch"
        found = _by_branching(program, found, care)
    if found.chosen is None:
        raise cannot_share(problem, solve(without_shares(problem), care).selected)
    notes = () if found.chosen.any() else (_NOTHING,)
    return solution_of(problem, program, (found.chosen, found.bound), solver, notes)


def _zones_of_shares(
    problem: Problem, program: Program, chosen: Flags, care: Care
) -> Flags | None:
    """Return zones of the least size with about the area of a choice, or None."""
    area = float(program.area_ha[chosen].sum())
    for least in (0.98, 0.9, 0.8):
        limits = in_hectares(problem.limits, least * area, area)
        try:
            found = solve(problem.under(limits), care).selected
        except (InfeasibleError, SettingsError):
            continue
        if program.is_answer(found):
            return found
    return None


def _with_zones(
    program: Program, found: Found, care: Care
) -> tuple[Found, tuple[Note, ...]]:
    relaxed = found
    chosen = None
    if found.chosen is not None:
        chosen = large_zones(program, found.chosen, found.net)
    found = replace(found, chosen=chosen)
    free = int((program.fixed == FREE).sum())
    if free <= _ZONE_UNITS and found.gap_pct(program) > care.gap_pct:
        found = _by_branching(program, found, care)
    if found.bound < relaxed.bound or found.gap_pct(program) <= care.gap_pct:
        return found, ()
    return found, (_RELAXED,)


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
