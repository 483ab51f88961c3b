import os
import time

import numpy as np
import pytest
import rasterio
from affine import Affine

from geo.errors import RasterError, UnsafePathError
from store.safe import (
    RasterBudget,
    checked_path,
    content_name,
    open_raster,
)

PROFILE = {
    "driver": "GTiff",
    "width": 64,
    "height": 48,
    "count": 2,
    "dtype": "uint16",
    "crs": "EPSG:32650",
    "transform": Affine(10, 0, 500_000, 0, -10, 3_000_000),
}


def write(path, **changes):
    with rasterio.open(path, "w", **(PROFILE | changes)) as target:
        target.write(np.arange(2 * 48 * 64, dtype="uint16").reshape(2, 48, 64))
    return path


def test_a_plain_file_is_found_by_relative_and_absolute_name(tmp_path):
    path = write(tmp_path / "a.tif")
    other = tmp_path / "other"
    other.mkdir()
    assert checked_path("a.tif", roots=[other, tmp_path]) == path.resolve()
    assert checked_path(path, roots=[tmp_path]) == path.resolve()
    assert checked_path("other/../a.tif", roots=[tmp_path]) == path.resolve()


def test_a_root_may_be_a_link_but_nothing_below_it(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    path = write(real / "a.tif")
    root = tmp_path / "root"
    root.symlink_to(real)
    assert checked_path(root / "a.tif", roots=[root]) == path.resolve()
    (real / "link.tif").symlink_to(path)
    (real / "folder").symlink_to(tmp_path)
    for name in ("link.tif", "folder/real/a.tif"):
        with pytest.raises(UnsafePathError, match="symbolic link"):
            checked_path(name, roots=[root])


def test_a_root_beside_with_the_same_beginning_is_outside(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "inbox").mkdir()
    write(tmp_path / "inbox" / "a.tif")
    with pytest.raises(UnsafePathError, match="outside"):
        checked_path(tmp_path / "inbox" / "a.tif", roots=[tmp_path / "in"])


def test_folders_and_pipes_are_not_files(tmp_path):
    (tmp_path / "folder.tif").mkdir()
    os.mkfifo(tmp_path / "pipe.tif")
    for name in ("folder.tif", "pipe.tif"):
        with pytest.raises(UnsafePathError, match="not a regular file"):
            checked_path(name, roots=[tmp_path])


def test_the_messages_are_for_both_readers(tmp_path):
    with pytest.raises(UnsafePathError) as caught:
        checked_path("missing.tif", roots=[tmp_path])
    record = caught.value.record()
    assert record["file"].endswith("missing.tif")
    assert "No such file" in record["message"]
    assert "请检查路径" in record["message_zh"]


def test_a_raster_opens_with_its_one_driver(tmp_path):
    write(tmp_path / "a.TIFF")
    with open_raster("a.TIFF", roots=[tmp_path]) as dataset:
        assert dataset.driver == "GTiff"
        assert dataset.read()[1, 0, 0] == 48 * 64


@pytest.mark.filterwarnings("error")
def test_a_raster_without_a_place_opens_for_its_reader_to_judge(tmp_path):
    path = tmp_path / "a.tif"
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write(path, crs=None, transform=None)
    with open_raster(path, roots=[tmp_path]) as dataset:
        assert dataset.crs is None


def test_errors_of_the_caller_pass_through(tmp_path):
    path = write(tmp_path / "a.tif")
    with (
        pytest.raises(KeyError),
        open_raster(path, roots=[tmp_path]),
    ):
        raise KeyError


def test_a_read_that_fails_inside_names_the_file(tmp_path):
    path = write(tmp_path / "a.tif")
    content = path.read_bytes()
    path.write_bytes(content[:5000])
    with (
        pytest.raises(RasterError, match=r"a\.tif \(5,000 bytes\) cannot be read"),
        open_raster(path, roots=[tmp_path]) as dataset,
    ):
        dataset.read()


def test_a_sentinel_tile_of_ten_bands_passes_and_a_block_too_large_does_not(tmp_path):
    size = {"width": 10_980, "height": 10_980, "count": 10, "SPARSE_OK": True}
    tile = tmp_path / "tile.tif"
    with rasterio.open(tile, "w", **(PROFILE | size), tiled=True) as target:
        target.write(np.ones((10, 256, 256), "uint16"), window=((0, 256), (0, 256)))
    budget = RasterBudget(max_ratio=10_000)
    with open_raster(tile, roots=[tmp_path], budget=budget) as dataset:
        assert dataset.count == 10
    with (
        pytest.raises(RasterError, match="in blocks of"),
        open_raster(
            tile,
            roots=[tmp_path],
            budget=RasterBudget(max_ratio=10_000, max_block_bytes=1_000_000),
        ),
    ):
        pass


def test_the_budget_is_checked_at_once(tmp_path):
    size = {"width": 10**6, "height": 10**6, "count": 1, "SPARSE_OK": True}
    path = tmp_path / "huge.tif"
    blocks = {"tiled": True, "blockxsize": 16_384, "blockysize": 16_384}
    with rasterio.open(path, "w", **(PROFILE | size | blocks)):
        pass
    start = time.perf_counter()
    with pytest.raises(RasterError), open_raster(path, roots=[tmp_path]):
        pass
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\n<?xml version='1.0'?><a/>", "an XML document"),
        (b"<!-- x --><VRTDataset>", "a VRT, a file that points to other files,"),
        (b"PK\x03\x04", "a ZIP archive or Office file"),
        (b"\x89PNG\r\n", "a picture (PNG, JPEG or GIF)"),
        (b"404: Not Found", "plain text"),
        (b"\0" * 64, "a run of zero bytes, as a broken copy leaves it"),
        (b"\x01\x02\x03", "a file of unknown format"),
    ],
)
def test_content_is_named_for_what_it_is(start, name):
    assert content_name(start) == name
