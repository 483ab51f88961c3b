"""What the report on zones shows, worked out: the summary, rows, the what-if table."""

from collections.abc import Mapping
from dataclasses import dataclass

from geo.layers import LAYERS
from store.numbers import general, rounded
from store.report_view import Cell, Pair
from store.zone_record import AnswerRecord, UptakeRecord, WhatIf, ZoneRecord

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("次序", "Order", ""),
    ("面积", "Area", "ha"),
    ("树种组", "Species group", ""),
    ("年均固碳", "Uptake a year", "t CO2/yr"),
)
"""Columns before those of the horizons; Chinese, English, unit."""
MORE: tuple[tuple[str, str, str], ...] = (
    ("单位成本", "Cost", "CNY/t CO2"),
    ("排放暴露", "Exposure", "t CO2e/yr"),
    ("稳定性", "Sureness", ""),
    ("小班数", "Parcels", ""),
)
"""Columns after those of the horizons."""

SPECIES: Mapping[str, Pair] = {
    "chinese_fir": ("杉木", "Chinese fir"),
    "chinese_pine": ("油松", "Chinese pine"),
    "deciduous_oak": ("落叶栎类", "deciduous oak"),
    "evergreen_broadleaf": ("常绿阔叶", "evergreen broadleaf"),
    "larch": ("落叶松", "larch"),
    "masson_pine": ("马尾松", "Masson pine"),
    "mixed_broadleaf": ("阔叶混交", "mixed broadleaf"),
    "moso_bamboo": ("毛竹", "moso bamboo"),
    "poplar": ("杨树", "poplar"),
    "shrub": ("灌木", "shrub"),
}
"""Groups of coefficients/growth.csv; one that is not here is shown by its name."""


def columns_of(record: AnswerRecord) -> list[tuple[str, str, str]]:
    """Return the titles and units of the table's columns."""
    years = [(f"至{one.year}年", f"By {one.year}", "t CO2") for one in record.uptake]
    return [*COLUMNS, *years, *MORE]


def zone_row(
    zone: ZoneRecord, horizon: int, colours: Mapping[str, tuple[str, str, str]]
) -> list[Cell]:
    """Return a zone's cells in the order of ``columns_of``."""
    last = next(one for one in zone.uptake if one.year == horizon)
    en, zh, colour = colours[zone.sureness]
    spread = (
        f"{rounded(zone.cost_cny_tco2_low, 0)}–{rounded(zone.cost_cny_tco2_high, 0)}"
    )
    return [
        Cell(str(zone.rank), sort=f"{zone.rank:06d}"),
        Cell(rounded(zone.area_ha, 2), sort=f"{zone.area_ha:.9g}"),
        _species(zone.species_group),
        _per_year(last),
        *(_uptake(one) for one in zone.uptake),
        Cell(
            rounded(zone.cost_cny_tco2, 0),
            sort=f"{zone.cost_cny_tco2:.9g}",
            detail=spread,
        ),
        Cell(rounded(zone.exposure_tco2e_yr, 0), sort=f"{zone.exposure_tco2e_yr:.9g}"),
        Cell(
            "",
            sort=f"{zone.selection_frequency:.9g}",
            pair=(zh, en),
            colour=colour,
            detail=f"{zone.selection_frequency:.0%}",
        ),
        Cell(str(len(zone.parcels)), sort=str(len(zone.parcels))),
    ]


def _species(group: str) -> Cell:
    names = group.split(", ")
    pairs = [SPECIES.get(name, (name, name)) for name in names]
    zh, en = "、".join(one for one, _ in pairs), ", ".join(one for _, one in pairs)
    return Cell("", sort=group, pair=(zh, en))


def _per_year(last: UptakeRecord) -> Cell:
    share = last.mean_tco2_yr / last.total_tco2 if last.total_tco2 else 0.0
    limits = f"{general(last.low_tco2 * share)}–{general(last.high_tco2 * share)}"
    return Cell(
        general(last.mean_tco2_yr), sort=f"{last.mean_tco2_yr:.9g}", detail=limits
    )


def _uptake(one: UptakeRecord) -> Cell:
    limits = f"{rounded(one.low_tco2, 0)}–{rounded(one.high_tco2, 0)}"
    return Cell(rounded(one.total_tco2, 0), sort=f"{one.total_tco2:.9g}", detail=limits)


def summary(record: AnswerRecord) -> Pair:
    """Say in one sentence what comes of the answer."""
    last = next(one for one in record.uptake if one.year == record.horizon)
    counts = record.sureness_counts
    low, high = rounded(last.low_tco2, 0), rounded(last.high_tco2, 0)
    return (
        f"在 {len(record.zones)} 片优先区新造林 {record.area_ha:,.2f} 公顷，造林成本 "
        f"{record.cost_cny / 1e4:,.1f} 万元，预计到 {record.horizon} 年固碳 "
        f"{last.total_tco2:,.0f} t CO2（90%区间 {low} 至 {high}），年均 "
        f"{last.mean_tco2_yr:,.0f} t CO2；其中稳定 {counts['firm']} 片、较稳定 "
        f"{counts['likely']} 片、敏感 {counts['sensitive']} 片；"
        f"与理论最优的差距不超过 {record.certificate.gap_pct:.3f}%。",
        f"New forest on {record.area_ha:,.2f} ha in {len(record.zones)} zones, for "
        f"{record.cost_cny:,.0f} CNY, is expected to take up {last.total_tco2:,.0f} "
        f"t CO2 by {record.horizon} (90 % limits {low} to {high}), "
        f"{last.mean_tco2_yr:,.0f} a year on average; firm zones: "
        f"{counts['firm']}, likely: {counts['likely']}, sensitive: "
        f"{counts['sensitive']}; no other choice can be better by more than "
        f"{record.certificate.gap_pct:.3f} %.",
    )


def weights_of(record: AnswerRecord) -> list[tuple[Pair, float]]:
    """Return the weights with the titles of their criteria, the largest first."""
    ordered = sorted(record.weights.items(), key=lambda item: (-item[1], item[0]))
    return [(_criterion(name), weight) for name, weight in ordered]


def _criterion(name: str) -> Pair:
    layer = LAYERS.get(name)
    return (layer.title_zh, layer.title) if layer else (name, name)


@dataclass(frozen=True, slots=True)
class Table:
    """Answers by budget (rows) and most area (columns); None where none was sought."""

    areas: tuple[Pair, ...]
    rows: tuple[tuple[Pair, tuple[WhatIf | None, ...]], ...]


def what_if_table(record: AnswerRecord) -> Table:
    """Lay the answers to other budgets and areas out in order of their limits."""
    found = {(one.budget_cny, one.max_area_ha): one for one in record.what_if}
    areas = list(dict.fromkeys(area for _, area in found))
    budgets = list(dict.fromkeys(budget for budget, _ in found))
    areas.sort(key=_by_size)
    budgets.sort(key=_by_size)
    return Table(
        tuple(_limit(area, "ha", 2) for area in areas),
        tuple(
            (
                _limit(budget, "CNY", 0),
                tuple(found.get((budget, area)) for area in areas),
            )
            for budget in budgets
        ),
    )


def _by_size(limit: float | None) -> float:
    return float("inf") if limit is None else limit


def _limit(value: float | None, unit: str, decimals: int) -> Pair:
    if value is None:
        return "不限", "no limit"
    text = f"≤ {rounded(value, decimals)} {unit}"
    return text, text
