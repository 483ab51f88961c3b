"""Where new forest may stand: hard rules with the reason kept, and softer flags."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import GridMismatchError, SettingsError
from geo.zonal import CoverageWeights, area_ha, shares

Kind = Literal["hard", "soft"]
Test = Literal["above", "at_least", "below", "at_most"]
Values = NDArray[np.floating]
Numbers = NDArray[np.float64]

ELIGIBLE = 0
NOT_OBSERVED = "not_observed"
"""The hard rule that fires where a layer that another hard rule needs has no data."""
TOO_SMALL = "too_small"
"""The hard rule about areas rather than cells."""
LEAST_M2 = 400.0
"""CCER-14-001-V01: a parcel has at least 400 m2."""
_COMPARE: dict[str, Callable[[Values, np.float32], NDArray[np.bool_]]] = {
    "above": np.greater,
    "at_least": np.greater_equal,
    "below": np.less,
    "at_most": np.less_equal,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: it fires where its layer compares so with its value.

    Hard rules exclude; of several that fire, the one with the least ``code`` is the
    most binding. Layers of areas hold the share (0-1) of a cell that they cover.
    """

    name: str
    code: int
    """1-31; also the number of its bit, less one."""
    kind: Kind
    layer: str
    """Empty for ``not_observed`` and ``too_small``, which have no layer."""
    test: Test
    value: float
    unit: str
    title: str
    title_zh: str
    source: str
    status: str

    def __post_init__(self) -> None:
        fits = self.kind in get_args(Kind) and self.test in get_args(Test)
        if not (fits and 1 <= self.code <= 31 and np.isfinite(self.value)):
            raise SettingsError(
                f"Rule {self.name} is not one: kind {self.kind}, test {self.test}, "
                f"code {self.code}, value {self.value}.",
                zh=f"规则 {self.name} 有误：类别 {self.kind}，比较 {self.test}，"
                f"编号 {self.code}，阈值 {self.value}，请更正。",
                cure="kind is hard or soft, test above, at_least, below or at_most, "
                "code 1 to 31.",
                field=self.name,
                value=self.test,
            )

    @property
    def bit(self) -> int:
        return 1 << (self.code - 1)

    def fires(self, values: Values) -> NDArray[np.bool_]:
        """Say where the rule holds; never where there is no value."""
        compare = _COMPARE[self.test]
        with np.errstate(invalid="ignore"):
            return compare(values, np.float32(self.value))


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """What the rules say of cells or units, arrays of one shape."""

    code: NDArray[np.uint8]
    """Code of the most binding hard rule; 0 is eligible."""
    excluded_by: NDArray[np.uint32]
    """Bits of all hard rules that fire."""
    flags: NDArray[np.uint32]
    """Bits of all soft rules that fire, on excluded cells too."""
    unchecked: tuple[str, ...]
    """Rules without a layer: they were not looked at, and a reader must know."""

    @property
    def eligible(self) -> NDArray[np.bool_]:
        is_eligible: NDArray[np.bool_] = self.code == ELIGIBLE
        return is_eligible


def require_distinct(rules: Sequence[Rule]) -> None:
    """Raise ``SettingsError`` if two rules of a kind share a name or a code."""
    for kind in get_args(Kind):
        of_kind = [rule for rule in rules if rule.kind == kind]
        for field in ("name", "code"):
            taken = [getattr(rule, field) for rule in of_kind]
            twice = sorted({str(one) for one in taken if taken.count(one) > 1})
            if twice:
                raise SettingsError(
                    f"Two {kind} rules have the {field} {', '.join(twice)}.",
                    zh=f"有两条规则的 {field} 同为 {'、'.join(twice)}，请更正。",
                    cure="Give every rule its own name and code.",
                    field=field,
                    value=", ".join(twice),
                )


def screen(layers: Mapping[str, Values], rules: Sequence[Rule]) -> Screened:
    """Apply the rules to layers of one shape.

    A cell whose value is missing (NaN) in a layer that a hard rule reads is not known
    to be free: ``not_observed`` excludes it. A layer that is not there at all leaves
    its rules unchecked.

    Parameters
    ----------
    layers
        By name, in the units of the rules.

    Raises
    ------
    GridMismatchError
        When the layers differ in shape.
    SettingsError
        When two rules share a name or code.
    """
    require_distinct(rules)
    shape = _shape(layers)
    bits = {kind: np.zeros(shape, np.uint32) for kind in get_args(Kind)}
    unknown = next((rule for rule in rules if rule.name == NOT_OBSERVED), None)
    unchecked = []
    for rule in rules:
        if not rule.layer:
            continue
        if rule.layer not in layers:
            unchecked.append(rule.name)
            continue
        values = layers[rule.layer]
        bits[rule.kind][rule.fires(values)] |= np.uint32(rule.bit)
        if rule.kind == "hard" and unknown is not None:
            bits["hard"][np.isnan(values)] |= np.uint32(unknown.bit)
    return Screened(
        most_binding(bits["hard"]), bits["hard"], bits["soft"], tuple(unchecked)
    )


def with_rule(screened: Screened, rule: Rule, where: NDArray[np.bool_]) -> Screened:
    """Return ``screened`` with one more hard rule that fires ``where``."""
    bits = screened.excluded_by | np.where(where, np.uint32(rule.bit), np.uint32(0))
    return Screened(most_binding(bits), bits, screened.flags, screened.unchecked)


def most_binding(bits: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the code of the lowest bit that is set, 0 where there is none."""
    lowest = bits & (~bits + np.uint32(1))
    below = np.bitwise_count(lowest - np.uint32(1))  # 32 where no bit is set
    return np.asarray(np.where(bits > 0, below + np.uint8(1), np.uint8(0)), np.uint8)


def unit_eligibility(
    weights: CoverageWeights, screened: Screened, rules: Sequence[Rule]
) -> pd.DataFrame:
    """Measure what the rules leave of every planning unit, by its exact coverage.

    Returns
    -------
        ``unit_id``, ``area_ha`` and ``eligible_ha`` (in the plane of the CRS; what
        lies beyond the grid is not eligible), ``excluded_share``, a share for
        every rule that was checked (``share_<name>``: 0-1 of the unit on the grid,
        whether or not another rule excludes it too), ``reason`` and
        ``is_eligible``. A unit is eligible if its eligible part has 400 m2 (the value
        of ``too_small``); else ``reason`` is the hard rule that takes the largest
        share, the most binding of equals, or ``too_small``.
    """
    inside_ha = area_ha(weights)
    eligible = np.nan_to_num(shares(weights, screened.eligible))
    taken = {
        rule.name: np.nan_to_num(
            shares(weights, (_bits_of(screened, rule) & np.uint32(rule.bit)) > 0)
        )
        for rule in rules
        if rule.name not in screened.unchecked
    }
    eligible_ha = eligible * inside_ha
    least = next((rule.value for rule in rules if rule.name == TOO_SMALL), LEAST_M2)
    is_eligible = np.round(eligible_ha * 10_000, 3) >= least
    whole = weights.polygon_ha
    excluded = np.ones(len(whole))
    np.divide(eligible_ha, whole, out=excluded, where=whole > 0)
    return pd.DataFrame(
        {
            "unit_id": list(weights.parcel_ids),
            "area_ha": whole,
            "eligible_ha": eligible_ha,
            "excluded_share": np.where(whole > 0, np.clip(1 - excluded, 0, 1), 1.0),
            **{f"share_{name}": share for name, share in taken.items()},
            "reason": _reasons(taken, rules, is_eligible, whole * 10_000 >= least),
            "is_eligible": is_eligible,
        }
    )


def _bits_of(screened: Screened, rule: Rule) -> NDArray[np.uint32]:
    return screened.excluded_by if rule.kind == "hard" else screened.flags


def _reasons(
    taken: Mapping[str, Numbers],
    rules: Sequence[Rule],
    is_eligible: NDArray[np.bool_],
    is_large: NDArray[np.bool_],
) -> NDArray[np.object_]:
    hard = sorted(
        (rule for rule in rules if rule.kind == "hard" and rule.name in taken),
        key=lambda rule: rule.code,
    )
    reason = np.full(len(is_eligible), TOO_SMALL, object)
    if hard:
        stacked = np.stack([taken[rule.name] for rule in hard])
        names = np.array([rule.name for rule in hard], object)
        largest = names[stacked.argmax(axis=0)]
        some = is_large & (stacked.max(axis=0) > 0)
        reason[some] = largest[some]
    reason[is_eligible] = ""
    return reason


def _shape(layers: Mapping[str, Values]) -> tuple[int, ...]:
    shapes = {name: values.shape for name, values in layers.items()}
    if not shapes:
        raise SettingsError(
            "There is no layer to check eligibility with.",
            zh="没有任何可用于适宜性判断的图层，请在区域配置 [siting.layers] 中添加。",
            cure="Name layers in [siting.layers] of the region file.",
            field="siting.layers",
        )
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise GridMismatchError(
            f"The layers differ in shape: {listed}.",
            zh=f"各图层尺寸不一致：{listed}，请先对齐到区域网格。",
            cure="Bring them onto the region's grid first.",
        )
    return next(iter(shapes.values()))
