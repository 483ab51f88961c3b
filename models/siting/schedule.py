"""Which year each chosen unit is planted in, so that no year falls short."""

import heapq
from dataclasses import dataclass

import numpy as np

from geo.errors import InfeasibleError
from models.siting.problem import SLACK
from models.siting.units import Flags, Numbers, Places


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Year of planting of each unit, 0 for one that is not chosen."""

    year: Places
    area_ha: dict[int, float]
    """Planted in each year of the plan."""


def spread_over_years(
    chosen: Flags,
    area_ha: Numbers,
    first_to_last: Places,
    years: range,
    *,
    least_ha: float = 0.0,
) -> Schedule:
    """Plant chosen units in order of ``first_to_last``, about as much every year.

    Where units are so large that a year would fall short of ``least_ha``, they are
    dealt out by size instead, the largest first to the year that has least.

    Parameters
    ----------
    first_to_last
        Places of all chosen units, those to plant first in front.

    Raises
    ------
    InfeasibleError
        Units are too large for every year to reach ``least_ha``.
    """
    order = first_to_last[chosen[first_to_last]]
    area = area_ha[order]
    turn = _in_order(area, len(years))
    if _least(turn, area, len(years)) < least_ha * (1 - SLACK):
        turn = _by_size(area, len(years))
    short = least_ha - _least(turn, area, len(years))
    if short > SLACK * max(least_ha, 1.0):
        raise _too_coarse(years, least_ha, short)
    year = np.zeros(len(chosen), np.int64)
    year[order] = years.start + turn
    total = np.bincount(turn, area, len(years))
    return Schedule(year, dict(zip(years, total.tolist(), strict=True)))


def _in_order(area: Numbers, count: int) -> Places:
    """Fill years one after another; a unit goes where its middle falls."""
    whole = max(float(area.sum()), 1e-300)
    middle = (np.cumsum(area) - area / 2) / whole
    return np.clip((middle * count).astype(np.int64), 0, count - 1)


def _by_size(area: Numbers, count: int) -> Places:
    heap = [(0.0, turn) for turn in range(count)]
    found = np.zeros(len(area), np.int64)
    for place in np.argsort(-area, kind="stable"):
        held, turn = heapq.heappop(heap)
        found[place] = turn
        heapq.heappush(heap, (held + float(area[place]), turn))
    return found


def _least(turn: Places, area: Numbers, count: int) -> float:
    return float(np.bincount(turn, area, count).min())


def _too_coarse(years: range, least_ha: float, short: float) -> InfeasibleError:
    return InfeasibleError(
        f"The units chosen are too large to plant {least_ha:,.2f} ha in each of "
        f"{len(years)} years: the poorest year is {short:,.2f} ha short.",
        zh=f"所选单元过大，无法在 {len(years)} 年中每年都达到 {least_ha:,.2f} 公顷："
        f"最少的一年缺 {short:,.2f} 公顷。请略微调低每年面积、调高面积下限，"
        "或改用更小的规划块。",
        cure="Lower at_least_ha_per_year a little, raise min_area_ha, or plan with "
        "smaller blocks.",
        field="at_least_ha_per_year",
        value=f"{least_ha - short:.2f} ha",
        expected=f"{least_ha:.2f} ha",
    )
