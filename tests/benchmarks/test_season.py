import json
from collections import Counter

import ground
import numpy as np
import pytest
import rasterio
import scenes
import season

from config.settings import read
from pipelines.recipe import plan_of
from store.twin_rasters import SIMULATED
from tests.small_region import tree

SIDE = 512
CLEAR = (4, 5, 6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("season")
    season.make_season(made, SIDE, 10)
    return made


def band(folder, take, key):
    path = folder / "inputs" / "scenes" / take.item_id / f"{key}.tif"
    with rasterio.open(path) as source:
        return source.read(1)


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        season.make_season(tmp_path / name, 64, 4)
    one, other = (tree(tmp_path / name) for name in ("one", "other"))
    assert len([name for name in one if name.endswith(".tif")]) == 10 * 11 + 1
    assert one == other


def test_everything_says_that_it_is_simulated(folder):
    for path in sorted((folder / "inputs").rglob("*.tif")):
        with rasterio.open(path) as source:
            assert source.tags()["SIMULATED"] == SIMULATED
    for path in sorted((folder / "inputs" / "items").glob("*.json")):
        properties = json.loads(path.read_text(encoding="utf-8"))["properties"]
        assert properties["forestsink:simulated"] is True
    assert read(folder / "region.toml").region.simulated


def test_each_night_finds_the_scenes_before_it_and_nothing_wrong(folder, tmp_path):
    settings = read(folder / "region.toml").model_copy(update={"home": tmp_path})
    found = {}
    for name, night in season.NIGHTS.items():
        plan = plan_of(settings, night)
        assert plan.rejected == plan.notes == ()
        found[name] = Counter(scene.day.year for scene in plan.scenes)
    assert found == {
        "before": {2023: 3, 2024: 5},
        "newest": {2023: 3, 2024: 6},
        "quarter": {2023: 3, 2024: 7},
    }


def test_bands_have_the_cells_that_sentinel_2_gives_them(folder):
    take = season.takes()[0]
    for key, (_, cell_m) in scenes.BANDS.items():
        assert band(folder, take, key).shape == (SIDE * 10 // cell_m,) * 2
    assert band(folder, take, "scl").shape == (SIDE // 2, SIDE // 2)


def test_every_scene_has_its_clouds_in_blobs(folder):
    for take in season.takes()[:-1]:
        classes = band(folder, take, "scl")
        cloud = classes >= 8
        assert 0.08 < cloud.mean() < 0.32
        assert {3, 4, 8, 9} <= set(np.unique(classes)) <= {3, 4, 5, 6, 8, 9}
        edges = (cloud[:, 1:] != cloud[:, :-1]).mean()
        assert edges < 0.2 * cloud.mean()


def test_the_last_scene_covers_the_upper_left_quarter(folder):
    take = season.takes()[-1]
    for key in ("blue", "swir22", "scl"):
        values = band(folder, take, key)
        half = values.shape[0] // 2
        assert (values[:half, :half] > 0).all()
        assert not values[half:].any()
        assert not values[:, half:].any()
    item = folder / "inputs" / "items" / f"{take.item_id}.json"
    whole = folder / "inputs" / "items" / f"{season.takes()[0].item_id}.json"
    west, south, east, north = json.loads(item.read_text(encoding="utf-8"))["bbox"]
    w, s, e, n = json.loads(whole.read_text(encoding="utf-8"))["bbox"]
    share = (east - west) * (north - south) / ((e - w) * (n - s))
    assert share == pytest.approx(0.25, abs=0.01)


def test_tree_cover_can_be_learnt_but_not_too_well(folder):
    takes = [take for take in season.takes() if take.day.year == season.BASELINE_YEAR]
    clear = np.stack([np.isin(band(folder, take, "scl"), CLEAR) for take in takes])
    columns = [np.ones(clear.any(axis=0).sum())]
    for key, (_, cell_m) in scenes.BANDS.items():
        step = 20 // cell_m
        seen = np.stack([band(folder, t, key)[::step, ::step] for t in takes])
        mean = np.average(seen, axis=0, weights=clear + 1e-9)
        columns.append(mean[clear.any(axis=0)])
    with rasterio.open(folder / "inputs" / "tree_cover.tif") as source:
        cover = source.read(1)[clear.any(axis=0)].astype(float)
    table = np.column_stack(columns)
    weights, *_ = np.linalg.lstsq(table, cover, rcond=None)
    r2 = 1 - np.var(cover - table @ weights) / np.var(cover)
    assert 0.6 < r2 < 0.85


def test_some_land_is_cleared_between_the_seasons():
    before, after = (
        ground.tree_cover_pct(ground.make_ground(SIDE, is_cleared=is_cleared))
        for is_cleared in (False, True)
    )
    assert 0.005 < (before - after > 20).mean() < 0.04
    assert (after <= before).all()


def test_strips_change_no_cell():
    field = ground.Field.make(256, 30.0, 1)
    whole = field.at(slice(0, 256), slice(0, 256))
    parts = [field.at(slice(n, n + 64), slice(0, 256)) for n in range(0, 256, 64)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    one, other = (
        ground.make_ground(256, is_cleared=True, strip=strip) for strip in (64, 256)
    )
    np.testing.assert_array_equal(one, other)


def test_a_field_is_smooth_between_nodes_by_hand():
    nodes = np.zeros((6, 6), np.float32)
    nodes[1, 1], nodes[1, 2] = 4, 8
    field = ground.Field(nodes, spacing=4.0)
    # Centres lie at 0.5, 1.5, 2.5, 3.5 cells: an eighth of a node, three, five, seven.
    across = np.array([4.5, 5.5, 6.5, 7.5])
    np.testing.assert_allclose(
        field.at(slice(0, 1), slice(0, 4))[0], across * 7 / 8, rtol=1e-6
    )


def test_a_side_that_cannot_be_halved_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="multiple of four, got 1022"):
        season.make_season(tmp_path, 1022, 4)
