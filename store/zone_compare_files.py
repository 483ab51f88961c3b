"""Files of a comparison: GeoPackage, record, map and page."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from store.drawing import INK, MUTED, Words, drawing, outlines, sheet, wrapped
from store.exports import write_geopackage
from store.files import write_json, writing
from store.fonts import chinese_font
from store.map_facts import Block, blocks_height_in, draw_blocks
from store.map_parts import font
from store.map_text import EDGE_IN, Slot, at, draw_cards
from store.numbers import MISSING, rounded
from store.qgis_xml import categorized
from store.report import TEMPLATES, embedded, environment, script_digest
from store.zone_compare import (
    WHERE,
    CompareRecord,
    Comparison,
    Row,
    table_rows,
)
from store.zone_map import number_zones
from store.zone_sheet import (
    DPI,
    SHEET_IN,
    STRIP_IN,
    draw_legend,
    draw_map,
    draw_strip,
    draw_title,
    foot_of,
    legend_height_in,
    save_sheet,
)

ALIASES = {
    "where": "归属",
    "area_ha": "面积 (ha)",
    "cost_cny": "造林成本 (元)",
    "uptake_tco2": "至目标年固碳 (t CO2)",
}
MAP_IN = 5.6
NUMBER_IN = (0.42, 0.68, 1.0)
"""Where the columns of A, B and their difference end, as a share of the table."""


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write ``compare.gpkg``, ``.json``, ``.png``, ``.pdf`` and ``.html``.

    The same answers give the same bytes.
    """
    looks = [(code, f"{zh} {en}", colour) for code, (en, zh, colour) in WHERE.items()]
    write_geopackage(
        folder / "compare.gpkg",
        {"compare": comparison.parts},
        styles={"compare": categorized("where", looks)},
        aliases={"compare": ALIASES},
    )
    write_json(folder / "compare.json", comparison.record.model_dump(mode="json"))
    _draw(folder / "compare.png", comparison)
    _write_page(folder, comparison.record)


def _write_page(folder: Path, record: CompareRecord) -> None:
    script = (TEMPLATES / "report.js.j2").read_text(encoding="utf-8")
    page = (
        environment()
        .get_template("compare.html.j2")
        .render(
            told=record,
            style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
            script=script,
            script_digest=script_digest(script),
            picture=embedded(folder / "compare.png"),
            rows=table_rows(record),
            parts=[
                (
                    (WHERE[part.where][1], WHERE[part.where][0]),
                    part,
                    WHERE[part.where][2],
                )
                for part in record.parts
            ],
            notes=list(zip(record.notes_zh, record.notes, strict=True)),
        )
    )
    with writing(folder / "compare.html") as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def _draw(path: Path, comparison: Comparison) -> None:
    record, land = comparison.record, comparison.land
    with drawing(chinese_font()) as words:
        figure = sheet(*SHEET_IN, dpi=DPI)
        blocks = _foot(words, comparison)
        a, b = record.a, record.b
        draw_title(
            figure,
            words,
            f"{a.title_zh} · 方案比较：A {a.request_title_zh} / B {b.request_title_zh}",
            f"{a.title} · two answers compared: A {a.answer_id}, B {b.answer_id}",
        )
        draw_cards(figure, _cards(words, record), top_in=SHEET_IN[1] - 1.15)
        strip = EDGE_IN + blocks_height_in(figure, blocks) + 0.1
        bottom, top = strip + STRIP_IN + 0.2, SHEET_IN[1] - 1.85
        left = EDGE_IN + 0.14
        slot = Slot(left, bottom, MAP_IN, top - bottom)
        axes = draw_map(figure, slot, land, land.grid.bounds)
        _draw_parts(axes, comparison)
        draw_strip(figure, Slot(left, strip, MAP_IN, STRIP_IN), words, axes)
        keys = [(colour, words.both(zh, en)) for en, zh, colour in WHERE.values()]
        keys += [(shade, words.both(zh, en)) for shade, zh, en in land.keys[:9]]
        start = left + MAP_IN + 0.32
        side, low = SHEET_IN[0] - EDGE_IN - start, legend_height_in(keys)
        draw_legend(figure, Slot(start, strip, side, low), keys)
        _draw_table(
            figure,
            words,
            Slot(start, strip + low, side, top - strip - low),
            table_rows(record),
        )
        draw_blocks(figure, blocks)
        save_sheet(figure, path)


def _cards(words: Words, record: CompareRecord) -> list[tuple[str, str]]:
    cards = []
    for part in record.parts:
        en, zh, _ = WHERE[part.where]
        told = words.both(zh, en)
        if part.uptake_tco2 is not None:
            told += f" · {rounded(part.uptake_tco2, 0)} t CO2"
        cards.append((f"{part.area_ha:,.2f} ha", told))
    whole = sum(part.area_ha for part in record.parts)
    share = f"{record.parts[0].area_ha / whole:.0%}" if whole else MISSING
    return [*cards, (share, words.both("重合度", "of all that either chooses"))]


def _draw_parts(axes: Axes, comparison: Comparison) -> None:
    parts = comparison.parts
    shown = parts[~parts.geometry.is_empty]
    axes.add_collection(
        PathCollection(
            outlines(shown.geometry),
            facecolors=[WHERE[where][2] for where in shown["where"]],
            edgecolors=INK,
            linewidths=0.45,
        )
    )
    a, b = comparison.zones
    named = [
        zones.assign(rank=[f"{name}{rank}" for rank in zones["rank"]])
        for name, zones in (("A", a), ("B", b))
    ]
    number_zones(axes, pd.concat(named)[["rank", "geometry"]])


def _draw_table(figure: Figure, words: Words, slot: Slot, rows: list[Row]) -> None:
    top = slot.bottom + slot.height - 0.08
    heads = ("A", "B", words.both("差值", "B − A"))
    for place, head in zip(NUMBER_IN, heads, strict=True):
        figure.text(
            *at(figure, slot.left + place * slot.width, top),
            head,
            fontproperties=font(7.5, bold=True),
            ha="right",
        )
    for row in rows:
        top -= 0.2
        name = words.both(*row.name) + (f", {row.unit}" if row.unit else "")
        for line in wrapped(figure, name, font(6.6), width_in=slot.width):
            figure.text(*at(figure, slot.left, top), line, fontsize=6.6, color=MUTED)
        top -= 0.16
        for place, said in zip(NUMBER_IN, (row.a, row.b, row.difference), strict=True):
            figure.text(
                *at(figure, slot.left + place * slot.width, top),
                said,
                fontsize=7.2,
                ha="right",
            )


def _foot(words: Words, comparison: Comparison) -> tuple[Block, ...]:
    record = comparison.record
    facts = [
        f"{name}: {words.both('监测夜', 'night')} {one.night:%Y-%m-%d} · {one.run_id}"
        for name, one in (("A", record.a), ("B", record.b))
    ]
    place, data = foot_of(
        words, comparison.land.grid, facts=facts, sources=record.a.sources
    )
    notes = record.notes_zh if words.family else record.notes
    said = [(note, False) for note in notes]
    if record.a.simulated:
        told = ", ".join(words.legible(one) for one in record.a.simulated)
        said.insert(0, (f"{words.both('含模拟数据', 'simulated')}: {told}", True))
    return place, data, Block(tuple(said))
