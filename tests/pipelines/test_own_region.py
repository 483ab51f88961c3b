"""docs/your-own-region.md, followed: GeoTIFFs in a folder, GBK shapefile and table."""

from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from config.environment import CHECKOUT
from config.settings import load, region_files
from pipelines.recipe import run_night
from tests.small_region import DAYS, SAMPLE

pytestmark = pytest.mark.slow

BANDS = ("blue", "green", "red", "nir", "nir08", "swir16")
SCENES = """
[[scenes]]
kind = "folder"
name = "drone"
folder = "flights"
pattern = '(?P<date>\\d{8})_ortho\\.tif'
bands = ["blue", "green", "red", "nir", "nir08", "swir16"]
scale = 0.0001
nodata = 0
mask = "none"
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("FORESTSINK_HOME", str(tmp_path))
    inputs = tmp_path / "inputs" / "mine"
    (inputs / "flights").mkdir(parents=True)
    for day in DAYS:
        write_ortho(
            inputs / "flights" / f"{day}_ortho.tif", SAMPLE / f"scenes/S2_{day}"
        )
    (inputs / "tree_cover_2018.tif").write_bytes(
        (SAMPLE / "tree_cover_2018.tif").read_bytes()
    )
    parcels = gpd.read_file(SAMPLE / "parcels.gpkg", layer="parcels")
    parcels = parcels.rename(columns={"parcel_id": "小班号", "name_zh": "小班名"})
    parcels[["小班号", "小班名", "geometry"]].to_file(
        inputs / "parcels.shp", engine="pyogrio", encoding="GBK"
    )
    (inputs / "parcels.cpg").unlink()
    sources = (SAMPLE / "sources.csv").read_text(encoding="utf-8")
    (inputs / "sources.csv").write_bytes(sources.encode("gb18030"))
    regions = tmp_path / "regions"
    regions.mkdir()
    (regions / "mine.toml").write_text(region_file(), encoding="utf-8")


def write_ortho(path, scene):
    """Write the six bands of a scene at 10 m, cloudy cells as no data."""
    with rasterio.open(scene / "scl.tif") as source:
        clear = np.isin(source.read(1), (4, 5, 6, 7))
        profile = source.profile
    layers = []
    for band in BANDS:
        with rasterio.open(scene / f"{band}.tif") as source:
            values = source.read(1)
        size = 100 // len(values)
        layers.append(np.kron(values, np.ones((size, size), values.dtype)) * clear)
    kept = {name: profile[name] for name in ("crs", "transform", "width", "height")}
    profile = {**kept, "driver": "GTiff", "dtype": "uint16", "nodata": 0, "count": 6}
    with rasterio.open(path, "w", **profile) as target:
        target.write(np.stack(layers).astype(np.uint16))


def region_file():
    text = (CHECKOUT / "config/regions/carpathians.toml").read_text(encoding="utf-8")
    start, stop = text.index("[[scenes]]"), text.index("[parcels]")
    text = text[:start] + SCENES + text[stop:]
    for old, new in (
        ('name = "carpathians"', 'name = "mine"'),
        ("../../data-samples/carpathians", "../inputs/mine"),
        ('path = "parcels.gpkg"\nlayer = "parcels"', 'path = "parcels.shp"'),
        ('id_field = "parcel_id"', 'id_field = "小班号"'),
        ('name_field = "name_zh"', 'name_field = "小班名"'),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.usefixtures("mine")
def test_a_region_of_ones_own():
    assert "mine" in region_files()
    finished = run_night(load("mine"), date(2020, 9, 1))
    parcels = gpd.read_parquet(finished.folder / "parcels.parquet")
    assert len(parcels) == 40
    assert "云杉岭小班" in set(parcels["name_zh"])
    assert (parcels["verdict"] == "loss").sum() >= 4
    assert {scene.provider for scene in finished.record.scenes} == {"drone"}
    said = " ".join(item.message for item in finished.record.attentions)
    assert "parcels.shp was read as gb18030" in said
