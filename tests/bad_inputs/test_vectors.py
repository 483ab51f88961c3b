"""Parcel layers as they should not be, and what is said of each."""

import json
import struct
import time

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point, Polygon, box

from geo.errors import InputError, UnsafePathError, VectorError
from store.vectors import ParcelRules, read_parcels

UTM = "EPSG:32650"
BOW_TIE = Polygon([(500_000, 0), (500_100, 100), (500_100, 0), (500_000, 100)])
LOPSIDED = Polygon([(500_000, 0), (500_100, 50), (500_100, 0), (500_000, 100)])
RULES = {"id_field": "id"}


def square(x, y=0, side=100.0):
    return box(500_000 + x, y, 500_000 + x + side, y + side)


def frame(shapes, ids=None, crs=UTM):
    ids = [str(k + 1) for k in range(len(shapes))] if ids is None else ids
    return gpd.GeoDataFrame({"id": ids}, geometry=shapes, crs=crs)


def read(folder, name, **rules):
    told = ParcelRules(**(RULES | rules))
    return read_parcels(name, roots=[folder], target_crs=UTM, rules=told)


def geojson(path, features):
    content = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": properties, "geometry": geometry}
            for properties, geometry in features
        ],
    }
    path.write_text(json.dumps(content))


def ring(x, y, side=0.001):
    corners = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    return {"type": "Polygon", "coordinates": [corners]}


def dbf(names, rows, width=20):
    """Return a dBASE III table of text fields, bytes as they come."""
    size = 1 + width * len(names)
    head = struct.pack(
        "<B3BIHH20x", 3, 120, 1, 1, len(rows), 33 + 32 * len(names), size
    )
    for name in names:
        head += name.ljust(11, b"\0") + b"C" + bytes(4) + bytes([width, 0]) + bytes(14)
    body = b"".join(b" " + b"".join(cell.ljust(width) for cell in row) for row in rows)
    return head + b"\r" + body + b"\x1a"


def shapefile(folder, encoding, cpg=None, texts=("马尾松", "杉木林")):
    frame([square(0), square(200)]).to_file(folder / "p.shp")
    (folder / "p.cpg").unlink()
    rows = [[b"001", texts[0].encode(encoding)], [b"002", texts[1].encode(encoding)]]
    names = [b"ID" if encoding == "big5" else "小班号".encode(encoding), b"SPECIES"]
    (folder / "p.dbf").write_bytes(dbf(names, rows))
    if cpg:
        (folder / "p.cpg").write_text(cpg)
    return "p.shp"


def duplicate_ids(folder):
    frame([square(0), square(200), square(400)], ["a", "b", "a"]).to_file(
        folder / "p.gpkg"
    )


def no_features(folder):
    frame([square(0)]).iloc[:0].to_file(folder / "p.gpkg")


def swapped(folder):
    geojson(folder / "p.gpkg.geojson", [({"id": "1"}, ring(27, 117))])
    (folder / "p.gpkg.geojson").rename(folder / "p.geojson")


def swapped_but_finite(folder):
    geojson(folder / "p.geojson", [({"id": "1"}, ring(45, 25))])


def zone_number(folder):
    shape = box(39_500_000, 3_000_000, 39_500_100, 3_000_100)
    frame([shape], crs="EPSG:4548").to_file(folder / "p.gpkg")


def no_crs(folder):
    frame([square(0)]).to_file(folder / "p.shp")
    (folder / "p.prj").unlink()


def no_attributes(folder):
    frame([square(0)]).to_file(folder / "p.shp")
    (folder / "p.dbf").unlink()


def big5(folder):
    shapefile(folder, "big5", texts=("國有林場", "馬尾松"))


def ogr_vrt(folder):
    frame([square(0)]).to_file(folder / "other.gpkg")
    (folder / "p.geojson").write_text(
        "<OGRVRTDataSource><OGRVRTLayer name='other'><SrcDataSource>"
        f"{folder / 'other.gpkg'}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    )


def html(folder):
    (folder / "p.gpkg").write_bytes(b"<!DOCTYPE html><html>404</html>")


def cut_geopackage(folder):
    frame([square(200 * k) for k in range(400)]).to_file(folder / "p.gpkg")
    content = (folder / "p.gpkg").read_bytes()
    (folder / "p.gpkg").write_bytes(content[: len(content) // 2])


def cut_geojson(folder):
    geojson(folder / "p.geojson", [({"id": "1"}, ring(117, 27))] * 3)
    content = (folder / "p.geojson").read_bytes()
    (folder / "p.geojson").write_bytes(content[:-40])


def deep_geojson(folder):
    deep = "[" * 100_000 + "]" * 100_000
    (folder / "p.geojson").write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},'
        f'"geometry":{{"type":"Polygon","coordinates":{deep}}}}}]}}'
    )


def linked_table(folder):
    (folder / "in").mkdir()
    frame([square(0)]).to_file(folder / "in" / "p.shp")
    for suffix in ("shp", "shx", "prj"):
        (folder / "in" / f"p.{suffix}").rename(folder / f"p.{suffix}")
    (folder / "p.dbf").symlink_to(folder / "in" / "p.dbf")


def all_bad(folder):
    frame([BOW_TIE, LOPSIDED]).to_file(folder / "p.gpkg")


LAYER_CASES = [
    ("V01", all_bad, "p.gpkg", VectorError, ["None of the 2 parcels", "Self-inter"]),
    ("V04", duplicate_ids, "p.gpkg", VectorError, ["used more than once: a", "p.gpkg"]),
    ("V07", no_features, "p.gpkg", VectorError, ["p.gpkg has zero features"]),
    ("V11", swapped, "p.geojson", VectorError, ["117", "swapped", "p.geojson"]),
    ("V11", swapped_but_finite, "p.geojson", VectorError, ["45, 25", "expected"]),
    ("V12", no_crs, "p.shp", VectorError, ["p.shp does not say", "declared_crs"]),
    ("V15", big5, "p.shp", VectorError, ["unknown encoding", "big5", "gb18030"]),
    ("V20", zone_number, "p.gpkg", VectorError, ["zone number 39"]),
    ("V23", ogr_vrt, "p.geojson", UnsafePathError, ["p.geojson is a VRT"]),
    ("V26", deep_geojson, "p.geojson", InputError, ["p.geojson"]),
    ("V31", html, "p.gpkg", VectorError, ["p.gpkg is an HTML page"]),
    ("V31", cut_geopackage, "p.gpkg", VectorError, ["p.gpkg cannot be read"]),
    ("V31", cut_geojson, "p.geojson", VectorError, ["p.geojson cannot be read"]),
    ("V31", no_attributes, "p.shp", VectorError, ["without its .dbf", "p.dbf"]),
    ("R31", linked_table, "p.shp", UnsafePathError, ["p.dbf is a symbolic link"]),
]


@pytest.mark.parametrize(
    ("provoke", "name", "kind", "fragments"),
    [case[1:] for case in LAYER_CASES],
    ids=[f"{case[0]}-{case[1].__name__}" for case in LAYER_CASES],
)
def test_bad_layer(tmp_path, provoke, name, kind, fragments):
    provoke(tmp_path)
    with pytest.raises(kind) as caught:
        read(tmp_path, name)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert caught.value.zh
    assert caught.value.cure


@pytest.mark.parametrize(
    "name",
    [
        "CSV:/etc/passwd",
        "http://127.0.0.1:9/p.geojson",
        "/vsicurl/http://127.0.0.1:9/p.gpkg",
        "zip://p.zip!p.shp",
        "WFS:http://127.0.0.1:9",
        "../p.gpkg",
    ],
)
def test_v24_v25_names_that_are_not_paths(tmp_path, name):
    with pytest.raises(UnsafePathError):
        read(tmp_path / "in", name)


FEATURE_CASES = [
    (
        "V01",
        BOW_TIE,
        ["Parcel 1 is not a valid", "Self-intersection[500050 50]"],
    ),
    ("V02", LOPSIDED, ["Parcel 1 is not a valid", "Self-intersection["]),
    ("V08", None, ["Parcel 1 has no geometry"]),
    ("V08", Polygon(), ["Parcel 1 has no geometry"]),
    ("V09", Point(500_000, 0), ["Parcel 1 is a Point, not a polygon"]),
    ("V28", Polygon(square(0).exterior, [square(300).exterior]), ["Hole lies outside"]),
]


@pytest.mark.parametrize(
    ("shape", "fragments"),
    [case[1:] for case in FEATURE_CASES],
    ids=[f"{case[0]}-{number}" for number, case in enumerate(FEATURE_CASES)],
)
def test_bad_feature_goes_and_the_next_stays(tmp_path, shape, fragments):
    frame([shape, square(200)]).to_file(tmp_path / "p.gpkg")
    layer = read(tmp_path, "p.gpkg")
    assert list(layer.parcels["parcel_id"]) == ["2"]
    (error,) = layer.rejected
    assert isinstance(error, VectorError)
    assert error.where["item"] == "1"
    assert error.where["file"].endswith("p.gpkg")
    for fragment in fragments:
        assert fragment in str(error)


def test_v28_unclosed_ring(tmp_path):
    open_ring = {"type": "Polygon", "coordinates": [[[117, 27], [117, 28], [118, 27]]]}
    features = [({"id": "1"}, open_ring), ({"id": "2"}, ring(117, 27))]
    geojson(tmp_path / "p.geojson", features)
    layer = read(tmp_path, "p.geojson")
    assert list(layer.parcels["parcel_id"]) == ["2"]
    assert "a ring not closed" in layer.rejected[0].what


def test_a_parcel_without_id_goes_by_its_number(tmp_path):
    features = [({}, ring(117, 27)), ({"id": "2"}, ring(117.1, 27))]
    geojson(tmp_path / "p.geojson", features)
    layer = read(tmp_path, "p.geojson")
    assert layer.rejected[0].where["item"] == "feature 1"
    assert list(layer.parcels["parcel_id"]) == ["2"]


def test_v03_area_is_counted_once(tmp_path):
    """1.0 and 1.0 ha that share 0.5 ha: the second goes, with the area it shared."""
    frame([square(0), square(50)]).to_file(tmp_path / "p.gpkg")
    layer = read(tmp_path, "p.gpkg")
    assert list(layer.parcels["parcel_id"]) == ["1"]
    (error,) = layer.rejected
    assert error.where["item"] == "1 + 2"
    assert error.where["value"].startswith("0.500")


CHINESE = [
    ("V15", "gbk", None, "read as gb18030"),
    ("V16", "gbk", "UTF-8", "although UTF-8 was declared"),
    ("V17", "utf-8", "GBK", "read as utf-8, although GBK"),
]


@pytest.mark.parametrize(
    ("encoding", "cpg", "note"),
    [case[1:] for case in CHINESE],
    ids=[case[0] for case in CHINESE],
)
def test_chinese_shapefile(tmp_path, encoding, cpg, note):
    name = shapefile(tmp_path, encoding, cpg)
    layer = read(tmp_path, name, id_field="小班号", name_field="SPECIES")
    assert list(layer.parcels["parcel_id"]) == ["001", "002"]
    assert list(layer.parcels["name_zh"]) == ["马尾松", "杉木林"]
    assert note in layer.warnings[0].what


@pytest.mark.parametrize(
    ("encoding", "left"), [("utf-8", "小班编"), ("gbk", "小班编号名")]
)
def test_v18_chinese_field_names_that_the_format_cut(tmp_path, encoding, left):
    """Ten bytes are three letters and a third, or five: what is left is the name."""
    shapefile(tmp_path, encoding)
    names = ["小班编号名称".encode(encoding)[:10], b"SPECIES"]
    rows = [[b"001", "马尾松".encode(encoding)], [b"002", "杉木林".encode(encoding)]]
    (tmp_path / "p.dbf").write_bytes(dbf(names, rows))
    layer = read(tmp_path, "p.shp", id_field=left, name_field="SPECIES")
    assert list(layer.parcels["parcel_id"]) == ["001", "002"]
    assert list(layer.parcels["name_zh"]) == ["马尾松", "杉木林"]
    is_cut = encoding == "utf-8"
    said = [note for note in layer.warnings if "half a letter" in note.what]
    assert len(said) == is_cut
    with pytest.raises(VectorError, match=f"did you mean '{left}'"):
        read(tmp_path, "p.shp", id_field="小班编号名称", name_field="SPECIES")


def ragged_ring(vertices):
    """An outline that is slow to test: no two neighbours at the same distance."""
    turn = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 2000 + 50 * np.random.default_rng(1).random(vertices)
    x, y = 510_000 + radius * np.cos(turn), 2500 + radius * np.sin(turn)
    return Polygon(np.column_stack([x, y]))


def test_v26_a_ring_of_a_million_vertices_is_refused_before_it_is_tested(tmp_path):
    """Whether it crosses itself would take a minute; that it is too long, a second."""
    frame([ragged_ring(1_000_000), square(0)]).to_file(tmp_path / "p.gpkg")
    start = time.process_time()
    layer = read(tmp_path, "p.gpkg")
    assert time.process_time() - start < 15
    assert list(layer.parcels["parcel_id"]) == ["2"]
    (error,) = layer.rejected
    assert "1,000,001 vertices, more than 100,000" in error.what
    assert "100,000" in error.zh
    assert "Simplify" in error.cure


def test_v26_a_ring_below_the_limit_is_a_parcel(tmp_path):
    frame([ragged_ring(50_000), square(0)]).to_file(tmp_path / "p.gpkg")
    layer = read(tmp_path, "p.gpkg")
    assert list(layer.parcels["parcel_id"]) == ["1", "2"]
    assert layer.rejected == ()


def test_v17_a_declared_gbk_does_not_garble_utf8(tmp_path):
    name = shapefile(tmp_path, "utf-8")
    layer = read(
        tmp_path, name, id_field="小班号", name_field="SPECIES", encoding="gbk"
    )
    assert list(layer.parcels["name_zh"]) == ["马尾松", "杉木林"]
