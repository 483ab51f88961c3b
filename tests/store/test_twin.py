"""A made county: the same bytes again, readable as what it claims, labelled, whole."""

import csv
import json
import os
import re
import struct
import subprocess
import sys
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pystac
import pytest
import rasterio

from config.environment import CHECKOUT
from config.settings import read
from geo.errors import BusyError, StoreError
from geo.layers import REFLECTANCE
from geo.masks import SCL
from geo.period import Period
from models.twin.county import County
from pipelines.twin import make as making
from pipelines.twin.make import make_twin, missing_twin, settings_of
from store.emission_sources import SourceFile, read_sources
from store.files import held, sha256_file
from store.providers.stac import StacProvider
from store.reference import read_reference
from store.twin import is_made
from store.vectors import ParcelRules, read_parcels

COUNTY = County(96, 2, 14, 4)
TRUE = "truth/plots.csv"
OTHER = County(96, 2, 12, 4)
BANDS = {
    "blue": "blue",
    "green": "green",
    "red": "red",
    "nir": "nir",
    "nir08": "nir08",
    "swir16": "swir16",
}


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    return make_twin(COUNTY, tmp_path_factory.mktemp("twin") / "made").folder


def _digests(folder):
    return {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


class _Backwards:
    """An executor that does the last piece first, one at a time."""

    def __init__(self, _workers):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def map(self, function, pieces):
        done = [function(piece) for piece in reversed(list(pieces))]
        return reversed(done)


def test_the_order_of_blocks_changes_no_byte(twin, tmp_path, monkeypatch):
    """Blocks of 32 cells, so that there are nine, made last first and first first."""
    monkeypatch.setattr("pipelines.twin.site.BLOCK", 32)
    forwards = make_twin(COUNTY, tmp_path / "forwards", workers=2).folder
    monkeypatch.setattr(making, "ThreadPoolExecutor", _Backwards)
    backwards = make_twin(COUNTY, tmp_path / "backwards").folder
    assert _digests(forwards) == _digests(backwards)
    assert _digests(forwards)["parcels.gpkg"] == _digests(twin)["parcels.gpkg"]
    for name in ("truth/agbd_2022.tif", "truth/stand.tif", "terrain/dem.tif"):
        with rasterio.open(forwards / name) as one, rasterio.open(twin / name) as two:
            np.testing.assert_array_equal(one.read(), two.read(), err_msg=name)


def test_another_process_time_zone_and_language_change_no_byte(twin, tmp_path):
    code = (
        "from pathlib import Path; import sys;"
        "from pipelines.twin.make import make_twin;"
        "from models.twin.county import County;"
        f"make_twin({COUNTY!r}, Path(sys.argv[1]), workers=1)"
    )
    environment = os.environ | {
        "TZ": "America/St_Johns",
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "77",
        "PYTHONPATH": str(CHECKOUT),
    }
    out = tmp_path / "elsewhere"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(out)],
        check=True,
        env=environment,
        cwd=tmp_path,
    )
    assert _digests(out) == _digests(twin)


def test_every_file_is_listed_with_its_sum(twin):
    listed = dict(
        reversed(line.split("  ", 1))
        for line in (twin / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    found = _digests(twin)
    del found["SHA256SUMS"], found["twin.json"]
    assert listed == found


def test_a_county_is_made_once_and_a_half_made_one_is_not_taken(twin, tmp_path):
    assert is_made(twin, settings_of(COUNTY))
    assert not is_made(twin, settings_of(OTHER))
    assert not is_made(tmp_path, settings_of(COUNTY))
    (tmp_path / "twin.json").write_text("{", encoding="utf-8")
    assert not is_made(tmp_path, settings_of(COUNTY))


def test_what_stops_in_the_middle_leaves_what_was_there(twin, tmp_path, monkeypatch):
    out = tmp_path / "county"
    monkeypatch.setattr(making, "write_visits", lambda _site: None)
    make_twin(COUNTY, out)
    before = _digests(out)

    def stops(_site):
        raise RuntimeError("power cut")

    with monkeypatch.context() as cut:
        cut.setattr(making, "write_tables", stops)
        with pytest.raises(RuntimeError, match="power cut"):
            make_twin(OTHER, out)
    assert _digests(out) == before
    make_twin(OTHER, out)
    assert is_made(out, settings_of(OTHER))
    assert {path.name for path in tmp_path.iterdir()} == {"county", ".county.lock"}
    for name in ("truth/agbd_2022.tif", "parcels.gpkg", "sources.csv"):
        assert _digests(out)[name] != _digests(twin)[name]


def test_a_folder_of_somebody_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work", encoding="utf-8")
    with pytest.raises(StoreError, match="other files"):
        make_twin(COUNTY, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_full_disk_is_said_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(making, "bytes_of", lambda _: 10**18)
    with pytest.raises(StoreError, match=r"1000000000.0 GB of disk"):
        make_twin(COUNTY, tmp_path / "county")
    assert not (tmp_path / "county").exists()


def test_two_at_once_are_refused(tmp_path):
    lock = tmp_path / ".county.lock"
    code = (
        "import sys; from store.files import held; from pathlib import Path\n"
        "with held(Path(sys.argv[1]), purpose='other'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match="twin make cannot start"):
            make_twin(COUNTY, tmp_path / "county")
        other.stdin.close()
    with held(lock, purpose="free again"):
        pass


def test_everything_says_that_it_is_simulated(twin):
    for path in sorted(twin.rglob("*")):
        if path.suffix == ".tif":
            with rasterio.open(path) as raster:
                assert "SIMULATED" in raster.tags()["SIMULATED"], path
                assert all("simulated" in name for name in raster.descriptions)
                assert raster.crs.to_epsg() == 4548
        elif path.suffix == ".csv":
            rows = _rows(path)
            assert list(rows[0])[-1] == "simulated"
            assert {row["simulated"] for row in rows} == {"1"}, path
        elif path.suffix == ".gpkg":
            for name, _ in pyogrio.list_layers(path):
                rows = gpd.read_file(path, layer=name)
                assert set(rows["simulated"]) == {1}, (path, name)
                assert set(rows["remark_zh"]) == {"模拟数据"}
        elif path.name in {"README.md", "twin.json", "collection.json", "catalog.json"}:
            text = path.read_text(encoding="utf-8")
            assert "模拟" in text, path
            assert re.search("simulated", text, re.IGNORECASE), path
    for path in (twin / "items").iterdir():
        assert json.loads(path.read_text(encoding="utf-8"))["properties"][
            "forestsink:simulated"
        ]


def test_headers_stand_in_front_of_blocks_in_reading_order(twin):
    """What a cloud-optimised file without overviews has to be."""
    for path in sorted(twin.rglob("*.tif")):
        with path.open("rb") as stream:
            assert struct.unpack("<2sHI", stream.read(8)) == (b"II", 42, 8), path
        with rasterio.open(path) as raster:
            offsets = [
                int(raster.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1))
                for (row, column), _ in raster.block_windows(1)
            ]
        assert offsets == sorted(offsets)


@pytest.fixture(scope="module")
def provider(twin):
    return StacProvider(
        name="sentinel-2",
        href=str(twin / "catalog.json"),
        roots=(twin,),
        bands=BANDS,
        mask_asset="scl",
        mask=SCL,
        timezone="Asia/Shanghai",
    )


def test_the_catalogue_is_valid_stac(twin):
    catalogue = pystac.Catalog.from_file(twin / "catalog.json")
    items = list(catalogue.get_items(recursive=True))
    assert len(items) == 2 * (4 + 2)
    for item in items:
        assert item.collection_id == "sentinel-2-l2a-simulated"
        assert set(item.assets) == {*BANDS, "rededge1", "rededge2", "rededge3"} | {
            "swir22",
            "scl",
        }
        scaled = {
            asset.extra_fields["raster:offset"]
            for key, asset in item.assets.items()
            if key != "scl"
        }
        baseline = float(item.properties["s2:processing_baseline"])
        assert scaled == {-0.1 if baseline >= 4 else 0.0}


def test_our_reader_takes_the_scenes_and_merges_what_belongs_together(provider):
    year = Period(date(2022, 1, 1), date(2023, 1, 1))
    found = provider.search(COUNTY.grid, year)
    assert found.rejected == ()
    assert len(found.scenes) == 4
    assert [note["kind"] for note in found.notes] == ["duplicate"]
    halves = [scene for scene in found.scenes if len(scene.items) == 2]
    assert len(halves) == 1
    scene = provider.fetch(halves[0])
    bands = [band.name for band in REFLECTANCE]
    read = provider.load(scene, COUNTY.grid, bands=bands, chunk_cells=96).compute()
    assert not (read["status"] == 0).mean() > 0.03
    values = read["reflectance"].where(read["status"] == 1)
    if int((read["status"] == 1).sum()):
        assert 0 < float(values.min()) < float(values.max()) < 0.9


def test_a_pass_that_was_delivered_twice_means_the_same_reflectance(twin):
    """The older delivery has no offset, the newer one has; only metadata say so."""
    names = [path.stem for path in (twin / "items").iterdir()]
    (new,) = [name for name in names if "_2021" in name and name.endswith("N0510")]
    old = new.replace("N0510", "N0301")
    assert old in names
    for key in ("blue", "nir", "swir22"):
        one, two = (_reflectance(twin, name, key) for name in (old, new))
        assert _numbers(twin, old, key).max() > 1
        np.testing.assert_allclose(one, two, atol=1e-9)


def _numbers(twin, name, key):
    with rasterio.open(twin / "scenes" / name / f"{key}.tif") as raster:
        return raster.read(1).astype(np.float64)


def _reflectance(twin, name, key):
    item = json.loads((twin / f"items/{name}.json").read_text(encoding="utf-8"))
    asset = item["assets"][key]
    numbers = _numbers(twin, name, key)
    found = numbers * asset["raster:scale"] + asset["raster:offset"]
    return np.where((numbers > 1), found, np.nan)


@pytest.mark.parametrize("name", ["parcels.gpkg", "parcels_gbk.shp"])
def test_our_reader_takes_the_parcels(twin, name):
    is_old = name.endswith(".shp")
    rules = ParcelRules(
        id_field="小班号" if is_old else "parcel_id",
        name_field="小班名" if is_old else "name_zh",
        declared_crs=None,
    )
    layer = read_parcels(
        twin / name, roots=(twin,), target_crs="EPSG:4548", rules=rules
    )
    assert layer.rejected == ()
    assert len(layer.parcels) > 20
    assert layer.parcels["name_zh"].str.contains("林班").all()
    if is_old:
        assert not (twin / "parcels_gbk.cpg").exists()
        assert any("gb18030" in str(note).lower() for note in layer.warnings)


def test_v15_the_gbk_shapefile_holds_the_parcels_of_the_geopackage(twin):
    """No ``.cpg`` beside it; its geometry has the same bits, its text every letter."""
    new, old = (
        read_parcels(
            twin / name,
            roots=(twin,),
            target_crs="EPSG:4548",
            rules=ParcelRules(id_field=id_field, name_field=name_field),
        ).parcels
        for name, id_field, name_field in (
            ("parcels.gpkg", "parcel_id", "name_zh"),
            ("parcels_gbk.shp", "小班号", "小班名"),
        )
    )
    assert list(old["parcel_id"]) == list(new["parcel_id"])
    assert list(old["name_zh"]) == list(new["name_zh"])
    np.testing.assert_array_equal(old["area_ha"], new["area_ha"])
    assert old.geometry.geom_equals(new.geometry).all()


def test_our_readers_take_sources_and_tree_cover(twin):
    for told in read(CHECKOUT / "config" / "regions" / "twin.toml").region.source_files:
        sources = read_sources(
            SourceFile(**told.model_dump(exclude={"simulated"})),
            data_root=twin,
            roots=(twin,),
            target_crs="EPSG:4548",
        )
        assert sources.rejected == ()
        assert len(sources.rows) >= 1
    cover = read_reference(
        twin / "tree_cover_2021.tif", roots=(twin,), valid_range=(0, 100)
    )
    assert cover.grid.cell_m == 20
    values = cover.read(slice(0, cover.grid.height), slice(0, cover.grid.width))
    assert 20 < np.nanmean(values) < 100


def test_plots_have_trees_and_the_truth_beside_them(twin):
    plots, trees, actual = (
        _rows(twin / name) for name in ("plots/plots.csv", "plots/trees.csv", TRUE)
    )
    assert len(plots) == len(actual) == 40
    assert {tree["plot_id"] for tree in trees} <= {plot["plot_id"] for plot in plots}
    assert {plot["area_ha"] for plot in plots} == {"0.0667"}
    assert min(float(tree["dbh_cm"]) for tree in trees) >= 5


def test_the_truth_is_named_by_nothing_that_estimates():
    named = []
    for folder in ("geo", "models", "config", "pipelines"):
        for path in sorted((CHECKOUT / folder).rglob("*")):
            inside = path.relative_to(CHECKOUT).as_posix()
            if path.suffix not in {".py", ".toml", ".csv"}:
                continue
            if inside.startswith(("models/twin/", "pipelines/twin/")):
                continue
            if "truth" in path.read_text(encoding="utf-8").lower():
                named.append(inside)
    assert named == []


def test_the_region_is_made_where_it_says(monkeypatch, tmp_path):
    monkeypatch.setenv("FORESTSINK_HOME", str(tmp_path / "中文 数据"))
    settings = read(Path(CHECKOUT / "config/regions/twin.toml"))
    assert settings.data_root == tmp_path / "中文 数据" / "twin" / "512"
    county = missing_twin(settings)
    assert county == County(512, 3, 20210312, 24)
    monkeypatch.setattr("pipelines.twin.make.is_made", lambda *_: True)
    assert missing_twin(settings) is None
