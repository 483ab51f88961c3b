"""Can a request be met at all? Said before anything is solved, with the missing sum.

All figures are those of the problem where units may be taken in part, which asks for
less: what is impossible here is impossible.
"""

from dataclasses import dataclass

import numpy as np

from geo.errors import InfeasibleError
from models.siting.problem import SLACK, Problem
from models.siting.program import OUT, Program, program_of
from models.siting.units import Flags, Numbers


@dataclass(frozen=True, slots=True)
class Conflict:
    """A limit that cannot be kept, what it needs and what there is, in ``unit``."""

    field: str
    what: str
    zh: str
    cure: str
    needed: float
    available: float
    unit: str

    @property
    def short_by(self) -> float:
        return self.needed - self.available


def conflicts(problem: Problem) -> tuple[Conflict, ...]:
    """Return why no answer exists; empty when nothing speaks against one."""
    program = program_of(problem)
    found = [
        *_locked(problem),
        *_groups(problem, program),
        *_zones(problem, program),
        *_area(problem, program),
    ]
    if not found:  # the cheapest way to an area that cannot be reached says nothing
        found += _money(problem, program)
    return tuple(found)


def require_feasible(problem: Problem) -> None:
    """Raise ``InfeasibleError`` that tells every conflict in both languages."""
    found = conflicts(problem)
    if found:
        raise InfeasibleError(
            " ".join(one.what for one in found),
            zh="".join(one.zh for one in found),
            cure=" ".join(one.cure for one in found),
            field=", ".join(one.field for one in found),
            value="; ".join(f"{one.available:.2f} {one.unit}" for one in found),
            expected="; ".join(f"{one.needed:.2f} {one.unit}" for one in found),
        )


def _exceeds(needed: float, available: float) -> bool:
    return needed > available + SLACK * max(1.0, abs(available))


def _locked(problem: Problem) -> list[Conflict]:
    """Units locked in that alone take more than there is."""
    units, limits, found = problem.units, problem.limits, []
    locked = units.locked_in
    cost, area = units.cost_cny[locked].sum(), units.area_ha[locked].sum()
    count = int(locked.sum())
    for name, needed, limit, unit, chinese in (
        ("budget_cny", cost, limits.budget_cny, "CNY", "元"),
        ("max_area_ha", area, limits.max_area_ha, "ha", "公顷"),
    ):
        if limit is None or not _exceeds(needed, limit):
            continue
        over = needed - limit
        verb = "cost" if unit == "CNY" else "cover"
        found.append(
            Conflict(
                field=name,
                what=f"The {count} units locked in {verb} {needed:,.2f} {unit}, "
                f"{over:,.2f} more than {name} = {limit:,.2f}.",
                zh=f"锁定入选的 {count} 个单元合计 {needed:,.2f} {chinese}，"
                f"超出上限 {limit:,.2f} {chinese} 共 {over:,.2f} {chinese}，"
                "请取消部分锁定或调高上限。",
                cure=f"Unlock units worth {over:,.2f} {unit}, or raise {name}.",
                needed=float(needed),
                available=limit,
                unit=unit,
            )
        )
    return found


def _groups(problem: Problem, program: Program) -> list[Conflict]:
    """Townships that lack land, or hold more locked land than they may."""
    units, found = problem.units, []
    can = program.fixed != OUT
    for limit in problem.limits.groups:
        inside = units.group == limit.group
        land = float(units.area_ha[inside & can].sum())
        locked = float(units.area_ha[inside & units.locked_in].sum())
        name = f"groups.{limit.group}"
        if _exceeds(limit.min_ha, land):
            short = limit.min_ha - land
            found.append(
                Conflict(
                    field=name,
                    what=f"{limit.group} must give {limit.min_ha:,.2f} ha but has only "
                    f"{land:,.2f} ha of eligible land, {short:,.2f} ha short.",
                    zh=f"{limit.group}要求不少于 {limit.min_ha:,.2f} 公顷，"
                    f"而可造林地仅 {land:,.2f} 公顷，缺 {short:,.2f} 公顷，"
                    "请调低该乡镇下限。",
                    cure=f"Lower the minimum of {limit.group} to {land:,.2f} ha.",
                    needed=limit.min_ha,
                    available=land,
                    unit="ha",
                )
            )
        if _exceeds(locked, limit.max_ha):
            over = locked - limit.max_ha
            found.append(
                Conflict(
                    field=name,
                    what=f"Units locked in take {locked:,.2f} ha of {limit.group}, "
                    f"{over:,.2f} ha more than its {limit.max_ha:,.2f} ha.",
                    zh=f"{limit.group}锁定入选 {locked:,.2f} 公顷，"
                    f"超出其上限 {limit.max_ha:,.2f} 公顷共 {over:,.2f} 公顷，"
                    "请取消部分锁定或调高上限。",
                    cure=f"Unlock {over:,.2f} ha of it, or raise {name}.max_ha.",
                    needed=locked,
                    available=limit.max_ha,
                    unit="ha",
                )
            )
    return found


def _zones(problem: Problem, program: Program) -> list[Conflict]:
    """Units locked in whose contiguous land is smaller than the least zone."""
    least = program.min_zone_ha
    if least <= 0:
        return []
    can = program.fixed != OUT
    stuck = program.in_small_zone(can) & problem.units.locked_in
    if not stuck.any():
        return []
    zone = program.zones(can)
    first = int(np.flatnonzero(stuck)[0])
    land = float(program.area_ha[zone == zone[first]].sum())
    name = str(problem.units.unit_id[first])
    return [
        Conflict(
            field="min_zone_ha",
            what=f"The unit {name} is locked in, but eligible land around it comes "
            f"to {land:,.2f} ha, {least - land:,.2f} ha less than a zone "
            f"({int(stuck.sum())} such units).",
            zh=f"锁定入选的单元 {name} 周围连片可造林地仅 {land:,.2f} 公顷，"
            f"比最小连片面积 {least:,.2f} 公顷少 {least - land:,.2f} 公顷"
            f"（此类单元共 {int(stuck.sum())} 个），请取消锁定或调低最小连片面积。",
            cure=f"Unlock {name}, or lower min_zone_ha to {land:,.2f}.",
            needed=least,
            available=land,
            unit="ha",
        )
    ]


def _area(problem: Problem, program: Program) -> list[Conflict]:
    """More area wanted than townships and eligible land can give, or less allowed."""
    limits, found = problem.limits, []
    give, want = _most_and_least(problem, program)
    least = limits.min_area_ha or 0.0
    if _exceeds(least, give):
        found.append(
            Conflict(
                field="min_area_ha",
                what=f"At least {least:,.2f} ha are wanted, but within the townships' "
                f"limits there are {give:,.2f} ha, {least - give:,.2f} ha short.",
                zh=f"要求造林不少于 {least:,.2f} 公顷，而符合条件（含乡镇上限）的土地"
                f"仅 {give:,.2f} 公顷，缺 {least - give:,.2f} 公顷，"
                "请调低面积下限或放宽限制。",
                cure=f"Lower min_area_ha to {give:,.2f}, or admit more land.",
                needed=least,
                available=give,
                unit="ha",
            )
        )
    most = limits.max_area_ha
    if most is not None and _exceeds(want, most):
        found.append(
            Conflict(
                field="max_area_ha",
                what=f"The townships' minima and locked units come to {want:,.2f} ha, "
                f"{want - most:,.2f} ha more than max_area_ha = {most:,.2f}.",
                zh=f"各乡镇下限与锁定单元合计 {want:,.2f} 公顷，超出面积上限 "
                f"{most:,.2f} 公顷共 {want - most:,.2f} 公顷，"
                "请调低乡镇下限或调高面积上限。",
                cure=f"Lower these minima, or raise max_area_ha to {want:,.2f}.",
                needed=want,
                available=most,
                unit="ha",
            )
        )
    return found


def _most_and_least(problem: Problem, program: Program) -> tuple[float, float]:
    """Return the most area that limits of groups allow, and the least they ask for."""
    units = problem.units
    can = program.fixed != OUT
    most, least = (
        float(units.area_ha[can].sum()),
        float(units.area_ha[units.locked_in].sum()),
    )
    for limit in problem.limits.groups:
        inside = units.group == limit.group
        land = float(units.area_ha[inside & can].sum())
        locked = float(units.area_ha[inside & units.locked_in].sum())
        most -= max(land - limit.max_ha, 0.0)
        least += max(limit.min_ha - locked, 0.0)
    return most, least


def _money(problem: Problem, program: Program) -> list[Conflict]:
    """Minimum areas whose cheapest land costs more than there is."""
    budget = problem.limits.budget_cny
    if budget is None:
        return []
    needed = least_cost(problem, program)
    if not _exceeds(needed, budget):
        return []
    short = needed - budget
    return [
        Conflict(
            field="budget_cny",
            what=f"The areas asked for cost at least {needed:,.2f} CNY, {short:,.2f} "
            f"more than the budget of {budget:,.2f}.",
            zh=f"要求的面积至少需要 {needed:,.2f} 元，超出预算 {budget:,.2f} 元共 "
            f"{short:,.2f} 元，请增加预算或调低面积下限。",
            cure=f"Raise budget_cny to {needed:,.2f}, or lower the minimum areas.",
            needed=needed,
            available=budget,
            unit="CNY",
        )
    ]


def least_cost(
    problem: Problem, program: Program, cost_cny: Numbers | None = None
) -> float:
    """Return the least cost, CNY, of the minimum areas when units may be cut.

    ``cost_cny`` stands in for the costs of the units.

    Townships' minima first, each from its cheapest land; then the cheapest land left,
    within the townships' maxima, until the whole is large enough. Taking the cheapest
    is best at every step because the limits are nested.
    """
    units = problem.units
    part = units.locked_in.astype(np.float64)
    cost = units.cost_cny if cost_cny is None else cost_cny
    rate = cost / units.area_ha
    can = (program.fixed != OUT) & ~units.locked_in
    for limit in problem.limits.groups:
        inside = units.group == limit.group
        have = float((part * units.area_ha)[inside].sum())
        part += _cheapest(units.area_ha, rate, can & inside, limit.min_ha - have)
    left = can.astype(np.float64) - np.where(can, part, 0.0)
    for limit in problem.limits.groups:
        inside = units.group == limit.group
        have = float((part * units.area_ha)[inside].sum())
        fits = _cheapest(
            units.area_ha * left, rate, inside & (left > 0), limit.max_ha - have
        )
        left[inside] = (left * fits)[inside]
    have = float((part * units.area_ha).sum())
    short = (problem.limits.min_area_ha or 0.0) - have
    part += left * _cheapest(units.area_ha * left, rate, left > 0, short)
    return float((part * cost).sum())


def _cheapest(area: Numbers, rate: Numbers, among: Flags, wanted: float) -> Numbers:
    """Return the part of each unit taken, 0-1, for ``wanted`` ha at the least cost."""
    part = np.zeros(len(area))
    place = np.flatnonzero(among)
    order = place[np.argsort(rate[place], kind="stable")]
    before = np.cumsum(area[order]) - area[order]
    part[order] = np.clip((wanted - before) / np.maximum(area[order], 1e-300), 0.0, 1.0)
    return part
