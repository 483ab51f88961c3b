import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
from shapely.geometry import MultiPolygon, Point, box

from geo.errors import StoreError
from store.exports import write_geopackage, write_geoparquet

PROGRAM = """
import sys, time
from pathlib import Path
import geopandas as gpd, pandas as pd
from shapely.geometry import box
from store.exports import write_geopackage, write_geoparquet
from store.lockdown import lock_down
lock_down()
time.sleep(float(sys.argv[2]))
rows = gpd.GeoDataFrame(
    {"parcel_id": ["001", "二"], "agb_t": [1.5, None]},
    geometry=[box(0, 0, 1, 1), box(1, 1, 2, 2)], crs="EPSG:32650",
)
folder = Path(sys.argv[1])
write_geopackage(
    folder / "a.gpkg", {"parcels": rows, "runs": pd.DataFrame({"run": ["r"]})},
    styles={"parcels": "<qgis/>"}, aliases={"parcels": {"agb_t": "地上生物量"}},
)
write_geoparquet(folder / "a.parquet", rows)
"""


def rows():
    return gpd.GeoDataFrame(
        {
            "parcel_id": ["001", "二"],
            "agb_t": [1.5, np.nan],
            "cells": [4, 5],
            "is_new": [True, False],
            "seen": pd.to_datetime(["2020-01-01", "2020-06-30"]),
        },
        geometry=[box(0, 0, 1, 1), MultiPolygon([box(1, 1, 2, 2)])],
        crs="EPSG:32650",
    )


def query(path, sql):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def test_what_is_written_reads_back(tmp_path):
    path = tmp_path / "a.gpkg"
    write_geopackage(path, {"parcels": rows(), "runs": pd.DataFrame({"run": ["r1"]})})
    back = pyogrio.read_dataframe(path, layer="parcels")
    assert list(back["parcel_id"]) == ["001", "二"]
    assert back["agb_t"][0] == 1.5
    assert np.isnan(back["agb_t"][1])
    assert list(back["cells"]) == [4, 5]
    assert list(back["is_new"]) == [True, False]
    assert back["seen"][1] == pd.Timestamp("2020-06-30")
    assert back.crs.to_epsg() == 32650
    assert set(back.geom_type) == {"MultiPolygon"}
    assert pyogrio.read_info(path, layer="parcels")["geometry_name"] == "geom"
    assert list(pyogrio.read_dataframe(path, layer="runs")["run"]) == ["r1"]


def test_it_is_a_geopackage_1_2_with_a_style_and_titles(tmp_path):
    path = tmp_path / "a.gpkg"
    write_geopackage(
        path,
        {"parcels": rows(), "runs": pd.DataFrame({"run": ["r1"]})},
        styles={"parcels": "<qgis version='3'/>"},
        aliases={"parcels": {"agb_t": "地上生物量"}},
    )
    assert query(path, "PRAGMA user_version") == [(10_200,)]
    contents = query(path, "SELECT table_name, data_type FROM gpkg_contents ORDER BY 1")
    assert contents == [
        ("layer_styles", "attributes"),
        ("parcels", "features"),
        ("runs", "attributes"),
    ]
    styles = query(
        path,
        "SELECT f_table_name, f_geometry_column, styleQML, useAsDefault "
        "FROM layer_styles",
    )
    assert styles == [("parcels", "geom", "<qgis version='3'/>", 1)]
    titles = query(path, "SELECT table_name, column_name, title FROM gpkg_data_columns")
    assert titles == [("parcels", "agb_t", "地上生物量")]


def test_the_same_layers_give_the_same_bytes(tmp_path):
    """Seconds apart, in other time zones, languages and folders."""
    digests = []
    for place, zone, language in [
        ("a", "Asia/Shanghai", "zh_CN.GB18030"),
        ("b", "America/St_Johns", "C"),
    ]:
        folder = tmp_path / place
        folder.mkdir()
        subprocess.run(
            [sys.executable, "-c", PROGRAM, folder, "1.1" if place == "b" else "0"],
            check=True,
            env=os.environ | {"TZ": zone, "LANG": language},
        )
        digests.append(
            [
                hashlib.sha256((folder / name).read_bytes()).hexdigest()
                for name in ("a.gpkg", "a.parquet")
            ]
        )
    assert digests[0] == digests[1]


def test_writing_again_replaces(tmp_path):
    path = tmp_path / "a.gpkg"
    write_geopackage(path, {"old": rows()})
    first = path.read_bytes()
    write_geopackage(path, {"new": rows()})
    assert pyogrio.list_layers(path)[:, 0].tolist() == ["new"]
    write_geopackage(path, {"old": rows()})
    assert path.read_bytes() == first


def test_an_empty_layer_and_one_with_a_fid_column_can_be_written(tmp_path):
    odd = rows().assign(fid=[7, 8])
    path = tmp_path / "a.gpkg"
    write_geopackage(path, {"none": rows().iloc[:0], "odd": odd})
    assert pyogrio.read_info(path, layer="none")["features"] == 0
    assert list(pyogrio.read_dataframe(path, layer="odd")["fid"]) == [7, 8]


def test_columns_of_tables_that_can_be_missing_are_written(tmp_path):
    """What ``read_table`` gives: Int64, boolean, datetime64[s], str."""
    table = rows().assign(
        year=pd.array([2019, None], dtype="Int64"),
        is_estimated=pd.array([None, True], dtype="boolean"),
        opened=pd.array(["2019-01-01", None], dtype="datetime64[s]"),
    )
    path = tmp_path / "a.gpkg"
    write_geopackage(path, {"sources": table})
    sql = "SELECT year, is_estimated, opened FROM sources"
    assert query(path, sql) == [
        (2019, None, "2019-01-01T00:00:00.000"),
        (None, 1, None),
    ]


def test_points_stay_points(tmp_path):
    path = tmp_path / "a.gpkg"
    points = gpd.GeoDataFrame({"a": [1]}, geometry=[Point(1, 2)], crs="EPSG:4326")
    write_geopackage(path, {"points": points})
    assert pyogrio.read_info(path, layer="points")["geometry_type"] == "Point"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"styles": {"x": "<qgis/>"}}, "x has a style or alias but does not exist"),
        ({"aliases": {"parcels": {"y": "称"}}}, "parcels y has a style or alias"),
        ({"aliases": {"parcels": {"agb_t": "称", "cells": "称"}}}, "two columns share"),
    ],
)
def test_styles_and_titles_must_fit(tmp_path, options, message):
    with pytest.raises(StoreError, match=message):
        write_geopackage(tmp_path / "a.gpkg", {"parcels": rows()}, **options)
    assert not (tmp_path / "a.gpkg").exists()


def test_a_layer_needs_a_crs(tmp_path):
    lost = rows().set_crs(None, allow_override=True)
    with pytest.raises(StoreError, match="parcels has no CRS"):
        write_geopackage(tmp_path / "a.gpkg", {"parcels": lost})
    with pytest.raises(StoreError, match="has no CRS"):
        write_geoparquet(tmp_path / "a.parquet", lost)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StoreError, match="could not be written") as caught:
        write_geopackage(tmp_path / "no" / "a.gpkg", {"parcels": rows()})
    assert caught.value.where["layer"] == "parcels"


def test_loss_of_rows_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "store.exports.pyogrio.read_info",
        lambda *_, **__: {"features": 1, "fields": []},
    )
    with pytest.raises(StoreError, match="has 1 rows of 2 after writing"):
        write_geopackage(tmp_path / "a.gpkg", {"parcels": rows()})


def test_geoparquet_1_1_with_a_box_per_row(tmp_path):
    path = tmp_path / "a.parquet"
    write_geoparquet(path, rows())
    described = json.loads(pq.read_schema(path).metadata[b"geo"])
    column = described["columns"]["geometry"]
    assert described["version"] == "1.1.0"
    assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 32650}
    back = gpd.read_parquet(path)
    assert back.crs == rows().crs
    assert back.geometry.geom_equals(rows().geometry).all()
    assert list(back["parcel_id"]) == ["001", "二"]
