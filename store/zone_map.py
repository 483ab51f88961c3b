"""The map of an answer on one sheet, for people."""

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from geo.grid import Grid
from store.drawing import (
    ACCENT,
    EMPTY,
    INK,
    MUTED,
    WARNING,
    Words,
    drawing,
    outlines,
    save_png,
    sheet,
    wrapped,
)
from store.fonts import chinese_font
from store.map_parts import (
    HALO,
    bounds_shown,
    font,
    frame_map,
    label_edges,
    north_arrow,
    scale_bar,
)
from store.map_text import EDGE_IN, Slot, at
from store.zone_record import AnswerRecord, ZoneRecord

SHEET_IN = (11.69, 8.27)
DPI = 160
ELIGIBLE = "#f6efcf"
MOST_TOLD = 6
"""Zones that the column beside the map tells of; all are in the tables."""

Colours = Mapping[str, tuple[str, str, str]]


def zone_map(
    path: Path,
    *,
    record: AnswerRecord,
    zones: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    grid: Grid,
    colours: Colours,
) -> None:
    """Write the map as one PNG of an A4 sheet; same arguments and fonts, same bytes.

    ``colours`` holds English, Chinese and colour by sureness. Without a Chinese font
    every label is English.
    """
    with drawing(chinese_font()) as words:
        figure = sheet(*SHEET_IN, dpi=DPI)
        _header(figure, words, record)
        axes = Slot(EDGE_IN + 0.14, 2.15, 6.2, 4.9).axes(figure)
        _draw_land(axes, zones, units, grid, colours)
        _under_map(figure, words, axes, colours)
        _column(figure, words, record)
        _foot(figure, words, record, grid)
        save_png(figure, path)


def _header(figure: Figure, words: Words, record: AnswerRecord) -> None:
    high = SHEET_IN[1]
    title = words.one(
        f"{words.name(record.title_zh)} · {record.request_title_zh}",
        f"{record.title} · priority zones for new forest",
    )
    figure.text(
        *at(figure, EDGE_IN, high - 0.66),
        title,
        fontproperties=font(18, bold=True),
        color=ACCENT,
    )
    gap = record.certificate.gap_pct
    line = words.both(
        f"优先区 {len(record.zones)} 片，{record.area_ha:,.2f} 公顷，"
        f"造林成本 {record.cost_cny / 1e4:,.1f} 万元；最优性差距 ≤ {gap:.3f} %",
        f"{len(record.zones)} zones, gap at most {gap:.3f} %",
        between="   ",
    )
    figure.text(*at(figure, EDGE_IN, high - 0.94), line, fontsize=9, color=MUTED)


def _draw_land(
    axes: Axes,
    zones: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    grid: Grid,
    colours: Colours,
) -> None:
    frame_map(axes, bounds_shown(grid, units))
    label_edges(axes)
    eligible = units["is_eligible"].to_numpy(dtype=bool)
    faces = np.where(eligible, ELIGIBLE, EMPTY).astype(object)
    for code, (_, _, colour) in colours.items():
        faces[units["sureness"].to_numpy(str) == code] = colour
    axes.add_collection(
        PathCollection(
            outlines(units.geometry),
            facecolors=faces.tolist(),
            edgecolors=MUTED,
            linewidths=0.3,
        )
    )
    axes.add_collection(
        PathCollection(
            outlines(zones.geometry), facecolors="none", edgecolors=INK, linewidths=1.1
        )
    )
    for rank, place in zip(
        zones["rank"], zones.geometry.representative_point(), strict=True
    ):
        text = axes.text(
            place.x,
            place.y,
            str(rank),
            ha="center",
            va="center",
            fontproperties=font(9, bold=True),
        )
        text.set_path_effects(list(HALO))


def _under_map(figure: Figure, words: Words, above: Axes, colours: Colours) -> None:
    metres = float(np.ptp(above.get_xlim())) / 6.2
    left = EDGE_IN + 0.14
    scale_bar(Slot(left, 1.62, 1.5, 0.42).axes(figure), metres, width_in=1.5)
    north_arrow(Slot(left + 5.75, 1.55, 0.42, 0.5).axes(figure), words)
    legend = Slot(left + 1.6, 1.55, 4.1, 0.5).axes(figure)
    legend.set_axis_off()
    told = [(c, words.both(zh, en)) for en, zh, c in colours.values()]
    told += [
        (ELIGIBLE, words.both("可造林未入选", "eligible")),
        (EMPTY, words.both("不可造林", "excluded")),
    ]
    legend.legend(
        handles=[Patch(fc=c, ec=MUTED, lw=0.5, label=label) for c, label in told],
        ncols=3,
        loc="center",
        frameon=False,
        fontsize=7,
        borderpad=0,
    )


def _column(figure: Figure, words: Words, record: AnswerRecord) -> None:
    left, top = 7.3, SHEET_IN[1] - 1.3
    room = SHEET_IN[0] - EDGE_IN - left
    for zone in record.zones[:MOST_TOLD]:
        for number, text in enumerate(_zone_lines(words, zone, record.horizon)):
            size = 8.5 if number == 0 else 7.0
            face = font(size, bold=number == 0)
            for line in wrapped(figure, text, face, width_in=room):
                figure.text(*at(figure, left, top), line, fontproperties=face)
                top -= 0.16
        top -= 0.07
    more = len(record.zones) - MOST_TOLD
    if more > 0:
        rest = words.both(
            f"另有 {more} 片，见 zones.gpkg", f"{more} more in zones.gpkg"
        )
        figure.text(*at(figure, left, top), rest, fontsize=7, color=MUTED)


def _zone_lines(words: Words, zone: ZoneRecord, horizon: int) -> list[str]:
    last = next(one for one in zone.uptake if one.year == horizon)
    reasons = zone.reasons_zh if words.family else zone.reasons
    area = f"{zone.rank}  {zone.area_ha:,.2f} ha · {zone.sureness}"
    amount = f"{last.total_tco2:,.0f} ({last.low_tco2:,.0f}–{last.high_tco2:,.0f})"
    uptake = words.one(
        f"至{horizon}年固碳 {amount} t CO2，{zone.cost_cny_tco2:,.0f} 元/t",
        f"by {horizon}: {amount} t CO2, {zone.cost_cny_tco2:,.0f} CNY/t",
    )
    return [area, uptake, *reasons[:2]]


def _foot(figure: Figure, words: Words, record: AnswerRecord, grid: Grid) -> None:
    notes, unchecked = record.notes, record.not_checked
    if words.family:
        notes, unchecked = record.notes_zh, record.not_checked_zh
    lines = [
        words.one(
            f"未核查的限制（无图层）：{'、'.join(unchecked) or '无'}。",
            f"Not checked, no layer: {', '.join(unchecked) or 'nothing'}.",
        ),
        " ".join(notes)
        + words.one(
            f" {record.unsure} 项系数为建议值或未核实，结果仅供比选。",
            f" {record.unsure} coefficients are proposals or unverified.",
        ),
        f"{words.both('监测夜', 'night')} {record.night} · {record.run_id} · "
        f"{words.both('方案', 'answer')} {record.answer_id} · {grid.crs} · "
        + "; ".join(words.legible(source) for source in record.sources),
    ]
    if record.simulated:
        told = ", ".join(words.legible(one) for one in record.simulated)
        lines.insert(0, words.both("模拟数据：", "simulated: ") + told)
    top = 1.35
    for text, colour in zip(lines, [WARNING] * (len(lines) - 1) + [MUTED], strict=True):
        for line in wrapped(figure, text, font(6.5), width_in=10.7):
            figure.text(*at(figure, EDGE_IN, top), line, fontsize=6.5, color=colour)
            top -= 0.135
