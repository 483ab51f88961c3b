from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import xarray as xr

from geo.grid import Grid
from geo.period import Period
from store.providers.base import (
    Acquisition,
    Asset,
    MemoryProvider,
    Scene,
    Search,
    group_passes,
)

NOON = datetime(2020, 7, 1, 9, 30, tzinfo=UTC)
GRID = Grid("EPSG:32634", 0.0, 40.0, 10.0, 4, 4)


def asset(band="red", item="a", **more):
    options = {"href": f"/{item}/{band}.tif", "scale": 1e-4, "offset": 0.0}
    options |= {"nodata": 0.0, "sha256": "ab"}
    return Asset(band=band, item_id=item, **(options | more))


def acquisition(item="a", when=NOON, platform="sentinel-2a"):
    return Acquisition(item, platform, when, when.date(), (asset(item=item),))


def scene_of(*assets):
    return Scene("s", "p", NOON, NOON.date(), "sentinel-2a", assets)


def test_items_of_one_pass_are_one_scene():
    later = acquisition("b", NOON + timedelta(seconds=20))
    (scene,) = group_passes("p", [later, acquisition("a")])
    assert scene.scene_id == "20200701T093000Z_sentinel-2a"
    assert scene.items == ("a", "b")
    assert scene.acquired == NOON


@pytest.mark.parametrize(
    "other",
    [
        acquisition("b", NOON + timedelta(minutes=100)),
        acquisition("b", NOON + timedelta(days=1)),
        acquisition("b", platform="sentinel-2b"),
    ],
)
def test_another_pass_day_or_platform_is_another_scene(other):
    scenes = group_passes("p", [other, acquisition("a")])
    assert len(scenes) == 2
    assert list(scenes) == sorted(scenes, key=lambda s: (s.acquired, s.scene_id))


def test_a_scene_id_is_safe_as_a_name():
    (scene,) = group_passes("p", [acquisition(platform="../高分 一号/x")])
    assert scene.scene_id == "20200701T093000Z_-高分-一号-x"


def test_the_digest_is_of_content_not_of_paths():
    here = scene_of(asset(), asset("mask"))
    moved = scene_of(asset("mask", href="/elsewhere"), asset(href="/elsewhere"))
    assert here.digest() == moved.digest()
    assert scene_of(asset(item="z"), asset("mask", item="z")).digest() == here.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "cd"},
        {"scale": 2e-4},
        {"offset": -0.1},
        {"nodata": 255.0},
        {"nodata": None},
        {"index": 2},
        {"crs": "EPSG:3035"},
        {"alpha": 4},
    ],
)
def test_the_digest_knows_what_the_pixels_mean(change):
    changed = scene_of(replace(asset(), **change))
    assert changed.digest() != scene_of(asset()).digest()


def test_which_item_comes_first_is_part_of_the_digest():
    one = scene_of(asset(item="a", sha256="1"), asset(item="b", sha256="2"))
    other = scene_of(asset(item="a", sha256="2"), asset(item="b", sha256="1"))
    assert one.digest() != other.digest()


def test_there_is_no_digest_before_the_files_are_here():
    with pytest.raises(ValueError, match="before it is fetched"):
        scene_of(asset(sha256="")).digest()


def test_scenes_from_memory():
    scenes = group_passes(
        "m", [acquisition("a"), acquisition("b", NOON.replace(day=9))]
    )
    dataset = xr.Dataset(
        {
            "status": (("y", "x"), np.ones((4, 4), "uint8")),
            "reflectance": (("band", "y", "x"), np.zeros((2, 4, 4), "float32")),
        },
        coords={"band": ["red", "nir"], "y": GRID.ys(), "x": GRID.xs()},
    )
    provider = MemoryProvider("m", scenes, {s.scene_id: dataset for s in scenes})
    found = provider.search(GRID, Period(date(2020, 7, 1), date(2020, 7, 9)))
    assert found == Search((scenes[0],))
    fetched = provider.fetch(found.scenes[0])
    part = GRID.window(slice(1, 3), slice(0, 2))
    loaded = provider.load(fetched, part, bands=["nir"], chunk_cells=1)
    assert loaded["status"].shape == (2, 2)
    assert loaded["reflectance"].shape == (1, 2, 2)
    assert loaded.chunks
