"""The night of ``night_fixture`` as files, the way that publishing lays them out."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import rasterio

from geo.layers import LAYERS, Layer
from store.files import sha256_file
from store.qgis import parcels_qml, raster_qml, sources_qml, true_colour_qml
from store.qgis_project import ProjectLayer, project_qgs
from store.record import LayerUse
from tests.store import night_fixture as night

PERIODS = {
    "agbd": "20190901-20200901",
    "agbd_change": "20160901-20170901_20190901-20200901",
    "exposure": "20190901-20200901",
    "priority": "20190901-20200901",
}


def write_raster(path: Path, layer: Layer, values: Mapping[str, np.ndarray]) -> None:
    """Write bands of one type, in their unit, the way the store does: scaled, named."""
    bands = [band for band in layer.bands if band.name in values]
    profile = {
        "driver": "GTiff",
        "width": night.GRID.width,
        "height": night.GRID.height,
        "count": len(bands),
        "dtype": bands[0].dtype,
        "crs": night.GRID.crs,
        "transform": night.GRID.transform,
        "nodata": bands[0].nodata,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as raster:
        for number, band in enumerate(bands, start=1):
            array = np.asarray(values[band.name], dtype=np.float64)
            stored = np.where(np.isnan(array), band.nodata, array / band.scale)
            if np.issubdtype(np.dtype(band.dtype), np.integer):
                stored = np.round(stored)
            raster.write(stored.astype(band.dtype), number)
            raster.set_band_description(number, band.name)
            raster.set_band_unit(number, band.unit)
        raster.scales = tuple(band.scale for band in bands)


def write_rasters(folder: Path) -> tuple[LayerUse, ...]:
    """Write every published layer, one file per type of its bands."""
    density = night.agbd()
    red, green, blue = night.reflectance()
    shape = night.GRID.shape
    classes = np.digitize(np.nan_to_num(density), [30, 50, 140]).astype(float)
    values = {
        "composite": {
            "reflectance": {"red": red, "green": green, "blue": blue},
            "counts": {"clear_count": np.full(shape, 7.0)},
        },
        "agbd": {
            "density": {"agbd_t_ha": density, "agbd_sd_t_ha": 0.3 * density},
            "domain": {"in_domain": (density > 30).astype(float)},
        },
        "agbd_change": {
            "change": {"change_t_ha": density - 90, "change_sd_t_ha": 0.2 * density},
            "verdict": {"verdict": classes},
        },
        "exposure": {"exposure": {"exposure_tco2e_yr": density * 800}},
        "priority": {"priority": {"score": density / 170}},
    }
    uses = []
    for layer, files in values.items():
        period = PERIODS.get(layer, "20200601-20200901")
        for stem, bands in files.items():
            name = f"layers/{layer}_{stem}_{period}.tif"
            write_raster(folder / name, LAYERS[layer], bands)
            digest = sha256_file(folder / name)
            uses.append(LayerUse(layer=layer, period=period, file=name, sha256=digest))
    return tuple(uses)


def write_vectors(folder: Path) -> None:
    """Write parcels with their default style, and the emission sources."""
    parcels = folder / "parcels.gpkg"
    night.parcels().to_file(parcels, layer="parcels", driver="GPKG", VERSION="1.2")
    style = pd.DataFrame(
        [
            {
                "f_table_catalog": "",
                "f_table_schema": "",
                "f_table_name": "parcels",
                "f_geometry_column": "geom",
                "styleName": "verdict",
                "styleQML": parcels_qml(),
                "styleSLD": "",
                "useAsDefault": True,
                "description": "",
                "owner": "",
                "ui": "",
                "update_time": "2020-09-01T00:00:00Z",
            }
        ]
    )
    pyogrio.write_dataframe(style, parcels, layer="layer_styles", driver="GPKG")
    sources = folder / "sources.gpkg"
    night.sources().to_file(sources, layer="sources", driver="GPKG", VERSION="1.2")


def project_layers(uses: tuple[LayerUse, ...], folder: Path) -> list[ProjectLayer]:
    """Return everything the folder holds, as the project shows it."""
    layers = [
        ProjectLayer(
            "变化判定 Verdict",
            "./parcels.gpkg|layername=parcels",
            parcels_qml("verdict"),
            "小班 Parcels",
            kind="polygon",
            visible=True,
        ),
        ProjectLayer(
            "地上生物量密度 Biomass density",
            "./parcels.gpkg|layername=parcels",
            parcels_qml("agbd"),
            "小班 Parcels",
            kind="polygon",
        ),
        ProjectLayer(
            "优先度 Priority",
            "./parcels.gpkg|layername=parcels",
            parcels_qml("priority_score"),
            "小班 Parcels",
            kind="polygon",
        ),
        ProjectLayer(
            "排放源 Emission sources",
            "./sources.gpkg|layername=sources",
            sources_qml(),
            "排放源 Emissions",
            kind="point",
            visible=True,
            crs="EPSG:4326",
        ),
    ]
    for use in uses:
        layer = LAYERS[use.layer]
        with rasterio.open(folder / use.file) as raster:
            names = raster.descriptions
        if "red" in names:
            layers.append(
                ProjectLayer(
                    "真彩色 True colour",
                    f"./{use.file}",
                    true_colour_qml(names),
                    layer.title_zh,
                    visible=True,
                )
            )
            continue
        for index, name in enumerate(names, start=1):
            band = next(band for band in layer.bands if band.name == name)
            style = raster_qml(layer, band, index)
            title = f"{band.title_zh} {band.title}"
            layers.append(ProjectLayer(title, f"./{use.file}", style, layer.title_zh))
    return layers


def write_night(folder: Path) -> tuple[LayerUse, ...]:
    """Write rasters, vectors and project; return what the record lists."""
    uses = write_rasters(folder)
    write_vectors(folder)
    text = project_qgs(
        "森林碳汇 喀尔巴阡 2020-09-01",
        night.GRID.crs,
        project_layers(uses, folder),
        bounds=night.GRID.bounds,
    )
    (folder / "night.qgs").write_text(text, encoding="utf-8")
    return uses
