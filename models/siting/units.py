"""Planning units and the borders they share: what may be chosen, and beside what."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import TableError

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]
Places = NDArray[np.int64]

_NUMBERS = ("benefit", "cost_cny", "area_ha", "edge_m")
_FLAGS = ("eligible", "locked_in", "locked_out")


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Planning units, one array element each; lists and single values are taken too.

    Raises ``TableError`` that names the unit and the field: a number that is not
    finite, a cost below zero, an area that is not positive, an id that stands twice,
    a unit locked in that is not eligible or is locked out.
    """

    unit_id: Names
    benefit: Numbers
    """What choosing the unit is worth, in any one unit (t CO2e, a score times ha)."""
    cost_cny: Numbers
    area_ha: Numbers
    edge_m: Numbers = field(default_factory=lambda: np.zeros(()))
    """Border with land that is no unit, m: it is perimeter whenever the unit is in."""
    group: Names = field(default_factory=lambda: np.array(""))
    """Township or another group that limits are given for; "" is none."""
    eligible: Flags = field(default_factory=lambda: np.array(True))
    locked_in: Flags = field(default_factory=lambda: np.array(False))
    locked_out: Flags = field(default_factory=lambda: np.array(False))

    def __post_init__(self) -> None:
        count = np.size(self.unit_id)
        for name in _NUMBERS:
            _keep(self, name, np.float64, count)
        for name in _FLAGS:
            _keep(self, name, np.bool_, count)
        for name in ("unit_id", "group"):
            _keep(self, name, np.str_, count)
        _require_ids(self.unit_id)
        for name in _NUMBERS:
            _require_number(self, name)
        _require_locks(self)

    def __len__(self) -> int:
        return len(self.unit_id)

    @property
    def free(self) -> Flags:
        """Units that may be chosen."""
        return self.eligible & ~self.locked_out

    def take(self, order: Places) -> Self:
        """Return some of the units, or all in another order."""
        names = (*_NUMBERS, *_FLAGS, "unit_id", "group")
        return type(self)(**{name: getattr(self, name)[order] for name in names})


def _keep(units: Units, name: str, kind: type, count: int) -> None:
    values: NDArray[Any] = np.asarray(getattr(units, name), dtype=kind)
    if values.ndim == 0:
        values = np.full(count, values)
    if values.shape != (count,):
        raise TableError(
            f"{name} has shape {values.shape}, but there are {count} units.",
            zh=f"{name} 的形状为 {values.shape}，而规划单元有 {count} 个。"
            "请为每个单元给出一个值。",
            cure="Give one value for each unit.",
            field=name,
            value=values.shape,
            expected=(count,),
        )
    object.__setattr__(units, name, values)


def _require_ids(unit_id: Names) -> None:
    if len(unit_id) == 0:
        raise TableError(
            "There is not one planning unit.",
            zh="没有任何规划单元。请检查区域与可造林条件。",
            cure="Check the region, and what was excluded from it.",
            field="unit_id",
        )
    again = pd.Series(unit_id).duplicated().to_numpy()
    if again.any():
        name = str(unit_id[int(np.argmax(again))])
        raise TableError(
            f"The unit {name} stands more than once.",
            zh=f"规划单元 {name} 重复出现。请保证编号唯一。",
            cure="Give every unit an id of its own.",
            field="unit_id",
            item=name,
        )


def _require_number(units: Units, name: str) -> None:
    values: Numbers = getattr(units, name)
    wrong = ~np.isfinite(values)
    expected = "finite"
    if name in ("cost_cny", "edge_m"):
        wrong |= values < 0
        expected = "finite, not negative"
    if name == "area_ha":
        wrong |= ~(values > 0)
        expected = "finite, above zero"
    if not wrong.any():
        return
    first = int(np.argmax(wrong))
    item, count = str(units.unit_id[first]), int(wrong.sum())
    raise TableError(
        f"{name} of unit {item} is {values[first]:g} ({count} such units).",
        zh=f"规划单元 {item} 的 {name} 为 {values[first]:g}（共 {count} 个），"
        f"应为{'正数' if name == 'area_ha' else '有限数，费用与长度不得为负'}。"
        "请更正该值，或将该单元排除。",
        cure="Correct the value, or leave the unit out.",
        field=name,
        item=item,
        value=float(values[first]),
        expected=expected,
    )


def _require_locks(units: Units) -> None:
    for name, chinese, against in (
        ("eligible", "不符合造林条件", ~units.eligible),
        ("locked_out", "同时被锁定排除", units.locked_out),
    ):
        wrong = units.locked_in & against
        if not wrong.any():
            continue
        items = units.unit_id[wrong]
        listed = ", ".join(items[:5]) + (", ..." if len(items) > 5 else "")
        english = "not eligible" if name == "eligible" else "locked out as well"
        raise TableError(
            f"{len(items)} units are locked in but {english}: {listed}.",
            zh=f"{len(items)} 个锁定入选的单元{chinese}：{listed}。"
            "请取消锁定，或更正排除条件。",
            cure="Unlock them, or correct what excludes them.",
            field=name,
            item=str(items[0]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """Pairs of neighbours: their places among the units and the border they share, m.

    Each pair stands once. A length of zero says that two units touch in a point only:
    they are no neighbours when zones are put together.
    """

    first: Places
    second: Places
    length_m: Numbers

    def __post_init__(self) -> None:
        kinds = {"first": np.int64, "second": np.int64, "length_m": np.float64}
        for name, kind in kinds.items():
            values = np.atleast_1d(np.asarray(getattr(self, name), dtype=kind))
            object.__setattr__(self, name, values)

    @classmethod
    def none(cls) -> Self:
        nowhere = np.zeros(0, np.int64)
        return cls(nowhere, nowhere, np.zeros(0))

    def __len__(self) -> int:
        return len(self.first)

    def require_among(self, count: int) -> None:
        """Raise ``TableError`` unless all pairs are of ``count`` units, each once."""
        if not len(self.first) == len(self.second) == len(self.length_m):
            raise _wrong_pair("Borders need as many first as second and length_m.", -1)
        low, high = (
            np.minimum(self.first, self.second),
            np.maximum(self.first, self.second),
        )
        outside = (low < 0) | (high >= count)
        _refuse_pairs(outside, f"A border names a unit beyond the {count} given")
        _refuse_pairs(low == high, "A unit is its own neighbour")
        bad = ~(np.isfinite(self.length_m) & (self.length_m >= 0))
        _refuse_pairs(bad, "A border's length is negative or not finite")
        key = np.sort(low * count + high)
        if (key[1:] == key[:-1]).any():
            raise _wrong_pair("A pair of neighbours stands twice.", -1)


def _refuse_pairs(wrong: Flags, what: str) -> None:
    if wrong.any():
        raise _wrong_pair(f"{what} ({int(wrong.sum())} pairs).", int(np.argmax(wrong)))


def _wrong_pair(what: str, item: int) -> TableError:
    return TableError(
        what,
        zh=f"单元邻接表有误：{what}请用 models.siting.borders 重新生成邻接表。",
        cure="Build the borders with models.siting.borders or .blocks.",
        field="borders",
        **({"item": item} if item >= 0 else {}),
    )
