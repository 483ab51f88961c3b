"""Shares of townships in what is chosen: a limit that moves with the area itself.

A cut can hold hectares, not shares of a sum that is still open. But for a total area
between A and B every answer keeps ``min_share x A`` and ``max_share x B`` hectares,
which a cut holds: its bound is one for that range. And an answer that keeps
``min_share x B`` and ``max_share x A`` keeps the shares. Ranges are split, the one with
the highest bound first, until bound and answer meet.
"""

import heapq
from dataclasses import dataclass, replace

import numpy as np

from geo.errors import InfeasibleError, SettingsError
from models.siting.core import Care, Found
from models.siting.cut import cut
from models.siting.feasible import conflicts
from models.siting.problem import SLACK, GroupLimit, Limits, Problem
from models.siting.program import OUT, Program, program_of
from models.siting.solution import gap_pct
from models.siting.units import Flags

_MOST_RANGES = 16
_NARROW = 0.005
"""Widest range, as a share of its area, that an answer is looked for in."""


def keeps_shares(problem: Problem, chosen: Flags) -> bool:
    """Whether all shares of a choice are as they must be, up to rounding."""
    units = problem.units
    whole = float(units.area_ha[chosen].sum())
    room = SLACK * max(whole, 1.0)
    for limit in problem.limits.groups:
        area = float(units.area_ha[chosen & (units.group == limit.group)].sum())
        if area < limit.min_share * whole - room:
            return False
        if area > limit.max_share * whole + room:
            return False
    return True


def in_hectares(limits: Limits, least_ha: float, most_ha: float) -> Limits:
    """Return limits without shares that keep them for all areas in the range."""
    return replace(
        _between(limits, least_ha, most_ha),
        groups=tuple(one.within(least_ha, most_ha) for one in limits.groups),
    )


def _loose(limits: Limits, least_ha: float, most_ha: float) -> Limits:
    """Return limits without shares that no answer in the range can break."""
    groups = tuple(_order(one.within(most_ha, least_ha)) for one in limits.groups)
    return replace(_between(limits, least_ha, most_ha), groups=groups)


def _order(limit: GroupLimit) -> GroupLimit:
    return replace(limit, max_ha=max(limit.max_ha, limit.min_ha))


def _between(limits: Limits, least_ha: float, most_ha: float) -> Limits:
    least = max(limits.min_area_ha or 0.0, least_ha)
    return replace(
        limits,
        min_area_ha=least if least > 0 else None,
        max_area_ha=max(most_ha, least),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Range:
    """Areas between two limits, the bound there and the area of its best choice."""

    least_ha: float
    most_ha: float
    bound: float
    area_ha: float


class Search:
    """The best answer and the best bound over ranges of the whole area."""

    def __init__(self, problem: Problem, care: Care) -> None:
        self.problem, self.goal_pct = problem, care.gap_pct
        self.care = replace(care, windows=0, core_units=0)
        """HiGHS waits until ranges are done: it would be asked for each."""
        self.program = program_of(without_shares(problem))
        self.chosen: Flags | None = None
        self.last: Found | None = None
        self.open: list[tuple[float, int, _Range]] = []
        self.count = 0

    @property
    def value(self) -> float:
        return -np.inf if self.chosen is None else self.program.value(self.chosen)

    @property
    def bound(self) -> float:
        """No answer is worth more."""
        left = -self.open[0][0] if self.open else -np.inf
        return max(left, self.value)

    def run(self) -> None:
        """Split ranges until the gap is small or enough of them were looked at."""
        self._look(*self._whole())
        while self.open and self.count < _MOST_RANGES:
            if gap_pct(self.value, self.bound) <= self.goal_pct:
                return
            _, _, widest = heapq.heappop(self.open)
            middle = self._split(widest)
            self._look(widest.least_ha, middle)
            self._look(middle, widest.most_ha)

    def _whole(self) -> tuple[float, float]:
        limits, units = self.problem.limits, self.problem.units
        least = max(float(units.area_ha[units.locked_in].sum()), 0.0)
        most = float(units.area_ha[self.program.fixed != OUT].sum())
        return max(limits.min_area_ha or 0.0, least), min(
            limits.max_area_ha or most, most
        )

    def _split(self, at: _Range) -> float:
        """Return where to cut a range: at its best area, or in the middle."""
        low, high = at.least_ha, at.most_ha
        margin = 0.1 * (high - low)
        return float(np.clip(at.area_ha, low + margin, high - margin))

    def _look(self, least_ha: float, most_ha: float) -> None:
        """Bound a range, and look for an answer about the area of its best choice."""
        if not 0 < most_ha * (1 - SLACK) >= least_ha * (1 - 2 * SLACK):
            return
        self.count += 1
        loose = _possible(self.problem, _loose(self.problem.limits, least_ha, most_ha))
        if loose is None:
            return
        program = _relaxed(loose)
        found = cut(program, self.care)
        self.last = found
        area = most_ha
        if found.chosen is not None:
            area = float(program.area_ha[found.chosen].sum())
            self._offer(found.chosen)
        if found.bound > self.value:
            one = _Range(least_ha, most_ha, found.bound, area)
            heapq.heappush(self.open, (-found.bound, self.count, one))
            self._answer(max(area * (1 - _NARROW), least_ha), area)
            self.open = [part for part in self.open if -part[0] > self.value]
            heapq.heapify(self.open)

    def _answer(self, least_ha: float, most_ha: float) -> None:
        """Look for an answer with an area in a narrow range."""
        limits = in_hectares(self.problem.limits, least_ha, most_ha)
        tight = _possible(self.problem, limits)
        if tight is None:
            return
        found = cut(_relaxed(tight), self.care)
        if found.chosen is not None:
            self._offer(found.chosen)

    def _offer(self, chosen: Flags) -> None:
        if keeps_shares(self.problem, chosen) and self.program.value(chosen) > (
            self.value
        ):
            self.chosen = chosen


def without_shares(problem: Problem) -> Problem:
    """Return the problem with its other limits only."""
    groups = tuple(
        replace(one, min_share=0.0, max_share=1.0) for one in problem.limits.groups
    )
    return problem.under(replace(problem.limits, groups=groups))


def _relaxed(problem: Problem) -> Program:
    return replace(program_of(problem), min_zone_ha=0.0)


def _possible(problem: Problem, limits: Limits) -> Problem | None:
    """Return the problem under other limits, None where they contradict."""
    try:
        other = problem.under(limits)
    except SettingsError:
        return None
    return None if conflicts(other) else other


def share_conflict(problem: Problem) -> InfeasibleError | None:
    """Say which share cannot be kept, and by how much; None where all might be.

    The whole cannot be larger than each township with a least share allows, and the
    townships must be able to make it up within their greatest shares.
    """
    units, limits = problem.units, problem.limits
    can = program_of(without_shares(problem)).fixed != OUT
    land = {
        limit.group: float(units.area_ha[can & (units.group == limit.group)].sum())
        for limit in limits.groups
    }
    needed = max(limits.min_area_ha or 0.0, float(units.area_ha[units.locked_in].sum()))
    for limit in limits.groups:
        have, share = land[limit.group], limit.min_share
        if share > 0 and have < max(share * needed, 1e-9) * (1 - SLACK):
            return _lacks(limit, have, share * needed)
    rest = float(units.area_ha[can].sum()) - sum(land.values())
    most = _largest_whole(limits.groups, land, rest)
    if most < max(needed, 1e-9) * (1 - SLACK):
        return _too_little(limits.groups, land, needed, most)
    return None


def _largest_whole(
    groups: tuple[GroupLimit, ...], land: dict[str, float], rest: float
) -> float:
    """Return the largest area that townships make up within their greatest shares.

    What they can give, rest + sum min(land, share x whole), less the whole is concave
    in it: below its last zero all areas are possible, unless it is never positive.
    """

    def spare(whole: float) -> float:
        given = sum(min(land[g.group], g.max_share * whole) for g in groups)
        return rest + given - whole

    low, high = 0.0, rest + sum(land.values())
    edges = [land[g.group] / g.max_share for g in groups if g.max_share > 0]
    reached = [edge for edge in (*edges, high) if 0 < edge <= high]
    possible = [edge for edge in reached if spare(edge) >= -SLACK * edge]
    if not possible and rest <= 0:
        return 0.0
    low = max(possible, default=0.0)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if spare(middle) >= 0 else (low, middle)
    return low


def _lacks(limit: GroupLimit, have: float, wanted: float) -> InfeasibleError:
    name, share = limit.group, 100 * limit.min_share
    return InfeasibleError(
        f"{name} must give {share:g} % of the area, {wanted:,.2f} ha at least, but has "
        f"{have:,.2f} ha of eligible land, {wanted - have:,.2f} ha short.",
        zh=f"{name}须占总面积的 {share:g}%，即至少 {wanted:,.2f} 公顷，而可造林地仅 "
        f"{have:,.2f} 公顷，缺 {wanted - have:,.2f} 公顷。"
        "请调低其最低占比或总面积下限。",
        cure=f"Lower townships.{name}.min_share, or the area asked for.",
        field=f"townships.{name}.min_share",
        value=f"{have:.2f} ha",
        expected=f"{wanted:.2f} ha",
    )


def _too_little(
    groups: tuple[GroupLimit, ...], land: dict[str, float], needed: float, most: float
) -> InfeasibleError:
    told = ", ".join(f"{g.group} {land[g.group]:,.2f} ha" for g in groups)
    return InfeasibleError(
        f"Within the townships' greatest shares at most {most:,.2f} ha can be chosen"
        f" (eligible land: {told}), {needed - most:,.2f} ha short of {needed:,.2f} ha.",
        zh=f"在各乡镇最高占比之内最多可选 {most:,.2f} 公顷（可造林地：{told}），"
        f"比所需 {needed:,.2f} 公顷少 {needed - most:,.2f} 公顷。"
        "请调高其中一些的最高占比，或调低面积下限。",
        cure="Raise the max_share of some townships, or lower the area asked for.",
        field="townships",
        value=f"{most:.2f} ha",
        expected=f"{needed:.2f} ha",
    )


def cannot_share(problem: Problem, chosen: Flags) -> InfeasibleError:
    """Explain shares that the other limits do not allow, by the best choice without.

    Parameters
    ----------
    chosen
        The best choice that keeps all but the shares.
    """
    units = problem.units
    whole = max(float(units.area_ha[chosen].sum()), 1e-300)
    told = []
    for limit in problem.limits.groups:
        part = float(units.area_ha[chosen & (units.group == limit.group)].sum()) / whole
        if not limit.min_share <= part <= limit.max_share:
            asked = f"{100 * limit.min_share:g}-{100 * limit.max_share:g}"
            told.append(f"{limit.group} {100 * part:.1f} % ({asked} %)")
    named = "; ".join(told)
    return InfeasibleError(
        "No choice was found that keeps the townships' shares with the other limits; "
        f"without them the best one gives {named}.",
        zh=f"未找到同时满足各乡镇占比与其他限制的方案；不限占比时最优方案为：{named}。"
        "请放宽这些占比，或放宽预算与面积限制。",
        cure="Widen these shares, or the limits on money and area.",
        field="townships",
        value=named,
    )
