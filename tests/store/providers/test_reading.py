"""Pixels of a scene: by hand, whatever the chunks, and as GDAL reads them."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio

from geo.align import METHODS
from geo.errors import RasterError
from geo.grid import Grid
from geo.masks import SCL
from geo.period import Period
from store.providers import reading as reading_module
from store.providers.base import Asset
from store.providers.reading import merge_items
from tests.scene_files import GRID, LEVELS, SIX, shifted, textured, write_tif

YEAR = Period.parse("20200101-20210101")


def fetched(provider, grid=GRID):
    search = provider.search(grid, YEAR)
    assert not search.rejected, search.rejected
    (scene,) = search.scenes
    return provider.fetch(scene)


def meaning(scale=1.0, offset=0.0):
    return Asset("red", "/x.tif", "a", scale, offset, 0.0)


def test_merge_by_hand():
    red = np.array([[[1.0, np.nan, np.inf]], [[5.0, 6.0, 7.0]]], dtype="float32")
    mask = np.array([[[4, 4, 4]], [[4, 9, 0]]], dtype="int32")
    code = meaning()
    items = [
        {"red": meaning(0.1), "mask": code},
        {"red": meaning(0.1, -0.2), "mask": code},
    ]
    names, bands = ["red", "mask"], ("green", "red")
    planes = merge_items(red, mask, names=names, items=items, bands=bands, rule=SCL)
    assert np.isnan(planes[0]).all()
    np.testing.assert_allclose(planes[1, 0], [0.1, 0.4, np.nan], rtol=1e-6)
    assert planes[2, 0].tolist() == [1, 1, 0]  # seen
    assert planes[3, 0].tolist() == [0, 0, 1]  # invalid
    assert planes[4, 0].tolist() == [4, 9, 4]


def test_no_data_is_taken_out_before_scaling(catalogue):
    red = textured(LEVELS["B04"])
    red[3, 5] = 0
    catalogue.add("a", pixels={"B04": red}, edit=with_offset)
    provider = catalogue.provider()
    scene = provider.load(fetched(provider), GRID, bands=SIX, chunk_cells=64).compute()
    values = scene["reflectance"].sel(band="red").values
    assert np.isnan(values[3, 5])
    assert scene["status"].values[3, 5] == 0
    expected = (red.astype("float64") - 1000) * 1e-4
    np.testing.assert_allclose(values[0], expected[0], atol=1e-7)
    assert scene["reflectance"].dtype == np.float32
    assert scene.attrs["offset_applied"]


def with_offset(content):
    for key in LEVELS:
        content["assets"][key]["raster:bands"][0]["offset"] = -0.1


def test_clouds_mask_the_status_and_not_the_reflectance(catalogue):
    scl = np.full(GRID.shape, 4, dtype="uint8")
    scl[20, 30], scl[0, 0] = 9, 0
    catalogue.add("a", pixels={"SCL": scl})
    provider = catalogue.provider(mask=replace(SCL, dilate_cells=2))
    scene = provider.load(fetched(provider), GRID, bands=SIX, chunk_cells=16).compute()
    status = scene["status"].values
    assert status[20, 30] == status[20, 32] == status[18, 30] == 2
    assert status[20, 33] == 1
    assert status[0, 0] == 0
    assert np.isfinite(scene["reflectance"].sel(band="nir").values[20, 30])


def test_a_band_that_the_provider_lacks_is_all_no_data(catalogue):
    catalogue.add("a")
    provider = catalogue.provider()
    scene = provider.load(fetched(provider), GRID, bands=SIX, chunk_cells=64)
    assert np.isnan(scene["reflectance"].sel(band="swir16").values).all()
    assert (scene["status"].values == 1).all()


def test_bands_come_as_they_were_asked_for_and_no_other_is_read(catalogue):
    place = catalogue.add("a")
    provider = catalogue.provider()
    scene = fetched(provider)
    six = provider.load(scene, GRID, bands=SIX, chunk_cells=64).compute()
    (place / "B02.tif").unlink()
    bands = ("nir", "green")
    two = provider.load(scene, GRID, bands=bands, chunk_cells=64)["reflectance"]
    assert two["band"].values.tolist() == ["nir", "green"]
    np.testing.assert_array_equal(two, six["reflectance"].sel(band=list(bands)))


def cloudy_catalogue(catalogue):
    drawn = np.random.default_rng(2).choice([4, 4, 4, 4, 5, 9, 3, 0], GRID.shape)
    catalogue.add("a", pixels={"SCL": drawn.astype("uint8")})
    return catalogue


@pytest.mark.parametrize("method", METHODS)
def test_the_bytes_do_not_know_the_chunks(catalogue, method):
    provider = cloudy_catalogue(catalogue).provider(resampling=method)
    scene = fetched(provider)
    other = Grid("EPSG:3035", 5_272_013.3, 2_533_501.7, 13.0, 50, 40)
    for grid in (GRID, shifted(GRID, right=4.9, down=-15), other):
        whole = provider.load(scene, grid, bands=SIX, chunk_cells=512).compute()
        for chunk in (16, 64):
            parts = provider.load(scene, grid, bands=SIX, chunk_cells=chunk).compute()
            for name in whole:
                assert parts[name].values.tobytes() == whole[name].values.tobytes()


def test_a_tile_holds_the_cells_of_the_region(catalogue):
    provider = cloudy_catalogue(catalogue).provider()
    scene = fetched(provider)
    region = provider.load(scene, GRID, bands=SIX, chunk_cells=512).compute()
    for tile in GRID.tiles(24):
        part = provider.load(scene, tile.grid, bands=SIX, chunk_cells=512).compute()
        rows = slice(tile.row, tile.row + tile.grid.height)
        columns = slice(tile.column, tile.column + tile.grid.width)
        for name in ("reflectance", "status"):
            expected = region[name].values[..., rows, columns]
            np.testing.assert_array_equal(part[name].values, expected)


def test_large_windows_are_read_in_parts(catalogue, monkeypatch):
    provider = cloudy_catalogue(catalogue).provider(resampling="average")
    scene = fetched(provider)
    coarse = Grid(GRID.crs, GRID.left, GRID.top, 40.0, 16, 12)
    whole = provider.load(scene, coarse, bands=SIX, chunk_cells=64).compute()
    monkeypatch.setattr(reading_module, "MAX_PIXELS", 50)
    parts = provider.load(scene, coarse, bands=SIX, chunk_cells=64).compute()
    assert (
        parts["reflectance"].values.tobytes() == whole["reflectance"].values.tobytes()
    )


def test_pixels_are_those_of_rasterio(catalogue):
    place = catalogue.add("a")
    provider = catalogue.provider()
    scene = provider.load(fetched(provider), GRID, bands=SIX, chunk_cells=64)
    with rasterio.open(place / "B08.tif") as dataset:
        expected = (dataset.read(1) * 1e-4).astype("float32")
    np.testing.assert_array_equal(scene["reflectance"].sel(band="nir").values, expected)


def test_loading_is_lazy_and_shaped_as_promised(catalogue):
    catalogue.add("a")
    provider = catalogue.provider()
    scene = provider.load(fetched(provider), GRID, bands=SIX, chunk_cells=32)
    assert scene["reflectance"].dims == ("band", "y", "x")
    assert scene["reflectance"].data.chunksize == (6, 32, 32)
    assert scene["status"].dtype == np.uint8
    np.testing.assert_array_equal(scene["x"].values, GRID.xs())
    np.testing.assert_array_equal(scene["y"].values, GRID.ys())


def test_a_file_that_breaks_after_it_was_fetched_names_itself(catalogue):
    place = catalogue.add("a")
    provider = catalogue.provider()
    scene = fetched(provider)
    path = place / "B04.tif"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(RasterError, match=r"B04.*item: a"):
        provider.load(scene, GRID, bands=SIX, chunk_cells=64).compute()


def test_a_damaged_block_is_an_error_where_it_is_needed_and_never_no_data(catalogue):
    place = catalogue.add("a")
    pixels = np.random.default_rng(0).integers(1, 9999, GRID.shape, "uint16")
    blocks = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    path = write_tif(place / "B04.tif", pixels, compress="deflate", **blocks)
    with rasterio.open(path) as dataset:
        start = int(dataset.get_tag_item("BLOCK_OFFSET_2_1", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[start : start + 100] = b"\xff" * 100
    path.write_bytes(bytes(content))
    provider = catalogue.provider(mask=replace(SCL, dilate_cells=0))
    scene = fetched(provider)
    with pytest.raises(RasterError, match="cannot be read") as caught:
        provider.load(scene, GRID, bands=SIX, chunk_cells=16).compute()
    assert caught.value.where["file"].endswith("B04.tif")
    assert caught.value.where["item"] == "a"
    beside = GRID.window(slice(16, 32), slice(0, 24))
    part = provider.load(scene, beside, bands=SIX, chunk_cells=16).compute()
    red = part["reflectance"].sel(band="red")
    np.testing.assert_allclose(red, pixels[16:32, :24] * 1e-4, atol=1e-7)


def test_a_replaced_file_is_another_graph(catalogue):
    place = catalogue.add("a")
    provider = catalogue.provider()
    before = provider.load(fetched(provider), GRID, bands=SIX, chunk_cells=64)
    (place / "B04.tif").write_bytes((place / "B03.tif").read_bytes())
    after = provider.load(fetched(provider), GRID, bands=SIX, chunk_cells=64)
    assert before["reflectance"].data.name != after["reflectance"].data.name
