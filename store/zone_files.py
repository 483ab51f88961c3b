"""Files of an answer: GeoPackage, rasters, QGIS project, record, map and report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd

from geo.grid import Grid
from geo.layers import LAYERS
from store.exports import write_geopackage
from store.files import write_json
from store.qgis import raster_qml
from store.qgis_project import ProjectLayer, project_qgs
from store.qgis_xml import add_categories, document, labelling, style_root, text
from store.zone_map import zone_map
from store.zone_rasters import ELIGIBLE, FOLDER, Cells, write_rasters
from store.zone_record import AnswerRecord
from store.zone_report import write_zone_report
from store.zone_sheet import land_of

_RESULTS = (ELIGIBLE, "zone", "selection")

SURENESS: Mapping[str, tuple[str, str, str]] = {
    "firm": ("Firm", "稳定", "#a50f15"),
    "likely": ("Likely", "较稳定", "#ef3b2c"),
    "sensitive": ("Sensitive", "敏感", "#fc9272"),
}
"""English, Chinese and colour: selected in 90 %, 50 % or fewer of the draws."""

ALIASES: Mapping[str, str] = {
    "rank": "优先次序",
    "area_ha": "面积 (ha)",
    "score": "综合得分",
    "species_group": "树种组",
    "uptake_tco2_yr": "年均固碳量 (t CO2/yr)",
    "planting_year": "造林年",
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
    "uptake_tco2": "至目标年固碳 (t CO2)",
}
"""Titles of the columns of zones and units."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Zones, units and cells, and the record that says what they are."""

    record: AnswerRecord
    zones: gpd.GeoDataFrame
    """The part of every zone that may be planted, in order of rank."""
    units: gpd.GeoDataFrame
    cells: Cells


def write_answer(folder: Path, answer: Answer, grid: Grid, *, request: str) -> None:
    """Write every file of an answer: same answer, same bytes.

    ``request.toml`` (``request``, the text as it was written), ``zones.gpkg``,
    ``zones.json``, ``layers/``, ``zones.qgs``, ``zones.png``, ``zones.pdf`` and
    ``report.html``.
    """
    record, zones, units = answer.record, answer.zones, answer.units
    tables = {"zones": zones, "units": units}
    styles = {"zones": _style('"rank"'), "units": _style('""')}
    write_geopackage(
        folder / "zones.gpkg",
        tables,
        styles=styles,
        aliases={name: _aliases(rows) for name, rows in tables.items()},
    )
    tags = {"ANSWER": record.answer_id, "NIGHT": f"{record.night:%Y-%m-%d}"}
    if record.simulated:
        tags["SIMULATED"] = "模拟数据 simulated"
    write_rasters(folder, answer.cells, grid, tags=tags)
    write_json(folder / "zones.json", record.model_dump(mode="json"))
    project = zones_project(record, answer.cells, styles, grid)
    (folder / "zones.qgs").write_text(project, encoding="utf-8", newline="\n")
    zone_map(
        folder / "zones.png",
        record=record,
        zones=zones,
        units=units,
        land=land_of(answer.cells.code, answer.cells.reasons, grid),
        colours=SURENESS,
    )
    (folder / "request.toml").write_text(request, encoding="utf-8", newline="\n")
    write_zone_report(
        folder / "report.html",
        record=record,
        request=request,
        picture=folder / "zones.png",
        colours=SURENESS,
    )


def zones_project(
    record: AnswerRecord, cells: Cells, styles: Mapping[str, str], grid: Grid
) -> str:
    """Return a QGIS project of all layers, zones on top, criteria switched off."""
    tables = [
        ProjectLayer(
            title,
            f"zones.gpkg|layername={name}",
            styles[name],
            "优先区 Zones",
            "polygon",
            visible=name == "zones",
        )
        for name, title in (
            ("zones", "优先区 Priority zones"),
            ("units", "规划单元 Planning units"),
        )
    ]
    layers = [cells.reasons, *(LAYERS[name] for name in cells.values)]
    rasters = [
        ProjectLayer(
            f"{band.title_zh} {band.title}",
            f"{FOLDER}/{layer.name}.tif",
            raster_qml(layer, band, index),
            "栅格 Rasters" if layer.name in _RESULTS else "准则 Criteria",
            visible=layer.name == ELIGIBLE,
        )
        for layer in layers
        for index, band in enumerate(layer.bands, start=1)
    ]
    title = f"{record.title_zh} {record.request_title_zh} {record.answer_id}"
    return project_qgs(title, grid.crs, [*tables, *rasters], bounds=grid.bounds)


def _aliases(rows: gpd.GeoDataFrame) -> dict[str, str]:
    return {name: ALIASES[name] for name in rows.columns if name in ALIASES}


def _style(label: str) -> str:
    """Return a QGIS style that colours by sureness; what is not chosen stays pale."""
    root = style_root()
    looks = [
        (code, f"{zh} {en}", colour) for code, (en, zh, colour) in SURENESS.items()
    ]
    looks.append(("", "未入选 not selected", "#e4e4e0"))
    add_categories(root, "sureness", looks)
    if label != '""':
        root.set("labelsEnabled", "1")
        labelling(root, label)
    text(root, "layerGeometryType", 2)
    return document(root)
