"""Bad rasters by case of the fault catalogue: each is refused with its reason, or told
apart from a fault, and the other scenes of the night still come through."""

import json
import shutil
import socket
from dataclasses import dataclass, replace

import numpy as np
import pytest
import rasterio

from geo.checks import require_plausible, scene_facts
from geo.errors import InputError, RasterError, UnsafePathError
from geo.masks import SCL
from geo.period import Period
from tests.scene_files import (
    GRID,
    LEVELS,
    SIX,
    Catalogue,
    checksum,
    identity,
    textured,
    write_tif,
)

JULY = Period.parse("20200701-20200801")
BAD = "s2"
"""Of three scenes the one in the middle is spoilt."""

GOOD = ("s1", "s3")

pytestmark = pytest.mark.filterwarnings(
    "ignore::rasterio.errors.NotGeoreferencedWarning"
)


@dataclass(frozen=True)
class Night:
    """What a night made of its scenes."""

    facts: dict
    errors: dict
    notes: tuple

    @property
    def reason(self):
        assert list(self.errors) == [BAD]
        error = self.errors[BAD]
        assert error.zh
        assert error.zh != error.what
        assert error.cure
        assert error.where["item"]
        return error


def run(catalogue):
    """Search, fetch, load and judge as an ingest does, one scene at a time."""
    provider = catalogue.provider(mask=replace(SCL, dilate_cells=1))
    search = provider.search(GRID, JULY)
    errors = {error.where["item"]: error for error in search.rejected}
    facts = {}
    for scene in search.scenes:
        try:
            fetched = provider.fetch(scene)
            loaded = provider.load(fetched, GRID, bands=SIX, chunk_cells=512).compute()
            found = scene_facts(loaded)
            require_plausible(found, scene.scene_id)
            facts["+".join(scene.items)] = (fetched.digest(), found)
        except InputError as error:
            errors["+".join(scene.items)] = error
    return Night(facts, errors, search.notes)


@pytest.fixture
def catalogue(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    made = Catalogue(folder)
    for day in range(1, 4):
        made.add(f"s{day}", when=f"2020-07-{day:02d}T09:30:00Z")
    return made


def others_came_through(night):
    return set(GOOD) <= set(night.facts)


def band(catalogue, key="B04"):
    return catalogue.folder / BAD / f"{key}.tif"


def edit_item(catalogue, change, item=BAD):
    path = catalogue.folder / item / "item.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def rewrite(catalogue, values, key="B04", **more):
    return write_tif(band(catalogue, key), values, **more)


def cut(share):
    def spoil(catalogue):
        path = band(catalogue)
        whole = path.read_bytes()
        path.write_bytes(whole[: max(int(len(whole) * share), 1)])

    return spoil


def html(catalogue):
    band(catalogue).write_text("<!DOCTYPE html><html>please log in</html>")


def empty(catalogue):
    band(catalogue).write_bytes(b"")


def half_written(catalogue):
    profile = {"height": 48, "width": 64, "count": 1, "dtype": "uint16", "nodata": 0}
    place = {"crs": GRID.crs, "transform": GRID.transform, "SPARSE_OK": True}
    rasterio.open(band(catalogue), "w", driver="GTiff", **profile, **place).close()


def flipped_bit(catalogue):
    path = band(catalogue)
    edit_item(
        catalogue,
        lambda item: item["assets"]["B04"].update({"file:checksum": checksum(path)}),
    )
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(bytes(content))


def no_crs(catalogue):
    with rasterio.open(band(catalogue)) as dataset:
        values = dataset.read()
    profile = {"height": 48, "width": 64, "count": 1, "dtype": "uint16", "nodata": 0}
    with rasterio.open(
        band(catalogue), "w", driver="GTiff", transform=GRID.transform, **profile
    ) as dataset:
        dataset.write(values)


def other_zone(catalogue):
    rewrite(catalogue, textured(400), crs="EPSG:32635")


def no_geotransform(catalogue):
    identity(band(catalogue))


def no_nodata(catalogue):
    rewrite(catalogue, textured(400), nodata=None)
    edit_item(
        catalogue, lambda item: item["assets"]["B04"]["raster:bands"][0].pop("nodata")
    )


def infinite(catalogue):
    values = textured(400, dtype="float32")
    values[:10] = np.inf
    values[10:20] = np.nan
    rewrite(catalogue, values)


def as_fractions(catalogue):
    for key, level in LEVELS.items():
        rewrite(catalogue, textured(level).astype("float32") * 1e-4, key)


def no_offset_stated(catalogue):
    def change(item):
        item["properties"]["s2:processing_baseline"] = "05.00"
        for key in LEVELS:
            del item["assets"][key]["raster:bands"]

    edit_item(catalogue, change)


def set_offset(catalogue, offset, **facts):
    def change(item):
        item["properties"].update(facts)
        for key in LEVELS:
            item["assets"][key]["raster:bands"][0]["offset"] = offset

    edit_item(catalogue, change)


def offset_left_out(catalogue):
    for key, level in LEVELS.items():
        rewrite(catalogue, textured(level) + 1000, key)
    set_offset(catalogue, 0.0, **{"s2:processing_baseline": "99.99"})


def offset_applied_twice(catalogue):
    set_offset(catalogue, -0.1, **{"earthsearch:boa_offset_applied": False})


def corrupt_block(catalogue):
    values = np.random.default_rng(0).integers(1, 9999, GRID.shape, "uint16")
    path = rewrite(catalogue, values, compress="deflate")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(bytes(content))


def unknown_codes(catalogue):
    rewrite(catalogue, np.full(GRID.shape, 1024, "uint16"), "SCL")


def no_mask(catalogue):
    edit_item(catalogue, lambda item: item["assets"].pop("SCL"))


def missing_band(catalogue):
    band(catalogue).unlink()


def no_time(catalogue):
    edit_item(catalogue, lambda item: item["properties"].update(datetime=None))


def naive_time(catalogue):
    edit_item(
        catalogue,
        lambda item: item["properties"].update(datetime="2020-07-02T09:30:00"),
    )


REFUSED = {
    "R01 cut at 0.1 %": (cut(0.001), "not"),
    "R01 cut at 10 %": (cut(0.10), "B04.tif"),
    "R01 cut at 50 %": (cut(0.50), "B04.tif"),
    "R01 cut at 99 %": (cut(0.99), "B04.tif"),
    "R01 cut at 99.99 %": (cut(0.9999), "B04.tif"),
    "R02 no byte": (empty, "empty"),
    "R02 login page": (html, "HTML"),
    "R03 half-written": (half_written, "no data"),
    "R04 flipped bit": (flipped_bit, "checksum"),
    "R05 no CRS": (no_crs, "no coordinate reference system"),
    "R06 other zone": (other_zone, "its item at"),
    "R07 no geotransform": (no_geotransform, "no geotransform"),
    "R12 no nodata": (no_nodata, "No nodata value"),
    "R13 NaN and infinity": (infinite, "NaN or infinity"),
    "R14 fractions": (as_fractions, "scaled twice"),
    "R16 no offset stated": (no_offset_stated, "neither scale and offset"),
    "R18 offset left out": (offset_left_out, "BOA_ADD_OFFSET"),
    "R18 offset twice": (offset_applied_twice, "applied twice"),
    "R35 missing band": (missing_band, "cannot be read"),
    "R37 no time": (no_time, "datetime"),
    "R37 no zone": (naive_time, "datetime"),
    "R39 other code table": (unknown_codes, "1024"),
    "R39 no mask": (no_mask, "SCL"),
    "R43 corrupt block": (corrupt_block, "B04.tif"),
}


@pytest.mark.parametrize(("spoil", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_bad_scene_is_refused_alone(catalogue, spoil, reason):
    spoil(catalogue)
    night = run(catalogue)
    assert reason in str(night.reason)
    assert others_came_through(night)


def test_r06_names_both_boxes(catalogue):
    other_zone(catalogue)
    reason = run(catalogue).reason
    assert isinstance(reason, RasterError)
    assert reason.where["value"].startswith("(28.27")
    assert reason.where["expected"].startswith("(22.27")


@pytest.mark.parametrize("code", [0, 9], ids=["nothing was seen", "cloud everywhere"])
def test_r11_a_scene_without_a_clear_cell_is_no_fault(catalogue, code):
    pixels = {"SCL": np.full(GRID.shape, code, "uint8")}
    if code == 0:
        pixels |= {key: np.zeros(GRID.shape, "uint16") for key in LEVELS}
    for key, values in pixels.items():
        rewrite(catalogue, values, key)
    night = run(catalogue)
    assert not night.errors
    facts = night.facts[BAD][1]
    assert facts["no_observation"]
    assert facts["clear"] == 0
    assert facts["no_data" if code == 0 else "clouded"] == GRID.width * GRID.height
    assert others_came_through(night)


def test_r13_few_are_counted_and_left_out(catalogue):
    values = textured(400, dtype="float32")
    values[0, :3] = np.inf, -np.inf, np.nan
    rewrite(catalogue, values)
    facts = run(catalogue).facts[BAD][1]
    assert facts["invalid"] == 3
    assert facts["no_data"] == 3


@pytest.mark.parametrize(
    "facts",
    [{"s2:processing_baseline": "02.14"}, {"s2:processing_baseline": "05.00"}],
)
def test_r16_r17_the_same_ground_by_either_offset(catalogue, facts):
    """Pixels with and without the offset of 1000 become the same reflectance."""
    before = run(catalogue).facts[BAD][1]["quantiles"]
    for seed, (key, level) in enumerate(LEVELS.items()):
        rewrite(catalogue, textured(level, seed=seed) + 1000, key)
    set_offset(catalogue, -0.1, **facts)
    assert run(catalogue).facts[BAD][1]["quantiles"] == before


def test_r19_a_reprocessed_scene_counts_once(catalogue):
    catalogue.add(
        "s2-again",
        when="2020-07-02T09:30:00Z",
        **{
            "s2:processing_baseline": "05.00",
            "s2:generation_time": "2023-01-01T00:00Z",
        },
    )
    night = run(catalogue)
    assert sorted(night.facts) == ["s1", "s2-again", "s3"]
    assert [note["item"] for note in night.notes] == ["s2"]
    assert not night.errors


def test_r20_both_halves_of_a_split_datastrip_count(catalogue):
    catalogue.items.remove(BAD)
    half = {"when": "2020-07-02T09:30:00Z"}
    catalogue.add("s2-n", grid=GRID.window(slice(0, 20), slice(0, 64)), **half)
    catalogue.add("s2-s", grid=GRID.window(slice(20, 48), slice(0, 64)), **half)
    night = run(catalogue)
    assert night.facts["s2-n+s2-s"][1]["clear"] == GRID.width * GRID.height
    assert others_came_through(night)


def test_r36_the_same_name_with_other_bytes_is_another_scene(catalogue):
    before = run(catalogue).facts
    values = textured(LEVELS["B04"], seed=2)
    values[0, 0] += 1
    rewrite(catalogue, values)
    after = run(catalogue).facts
    assert {name for name in before if before[name][0] != after[name][0]} == {BAD}


def test_r43_four_of_five_are_used_and_the_reason_is_on_record(catalogue):
    for day in (4, 5):
        catalogue.add(f"s{day}", when=f"2020-07-{day:02d}T09:30:00Z")
    corrupt_block(catalogue)
    night = run(catalogue)
    assert sorted(night.facts) == ["s1", "s3", "s4", "s5"]
    record = night.reason.record()
    assert record["code"] == "input.raster"
    assert record["file"].endswith("B04.tif")
    assert record["item"] == BAD


class Canary:
    """Listens on the loopback and knows whether anybody called."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/x.tif"

    def was_called(self):
        try:
            self.socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def canary():
    with Canary() as listening:
        yield listening


VRT = """<VRTDataset rasterXSize="64" rasterYSize="48">
<SRS>EPSG:32634</SRS><VRTRasterBand dataType="UInt16" band="1">{}</VRTRasterBand>
</VRTDataset>"""
SIMPLE = "<SimpleSource><SourceFilename>{}</SourceFilename></SimpleSource>"
RAW = (
    '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
    "<SourceFilename>/etc/passwd</SourceFilename></VRTRasterBand>"
)


@pytest.mark.parametrize("kind", ["raw", "simple", "http"])
def test_r25_r26_a_vrt_named_tif_is_not_followed(catalogue, canary, kind):
    inside = {"simple": "/etc/passwd", "http": f"/vsicurl/{canary.url}"}
    text = VRT.format(RAW if kind == "raw" else SIMPLE.format(inside[kind]))
    band(catalogue).write_text(text)
    night = run(catalogue)
    assert "VRT" in str(night.reason)
    assert isinstance(night.reason, UnsafePathError)
    assert others_came_through(night)
    assert not canary.was_called()


@pytest.mark.parametrize(
    "href",
    [
        "<VRTDataset rasterXSize='1' rasterYSize='1'/>",
        "vrt://{inside}",
        "/vsimem/x.tif",
        "/vsicurl/{url}",
        "/vsizip/{inside}",
        "{url}",
        "MEM:::DATAPOINTER=1,PIXELS=1,LINES=1",
        "GTIFF_DIR:1:{inside}",
        "/etc/passwd",
        "../../../../../../../../../../etc/passwd",
    ],
)
def test_r28_names_that_are_no_paths_are_refused(catalogue, canary, href):
    name = href.format(inside=band(catalogue), url=canary.url)
    edit_item(catalogue, lambda item: item["assets"]["B04"].update(href=name))
    night = run(catalogue)
    assert isinstance(night.reason, UnsafePathError)
    assert others_came_through(night)
    assert not canary.was_called()


@pytest.mark.parametrize("way", ["link", "folder link", "dots"])
def test_r31_files_outside_the_inbox_are_refused(catalogue, tmp_path, way):
    outside = tmp_path / "private"
    outside.mkdir()
    shutil.move(band(catalogue), outside / "B04.tif")
    href = "./B04.tif"
    if way == "link":
        band(catalogue).symlink_to(outside / "B04.tif")
    elif way == "folder link":
        (catalogue.folder / BAD / "more").symlink_to(outside)
        href = "./more/B04.tif"
    else:
        href = "../../private/B04.tif"
    edit_item(catalogue, lambda item: item["assets"]["B04"].update(href=href))
    night = run(catalogue)
    assert isinstance(night.reason, UnsafePathError)
    assert others_came_through(night)


def test_the_undisturbed_night(catalogue):
    night = run(catalogue)
    assert sorted(night.facts) == ["s1", "s2", "s3"]
    assert not night.errors
    assert not night.notes
