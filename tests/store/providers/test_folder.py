"""A folder of rasters: drone orthomosaics and band files, nothing guessed."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from geo.errors import InputError, RasterError, SettingsError
from geo.grid import Grid
from geo.masks import SCL
from geo.period import Period
from store.providers.folder import FolderProvider
from tests.scene_files import GRID, SIX, shifted, textured, write_tif

YEAR = Period.parse("20200101-20210101")
ORTHO = r"(?P<platform>\w+)_(?P<date>\d{8})\.tif"
FILES = r"(?P<date>\d{4}-\d\d-\d\d)_(?P<band>\w+)\.tif"


def provider(folder, **more):
    options = {
        "name": "drone",
        "folder": folder,
        "roots": (folder,),
        "pattern": ORTHO,
        "bands": ("blue", "green", "red"),
        "scale": 1 / 255,
        "offset": 0.0,
        "nodata": 0.0,
        "mask": "none",
        "timezone": "Asia/Shanghai",
    } | more
    return FolderProvider(**options)


def rgb(folder, name="m300_20200705.tif", **more):
    stack = np.stack([textured(level, dtype="uint8") for level in (30, 60, 90)])
    return write_tif(folder / name, stack, **more)


def only_error(search):
    assert not search.scenes
    (error,) = search.rejected
    assert error.zh
    return error


def test_an_orthomosaic_by_hand(tmp_path):
    rgb(tmp_path)
    drone = provider(tmp_path)
    search = drone.search(GRID, YEAR)
    (scene,) = search.scenes
    assert (scene.platform, scene.day) == ("m300", date(2020, 7, 5))
    assert scene.acquired == datetime(2020, 7, 5, 4, tzinfo=UTC)  # noon in Shanghai
    loaded = drone.load(drone.fetch(scene), GRID, bands=SIX, chunk_cells=32).compute()
    red = textured(90, dtype="uint8") / 255
    found = loaded["reflectance"].sel(band="red").values
    np.testing.assert_allclose(found, red, rtol=1e-6)
    assert (loaded["status"].values == 1).all()
    assert not search.rejected


def test_files_of_single_bands_with_their_mask(tmp_path):
    for band in ("B4", "B8"):
        write_tif(tmp_path / f"2020-07-05_{band}.tif", textured(500))
    mask = np.full(GRID.shape, 4, "uint8")
    mask[0, 0] = 9
    write_tif(tmp_path / "2020-07-05_scl.tif", mask, nodata=None)
    bands = {"red": "B4", "nir": "B8", "mask": "scl"}
    rule = replace(SCL, dilate_cells=0)
    folder = provider(tmp_path, pattern=FILES, bands=bands, scale=1e-4, mask=rule)
    (scene,) = folder.search(GRID, YEAR).scenes
    assert scene.items == ("2020-07-05_.tif",)
    loaded = folder.load(folder.fetch(scene), GRID, bands=SIX, chunk_cells=64)
    assert loaded["status"].values[0, :2].tolist() == [2, 1]


def test_flights_of_one_day_are_one_scene(tmp_path):
    west = GRID.window(slice(0, 48), slice(0, 32))
    for name, grid in (("a", west), ("b", shifted(west, right=320))):
        stack = np.full((3, 48, 32), 90, "uint8")
        write_tif(tmp_path / f"{name}_20200705.tif", stack, grid=grid)
    folder = provider(tmp_path, pattern=r"(\w)_(?P<date>\d{8})\.tif")
    (scene,) = folder.search(GRID, YEAR).scenes
    loaded = folder.load(folder.fetch(scene), GRID, bands=SIX, chunk_cells=64)
    assert (loaded["status"].values == 1).all()


def test_alpha_says_where_there_is_no_data(tmp_path):
    stack = np.full((4, *GRID.shape), 255, "uint8")
    stack[3, :10] = 0
    path = write_tif(tmp_path / "m_20200705.tif", stack, nodata=None)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [
            ColorInterp.red,
            ColorInterp.green,
            ColorInterp.blue,
            ColorInterp.alpha,
        ]
    drone = provider(tmp_path, bands=("red", "green", "blue"), nodata=None)
    (scene,) = drone.search(GRID, YEAR).scenes
    loaded = drone.load(drone.fetch(scene), GRID, bands=SIX, chunk_cells=64).compute()
    assert (loaded["status"].values[:10] == 0).all()
    assert np.isnan(loaded["reflectance"].values[:, :10]).all()
    assert (loaded["status"].values[10:] == 1).all()


def test_a_white_border_without_a_declaration_is_refused(tmp_path):
    rgb(tmp_path, nodata=None)
    drone = provider(tmp_path, nodata=None)
    (scene,) = drone.search(GRID, YEAR).scenes
    with pytest.raises(RasterError, match="No nodata value"):
        drone.fetch(scene)


@pytest.mark.parametrize("mask", [None, SCL])
def test_without_a_mask_nothing_is_clear(tmp_path, mask):
    rgb(tmp_path)
    error = only_error(provider(tmp_path, mask=mask).search(GRID, YEAR))
    assert "mask" in str(error)


def test_no_crs_is_refused_unless_declared(tmp_path):
    path = rgb(tmp_path)
    plain = tmp_path / "plain" / path.name
    plain.parent.mkdir()
    with rasterio.open(path) as dataset:
        pixels = dataset.read()
    profile = {"driver": "GTiff", "count": 3, "height": 48, "width": 64, "nodata": 0}
    with rasterio.open(
        plain, "w", dtype="uint8", transform=GRID.transform, **profile
    ) as dataset:
        dataset.write(pixels)
    error = only_error(provider(plain.parent).search(GRID, YEAR))
    assert "no coordinate reference system" in str(error)
    declaring = provider(plain.parent, declared_crs="EPSG:32634")
    scene = declaring.fetch(declaring.search(GRID, YEAR).scenes[0])
    whole = provider(tmp_path, pattern=ORTHO)
    known = whole.fetch(whole.search(GRID, YEAR).scenes[0])
    assert scene.digest() != known.digest()
    loaded = declaring.load(scene, GRID, bands=SIX, chunk_cells=64)["reflectance"]
    expected = whole.load(known, GRID, bands=SIX, chunk_cells=64)["reflectance"]
    assert loaded.compute().equals(expected.compute())


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_no_geotransform_is_refused(tmp_path):
    rgb(tmp_path, transform=Affine.identity())
    assert "lie nowhere" in str(only_error(provider(tmp_path).search(GRID, YEAR)))


def test_a_raster_elsewhere_names_both_boxes(tmp_path):
    rgb(tmp_path, crs="EPSG:32635")
    error = only_error(provider(tmp_path).search(GRID, YEAR))
    assert error.where["value"].startswith("(28.2739")
    assert error.where["expected"].startswith("(22.2739")


def test_south_up_and_turned_rasters_land_where_they_lie(tmp_path):
    path = rgb(tmp_path / "plain")
    with rasterio.open(path) as dataset:
        pixels = dataset.read()
    low = GRID.top - GRID.height * GRID.cell_m
    up = Affine(10, 0, GRID.left, 0, 10, low)
    write_tif(tmp_path / "up" / path.name, pixels[:, ::-1], transform=up)
    turned = Affine(0, 10, GRID.left, 10, 0, low)
    file = np.stack([band[::-1].T for band in pixels])
    write_tif(tmp_path / "turned" / path.name, file, transform=turned)
    found = {}
    for name in ("plain", "up", "turned"):
        drone = provider(tmp_path / name)
        scene = drone.fetch(drone.search(GRID, YEAR).scenes[0])
        found[name] = drone.load(scene, GRID, bands=SIX, chunk_cells=64)[
            "reflectance"
        ].compute()
    assert found["up"].equals(found["plain"])
    assert found["turned"].equals(found["plain"])


def test_drone_pixels_are_averaged_to_the_cells(tmp_path):
    fine = Grid(GRID.crs, GRID.left, GRID.top, 2.5, 256, 192)
    stack = np.stack([textured(90, shape=fine.shape, dtype="uint8")] * 3)
    write_tif(tmp_path / "m_20200705.tif", stack, grid=fine)
    drone = provider(tmp_path, resampling="average")
    scene = drone.fetch(drone.search(GRID, YEAR).scenes[0])
    loaded = drone.load(scene, GRID, bands=SIX, chunk_cells=16)["reflectance"]
    expected = stack[0].reshape(48, 4, 64, 4).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(loaded.sel(band="red").values, expected, rtol=1e-6)


def test_names_that_do_not_follow_the_pattern_are_listed(tmp_path):
    rgb(tmp_path)
    rgb(tmp_path, "notes.tif")
    rgb(tmp_path, "m_20201399.tif")
    (tmp_path / "readme.txt").write_text("not a raster")
    search = provider(tmp_path).search(GRID, YEAR)
    assert len(search.scenes) == 1
    reasons = sorted(str(error) for error in search.rejected)
    assert "does not exist" in reasons[1]
    assert "does not follow the pattern" in reasons[0]


def test_flights_outside_the_period_are_not_opened(tmp_path):
    (tmp_path / "m_20190705.tif").write_text("not even a raster")
    assert provider(tmp_path).search(GRID, YEAR).rejected == ()


def test_a_missing_band_file_rejects_its_day_alone(tmp_path):
    for name in ("2020-07-05_B4", "2020-07-05_B8", "2020-07-06_B4"):
        write_tif(tmp_path / f"{name}.tif", textured(500))
    bands = {"red": "B4", "nir": "B8"}
    search = provider(tmp_path, pattern=FILES, bands=bands).search(GRID, YEAR)
    assert len(search.scenes) == 1
    (error,) = search.rejected
    assert error.where["expected"] == "['B8']"


def test_too_few_bands(tmp_path):
    rgb(tmp_path)
    drone = provider(tmp_path, bands=("blue", "green", "red", "nir"))
    (scene,) = drone.search(GRID, YEAR).scenes
    with pytest.raises(RasterError, match="3 bands, not band 4"):
        drone.fetch(scene)


def test_masks_are_whole_numbers(tmp_path):
    for band in ("B4", "scl"):
        write_tif(tmp_path / f"2020-07-05_{band}.tif", textured(5, dtype="float32"))
    bands = {"red": "B4", "mask": "scl"}
    folder = provider(tmp_path, pattern=FILES, bands=bands, mask=SCL)
    (scene,) = folder.search(GRID, YEAR).scenes
    with pytest.raises(InputError, match="float32"):
        folder.fetch(scene)


@pytest.mark.parametrize(
    "wrong",
    [
        {"pattern": r"\d{8}\.tif"},
        {"pattern": FILES},
        {"bands": {"red": "B4"}},
        {"bands": ("red", "purple")},
    ],
)
def test_a_pattern_and_bands_that_do_not_fit(tmp_path, wrong):
    with pytest.raises(SettingsError, match="do not fit"):
        provider(tmp_path, **wrong)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="no folder"):
        provider(tmp_path / "none").search(GRID, YEAR)
