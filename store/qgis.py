"""What a GIS analyst sees first: styles of every layer, and the project of a night.

QGIS applies a band's GDAL scale and offset before it draws, so every number in a style
is in the band's unit, never in stored whole numbers.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from geo.layers import LAYERS, ROUTES, STATUSES, VERDICTS, Band, Layer
from geo.parcels import COLUMNS, Column
from store.qgis_xml import (
    circle,
    document,
    fill,
    labelling,
    options,
    style_root,
    symbol,
    text,
)

ParcelColumn = Literal["verdict", "agbd", "priority_score"]

TRUE_COLOUR = ("red", "green", "blue")
TRUE_COLOUR_STOP = 0.2
"""Reflectance that is drawn white in true colour."""

DOUBTFUL_SE = 0.5
"""A standard error above this share of the value is hatched."""

SOURCE_COLUMNS: tuple[Column, ...] = (
    Column("source_id", "Source", "排放源编号"),
    Column("name", "Name", "名称"),
    Column("name_zh", "Chinese name", "中文名称"),
    Column("sector", "Sector", "行业"),
    Column("fuel", "Fuel", "燃料"),
    Column("year", "Year", "年份"),
    Column("capacity_mw", "Capacity", "装机容量", "MW"),
    Column("hours_yr", "Full-load hours", "满负荷小时数", "h/yr"),
    Column("factor_tco2e_mwh", "Emission factor", "排放因子", "t CO2e/MWh"),
    Column("emission_tco2e_yr", "Emissions", "年排放量", "t CO2e/yr"),
    Column("emission_se_tco2e_yr", "Its standard error", "标准误差", "t CO2e/yr"),
    Column("estimated", "Estimated, not reported", "为估算值"),
    Column("method", "How it was found", "核算方法"),
    Column("factors", "Factors", "所用因子"),
    Column("shape", "Point, line or area", "点、线或面"),
    Column("reference", "Reference", "来源"),
)
"""What a table of emission sources may carry; ``geometry`` (points) follows: a line or
an area is shown by a point of it."""

_NO_FIGURE = ("no figure, see status", "无数值，见状态")


def raster_qml(layer: Layer, band: Band, index: int) -> str:
    """Return the style of ``band``, which is band ``index`` (from 1) of its file.

    Classes are paletted, everything else is a continuous ramp in the band's unit.
    Raises ``ValueError`` if ``layer`` has no such band.
    """
    if band not in layer.bands or index < 1:
        raise ValueError(
            f"{layer.name} has no band {band.name!r} at index {index}; "
            f"it has {layer.band_names}, counted from 1."
        )
    root = style_root()
    renderer = _raster_pipe(root)
    renderer.set("band", str(index))
    if band.classes:
        renderer.set("type", "paletted")
        _palette(renderer, band)
    else:
        renderer.set("type", "singlebandpseudocolor")
        _ramp(renderer, band)
    return document(root)


def true_colour_qml(bands: Sequence[str], *, stop: float = TRUE_COLOUR_STOP) -> str:
    """Return a red-green-blue style for a file of reflectance ``bands``, in order.

    Each is stretched from 0 to ``stop`` (reflectance 0-1).
    """
    root = style_root()
    renderer = _raster_pipe(root)
    renderer.set("type", "multibandcolor")
    for colour in TRUE_COLOUR:
        renderer.set(f"{colour}Band", str(list(bands).index(colour) + 1))
        stretch = ET.SubElement(renderer, f"{colour}ContrastEnhancement")
        text(stretch, "minValue", 0)
        text(stretch, "maxValue", stop)
        text(stretch, "algorithm", "StretchToMinimumMaximum")
    return document(root)


def parcels_qml(column: ParcelColumn = "verdict") -> str:
    """Return the style of the parcels table, coloured by ``column``.

    ``agbd`` colours ``agb_t / area_ha`` (t/ha) and hatches a relative standard error
    above ``DOUBTFUL_SE``. A parcel without a figure stays visible, hatched grey. Every
    column gets its Chinese name with its unit.
    """
    root = style_root()
    root.set("labelsEnabled", "1")
    if column == "verdict":
        _verdicts(root)
    else:
        _classes(root, column)
    labelling(root, 'coalesce("name_zh", "parcel_id")')
    codes = {
        "verdict": {code: f"{zh} {en}" for code, en, zh, _ in VERDICTS},
        "method": {code: f"{zh} {en}" for code, _, en, zh, _ in ROUTES},
        "status": {code: f"{zh} {en}" for code, en, zh in STATUSES},
    }
    _fields(root, COLUMNS, codes)
    text(root, "mapTip", _PARCEL_TIP)
    text(root, "layerGeometryType", 2)
    return document(root)


def sources_qml() -> str:
    """Return the style of the emission sources: points, larger the more they emit.

    The columns are ``SOURCE_COLUMNS``; emissions in t CO2e/yr.
    """
    root = style_root()
    root.set("labelsEnabled", "1")
    emission = '"emission_tco2e_yr"'
    rules = [(f"{emission} IS NULL", "排放量未知 emissions unknown", ("#969696", 2.5))]
    for low, high, size in _SOURCE_SIZES:
        label = f"{_millions(low)}–{_millions(high)} Mt CO2e/yr"
        if high == np.inf:
            label = f"≥ {_millions(low)} Mt CO2e/yr"
        above = "" if high == np.inf else f" AND {emission} < {high:.0f}"
        rules.append((f"{emission} >= {low:.0f}{above}", label, ("#7a0177", size)))
    _rules(
        root,
        "marker",
        [(test, label, [circle(*look)]) for test, label, look in rules],
    )
    labelling(root, 'coalesce("name_zh", "name")', around=True)
    _fields(root, SOURCE_COLUMNS, {})
    text(root, "layerGeometryType", 0)
    return document(root)


_SOURCE_SIZES = (
    (0.0, 1e6, 3.0),
    (1e6, 5e6, 4.5),
    (5e6, np.inf, 6.5),
)
"""From, up to (t CO2e/yr) and the width in mm."""

_PARCEL_TIP = (
    '<b>[% coalesce("name_zh", "parcel_id") %]</b> [% "parcel_id" %]<br/>'
    "地上生物量 AGB: [% coalesce(format_number(\"agb_t\", 0) || ' ± ' "
    "|| format_number(\"agb_t_se\", 0) || ' t', '—') %]<br/>"
    "碳汇变化 sink: [% coalesce(format_number(\"sink_tco2_yr\", 1) || ' ± ' "
    "|| format_number(\"sink_tco2_yr_se\", 1) || ' t CO2e/yr', '—') %]<br/>"
    '判定 verdict: [% "verdict" %] · 状态 status: [% "status" %]'
)


def _millions(tonnes: float) -> str:
    return f"{tonnes / 1e6:g}"


def _raster_pipe(root: ET.Element) -> ET.Element:
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", opacity="1", alphaBand="-1", nodataColor=""
    )
    text(ET.SubElement(renderer, "minMaxOrigin"), "limits", "None")
    text(root, "blendMode", 0)
    return renderer


def _palette(renderer: ET.Element, band: Band) -> None:
    palette = ET.SubElement(renderer, "colorPalette")
    for value, colour, en, zh in band.classes:
        ET.SubElement(
            palette,
            "paletteEntry",
            value=str(value),
            color=colour,
            alpha="255",
            label=f"{zh} {en}",
        )


def _ramp(renderer: ET.Element, band: Band) -> None:
    low, high = band.ramp[0][0], band.ramp[-1][0]
    renderer.set("classificationMin", f"{low:g}")
    renderer.set("classificationMax", f"{high:g}")
    unit = "" if band.unit == "1" else f" {band.unit}"
    shader = ET.SubElement(
        ET.SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="INTERPOLATED",
        classificationMode="1",
        clip="0",
        minimumValue=f"{low:g}",
        maximumValue=f"{high:g}",
    )
    for value, colour in band.ramp:
        ET.SubElement(
            shader,
            "item",
            value=f"{value:g}",
            color=colour,
            alpha="255",
            label=f"{value:,g}{unit}",
        )
    ET.SubElement(shader, "rampLegendSettings", useContinuousLegend="0")


def _verdicts(root: ET.Element) -> None:
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="verdict"
    )
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    rows = [(code, f"{zh} {en}", colour) for code, en, zh, colour in VERDICTS]
    en, zh = _NO_FIGURE
    for number, (code, label, colour) in enumerate([*rows, ("", f"{zh} {en}", "")]):
        ET.SubElement(
            categories,
            "category",
            value=code,
            label=label,
            symbol=str(number),
            render="true",
        )
        look = fill(colour) if colour else fill("#969696", pattern="b_diagonal")
        symbol(symbols, str(number), "fill", [look])


_CLASS_STARTS = {
    "agbd": (0.0, 40.0, 80.0, 120.0, 160.0),
    "priority_score": (0.0, 0.2, 0.4, 0.6, 0.8),
}
"""Where each class starts, in the unit of the column."""


def _classes(root: ET.Element, column: Literal["agbd", "priority_score"]) -> None:
    value, band = '"priority_score"', LAYERS["priority"].bands[0]
    if column == "agbd":
        value, band = '"agb_t" / "area_ha"', LAYERS["agbd"].bands[0]
    unit = "" if band.unit == "1" else f" {band.unit}"
    starts = _CLASS_STARTS[column]
    rules = []
    for number, start in enumerate(starts):
        colour = _along(band.ramp, number / (len(starts) - 1))
        if number + 1 == len(starts):
            test, label = f"{value} >= {start:g}", f"≥ {start:g}{unit}"
        else:
            stop = starts[number + 1]
            test = f"{value} >= {start:g} AND {value} < {stop:g}"
            label = f"{start:g}–{stop:g}{unit}"
        rules.append((test, label, [fill(colour)]))
    en, zh = _NO_FIGURE
    rules.append(
        (f"{value} IS NULL", f"{zh} {en}", [fill("#969696", pattern="b_diagonal")])
    )
    if column == "agbd":
        share = f"{DOUBTFUL_SE:.0%}"
        rules.append(
            (
                f'"agb_t_se" > {DOUBTFUL_SE} * "agb_t"',
                f"标准误超过{share} standard error above {share}",
                [fill("#3c3c3c", opacity=0.8, pattern="f_diagonal")],
            )
        )
    _rules(root, "fill", rules)


def _rules(
    root: ET.Element,
    kind: str,
    rules: Sequence[tuple[str, str, Sequence[tuple[str, Mapping[str, object]]]]],
) -> None:
    renderer = ET.SubElement(root, "renderer-v2", type="RuleRenderer")
    tree = ET.SubElement(renderer, "rules", key="root")
    symbols = ET.SubElement(renderer, "symbols")
    for number, (test, label, layers) in enumerate(rules):
        ET.SubElement(
            tree,
            "rule",
            key=f"rule-{number}",
            filter=test,
            label=label,
            symbol=str(number),
        )
        symbol(symbols, str(number), kind, layers)


def _along(ramp: Sequence[tuple[float, str]], share: float) -> str:
    """Return the colour at ``share`` (0-1) of the way along ``ramp``."""
    values = [value for value, _ in ramp]
    at = values[0] + share * (values[-1] - values[0])
    parts = (
        np.interp(at, values, [int(colour[i : i + 2], 16) for _, colour in ramp])
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{round(float(part)):02x}" for part in parts)


def _fields(
    root: ET.Element,
    columns: Sequence[Column],
    codes: Mapping[str, Mapping[str, str]],
) -> None:
    """Name every column in Chinese with its unit; show codes as words."""
    widgets = ET.SubElement(root, "fieldConfiguration")
    for name, words in codes.items():
        field = ET.SubElement(widgets, "field", name=name, configurationFlags="None")
        config = ET.SubElement(
            ET.SubElement(field, "editWidget", type="ValueMap"), "config"
        )
        holder = ET.SubElement(config, "Option", type="Map")
        choices = ET.SubElement(holder, "Option", name="map", type="List")
        for code, label in words.items():
            options(choices, {label: code})
    aliases = ET.SubElement(root, "aliases")
    for number, column in enumerate(columns):
        ET.SubElement(
            aliases,
            "alias",
            field=column.name,
            index=str(number),
            name=alias(column),
        )


def alias(column: Column) -> str:
    """Return the Chinese name of ``column`` with its unit, such as ``面积 (ha)``."""
    shown = column.unit not in ("", "1")
    return f"{column.title_zh} ({column.unit})" if shown else column.title_zh
