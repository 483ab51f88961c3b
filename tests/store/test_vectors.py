import hashlib
import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely.geometry import MultiPolygon, Polygon, box

from geo.errors import VectorError
from store.vectors import ParcelRules, read_parcels

UTM = "EPSG:32650"
EAST, NORTH = 500_000, 3_000_000


def square(x, y, side=100.0):
    return box(EAST + x, NORTH + y, EAST + x + side, NORTH + y + side)


def frame(shapes, ids, crs=UTM, **columns):
    return gpd.GeoDataFrame({"id": ids, **columns}, geometry=shapes, crs=crs)


def read(folder, name="p.gpkg", **rules):
    told = ParcelRules(**({"id_field": "id"} | rules))
    return read_parcels(name, roots=[folder], target_crs=UTM, rules=told)


def save(folder, parcels, name="p.gpkg", **options):
    parcels.to_file(folder / name, **options)
    return folder / name


def test_two_squares_by_hand(tmp_path):
    two = frame([square(200, 0), square(0, 0)], ["2", "1"], name=["二号", "一号"])
    path = save(tmp_path, two)
    layer = read(tmp_path, name_field="name")
    assert list(layer.parcels["parcel_id"]) == ["1", "2"]
    assert list(layer.parcels["name_zh"]) == ["一号", "二号"]
    assert layer.parcels.crs.to_epsg() == 32650
    # The scale at the central meridian is 0.9996 both ways.
    np.testing.assert_allclose(layer.parcels["area_ha"], 1 / 0.9996**2, rtol=1e-6)
    assert (layer.rejected, layer.warnings) == ((), ())
    assert layer.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert layer.source == path


def test_the_same_bytes_give_the_same_layer(tmp_path):
    save(tmp_path, frame([square(0, 0), square(200, 0)], ["b", "a"]))
    one, two = read(tmp_path), read(tmp_path)
    assert one.parcels.equals(two.parcels)
    assert one.digest == two.digest


def test_area_is_that_of_the_ellipsoid_not_of_the_map(tmp_path):
    """4 degrees off the meridian a UTM map is 0.2 % too large."""
    far = box(117 + 4, 45, 117 + 4.01, 45.01)
    save(tmp_path, frame([far], ["1"], crs="EPSG:4326"), "p.geojson")
    layer = read(tmp_path, "p.geojson")
    cut = shapely.segmentize(far, 1e-4)
    expected = abs(Geod(ellps="WGS84").geometry_area_perimeter(cut)[0]) / 10_000
    assert layer.parcels["area_ha"][0] == pytest.approx(expected, rel=1e-4)
    planar_ha = layer.parcels.area[0] / 10_000
    assert planar_ha / expected > 1.0015


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["001", "1"], ["001", "1"]),
        ([7, 12], ["12", "7"]),
        ([7.0, 12.0], ["12", "7"]),
        ([1.5, 2.0], ["1.5", "2"]),
        ([" a ", "小班"], ["a", "小班"]),
    ],
)
def test_ids_are_text(tmp_path, ids, expected):
    save(tmp_path, frame([square(0, 0), square(200, 0)], ids))
    assert list(read(tmp_path).parcels["parcel_id"]) == expected


def test_ids_that_numbers_cannot_hold_are_refused(tmp_path):
    save(tmp_path, frame([square(0, 0)], [3.0e17]))
    with pytest.raises(VectorError, match="too long to be exact"):
        read(tmp_path)


def test_attributes_stay_and_clashing_ones_are_renamed(tmp_path):
    one = frame([square(0, 0)], ["1"], area_ha=[9.0], 树种=["杉木"])
    save(tmp_path, one)
    parcels = read(tmp_path).parcels
    assert parcels["source_area_ha"][0] == 9.0
    assert parcels["area_ha"][0] == pytest.approx(1.0008, abs=1e-4)
    assert parcels["树种"][0] == "杉木"


def test_multipolygons_and_holes_are_parcels(tmp_path):
    ring = Polygon(square(0, 0).exterior, [square(25, 25, 50).exterior])
    both = MultiPolygon([square(200, 0), square(400, 0)])
    save(tmp_path, frame([ring, both], ["1", "2"]))
    layer = read(tmp_path)
    assert layer.rejected == ()
    np.testing.assert_allclose(
        layer.parcels["area_ha"], np.array([0.75, 2]) / 0.9996**2, rtol=1e-6
    )


def test_one_bad_parcel_leaves_the_others_as_they_are(tmp_path):
    shapes = [square(200 * k, 0) for k in range(100)]
    ids = [f"{k:03}" for k in range(100)]
    good = frame([*shapes[:50], *shapes[51:]], [*ids[:50], *ids[51:]])
    save(tmp_path, good, "good.gpkg")
    shapes[50] = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    save(tmp_path, frame(shapes, ids), "bad.gpkg")
    clean, mixed = read(tmp_path, "good.gpkg"), read(tmp_path, "bad.gpkg")
    assert mixed.parcels.equals(clean.parcels)
    assert [error.where["item"] for error in mixed.rejected] == ["050"]


def test_small_overlaps_are_told_and_large_ones_taken_out(tmp_path):
    """a and b share 0.05 % of b; c covers half of b, and d only touched c."""
    shapes = [square(0, 0), square(99.95, 0), square(150, 0), square(240, 0)]
    save(tmp_path, frame(shapes, ["a", "b", "c", "d"]))
    layer = read(tmp_path)
    assert list(layer.parcels["parcel_id"]) == ["a", "b", "d"]
    assert [error.where["item"] for error in layer.rejected] == ["b + c"]
    assert "overlaps parcel b by 0.499" in layer.rejected[0].what
    assert [error.where["item"] for error in layer.warnings] == ["a + b"]


def test_neighbours_do_not_overlap(tmp_path):
    shapes = [square(0, 0), square(100, 0), square(0, 100), square(100, 100)]
    save(tmp_path, frame(shapes, ["a", "b", "c", "d"]))
    layer = read(tmp_path)
    assert len(layer.parcels) == 4
    assert layer.warnings == ()


def test_the_sum_over_parcels_is_the_sum_over_their_union(tmp_path):
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 500, (40, 2))
    shapes = [square(x, y) for x, y in corners]
    save(tmp_path, frame(shapes, [str(k) for k in range(40)]))
    parcels = read(tmp_path, overlap_tolerance=0).parcels
    union = shapely.union_all(parcels.geometry.array).area
    assert parcels.area.sum() == pytest.approx(union, rel=1e-9)


def test_slivers_are_noted_not_dropped(tmp_path):
    save(tmp_path, frame([square(0, 0, 20), square(200, 0)], ["1", "2"]))
    layer = read(tmp_path)
    assert len(layer.parcels) == 2
    assert "400 m2, less than 1 mu" in layer.warnings[0].what


def test_several_layers_need_a_name(tmp_path):
    for layer in ("小班", "others"):
        save(tmp_path, frame([square(0, 0)], ["1"]), layer=layer)
    with pytest.raises(VectorError, match="has 2 layers") as caught:
        read(tmp_path)
    assert caught.value.where["expected"] == "others, 小班"
    with pytest.raises(VectorError, match="none is called 'x'"):
        read(tmp_path, layer="x")
    assert len(read(tmp_path, layer="小班").parcels) == 1


def test_a_missing_field_names_the_nearest(tmp_path):
    save(tmp_path, frame([square(0, 0)], ["1"], parcel_no=["x"]))
    with pytest.raises(VectorError, match="did you mean 'parcel_no'"):
        read(tmp_path, id_field="parcel_nr")


def test_a_geopackage_left_open_is_read_unless_it_has_unsaved_changes(tmp_path):
    path = save(tmp_path, frame([square(0, 0)], ["1"]))
    content = path.read_bytes()
    path.write_bytes(content[:18] + b"\x02\x02" + content[20:])
    assert len(read(tmp_path).parcels) == 1
    (tmp_path / "p.gpkg-wal").write_bytes(b"changes")
    with pytest.raises(VectorError, match="open in another program"):
        read(tmp_path)


def test_a_declared_crs_stands_in_but_does_not_overrule(tmp_path):
    save(tmp_path, frame([square(0, 0)], ["1"]), "p.shp")
    assert read(tmp_path, "p.shp", declared_crs=UTM).warnings == ()
    with pytest.raises(VectorError, match="the region file says"):
        read(tmp_path, "p.shp", declared_crs="EPSG:32649")
    (tmp_path / "p.prj").unlink()
    layer = read(tmp_path, "p.shp", declared_crs=UTM)
    assert "because the operator says so" in layer.warnings[0].what


def test_cgcs2000_with_northing_first_is_read_with_east_first(tmp_path):
    """EPSG:4547 lists northing first; files still have x east."""
    here = gpd.GeoSeries([square(0, 0)], crs=UTM).to_crs("EPSG:4547")
    save(tmp_path, frame(list(here), ["1"], crs="EPSG:4547"))
    box_there = read(tmp_path).parcels.total_bounds
    np.testing.assert_allclose(box_there, square(0, 0).bounds, atol=1)


def test_parcels_outside_the_bounds_are_rejected_one_by_one(tmp_path):
    save(tmp_path, frame([square(0, 0), square(400_000, 0)], ["1", "2"]))
    layer = read(tmp_path, bounds=(116.9, 27.0, 117.1, 27.3))
    assert list(layer.parcels["parcel_id"]) == ["1"]
    assert "outside the region" in layer.rejected[0].what


def test_geojson_may_begin_with_a_byte_order_mark(tmp_path):
    path = save(tmp_path, frame([box(117, 27, 117.001, 27.001)], ["1"], 4326), "p.json",
                driver="GeoJSON")  # fmt: skip
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read(tmp_path, "p.json").parcels) == 1


def test_the_digest_of_a_shapefile_covers_its_parts(tmp_path):
    path = save(tmp_path, frame([square(0, 0)], ["1"]), "p.shp")
    before = read(tmp_path, "p.shp").digest
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace(b"1", b"2", 1))
    assert read(tmp_path, "p.shp").digest != before


def test_json_with_heights_is_flattened_and_noted(tmp_path):
    ring = [[117, 27, 5], [117.001, 27, 5], [117.001, 27.001, 5], [117, 27, 5]]
    feature = {
        "type": "Feature",
        "properties": {"id": "1"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    content = {"type": "FeatureCollection", "features": [feature]}
    (tmp_path / "p.geojson").write_text(json.dumps(content))
    layer = read(tmp_path, "p.geojson")
    assert not layer.parcels.has_z.any()
    assert "Heights (Z) were dropped" in layer.warnings[0].what
