"""What people open: layers, tables, a project, pictures and a report."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo.layers import LAYERS, Layer
from pipelines.change import CHANGE_LAYER_FILE
from pipelines.composite import COMPOSITE_FILE
from pipelines.context import Night, TileKeys
from pipelines.cover import COVER_FILE
from pipelines.emissions import EXPOSURE_LAYER_FILE, read_sources, source_points
from pipelines.priority import PRIORITY_LAYER_FILE
from pipelines.record import night_record
from pipelines.results import Results, parcel_table
from pipelines.routed_maps import AGBD_FILE, ROUTE_FILE
from pipelines.stored import region_picture
from store.cartography import overview_map, raster_panel, true_colour
from store.catalog import Facts
from store.exports import write_geopackage, write_geoparquet
from store.files import write_json
from store.mosaic import TileFile, write_vrt
from store.published import RECORD
from store.qgis import (
    ParcelColumn,
    parcels_qml,
    raster_qml,
    sources_qml,
    true_colour_qml,
)
from store.qgis_project import ProjectLayer, project_qgs
from store.record import LayerUse
from store.report import write_report
from store.stac_out import items_for_night

PARCEL_STYLES: tuple[tuple[str, ParcelColumn], ...] = (
    ("小班变化判定 Verdict", "verdict"),
    ("小班生物量 Biomass", "agbd"),
    ("小班优先度 Priority", "priority_score"),
)
PANELS = (
    ("agbd", "agbd_t_ha"),
    ("agbd", "agbd_sd_t_ha"),
    ("route", "route"),
    ("agbd_change", "change_t_ha"),
    ("agbd_change", "verdict"),
    ("exposure", "exposure_tco2e_yr"),
    ("priority", "score"),
)
"""Layer and band of each small map in the report."""

PICTURE_CELLS, PANEL_CELLS = 2400, 800
"""Cells along the longer side of what is drawn: more than a sheet can show."""
MOST_PLACED = 8
"""Sources that the overview names: those that emit most."""
OUTLINED = 3000
"""More parcels than this would turn a small map black."""


@dataclass(frozen=True, slots=True)
class Product:
    """A layer of the night and the files that it is stored in."""

    layer: Layer
    period: str
    file: str
    keys: TileKeys

    def name(self, tile: str) -> str:
        """Return the file of one tile."""
        suffix = "" if len(self.keys) == 1 else f"_{tile}"
        return f"layers/{self.layer.name}_{self.period}{suffix}.tif"

    @property
    def whole(self) -> str:
        """The file that people open: the only one, or the one that names all tiles."""
        kind = "tif" if len(self.keys) == 1 else "vrt"
        return f"layers/{self.layer.name}_{self.period}.{kind}"


def products_of(night: Night, results: Results) -> list[Product]:
    """Return the layers of the night, the one that is read first on top."""
    season, before = results.season, results.before
    period, composite = str(season.period), night.layer("composite")
    exposed, ranked = results.exposed.layer, results.priority.layer
    products = [
        Product(LAYERS["agbd"], period, AGBD_FILE, season.agbd),
        Product(LAYERS["cover"], period, COVER_FILE, season.cover),
        Product(
            LAYERS["exposure"], str(results.exposed.year), EXPOSURE_LAYER_FILE, exposed
        ),
        Product(LAYERS["priority"], period, PRIORITY_LAYER_FILE, ranked),
        Product(composite, period, COMPOSITE_FILE, season.composite),
        Product(composite, str(night.year), COMPOSITE_FILE, results.year),
    ]
    if season.route:
        products.insert(1, Product(LAYERS["route"], period, ROUTE_FILE, season.route))
    if before is not None:
        earlier = str(before.period)
        products.append(Product(LAYERS["agbd"], earlier, AGBD_FILE, before.agbd))
    change, changed = results.change, results.changed
    if before is None or change is None or changed is None:
        return products
    if night.catalog.need(change).facts["measured"]:
        layer, both = LAYERS["agbd_change"], f"{before.period}-{period}"
        products.insert(0, Product(layer, both, CHANGE_LAYER_FILE, changed))
    return products


def build_products(night: Night, results: Results, run_id: str, folder: Path) -> Facts:
    """Write all that is published of a night into ``folder``."""
    night.progress("publish", 0, 5)
    products = products_of(night, results)
    layers = [
        use for product in products for use in _publish_layer(night, product, folder)
    ]
    night.progress("publish", 1, 5)
    parcels = parcel_table(night, results, run_id)
    sources = source_points(read_sources(night, results.exposed.sources))
    write_geoparquet(folder / "parcels.parquet", parcels)
    _publish_vectors(folder, parcels, sources)
    record = night_record(night, results, parcels, layers)
    write_json(folder / RECORD, record.model_dump(mode="json"))
    _publish_project(night, products, folder)
    items_for_night(record, folder, night.grid)
    night.progress("publish", 2, 5)
    overview_map(
        folder / "overview.png",
        parcels=parcels,
        background=_background(night, results),
        grid=night.grid,
        record=record,
        sources=sources.nlargest(MOST_PLACED, "emission_tco2e_yr"),
    )
    night.progress("publish", 3, 5)
    pictures = {"overview": folder / "overview.png"}
    pictures |= _panels(night, products, parcels, folder)
    night.progress("publish", 4, 5)
    write_report(
        folder / "report.html", record=record, parcels=parcels, pictures=pictures
    )
    for name, picture in pictures.items():
        if name != "overview":
            picture.unlink()
    night.progress("publish", 5, 5)
    return {"status": record.status, "observed_pct": record.observed_pct}


def _publish_layer(night: Night, product: Product, folder: Path) -> list[LayerUse]:
    uses, style = [], _style(product.layer)
    (folder / "layers").mkdir(exist_ok=True)
    for tile, key in product.keys.items():
        name = product.name(tile)
        artefact = night.catalog.need(key)
        _place(artefact.path(product.file), folder / name)
        (folder / name).with_suffix(".qml").write_text(style, encoding="utf-8")
        uses.append(
            LayerUse(
                layer=product.layer.name,
                period=product.period,
                file=name,
                sha256=artefact.files[product.file],
            )
        )
    if len(uses) > 1:
        whole = folder / product.whole
        files = [
            TileFile(tile, Path(product.name(tile.name)).name) for tile in night.tiles
        ]
        write_vrt(whole, product.layer, night.grid, files)
        whole.with_suffix(".qml").write_text(style, encoding="utf-8")
    return uses


def _place(source: Path, target: Path) -> None:
    """Link a finished raster where people look; copy it where links cannot reach."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _style(layer: Layer) -> str:
    if layer.name == "composite":
        return true_colour_qml(layer.band_names)
    return raster_qml(layer, layer.bands[0], 1)


def _publish_vectors(
    folder: Path, parcels: gpd.GeoDataFrame, sources: gpd.GeoDataFrame
) -> None:
    write_geopackage(
        folder / "parcels.gpkg",
        {"parcels": parcels, "sources": sources},
        styles={"parcels": parcels_qml("verdict"), "sources": sources_qml()},
    )


def _publish_project(night: Night, products: list[Product], folder: Path) -> None:
    table = "parcels.gpkg|layername="
    layers = [
        ProjectLayer(
            "排放源 Emission sources",
            f"{table}sources",
            sources_qml(),
            "排放 Emissions",
            "point",
            crs="EPSG:4326",
        ),
        *(
            ProjectLayer(
                title,
                f"{table}parcels",
                parcels_qml(column),
                "小班 Parcels",
                "polygon",
                visible=column == "verdict",
            )
            for title, column in PARCEL_STYLES
        ),
        *(
            ProjectLayer(
                f"{product.layer.title_zh} {product.layer.title} {product.period}",
                product.whole,
                _style(product.layer),
                "图层 Layers",
                visible=product.layer.name == "composite"
                and product.period == str(night.season),
            )
            for product in products
        ),
    ]
    region = night.settings.region
    project = project_qgs(
        f"{region.title_zh} {region.title} {night.night}",
        night.grid.crs,
        layers,
        bounds=night.grid.bounds,
    )
    (folder / "forestsink.qgs").write_text(project, encoding="utf-8")


def _background(night: Night, results: Results) -> NDArray[np.uint8]:
    names = night.layer("composite").band_names
    bands = [
        region_picture(
            night,
            results.season.composite,
            COMPOSITE_FILE,
            names.index(colour) + 1,
            most=PICTURE_CELLS,
        )
        for colour in ("red", "green", "blue")
    ]
    return true_colour(np.stack(bands))


def _panels(
    night: Night, products: list[Product], parcels: gpd.GeoDataFrame, folder: Path
) -> dict[str, Path]:
    newest = {product.layer.name: product for product in reversed(products)}
    panels = {}
    for name, band_name in PANELS:
        if name not in newest:
            continue
        product = newest[name]
        index = product.layer.band_names.index(band_name)
        values = region_picture(
            night, product.keys, product.file, index + 1, most=PANEL_CELLS
        )
        panels[band_name] = folder / f".{band_name}.png"
        raster_panel(
            panels[band_name],
            product.layer,
            product.layer.bands[index],
            values,
            night.grid,
            parcels=parcels if len(parcels) <= OUTLINED else None,
        )
    return panels
