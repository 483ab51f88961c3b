"""What a planner asks for, as one frozen value: units, borders, limits, a penalty.

The answer chooses x (0 or 1 for each unit) to make

    sum_i benefit_i x_i - penalty * perimeter(x)

as large as can be within the limits, where perimeter(x) is the length in m of all
borders between a chosen unit and one that is not, or land that is no unit.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from geo.errors import SettingsError
from models.siting.units import Borders, Numbers, Units

SLACK = 1e-9
"""Relative rounding error that a limit forgives."""


@dataclass(frozen=True, slots=True)
class GroupLimit:
    """Least and most area, ha, to choose in one group (township).

    Shares are of all the area that is chosen, whatever that comes to.
    """

    group: str
    min_ha: float = 0.0
    max_ha: float = float("inf")
    min_share: float = 0.0
    max_share: float = 1.0

    @property
    def has_share(self) -> bool:
        return self.min_share > 0 or self.max_share < 1

    def within(self, least_ha: float, most_ha: float) -> "GroupLimit":
        """Return limits in ha alone that hold the shares of any area in a range.

        ``least_ha`` counts for the greatest share and ``most_ha`` for the least one;
        the other way round, they are limits that every answer in the range keeps.
        """
        return GroupLimit(
            self.group,
            max(self.min_ha, self.min_share * most_ha),
            min(self.max_ha, self.max_share * least_ha)
            if self.max_share < 1
            else self.max_ha,
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer must keep to; None is no limit."""

    budget_cny: float | None = None
    max_area_ha: float | None = None
    min_area_ha: float | None = None
    min_zone_ha: float | None = None
    """Least area of each contiguous zone."""
    groups: tuple[GroupLimit, ...] = ()

    def __post_init__(self) -> None:
        for name in ("budget_cny", "max_area_ha", "min_area_ha", "min_zone_ha"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise _wrong(name, value, "finite, above zero")
        for limit in self.groups:
            if not (limit.min_ha >= 0 and limit.max_ha >= 0):
                raise _wrong(f"groups.{limit.group}", limit, "not negative")
            if limit.min_ha > limit.max_ha:
                raise _crossed(f"groups.{limit.group}", limit.min_ha, limit.max_ha)
            if not 0 <= limit.min_share <= limit.max_share <= 1:
                raise _wrong(
                    f"groups.{limit.group}", limit, "shares of 0 to 1, least first"
                )
        least, most = self.min_area_ha, self.max_area_ha
        if least is not None and most is not None and least > most:
            raise _crossed("min_area_ha", least, most)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A request that makes sense; whether it can be met says ``feasible.conflicts``.

    ``penalty_per_m`` is the benefit that one metre of perimeter costs.

    Raises
    ------
    TableError
        A border is wrong.
    SettingsError
        The penalty or a limit is wrong: a budget of zero or beyond all land, an
        unknown township, ...
    """

    units: Units
    borders: Borders = field(default_factory=Borders.none)
    limits: Limits = field(default_factory=Limits)
    penalty_per_m: float = 0.0

    def __post_init__(self) -> None:
        self.borders.require_among(len(self.units))
        if not (np.isfinite(self.penalty_per_m) and self.penalty_per_m >= 0):
            raise _wrong("penalty_per_m", self.penalty_per_m, "finite, not negative")
        free, limits = self.units.free, self.limits
        _require_within(
            "budget_cny",
            limits.budget_cny,
            self.units.cost_cny[free],
            "all eligible land costs only",
        )
        _require_within(
            "max_area_ha",
            limits.max_area_ha,
            self.units.area_ha[free],
            "there is only so much eligible land:",
        )
        _require_groups(self.units, limits.groups)

    @property
    def has_shares(self) -> bool:
        """Whether a township's share of the whole is limited."""
        return any(limit.has_share for limit in self.limits.groups)

    def under(self, limits: Limits) -> Self:
        """Return the same problem under other limits, checked again."""
        return replace(self, limits=limits)


def _require_within(name: str, limit: float | None, each: Numbers, why: str) -> None:
    whole = float(each.sum())
    if limit is None or limit <= whole * (1 + SLACK):
        return
    unit, chinese = ("CNY", "元") if name == "budget_cny" else ("ha", "公顷")
    raise SettingsError(
        f"{name} is {limit:,.2f} {unit}, but {why} {whole:,.2f} {unit}.",
        zh=f"{name} 为 {limit:,.2f} {chinese}，而全部可造林地合计仅 "
        f"{whole:,.2f} {chinese}，该限制不起作用。请调低该值，或不设此限制。",
        cure=f"Lower {name} to at most {whole:,.2f}, or leave it out.",
        field=name,
        value=limit,
        expected=f"at most {whole:.2f}",
    )


def _require_groups(units: Units, groups: tuple[GroupLimit, ...]) -> None:
    known = set(np.unique(units.group).tolist()) - {""}
    names = [limit.group for limit in groups]
    for name in names:
        if name not in known or names.count(name) > 1:
            twice = name in known
            raise SettingsError(
                f"The limit of group {name!r} "
                + ("is given twice." if twice else "names a group without units."),
                zh=f"分组（乡镇）“{name}”的面积限制"
                + ("重复。" if twice else "没有对应的规划单元。")
                + f"已有分组：{'、'.join(sorted(known)) or '无'}。请更正名称。",
                cure=f"Use each of these once: {', '.join(sorted(known)) or 'none'}.",
                field="groups",
                value=name,
            )


def _wrong(name: str, value: object, expected: str) -> SettingsError:
    return SettingsError(
        f"{name} is {value}.",
        zh=f"{name} 的值为 {value}，应为有限数且不得为负（预算与面积须大于零）。"
        "请更正，或不设此项。",
        cure=f"Give {name} a value that is {expected}, or leave it out.",
        field=name,
        value=value,
        expected=expected,
    )


def _crossed(name: str, least: float, most: float) -> SettingsError:
    return SettingsError(
        f"{name}: at least {least:g} ha and at most {most:g} ha contradict.",
        zh=f"{name}：下限 {least:g} 公顷高于上限 {most:g} 公顷，相互矛盾。"
        "请调低下限或调高上限。",
        cure="Lower the minimum or raise the maximum.",
        field=name,
        value=least,
        expected=f"at most {most:g}",
    )
