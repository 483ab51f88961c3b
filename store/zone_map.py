"""The map of an answer on one sheet, for people: PNG and PDF."""

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import Bbox

from store.drawing import INK, MUTED, Words, drawing, outlines, sheet, wrapped
from store.fonts import chinese_font
from store.map_facts import Block, blocks_height_in, draw_blocks
from store.map_parts import HALO, bounds_shown, font
from store.map_text import EDGE_IN, Slot, at, draw_cards
from store.numbers import general
from store.zone_record import AnswerRecord, UptakeRecord, ZoneRecord
from store.zone_sheet import (
    DPI,
    SHEET_IN,
    STRIP_IN,
    Key,
    Land,
    draw_legend,
    draw_map,
    draw_strip,
    draw_title,
    foot_of,
    legend_height_in,
    save_sheet,
)

MOST_OUTLINED = 3000
"""More units than this would turn the map black."""
MOST_NUMBERED = 120

Colours = Mapping[str, tuple[str, str, str]]


def zone_map(
    path: Path,
    *,
    record: AnswerRecord,
    zones: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    land: Land,
    colours: Colours,
) -> None:
    """Write the map as one PNG of an A4 sheet, and as a PDF beside it.

    ``colours`` holds English, Chinese and colour by sureness; ``zones`` are in order of
    rank. Same arguments and fonts, same bytes. Without a Chinese font every label is
    English.
    """
    with drawing(chinese_font()) as words:
        figure = sheet(*SHEET_IN, dpi=DPI)
        blocks = _foot(words, record, land)
        foot = blocks_height_in(figure, blocks)
        draw_title(figure, words, *_title(record))
        draw_cards(figure, _cards(words, record), top_in=SHEET_IN[1] - 1.15)
        strip = EDGE_IN + foot + 0.1
        bottom = strip + STRIP_IN + 0.2
        top = SHEET_IN[1] - 1.85
        bounds = bounds_shown(land.grid, units)
        width = _width_in(bounds, top - bottom)
        left = EDGE_IN + 0.14
        axes = draw_map(figure, Slot(left, bottom, width, top - bottom), land, bounds)
        _draw_zones(axes, zones, units, colours)
        draw_strip(figure, Slot(left, strip, width, STRIP_IN), words, axes)
        keys, start = _keys(words, record, colours, land), left + width + 0.32
        side, low = SHEET_IN[0] - EDGE_IN - start, legend_height_in(keys)
        draw_legend(figure, Slot(start, strip, side, low), keys)
        column = Slot(start, strip + low + 0.1, side, top - strip - low - 0.1)
        _column(figure, words, record, column, colours)
        draw_blocks(figure, blocks)
        save_sheet(figure, path)


def last_of(uptake: tuple[UptakeRecord, ...], horizon: int) -> UptakeRecord:
    """Return the uptake to the year that was asked for."""
    return next(one for one in uptake if one.year == horizon)


def _title(record: AnswerRecord) -> tuple[str, str]:
    return (
        f"{record.title_zh} · {record.request_title_zh}",
        f"{record.title} · where new sink forest goes first",
    )


def _cards(words: Words, record: AnswerRecord) -> list[tuple[str, str]]:
    last = last_of(record.uptake, record.horizon)
    limits = f"({last.low_tco2:,.0f} – {last.high_tco2:,.0f})"
    per_t = general(record.cost_cny / last.total_tco2, digits=3)
    return [
        (
            f"{record.area_ha:,.2f} ha",
            words.both(
                f"{len(record.zones)} 片优先区", f"in {len(record.zones)} zones"
            ),
        ),
        (
            f"{last.total_tco2:,.0f} {limits} t CO2",
            words.both(f"至{record.horizon}年固碳量（90%区间）", "uptake, 90 % limits"),
        ),
        (
            words.one(
                f"{record.cost_cny / 1e4:,.1f} 万元", f"{record.cost_cny:,.0f} CNY"
            ),
            words.both("造林成本", f"cost, {per_t} CNY/t CO2"),
        ),
        (
            f"≤ {record.certificate.gap_pct:.3f} %",
            words.both("最优性差距（证明上界）", "certified gap to the best"),
        ),
    ]


def _width_in(bounds: tuple[float, float, float, float], height_in: float) -> float:
    left, bottom, right, top = bounds
    return float(np.clip(height_in * (right - left) / (top - bottom), 5.2, 7.0))


def _draw_zones(
    axes: Axes, zones: gpd.GeoDataFrame, units: gpd.GeoDataFrame, colours: Colours
) -> None:
    if len(units) <= MOST_OUTLINED:
        axes.add_collection(
            PathCollection(
                outlines(units.geometry),
                facecolors="none",
                edgecolors=MUTED,
                linewidths=0.2,
                alpha=0.7,
            )
        )
    axes.add_collection(
        PathCollection(
            outlines(zones.geometry),
            facecolors=[colours[code][2] for code in zones["sureness"]],
            edgecolors=INK,
            linewidths=0.45,
        )
    )
    number_zones(axes, zones)


def number_zones(axes: Axes, zones: gpd.GeoDataFrame) -> None:
    """Write the rank on each zone, the first first, where no other number stands."""
    taken: list[Bbox] = []
    frame = axes.get_window_extent()
    for rank, place in zip(
        zones["rank"][:MOST_NUMBERED],
        zones.geometry[:MOST_NUMBERED].representative_point(),
        strict=True,
    ):
        text = axes.text(
            place.x,
            place.y,
            str(rank),
            ha="center",
            va="center",
            fontproperties=font(8, bold=True),
            path_effects=HALO,
            zorder=6,
        )
        box = text.get_window_extent()
        if frame.contains(*box.min) and not any(box.overlaps(one) for one in taken):
            taken.append(box)
        else:
            text.remove()


def _keys(
    words: Words, record: AnswerRecord, colours: Colours, land: Land
) -> list[Key]:
    counts = record.sureness_counts
    keys = [
        (colour, f"{words.both(zh, en)} ({counts[code]})")
        for code, (en, zh, colour) in colours.items()
    ]
    return keys + [(shade, words.both(zh, en)) for shade, zh, en in land.keys[:9]]


def _column(
    figure: Figure, words: Words, record: AnswerRecord, slot: Slot, colours: Colours
) -> None:
    """Tell of the zones from the first, as many as there is room for."""
    top, told = slot.bottom + slot.height - 0.08, 0
    for zone in record.zones:
        lines = [
            (line, number)
            for number, text in enumerate(_zone_lines(words, zone, record, colours))
            for line in wrapped(figure, text, _look(number), width_in=slot.width - 0.02)
        ]
        if top - 0.15 * len(lines) < slot.bottom + 0.2:
            break
        for line, number in lines:
            figure.text(
                *at(figure, slot.left, top),
                line,
                fontproperties=_look(number),
                color=MUTED if number > 1 else INK,
                va="center",
            )
            top -= 0.15
        top, told = top - 0.08, told + 1
    more = len(record.zones) - told
    if more > 0:
        rest = words.both(
            f"另有 {more} 片，见报告与 zones.gpkg",
            f"{more} more: see the report and zones.gpkg",
        )
        figure.text(*at(figure, slot.left, slot.bottom), rest, fontsize=7, color=MUTED)


def _look(number: int) -> FontProperties:
    return font(8.4 if number == 0 else 7.0, bold=number == 0)


def _zone_lines(
    words: Words, zone: ZoneRecord, record: AnswerRecord, colours: Colours
) -> list[str]:
    last = last_of(zone.uptake, record.horizon)
    en, zh, _ = colours[zone.sureness]
    amount = f"{last.total_tco2:,.0f} ({last.low_tco2:,.0f}–{last.high_tco2:,.0f})"
    reasons = zone.reasons_zh if words.family else zone.reasons
    return [
        f"{zone.rank}   {zone.area_ha:,.2f} ha · {words.both(zh, en)}",
        words.one(
            f"至{record.horizon}年固碳 {amount} t CO2，{zone.cost_cny_tco2:,.0f} 元/t",
            f"by {record.horizon}: {amount} t CO2, {zone.cost_cny_tco2:,.0f} CNY/t",
        ),
        *reasons[:2],
    ]


def _foot(words: Words, record: AnswerRecord, land: Land) -> tuple[Block, ...]:
    facts = [
        f"{words.both('监测夜', 'night')} {record.night:%Y-%m-%d} · {record.run_id}",
        f"{words.both('造林年', 'planted')} {record.planted} · "
        f"{words.both('方案', 'answer')} {record.answer_id}",
    ]
    place, data = foot_of(words, land.grid, facts=facts, sources=record.sources)
    return place, data, Block(tuple(_warnings(words, record)))


def _warnings(words: Words, record: AnswerRecord) -> list[tuple[str, bool]]:
    said = []
    if record.simulated:
        told = ", ".join(words.legible(one) for one in record.simulated)
        said.append((f"{words.both('含模拟数据', 'simulated')}: {told}", True))
    unchecked = record.not_checked_zh if words.family else record.not_checked
    if unchecked:
        said.append(
            (
                words.one(
                    f"未核查（无图层，优先区内可能含此类土地）：{'、'.join(unchecked)}。",
                    "Not checked for want of a layer, such land may be among the "
                    f"zones: {', '.join(unchecked)}.",
                ),
                True,
            )
        )
    if record.unsure:
        said.append(
            (
                words.one(
                    f"{record.unsure} 项系数为建议值或未核实，仅供比选。",
                    f"{record.unsure} coefficients are proposals or unverified.",
                ),
                True,
            )
        )
    notes = record.notes_zh if words.family else record.notes
    return said + [(note, False) for note in notes]
