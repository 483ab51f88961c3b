"""The committed sample: is it what its README says, and does its maker make it?"""

import csv
import hashlib
import json
import math
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import odc.stac
import pyproj
import pystac
import pytest
import rasterio
import shapely
from odc.geo.geobox import GeoBox
from pystac.validation.stac_validator import JsonSchemaSTACValidator

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data-samples" / "carpathians"
SOURCE = ROOT.parent / "shared" / "data"
LEFT, TOP = 5271982.57655193, 2533004.21491519
CELL_M = {
    "blue": 10,
    "green": 10,
    "red": 10,
    "nir": 10,
    "nir08": 20,
    "swir16": 20,
    "scl": 10,
}
REFLECTANCE = [name for name in CELL_M if name != "scl"]


@pytest.fixture(scope="module")
def items():
    catalogue = pystac.Catalog.from_file(SAMPLE / "catalog.json")
    return sorted(catalogue.get_items(recursive=True), key=lambda item: item.id)


@pytest.fixture(scope="module")
def parcels():
    return gpd.read_file(SAMPLE / "parcels.gpkg", layer="parcels")


@pytest.fixture(scope="module")
def summers(items):
    """NDVI, and where the scene is clear, of June to August: (time, 50, 50) by year."""
    return {year: _summer(items, year) for year in (2017, 2018, 2020)}


def _cells(item, name):
    with rasterio.open(SAMPLE / "scenes" / item.id / f"{name}.tif") as raster:
        return raster.read(1)


def _halved(cells):
    return cells.reshape(50, 2, 50, 2)


def _index(high, low):
    high, low = high.astype(float), low.astype(float)
    return (high - low) / (high + low)


def _summer(items, year):
    layers = {"ndvi": [], "ndmi": []}
    for item in items:
        if item.datetime.year != year or item.datetime.month not in (6, 7, 8):
            continue
        clear = _halved(np.isin(_cells(item, "scl"), (4, 5, 6, 7))).all(axis=(1, 3))
        red, nir = (_halved(_cells(item, n)).mean(axis=(1, 3)) for n in ("red", "nir"))
        ndmi = _index(_cells(item, "nir08"), _cells(item, "swir16"))
        layers["ndvi"].append(np.where(clear, _index(nir, red), np.nan))
        layers["ndmi"].append(np.where(clear, ndmi, np.nan))
    return {name: np.nanmedian(stack, axis=0) for name, stack in layers.items()}


@pytest.fixture(scope="module")
def lost(summers):
    return summers[2020]["ndmi"] - summers[2017]["ndmi"] < -0.2


@pytest.fixture(scope="module")
def lost_share(parcels, lost):
    """Share of each parcel's observed area that was lost; NaN outside the scene."""
    boxes = [
        shapely.box(LEFT + 20 * c, TOP - 20 * r - 20, LEFT + 20 * c + 20, TOP - 20 * r)
        for r, c in np.argwhere(lost)
    ]
    loss = shapely.union_all(boxes)
    scene = shapely.box(LEFT, TOP - 1000, LEFT + 1000, TOP)
    shapes = parcels.geometry.to_numpy()
    seen = shapely.area(shapely.intersection(shapes, scene))
    with np.errstate(invalid="ignore"):
        return shapely.area(shapely.intersection(shapes, loss)) / seen


def test_every_file_has_its_checksum_and_none_is_unlisted():
    lines = (SAMPLE / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    found = {p.relative_to(SAMPLE).as_posix() for p in SAMPLE.rglob("*") if p.is_file()}
    assert found - set(sums) == {"README.md", "SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() == digest, name


def test_folder_stays_under_twelve_megabytes():
    assert sum(p.stat().st_size for p in SAMPLE.rglob("*") if p.is_file()) < 12_000_000


def test_items_are_the_140_acquisitions(items):
    assert [item.id for item in items] == sorted({item.id for item in items})
    years = Counter(item.datetime.year for item in items)
    assert [years[year] for year in range(2015, 2022)] == [3, 16, 21, 34, 32, 33, 1]
    assert items[0].id == "S2_20150801"
    assert items[-1].id == "S2_20210101"
    gaps = {(b.datetime - a.datetime).days % 5 for a, b in pairwise(items)}
    assert gaps == {0}  # Sentinel-2 passes every five days


def test_catalogue_validates_offline_against_core_schemas():
    validator = JsonSchemaSTACValidator()
    kinds = {"Feature": "ITEM", "Collection": "COLLECTION", "Catalog": "CATALOG"}
    seen = Counter()
    for path in [*SAMPLE.glob("*.json"), *SAMPLE.glob("items/*.json")]:
        content = json.loads(path.read_text(encoding="utf-8"))
        kind = kinds[content["type"]]
        assert content["stac_version"] == "1.1.0"
        validator.validate_core(content, pystac.STACObjectType[kind], "1.1.0")
        seen[kind] += 1
    assert seen == {"ITEM": 140, "COLLECTION": 1, "CATALOG": 1}


def test_links_and_assets_are_relative_and_lead_somewhere():
    for path in SAMPLE.rglob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        links = [link for link in content["links"] if link["rel"] != "license"]
        for entry in [*links, *content.get("assets", {}).values()]:
            assert entry["href"].startswith((".", "..")), entry
            assert (path.parent / entry["href"]).is_file(), entry


def test_items_say_how_to_read_their_numbers(items):
    for item in items:
        properties = item.properties
        assert properties["forestsink:boa_add_offset"] == 0
        assert properties["forestsink:quantification_value"] == 10000
        assert properties["forestsink:time_of_day"] == "nominal"
        assert properties["platform"] == "sentinel-2"
        assert properties["proj:code"] == "EPSG:3035"
        assert list(item.assets) == list(CELL_M)
        for name in REFLECTANCE:
            fields = item.assets[name].extra_fields
            assert (fields["raster:scale"], fields["raster:offset"]) == (0.0001, 0)
            assert fields["bands"][0]["eo:common_name"] == name


def test_rasters_are_what_the_items_say(items):
    for item in items:
        for name, asset in item.assets.items():
            fields, cell = asset.extra_fields, CELL_M[name]
            with rasterio.open(SAMPLE / "items" / asset.href) as raster:
                assert raster.crs.to_epsg() == 3035
                assert list(raster.transform)[:6] == [cell, 0, LEFT, 0, -cell, TOP]
                assert list(raster.transform)[:6] == fields["proj:transform"]
                assert list(raster.shape) == fields["proj:shape"]
                assert raster.dtypes == (fields["data_type"],)
                assert raster.nodata == fields["nodata"] == 0
                assert raster.scales == (fields.get("raster:scale", 1),)
                assert raster.descriptions == (name,)
                assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_cloud_cover_is_that_of_the_cut(items):
    for item in items:
        scl = _cells(item, "scl")
        assert set(np.unique(scl)) <= set(range(1, 12))
        clouded = 100 * np.isin(scl, (8, 9, 10)).mean()
        assert item.properties["eo:cloud_cover"] == pytest.approx(clouded, abs=0.005)


def test_corners_of_a_scene_by_hand(items):
    """Typed from the source file as another library (h5netcdf) reads it."""
    item = next(item for item in items if item.id == "S2_20150801")
    blue = _cells(item, "blue")
    np.testing.assert_array_equal(blue[0, :3], [8377, 8272, 8108])
    np.testing.assert_array_equal(blue[-1, :3], [3057, 2768, 2106])


@pytest.mark.filterwarnings(  # both come from inside odc-geo
    "ignore:The 'shapely.ops.transform:DeprecationWarning",
    "ignore:Use `@` matmul:PendingDeprecationWarning",
)
def test_odc_stac_loads_two_resolutions_on_the_region_grid(items):
    item = next(item for item in items if item.id == "S2_20200710")
    geobox = GeoBox((100, 100), rasterio.Affine(10, 0, LEFT, 0, -10, TOP), "EPSG:3035")
    scene = odc.stac.load([item], bands=["red", "swir16"], geobox=geobox)
    assert scene.red.dtype == np.uint16
    np.testing.assert_array_equal(scene.red[0], _cells(item, "red"))
    doubled = _cells(item, "swir16").repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(scene.swir16[0], doubled)
    assert scene.red.attrs["nodata"] == 0


def test_scenes_and_cover_face_the_same_way(summers):
    with rasterio.open(SAMPLE / "tree_cover_2018.tif") as raster:
        cover = raster.read(1).astype(float)
    ndvi = summers[2018]["ndvi"]
    turned = [cover[::-1], cover[:, ::-1], cover[::-1, ::-1]]
    others = [np.corrcoef(ndvi.ravel(), other.ravel())[0, 1] for other in turned]
    assert np.corrcoef(ndvi.ravel(), cover.ravel())[0, 1] > 0.5
    assert max(others) < 0.3


def test_the_numbers_carry_no_offset_of_1000(items):
    """Dark forest in blue: about 0.02; with the offset of baseline 04.00, 0.12."""
    summer = [i for i in items if i.datetime.month in (6, 7, 8)]
    dark = [_cells(i, "blue")[_cells(i, "scl") == 4] for i in summer]
    assert 50 < np.median(np.concatenate(dark)) < 500


def test_cover_is_repaired_and_unchanged():
    with rasterio.open(SAMPLE / "tree_cover_2018.tif") as raster:
        cover = raster.read(1)
        assert raster.crs.to_epsg() == 3035
        assert raster.nodata == 255
        assert raster.dtypes == ("uint8",)
        assert (raster.descriptions, raster.units) == (("tree_cover_pct",), ("%",))
        assert list(raster.transform)[:6] == [20, 0, LEFT, 0, -20, TOP]
        assert "EPSG:3035" in raster.tags()["CRS_REPAIR"]
    assert cover.mean() == pytest.approx(68.2248)
    assert cover.max() <= 100


def test_parcels_are_labelled_simulated(parcels):
    assert parcels.crs.to_epsg() == 3035
    assert list(parcels.columns) == [
        "parcel_id",
        "name_zh",
        "land_use",
        "plantable",
        "simulated",
        "remark_zh",
        "geometry",
    ]
    assert parcels.parcel_id.is_unique
    assert parcels.parcel_id.str.fullmatch(r"330021\d{4}").all()
    assert parcels.name_zh.is_unique
    assert (parcels.simulated == 1).all()
    assert (parcels.remark_zh == "模拟数据").all()
    assert set(parcels.land_use) == {"forest", "meadow", "sparse"}
    assert (parcels.plantable == (parcels.land_use != "forest")).all()


def test_parcels_share_borders_and_do_not_overlap(parcels):
    shapes = parcels.geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    overlap = shapely.area(shapes).sum() - shapely.union_all(shapes).area
    assert abs(overlap) < 1e-6


def test_parcels_hold_the_awkward_cases(parcels):
    area, shapes = parcels.area.to_numpy(), parcels.geometry
    scene = shapely.box(LEFT, TOP - 1000, LEFT + 1000, TOP)
    ordinary = area[area > 1000]
    assert len(parcels) == 40
    assert (abs(area - 400) < 0.5).sum() == 3
    assert (abs(area - 667) < 0.5).sum() == 3
    assert ordinary.min() > 5000
    assert ordinary.max() < 60000
    assert (shapes.intersects(scene) & ~shapes.within(scene)).sum() == 4
    assert (~shapes.intersects(scene)).sum() == 1
    assert sum(len(shape.geoms) == 2 for shape in shapes) == 1
    covered = shapely.union_all(shapes.to_numpy())
    assert sum(len(part.interiors) for part in covered.geoms) == 1  # the pond
    assert covered.intersection(scene).area > 0.9 * scene.area


def test_real_loss_lies_in_some_parcels_and_most_are_quiet(parcels, lost, lost_share):
    assert lost.mean() == pytest.approx(0.0424, abs=1e-4)
    ordinary = parcels.area.to_numpy() > 1000
    assert (lost_share[ordinary] >= 0.25).sum() >= 3
    assert (lost_share[~ordinary] >= 0.25).sum() >= 2
    assert (lost_share < 0.02).sum() >= 20
    assert np.isnan(lost_share).sum() == 1


def test_sources_are_estimated_by_the_stated_formula():
    with (SAMPLE / "sources.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = ["Drobeta", "Rovinari", "Paroseni", "Mintia-Deva", "Turceni"]
    assert [row["name"] for row in rows] == names
    capacity = [float(row["capacity_mw"]) for row in rows]
    assert capacity == [313, 1320, 150, 1075, 1650]
    geod = pyproj.Geod(ellps="WGS84")
    for row, distance_km in zip(rows, (72, 84, 89, 95, 115), strict=True):
        terms = ("capacity_mw", "hours_yr", "factor_tco2e_mwh")
        product = math.prod(float(row[term]) for term in terms)
        assert int(row["emission_tco2e_yr"]) == pytest.approx(product, abs=1)
        assert (row["estimated"], row["year"]) == ("1", "2018")
        assert "CC BY 4.0" in row["reference"]
        place = float(row["longitude"]), float(row["latitude"])
        metres = geod.inv(22.152, 45.205, *place)[2]
        assert metres / 1000 == pytest.approx(distance_km, abs=1)


def test_emission_factor_by_hand():
    """Lignite: (101.0 + 0.001 x 28 + 0.0015 x 265) kg/GJ x 3.6 GJ/MWh / 0.33."""
    with (SAMPLE / "sources.csv").open(encoding="utf-8", newline="") as stream:
        factors = {
            r["fuel"]: float(r["factor_tco2e_mwh"]) for r in csv.DictReader(stream)
        }
    assert factors == {"lignite": 1.1065, "hard_coal": 0.9774}


@pytest.mark.slow
@pytest.mark.skipif(
    not SOURCE.is_dir(), reason="needs the source files, ../shared/data"
)
def test_maker_makes_the_same_bytes(tmp_path):
    maker = ROOT / "data-samples" / "make_carpathians.py"
    command = [sys.executable, maker, "--shared", SOURCE, "--out", tmp_path]
    # The maker reads netCDF, which the locked-down GDAL of these tests cannot.
    ours = ("GDAL_", "OGR_", "CPL_")
    unlocked = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    subprocess.run(command, check=True, capture_output=True, env=unlocked)
    made = (tmp_path / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    kept = (SAMPLE / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert made == kept
