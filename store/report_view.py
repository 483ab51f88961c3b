"""What the report's template shows, worked out: rows, reasons, bars, captions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from geo.layers import LAYERS, ROUTES, STATUSES, VERDICTS
from geo.parcels import BY_NAME
from store.numbers import MISSING, general, interval, p_value, plus_minus, rounded
from store.record import NightRecord

Pair = tuple[str, str]
"""Chinese, English."""

PARCEL_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("小班", "Parcel", ""),
    ("面积", "Area", "ha"),
    ("地上生物量", "Above-ground biomass", "t"),
    ("碳储量", "Carbon", "t C"),
    ("折合CO2", "As CO2", "t CO2e"),
    ("碳汇变化", "Sink", "t CO2e/yr"),
    ("p值", "p", ""),
    ("判定", "Verdict", ""),
    ("状态", "Status", ""),
    ("优先度", "Priority", "0–1"),
)
"""Chinese, English and unit of each column of the report's table."""

_ROUTE = {code: (zh, en) for code, _, en, zh, _ in ROUTES}
_STATUS = {code: (zh, en) for code, en, zh in STATUSES}
_VERDICT = {code: (zh, en) for code, en, zh, _ in VERDICTS}
_COLOUR = {code: colour for code, _, _, colour in VERDICTS}

_NO_BASELINE = ("无基期", "no baseline")
_NOT_RANKED = ("未参与排序", "not ranked")
_NOT_GIVEN = ("未给出", "not given")


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell of the table says; ``reason`` says why there is no figure."""

    text: str
    sort: str = ""
    detail: str = ""
    pair: Pair | None = None
    reason: Pair | None = None
    colour: str = ""


def parcel_rows(
    parcels: gpd.GeoDataFrame, record: NightRecord, *, most: int | None = None
) -> list[list[Cell]]:
    """Return the table's rows, at most that many: losses first, then by parcel."""
    order = {code: number for number, (code, *_) in enumerate(VERDICTS)}
    keys = pd.DataFrame(
        {
            "verdict": [order.get(str(code), 9) for code in parcels["verdict"]],
            "parcel_id": [str(name) for name in parcels["parcel_id"]],
        }
    )
    first = keys.sort_values(["verdict", "parcel_id"]).index[:most]
    shown = parcels.drop(columns=parcels.geometry.name).iloc[first]
    rows = shown.to_dict("records")
    return [_row({str(k): v for k, v in row.items()}, record) for row in rows]


def _row(row: Mapping[str, object], record: NightRecord) -> list[Cell]:
    reason = _reason(row)
    without_change = _NO_BASELINE if record.baseline_season is None else reason
    area = number(row, "area_ha")
    return [
        _name(row),
        Cell(_hectares(area), sort=_sort(area)),
        *(_estimate(row, name, reason) for name in ("agb_t", "carbon_t", "co2_t")),
        _estimate(row, "sink_tco2_yr", without_change, limits=True),
        _plain(
            p_value(number(row, "change_p")), number(row, "change_p"), without_change
        ),
        _code(row, "verdict", _VERDICT),
        _status(row),
        _priority(row, reason),
    ]


def _hectares(area: float | None) -> str:
    # 0.0001 ha is one square metre, which matters for a parcel of 400 of them.
    return rounded(area, 4 if area is not None and area < 1 else 2)


def number(row: Mapping[str, object], name: str) -> float | None:
    """Return the finite number under ``name``, or None."""
    value = row.get(name)
    if value is None or value is pd.NA:
        return None
    found = float(str(value))
    return found if math.isfinite(found) else None


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _sort(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


def _reason(row: Mapping[str, object]) -> Pair:
    """Say why this parcel may lack a figure."""
    status = _text(row, "status")
    if status in ("estimated", ""):
        return _NOT_GIVEN
    return _STATUS.get(status, (status, status))


def _name(row: Mapping[str, object]) -> Cell:
    identity = _text(row, "parcel_id")
    return Cell(_text(row, "name_zh") or identity, sort=identity, detail=identity)


def _plain(text: str, value: float | None, reason: Pair) -> Cell:
    return Cell(text, sort=_sort(value), reason=reason if value is None else None)


def _estimate(
    row: Mapping[str, object], name: str, reason: Pair, *, limits: bool = False
) -> Cell:
    value, error = number(row, name), number(row, f"{name}_se")
    if value is None:
        return Cell(MISSING, reason=reason)
    span = interval(number(row, f"{name}_low"), number(row, f"{name}_high"))
    return Cell(
        plus_minus(value, error),
        sort=_sort(value),
        detail=f"90 %: {span}" if limits and span != MISSING else "",
    )


def _code(row: Mapping[str, object], name: str, names: Mapping[str, Pair]) -> Cell:
    code = _text(row, name)
    if not code:
        return Cell(MISSING, reason=_reason(row))
    pair = names.get(code, (code, code))
    return Cell("", sort=code, pair=pair, colour=_COLOUR.get(code, ""))


def _status(row: Mapping[str, object]) -> Cell:
    code = _text(row, "status")
    observed = number(row, "observed_pct")
    seen = "" if observed is None else f"{rounded(observed, 0)} %"
    note = _text(row, "note")
    detail = " · ".join(part for part in (seen, _by_route(row), note) if part)
    return Cell(
        "" if code else MISSING,
        sort=code,
        pair=_STATUS.get(code, (code, code)) if code else None,
        detail=detail,
    )


def _by_route(row: Mapping[str, object]) -> str:
    """Say which route a parcel took, if it is not tier 1 alone."""
    code, share = _text(row, "method"), number(row, "model_pct")
    if not share:
        return ""
    return f"{' '.join(_ROUTE.get(code, (code, code)))} ({rounded(share, 0)} %)"


def route_names(record: NightRecord) -> list[tuple[Pair, float]]:
    """Return the routes to biomass and their shares of the area, in per cent."""
    return [
        (_ROUTE.get(code, (code, code)), share)
        for code, share in record.biomass.area_pct.items()
    ]


def _priority(row: Mapping[str, object], reason: Pair) -> Cell:
    score, rank = number(row, "priority_score"), number(row, "priority_rank")
    if score is None:
        return Cell(MISSING, reason=_NOT_RANKED if reason == _NOT_GIVEN else reason)
    detail = "" if rank is None else f"#{rank:.0f}"
    return Cell(rounded(score, 2), sort=_sort(score), detail=detail)


def status_counts(record: NightRecord) -> list[tuple[Pair, int]]:
    counts = record.parcel_statuses
    known = [(_STATUS[code], counts[code]) for code in _STATUS if counts.get(code)]
    return known + [((c, c), n) for c, n in sorted(counts.items()) if c not in _STATUS]


def verdict_counts(record: NightRecord) -> list[tuple[Pair, int, str]]:
    counts = record.parcel_verdicts
    return [
        (pair, counts[code], _COLOUR[code])
        for code, pair in _VERDICT.items()
        if counts.get(code)
    ]


COMPONENTS: dict[str, Pair] = {
    "residual": ("像元残差(含空间相关)", "map residuals, spatially correlated"),
    "model": ("模型参数", "model"),
    "season": ("季节差异", "season"),
    "default_agbd": ("默认生物量密度", "default biomass density"),
    "allometry": ("异速生长方程", "allometry"),
    "plots": ("样地", "plots"),
    "root_shoot": ("根茎比", "root:shoot ratio"),
    "carbon_fraction": ("含碳率", "carbon fraction"),
    "area": ("面积", "area"),
}
"""Names of the sources of error; one that is not here is shown as it is."""

_PALETTE = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#999999",
    "#f0e442",
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the budget's bar; ``start`` and ``share`` in per cent of its length."""

    name: Pair
    share: float
    start: float
    colour: str
    text: str


def budget_bar(budget: Mapping[str, float]) -> list[Segment]:
    """Return the shares of the variance side by side, the largest first."""
    segments: list[Segment] = []
    start = 0.0
    ordered = sorted(budget.items(), key=lambda item: (-item[1], item[0]))
    for place, (code, share) in enumerate(ordered):
        plain = code.replace("_", " ")
        name = COMPONENTS.get(code, (plain, plain))
        text = f"{rounded(share, 1)} %" if share >= 0.05 else "< 0.1 %"
        colour = _PALETTE[place % len(_PALETTE)]
        segments.append(Segment(name, share, start, colour, text))
        start += share
    return segments


METRICS: dict[str, Pair] = {
    "n": ("样本数", "n"),
    "rmse": ("均方根误差", "RMSE"),
    "relative_rmse": ("相对均方根误差", "RMSE / mean"),
    "bias": ("偏差", "bias"),
    "r2": ("决定系数", "R²"),
    "coverage_90": ("90%区间覆盖率", "coverage of 90 % intervals"),
}

_WAYS: dict[str, Pair] = {
    "blocked": ("空间分块(应采信)", "spatial blocks (to be believed)"),
    "random": ("随机划分(偏乐观)", "random folds (too hopeful)"),
    "choice_included_blocked": ("含选型", "with the choice among models"),
    "plain_ridge_blocked": ("普通岭回归", "a plain ridge"),
    "plain_mean_blocked": ("仅用均值", "the plain mean"),
}


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores side by side: a column for each way of splitting, a row per metric."""

    ways: tuple[Pair, ...]
    rows: tuple[tuple[Pair, tuple[str, ...]], ...]


def score_rows(card: Mapping[str, object]) -> Scores | None:
    """Return ``card["scores"]`` side by side, or None if the card has none."""
    scores = card.get("scores")
    if not isinstance(scores, Mapping) or not scores:
        return None
    ways = sorted(scores, key=lambda way: [*_WAYS, way].index(way))
    metrics = list(dict.fromkeys(name for way in ways for name in scores[way]))
    metrics.sort(key=lambda name: [*METRICS, name].index(name))
    return Scores(
        tuple(_WAYS.get(way, (way, way)) for way in ways),
        tuple(
            (
                METRICS.get(name, (name, name)),
                tuple(shown(scores[way].get(name)) for way in ways),
            )
            for name in metrics
        ),
    )


def card_rows(
    card: Mapping[str, object], *, without: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """Return every fact of a card as a dotted name and what it says."""
    rest = {key: value for key, value in card.items() if key not in without}
    return list(_facts("", rest))


def _facts(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _facts(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        yield prefix, shown(value)


def shown(value: object) -> str:
    """Return a fact of a card as people read it; a dash for none."""
    match value:
        case None:
            return MISSING
        case bool():
            return "✓" if value else "✗"
        case int() | float():
            return general(float(value))
        case Mapping():
            named = value.get("name")
            rest = ", ".join(f"{k}: {shown(v)}" for k, v in value.items())
            return str(named) if named else rest
        case list() | tuple():
            return ", ".join(shown(each) for each in value) or MISSING
        case _:
            return str(value)


_PICTURES: dict[str, Pair] = {
    "overview": ("总览图", "Overview map"),
    "true_colour": ("真彩色合成", "True colour"),
}


def caption(name: str) -> Pair:
    """Return the Chinese and English name of a picture, from the table of layers."""
    for layer in LAYERS.values():
        for band in layer.bands:
            if name in (band.name, f"{layer.name}_{band.name}"):
                unit = "" if band.unit in ("1", "class") else f" ({band.unit})"
                return f"{band.title_zh}{unit}", f"{band.title}{unit}"
    column = BY_NAME.get(name)
    if column is not None:
        return column.title_zh, column.title
    return _PICTURES.get(name, (name, name))
