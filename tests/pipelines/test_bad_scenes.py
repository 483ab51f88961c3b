"""A bad scene among good ones: set aside with its reason; the others are unchanged."""

import json
from datetime import date

import pytest

from pipelines.recipe import run_night
from tests.small_region import make_region, tree

NIGHT = date(2020, 9, 1)
VICTIM = "S2_20200705"
SCENE_ID = "20200705T093000Z_sentinel-2"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    settings = make_region(tmp_path_factory.mktemp("whole"))
    return settings, run_night(settings, NIGHT)


def truncate(scene):
    path = scene / "red.tif"
    path.write_bytes(path.read_bytes()[:-2000])


def swap_for_a_login_page(scene):
    (scene / "scl.tif").write_text("<!DOCTYPE html><html>Sign in</html>")


def remove(scene):
    (scene / "nir08.tif").unlink()


@pytest.mark.parametrize(
    ("harm", "file"),
    [(truncate, "red.tif"), (swap_for_a_login_page, "scl.tif"), (remove, "nir08.tif")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_one_bad_scene_never_stops_the_others(tmp_path, whole, harm, file):
    settings = make_region(tmp_path)
    harm(settings.data_root / "scenes" / VICTIM)
    record = run_night(settings, NIGHT).record

    bad = [a for a in record.attentions if a.left_out and a.code.startswith("input")]
    (attention,) = bad
    assert attention.subject == SCENE_ID
    assert attention.where["file"] == file
    assert attention.message_zh
    assert attention.cure
    assert record.status == "incomplete"

    reasons = list((settings.home / "quarantine").rglob("reason.json"))
    assert len(reasons) == 1
    assert json.loads(reasons[0].read_text(encoding="utf-8"))["code"] == attention.code

    good, undisturbed = tree(settings.home / "store"), tree(whole[0].home / "store")
    scenes = {n for n in undisturbed if "/scene/" in n and "20200705" not in n}
    assert scenes == {name for name in good if "/scene/" in name}
    assert all(good[name] == undisturbed[name] for name in scenes)
    used = {scene.scene_id for scene in record.scenes}
    assert used == {s.scene_id for s in whole[1].record.scenes} - {SCENE_ID}


def test_a_scene_delivered_again_with_other_bytes_is_another_scene(tmp_path, whole):
    settings = make_region(tmp_path)
    first = run_night(settings, NIGHT)
    before = tree(settings.home / "store")
    scenes = settings.data_root / "scenes"
    (scenes / VICTIM / "red.tif").write_bytes(
        (scenes / "S2_20200710" / "red.tif").read_bytes()
    )
    second = run_night(settings, NIGHT)
    after = tree(settings.home / "store")
    assert second.record.run_id != first.record.run_id
    assert first.record.run_id == whole[1].record.run_id
    assert before.items() <= after.items()
    assert any("20200705" in name for name in after.keys() - before.keys())
    assert first.folder.exists()
