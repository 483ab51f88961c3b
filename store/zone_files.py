"""Files of an answer: GeoPackage, record and map."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd

from geo.grid import Grid
from store.exports import write_geopackage
from store.files import write_json
from store.qgis_xml import document, fill, labelling, style_root, symbol, text
from store.zone_map import zone_map
from store.zone_record import AnswerRecord

SURENESS: Mapping[str, tuple[str, str, str]] = {
    "firm": ("Firm", "稳定", "#1b7837"),
    "likely": ("Likely", "较稳定", "#7fbf7b"),
    "sensitive": ("Sensitive", "敏感", "#fdb863"),
}
"""English, Chinese and colour: selected in 90 %, 50 % or fewer of the draws."""

ALIASES: Mapping[str, str] = {
    "rank": "优先次序",
    "area_ha": "面积 (ha)",
    "score": "综合得分",
    "species_group": "树种组",
    "uptake_tco2_yr": "年均固碳量 (t CO2/yr)",
    "cost_cny": "造林成本 (元)",
    "cost_cny_tco2": "单位成本 (元/t CO2)",
    "exposure_tco2e_yr": "排放暴露 (t CO2e/yr)",
    "selection_frequency": "入选频率",
    "sureness": "稳定性",
    "reasons": "主要理由（英文）",
    "reasons_zh": "主要理由",
    "parcels": "小班",
    "parcel_id": "小班号",
    "zone_rank": "优先区次序",
    "eligible_ha": "可造林面积 (ha)",
    "is_eligible": "可造林",
    "reason": "不可造林原因",
}
"""Titles of the columns of zones and units."""


def write_answer(
    folder: Path,
    *,
    record: AnswerRecord,
    zones: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    grid: Grid,
) -> None:
    """Write ``zones.gpkg``, ``zones.json`` and ``zones.png``: same answer, same bytes.

    ``zones`` has a row per zone in order of rank, ``units`` one per parcel.
    """
    layers = {"zones": zones, "units": units}
    write_geopackage(
        folder / "zones.gpkg",
        layers,
        styles={"zones": _style('"rank"'), "units": _style('""')},
        aliases={name: _aliases(rows) for name, rows in layers.items()},
    )
    write_json(folder / "zones.json", record.model_dump(mode="json"))
    zone_map(
        folder / "zones.png",
        record=record,
        zones=zones,
        units=units,
        grid=grid,
        colours=SURENESS,
    )


def _aliases(rows: gpd.GeoDataFrame) -> dict[str, str]:
    return {name: ALIASES[name] for name in rows.columns if name in ALIASES}


def _style(label: str) -> str:
    """Return a QGIS style that colours by sureness; what is not chosen stays pale."""
    root = style_root()
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="sureness"
    )
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    looks = [
        (code, f"{zh} {en}", colour) for code, (en, zh, colour) in SURENESS.items()
    ]
    looks.append(("", "未入选 not selected", "#e4e4e0"))
    for number, (code, title, colour) in enumerate(looks):
        ET.SubElement(
            categories,
            "category",
            value=code,
            label=title,
            symbol=str(number),
            render="true",
        )
        symbol(symbols, str(number), "fill", [fill(colour)])
    if label != '""':
        root.set("labelsEnabled", "1")
        labelling(root, label)
    text(root, "layerGeometryType", 2)
    return document(root)
