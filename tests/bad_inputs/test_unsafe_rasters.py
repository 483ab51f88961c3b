"""Rasters that lie, point elsewhere, or were cut off: each is named and left out."""

import time

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from geo.errors import InputError, RasterError, UnsafePathError
from store.safe import checked_path, open_raster, require_written

PROFILE = {
    "driver": "GTiff",
    "width": 1024,
    "height": 1024,
    "count": 3,
    "dtype": "uint16",
    "crs": "EPSG:32650",
    "transform": Affine(10, 0, 500_000, 0, -10, 3_000_000),
    "tiled": True,
    "compress": "deflate",
}
FRACTIONS = (0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 0.9999)
RAW_VRT = """<VRTDataset rasterXSize="8" rasterYSize="1"><VRTRasterBand dataType="Byte"
 band="1" subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="{relative}">{name}
</SourceFilename><ImageOffset>0</ImageOffset></VRTRasterBand></VRTDataset>"""
SIMPLE_VRT = """<VRTDataset rasterXSize="8" rasterYSize="8"><VRTRasterBand band="1"
 dataType="UInt16"><SimpleSource><SourceFilename>{name}</SourceFilename><SourceBand>1
</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Bytes of a good GeoTIFF, COG and JPEG 2000 of the same values."""
    folder = tmp_path_factory.mktemp("sound")
    values = np.random.default_rng(1).integers(0, 3000, (3, 1024, 1024))
    with rasterio.open(folder / "a.tif", "w", **PROFILE) as target:
        target.write(values.astype("uint16"))
    rasterio.shutil.copy(folder / "a.tif", folder / "c.tif", driver="COG")
    rasterio.shutil.copy(
        folder / "a.tif", folder / "j.jp2", driver="JP2OpenJPEG", quality=20
    )
    return {name: (folder / name).read_bytes() for name in ("a.tif", "c.tif", "j.jp2")}


def check(path, root):
    with open_raster(path, roots=[root]) as dataset:
        require_written(dataset)
        for _, window in dataset.block_windows(1):
            dataset.read(window=window)


def test_the_sound_ones_pass(sound, tmp_path):
    for name, content in sound.items():
        (tmp_path / name).write_bytes(content)
        check(name, tmp_path)


@pytest.mark.parametrize("name", ["a.tif", "c.tif", "j.jp2"])
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_r01_truncated(sound, tmp_path, name, fraction):
    part = sound[name][: int(len(sound[name]) * fraction)]
    (tmp_path / name).write_bytes(part)
    with pytest.raises(RasterError) as caught:
        check(name, tmp_path)
    record = caught.value.record()
    assert record["file"].endswith(name)
    assert f"{len(part):,} bytes" in record["message"]
    assert record["value"]
    assert "重新下载" in record["message_zh"]


def html(folder):
    (folder / "x.tif").write_bytes(b"<html><body>Please log in</body></html>")


def empty(folder):
    (folder / "x.tif").touch()


def archive(folder):
    (folder / "x.tif").write_bytes(b"PK\x03\x04" + bytes(100))


def zeros(folder):
    (folder / "x.tif").write_bytes(bytes(4096))


def killed_writer(folder):
    with rasterio.open(folder / "x.tif", "w", **(PROFILE | {"SPARSE_OK": True})):
        pass


def bomb(folder):
    size = {"width": 60_000, "height": 60_000, "count": 1, "dtype": "uint8"}
    with rasterio.open(
        folder / "x.tif", "w", **(PROFILE | size | {"SPARSE_OK": True})
    ) as target:
        target.write(np.zeros((1, 256, 256), "uint8"), window=((0, 256), (0, 256)))


def sparse(folder):
    size = {"width": 10**6, "height": 10**6, "count": 1, "dtype": "uint8"}
    blocks = {"blockxsize": 16_384, "blockysize": 16_384, "SPARSE_OK": True}
    with rasterio.open(folder / "x.tif", "w", **(PROFILE | size | blocks)):
        pass


def raw_absolute(folder):
    (folder / "x.tif").write_text(RAW_VRT.format(relative=0, name="/etc/passwd"))


def raw_relative(folder):
    up = "../" * 12 + "etc/passwd"
    (folder / "x.tif").write_text(RAW_VRT.format(relative=1, name=up))


def simple_vrt(folder):
    other = folder.parent / "secret.tif"
    with rasterio.open(other, "w", **PROFILE):
        pass
    (folder / "x.tif").write_text(SIMPLE_VRT.format(name=other))


def link(folder):
    other = folder.parent / "secret.tif"
    other.write_bytes(b"II*\0")
    (folder / "x.tif").symlink_to(other)


def jp2_without_its_tiles(folder):
    with rasterio.open(folder / "a.tif", "w", **PROFILE) as target:
        target.write(np.full((3, 1024, 1024), 900, "uint16"))
    rasterio.shutil.copy(folder / "a.tif", folder / "x.jp2", driver="JP2OpenJPEG")
    content = bytearray((folder / "x.jp2").read_bytes())
    start = content.index(b"\xff\x90")
    content[start : start + 64] = bytes(64)
    (folder / "x.jp2").write_bytes(content)


CASES = [
    ("R02", html, RasterError, ["x.tif is an HTML page", "GeoTIFF"]),
    ("R02", empty, UnsafePathError, ["x.tif is empty (0 bytes)"]),
    ("R02", archive, RasterError, ["x.tif is a ZIP archive"]),
    ("R02", zeros, RasterError, ["x.tif is a run of zero bytes"]),
    ("R03", killed_writer, RasterError, ["x.tif", "no block was ever written"]),
    ("R23", bomb, RasterError, ["60000 x 60000 x 1 cells", ":1", "at most 2,000:1"]),
    ("R24", sparse, RasterError, ["1000000 x 1000000", "20,000,000,000 cells"]),
    ("R25", raw_absolute, UnsafePathError, ["x.tif is a VRT"]),
    ("R25", raw_relative, UnsafePathError, ["x.tif is a VRT"]),
    ("R25", simple_vrt, UnsafePathError, ["x.tif is a VRT"]),
    ("R31", link, UnsafePathError, ["x.tif", "symbolic link"]),
]


@pytest.mark.parametrize(
    ("provoke", "kind", "fragments"),
    [case[1:] for case in CASES],
    ids=[f"{case[0]}-{case[1].__name__}" for case in CASES],
)
def test_bad_raster(tmp_path, provoke, kind, fragments):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    provoke(inbox)
    start = time.perf_counter()
    with pytest.raises(InputError) as caught:
        check("x.tif", inbox)
    assert time.perf_counter() - start < 1
    assert type(caught.value) is kind
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert caught.value.zh
    assert caught.value.cure


def test_r43_damaged_jpeg_2000(tmp_path):
    jp2_without_its_tiles(tmp_path)
    with pytest.raises(RasterError, match=r"x\.jp2 .* cannot be read"):
        check("x.jp2", tmp_path)


NAMES = [
    '<VRTDataset rasterXSize="1" rasterYSize="1"/>',
    "vrt:///etc/passwd",
    "vrt://a.tif?bands=1",
    "/vsizip/a.zip/a.tif",
    "/vsicurl/http://127.0.0.1/a.tif",
    "/VSIMEM/a.tif",
    "//vsimem/a.tif",
    "http://127.0.0.1/a.tif",
    "s3://bucket/a.tif",
    "zip+file:///a.zip!a.tif",
    "MEM:::DATAPOINTER=1,PIXELS=1,LINES=1",
    "CSV:/etc/passwd",
    "GTIFF_DIR:1:a.tif",
    "SENTINEL2_L2A:/a.xml:10m",
    '{"type": "FeatureCollection"}',
    "a.tif\0.png",
    "a\n.tif",
    "",
    " ",
]


@pytest.mark.parametrize("name", NAMES)
def test_r28_names_that_are_not_paths(tmp_path, name):
    with pytest.raises(UnsafePathError, match="not a plain path"):
        checked_path(name, roots=[tmp_path])


@pytest.mark.parametrize(
    "name", ["../secret.tif", "a/../../secret.tif", "/etc/passwd", ".", "a/.."]
)
def test_r31_paths_that_leave_the_root(tmp_path, name):
    (tmp_path / "secret.tif").write_bytes(b"II*\0")
    inbox = tmp_path / "inbox"
    (inbox / "a").mkdir(parents=True)
    with pytest.raises(UnsafePathError, match="outside the folders"):
        checked_path(name, roots=[inbox])
