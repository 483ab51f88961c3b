"""A local STAC catalogue: what is found, what pixels mean, what is refused."""

import json
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pystac
import pytest

from geo.errors import RasterError, SettingsError, UnsafePathError
from geo.period import Period
from store.providers.stac_items import Bands, acquisition_of
from tests.scene_files import (
    GRID,
    LEVELS,
    SIX,
    checksum,
    item_json,
    reflectance_asset,
    shifted,
)

YEAR = Period.parse("20200101-20210101")


def find(catalogue, period=YEAR, grid=GRID, **more):
    return catalogue.provider(**more).search(grid, period)


def ids(search):
    return [scene.scene_id for scene in search.scenes]


def test_scenes_come_by_time_with_their_local_day(catalogue):
    catalogue.add("late", when="2020-07-03T22:30:00Z")
    catalogue.add("early", when="2020-07-01T09:30:00Z")
    search = find(catalogue)
    assert [scene.items for scene in search.scenes] == [("early",), ("late",)]
    late = search.scenes[1]
    assert late.acquired == datetime(2020, 7, 3, 22, 30, tzinfo=UTC)
    assert late.day == date(2020, 7, 4)
    assert (late.provider, late.platform) == ("s2", "sentinel-2a")


def test_the_period_is_of_local_days(catalogue):
    catalogue.add("a", when="2020-07-03T22:30:00Z")
    assert not find(catalogue, Period.parse("20200703-20200704")).scenes
    assert len(find(catalogue, Period.parse("20200704-20200705")).scenes) == 1


def test_scenes_elsewhere_are_not_found(catalogue):
    catalogue.add("a")
    assert not find(catalogue, grid=shifted(GRID, right=5_000)).scenes


def test_only_the_collections_asked_for(catalogue):
    catalogue.add("a", edit=lambda item: item.update(collection="other"))
    catalogue.add("b", when="2020-07-02T09:30:00Z")
    assert len(find(catalogue).scenes) == 2
    assert not find(catalogue, collections=("sentinel-2-l2a",)).scenes
    assert len(find(catalogue, collections=("other",)).scenes) == 1


def test_children_are_followed_once_and_circles_end(catalogue):
    catalogue.add("a")
    root = json.loads((catalogue.folder / "catalog.json").read_text())
    child = root | {"links": [*root["links"], {"rel": "child", "href": "catalog.json"}]}
    root["links"] = [{"rel": "child", "href": "./child.json"}] * 2
    (catalogue.folder / "child.json").write_text(json.dumps(child))
    (catalogue.folder / "catalog.json").write_text(json.dumps(root))
    search = find(catalogue)
    assert len(search.scenes) == 1
    assert not search.rejected


@pytest.mark.parametrize(
    "href",
    [
        "http://127.0.0.1:9/item.json",
        "file:///etc/passwd",
        "/etc/passwd",
        "../../../../../../../../etc/passwd",
        "/vsicurl/http://127.0.0.1:9/item.json",
        "./missing.json",
    ],
)
def test_links_out_of_the_catalogue_are_refused_and_the_rest_goes_on(catalogue, href):
    catalogue.add("a")
    path = catalogue.folder / "catalog.json"
    root = json.loads(path.read_text())
    root["links"].insert(0, {"rel": "item", "href": href})
    path.write_text(json.dumps(root))
    search = find(catalogue)
    assert len(search.scenes) == 1
    (error,) = search.rejected
    assert isinstance(error, UnsafePathError)


@pytest.mark.parametrize("content", ["", "<html>", "[]", "{}", '{"type": "Feature"}'])
def test_an_item_that_is_none_stops_no_other(catalogue, content):
    catalogue.add("a")
    place = catalogue.add("b", when="2020-07-02T09:30:00Z")
    (place / "item.json").write_text(content)
    search = find(catalogue)
    assert [scene.items for scene in search.scenes] == [("a",)]
    # An empty object is a catalogue without links: nothing to find, nothing to say.
    assert len(search.rejected) == (0 if content == "{}" else 1)
    assert all("item.json" in str(error.where) for error in search.rejected)


def test_no_catalogue_is_a_setting_to_correct(tmp_path, catalogue):
    with pytest.raises(SettingsError, match="no STAC catalogue"):
        find(catalogue, href=str(tmp_path / "none.json"))


def described(asset, **facts):
    """Return scale and offset that an item gives ``asset``."""
    content = item_json("a", {"B04": asset, "SCL": {"href": "x"}}, **facts)
    item = pystac.Item.from_dict(content)
    bands = Bands({"red": "B04"}, "SCL")
    found = acquisition_of(item, bands, ZoneInfo("UTC"), str)
    (red,) = (asset for asset in found.assets if asset.band == "red")
    return red.scale, red.offset


V1 = {"href": "x", "raster:bands": [{"scale": 1e-4, "offset": -0.1}]}
V2 = {"href": "x", "raster:scale": 1e-4, "raster:offset": -0.1}
V2_BANDS = {"href": "x", "bands": [{"raster:scale": 1e-4, "raster:offset": -0.1}]}
BARE = {"href": "x"}
BOA = {"BOA_ADD_OFFSET": -1000, "QUANTIFICATION_VALUE": 10000}


@pytest.mark.parametrize(
    ("asset", "facts"),
    [
        (V1, {}),
        (V2, {}),
        (V2_BANDS, {}),
        (BARE, BOA),
        (BARE, {"forestsink:boa_add_offset": -1000, "s2:quantification_value": 10000}),
        (BARE | {"boa_add_offset": -1000}, {"quantification_value": 10000}),
        (BARE, {"boa_add_offset": {"B04": -1000}, "boa_quantification_value": 1e4}),
        (V1, BOA),
        # What a date or a baseline would suggest is of no account (R17, R18).
        (V2, {"when": "2019-01-01T00:00:00Z", "s2:processing_baseline": "05.00"}),
        (V2, {"s2:processing_baseline": "99.99"}),
        (V2, {"earthsearch:boa_offset_applied": False}),
    ],
)
def test_scale_and_offset_as_stated(asset, facts):
    assert described(asset, **facts) == (1e-4, pytest.approx(-0.1))


def test_an_offset_that_is_in_the_pixels_is_not_applied_again():
    assert described(V1, **{"earthsearch:boa_offset_applied": True}) == (1e-4, 0.0)


@pytest.mark.parametrize(
    ("asset", "facts", "match"),
    [
        (BARE, {}, "neither"),
        (BARE, {"s2:processing_baseline": "05.00"}, "neither"),
        (BARE, {"quantification_value": 10000}, "neither"),
        (BARE, {"boa_add_offset": -1000}, "quantification"),
        ({"href": "x", "raster:bands": [{"scale": 1e-4}]}, {}, "offset is None"),
        (V2 | {"raster:scale": "0.0001"}, {}, "must be numbers"),
        (V2 | {"raster:scale": 0}, {}, "impossible"),
        (V2 | {"raster:offset": 0}, BOA, "raster extension says"),
        (V2, BOA | {"QUANTIFICATION_VALUE": 1000}, "raster extension says"),
    ],
)
def test_without_a_stated_meaning_there_is_no_scene(asset, facts, match):
    with pytest.raises(Exception, match=match) as caught:
        described(asset, **facts)
    assert caught.value.record()["code"] == "input"
    assert caught.value.zh


def reprocessed(when, baseline):
    return {"s2:generation_time": when, "s2:processing_baseline": baseline}


def test_the_newest_processing_is_kept_and_the_older_noted(catalogue):
    facts = {"s2:mgrs_tile": "34TFQ", "sat:relative_orbit": 136}
    catalogue.add("zz-old", **facts, **reprocessed("2020-07-01T12:00:00Z", "02.14"))
    catalogue.add("aa-new", **facts, **reprocessed("2023-01-01T12:00:00Z", "05.00"))
    search = find(catalogue)
    assert [scene.items for scene in search.scenes] == [("aa-new",)]
    (note,) = search.notes
    assert (note["kind"], note["item"], note["kept"]) == (
        "duplicate",
        "zz-old",
        "aa-new",
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"s2:processing_baseline": "02.14"}, {"s2:processing_baseline": "05.00"}),
        ({"processing:version": "2"}, {"processing:version": "10"}),
        ({"updated": "2020-07-01T00:00:00Z"}, {"updated": "2020-07-01T00:00:01Z"}),
        ({"created": "2020-07-01T00:00:00Z"}, {"created": "2021-07-01T00:00:00Z"}),
        ({}, {}),
    ],
)
def test_what_makes_a_delivery_newer(catalogue, one, other):
    catalogue.add("a", **one)
    catalogue.add("b", **other)
    assert [scene.items for scene in find(catalogue).scenes] == [("b",)]


def test_an_older_delivery_stands_in_for_a_newer_one_that_is_refused(catalogue):
    catalogue.add("old", **{"s2:processing_baseline": "02.14"})
    catalogue.add(
        "new",
        edit=lambda item: item["assets"].pop("SCL"),
        **{"s2:processing_baseline": "05.00"},
    )
    search = find(catalogue)
    assert [scene.items for scene in search.scenes] == [("old",)]
    assert [error.where["item"] for error in search.rejected] == ["new"]
    assert not search.notes


def test_halves_of_a_split_datastrip_are_merged(catalogue):
    north = GRID.window(slice(0, 24), slice(0, 64))
    south = GRID.window(slice(24, 48), slice(0, 64))
    catalogue.add("a", grid=north)
    catalogue.add("b", grid=south)
    provider = catalogue.provider()
    (scene,) = provider.search(GRID, YEAR).scenes
    assert scene.items == ("a", "b")
    loaded = provider.load(provider.fetch(scene), GRID, bands=SIX, chunk_cells=16)
    assert (loaded["status"].values == 1).all()


def test_halves_with_whole_footprints_are_told_by_their_datastrips(catalogue):
    strip = "S2A_OPER_MSI_L2A_DS_ESRI_20201002T090355_S20200701T0930{}_N02.14"
    catalogue.add("a", **{"s2:datastrip_id": strip.format("28")})
    catalogue.add("b", **{"s2:datastrip_id": strip.format("41")})
    (scene,) = find(catalogue).scenes
    assert scene.items == ("a", "b")


def test_where_items_overlap_the_first_by_id_counts(catalogue):
    import numpy as np

    levels = {key: np.full(GRID.shape, 1000, "uint16") for key in LEVELS}
    catalogue.add("a", grid=GRID.window(slice(0, 30), slice(0, 64)), pixels=cut(levels))
    others = {key: np.full(GRID.shape, 2000, "uint16") for key in LEVELS}
    catalogue.add("b", pixels=others, when="2020-07-01T09:30:14Z")
    provider = catalogue.provider()
    (scene,) = provider.search(GRID, YEAR).scenes
    loaded = provider.load(provider.fetch(scene), GRID, bands=SIX, chunk_cells=16)
    red = loaded["reflectance"].sel(band="red").values
    assert np.allclose(red[:30], 0.1)
    assert np.allclose(red[30:], 0.2)


def cut(levels):
    return {key: values[:30] for key, values in levels.items()}


def test_a_stated_checksum_is_verified(catalogue):
    place = catalogue.add("a")
    path = place / "item.json"
    content = json.loads(path.read_text())
    content["assets"]["B04"]["file:checksum"] = checksum(place / "B04.tif")
    path.write_text(json.dumps(content))
    provider = catalogue.provider()
    provider.fetch(provider.search(GRID, YEAR).scenes[0])
    content["assets"]["B04"]["file:checksum"] = checksum(place / "B03.tif")
    path.write_text(json.dumps(content))
    with pytest.raises(RasterError, match="checksum"):
        provider.fetch(provider.search(GRID, YEAR).scenes[0])


def test_an_api_needs_a_folder_for_its_downloads(catalogue):
    with pytest.raises(SettingsError, match="downloads"):
        catalogue.provider(href="http://127.0.0.1:9/")


def test_nodata_as_stated_in_each_version_of_the_extension():
    for asset in (
        reflectance_asset("x"),
        {**V2, "nodata": 0},
        {**V2_BANDS, "bands": [{**V2_BANDS["bands"][0], "nodata": 0}]},
    ):
        content = item_json("a", {"B04": asset, "SCL": {"href": "x"}})
        bands = Bands({"red": "B04"}, "SCL")
        item = pystac.Item.from_dict(content)
        found = acquisition_of(item, bands, ZoneInfo("UTC"), str)
        assert [one.nodata for one in found.assets if one.band == "red"] == [0.0]
