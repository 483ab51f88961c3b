"""Vector products: GeoPackage for people, GeoParquet for machines."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from geo.errors import StoreError
from store.lockdown import SETTINGS, require_lockdown

GEOMETRY = "geom"
"""The geometry column of every layer, which ``layer_styles`` refers to."""
NO_TEXT: Mapping[str, str] = {}
NO_ALIASES: Mapping[str, Mapping[str, str]] = {}

_STYLES = "layer_styles"
_ALIAS_TABLE = """
CREATE TABLE gpkg_data_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT,
  description TEXT, mime_type TEXT, constraint_name TEXT,
  CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
  CONSTRAINT gdc_tn UNIQUE (table_name, name))
"""
_EXTENSION = (
    "gpkg_data_columns",
    None,
    "gpkg_schema",
    "http://www.geopackage.org/spec121/#extension_schema",
    "read-write",
)


def write_geopackage(
    path: Path,
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    *,
    styles: Mapping[str, str] = NO_TEXT,
    aliases: Mapping[str, Mapping[str, str]] = NO_ALIASES,
) -> None:
    """Write a GeoPackage 1.2 to ``path``, replacing it; atomicity is the caller's.

    The same layers give the same bytes, whenever and wherever. What was written is
    read back.

    Parameters
    ----------
    layers
        In the order of writing. A GeoDataFrame becomes a layer with geometry column
        ``geom`` (polygons as multi-polygons), a DataFrame a plain table. Index and row
        order are the caller's; the index is not written.
    styles
        QML by layer, which QGIS applies on opening.
    aliases
        Titles for people by layer and column, kept in the schema extension.

    Raises
    ------
    StoreError
        If a style or an alias names what is not there, a layer lacks a CRS, or the
        file does not read back as it was given.
    """
    require_lockdown()
    _require_known(path, layers, styles, aliases)
    path.unlink(missing_ok=True)
    for name, rows in layers.items():
        _write_layer(path, name, rows)
    if styles:
        _write_layer(path, _STYLES, _style_rows(layers, styles))
    if any(aliases.values()):
        _write_aliases(path, aliases)
    _read_back(path, layers)


def write_geoparquet(path: Path, rows: gpd.GeoDataFrame) -> None:
    """Write GeoParquet 1.1 with a bounding box per row; the same rows, the same bytes.

    The index is not written; atomicity is the caller's.

    Raises
    ------
    StoreError
        If ``rows`` lacks a CRS.
    """
    _require_crs(path, "", rows)
    rows.to_parquet(
        path,
        index=False,
        compression="zstd",
        schema_version="1.1.0",
        write_covering_bbox=True,
    )


def _require_known(
    path: Path,
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    styles: Mapping[str, str],
    aliases: Mapping[str, Mapping[str, str]],
) -> None:
    named = {(name, "") for name in styles} | {
        (name, column) for name, titles in aliases.items() for column in titles
    }
    there = {(name, str(column)) for name in layers for column in layers[name].columns}
    unknown = sorted(named - there - {(name, "") for name in layers})
    if unknown:
        raise _unsound(path, *unknown[0], "has a style or alias but does not exist")
    for name, titles in aliases.items():
        if len(set(titles.values())) < len(titles):
            raise _unsound(path, name, "", "has an alias that two columns share")
    for name, rows in layers.items():
        _require_crs(path, name, rows)


def _require_crs(path: Path, name: str, rows: pd.DataFrame) -> None:
    if isinstance(rows, gpd.GeoDataFrame) and rows.crs is None:
        raise _unsound(path, name, "", "has no CRS")


def _write_layer(path: Path, name: str, rows: gpd.GeoDataFrame | pd.DataFrame) -> None:
    options = {"FID": _row_number_column(rows)}
    polygonal = False
    if isinstance(rows, gpd.GeoDataFrame):
        options["GEOMETRY_NAME"] = GEOMETRY
        polygonal = rows.geom_type.isin(["Polygon", "MultiPolygon"]).all()
    else:
        options["ASPATIAL_VARIANT"] = "GPKG_ATTRIBUTES"
    try:
        pyogrio.write_dataframe(
            rows,
            path,
            layer=name,
            driver="GPKG",
            append=path.exists(),
            promote_to_multi=True if polygonal else None,
            dataset_options=None if path.exists() else {"VERSION": "1.2"},
            layer_options=options,
        )
    except (DataSourceError, DataLayerError) as error:
        raise _unsound(path, name, "", f"could not be written: {error}") from error


def _row_number_column(rows: pd.DataFrame) -> str:
    taken = {str(column).lower() for column in rows.columns}
    return next(name for name in ("fid", "id", "gpkg_fid") if name not in taken)


def _style_rows(
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], styles: Mapping[str, str]
) -> pd.DataFrame:
    """Return the table QGIS looks for; it matches the geometry column's name too."""
    names = sorted(styles)
    spatial = [isinstance(layers[name], gpd.GeoDataFrame) for name in names]
    return pd.DataFrame(
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": names,
            "f_geometry_column": np.where(spatial, GEOMETRY, ""),
            "styleName": names,
            "styleQML": [styles[name] for name in names],
            "styleSLD": "",
            "useAsDefault": True,
            "description": "",
            "owner": "",
            "ui": "",
            "update_time": SETTINGS["OGR_CURRENT_DATE"],
        }
    )


def _write_aliases(path: Path, aliases: Mapping[str, Mapping[str, str]]) -> None:
    titles = [
        (name, column, title)
        for name in sorted(aliases)
        for column, title in sorted(aliases[name].items())
    ]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_ALIAS_TABLE)
        database.executemany(
            "INSERT INTO gpkg_data_columns (table_name, column_name, name, title) "
            "VALUES (?1, ?2, ?3, ?3)",
            titles,
        )
        database.execute(
            "INSERT INTO gpkg_extensions VALUES (?, ?, ?, ?, ?)", _EXTENSION
        )


def _read_back(
    path: Path, layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame]
) -> None:
    for name, rows in layers.items():
        info = pyogrio.read_info(path, layer=name, force_feature_count=True)
        if info["features"] != len(rows):
            found = f"has {info['features']} rows of {len(rows)} after writing"
            raise _unsound(path, name, "", found)
        given = set(rows.columns)
        if isinstance(rows, gpd.GeoDataFrame):
            given -= {rows.geometry.name}
        if set(info["fields"]) != given:
            raise _unsound(path, name, "", "lost columns in writing")


def _unsound(path: Path, layer: str, column: str, what: str) -> StoreError:
    named = " ".join(part for part in (layer, column) if part) or path.name
    return StoreError(
        f"{named} {what}.",
        zh=f"写入 {path.name} 失败：{named} {what}。",
        cure="Correct the layer before it is written.",
        file=path,
        layer=layer,
        field=column,
    )
