"""The planner's door on one night of a small region."""

import json
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

from config.zone_request import read_request
from geo.errors import InfeasibleError, SettingsError, StoreError
from pipelines.cli import app
from pipelines.console import STAGES, console, piping
from pipelines.recipe import run_night
from pipelines.zone_compare import compare_zones
from pipelines.zones import make_zones, put_in_place
from tests.small_region import make_region, tree

TEXT = "max_area_ha = 4\nboundary_penalty = 0.1\ndraws = 3\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    made = make_region(tmp_path_factory.mktemp("zones"))
    run_night(made, date(2020, 9, 1))
    return made


def ask(settings, text, out=None):
    return make_zones(settings, read_request(text, file="request.toml"), text, out)


@pytest.fixture(scope="module")
def answered(settings, tmp_path_factory):
    return ask(settings, TEXT, tmp_path_factory.mktemp("answer") / "zones")


def test_zones_are_ranked_certified_and_the_same_again(settings, answered, tmp_path):
    one = answered
    assert tree(one) == tree(ask(settings, TEXT, tmp_path / "two"))
    record = json.loads((one / "zones.json").read_text(encoding="utf-8"))
    assert record["area_ha"] <= 4
    assert record["certificate"]["gap_pct"] <= 0.1
    assert record["not_checked"]
    zones = gpd.read_file(one / "zones.gpkg", layer="zones")
    units = gpd.read_file(one / "zones.gpkg", layer="units")
    assert zones["rank"].tolist() == list(range(1, len(record["zones"]) + 1))
    chosen = units[units["zone_rank"] > 0]
    assert chosen["is_eligible"].all()
    assert chosen["eligible_ha"].sum() == pytest.approx(record["area_ha"], abs=1e-3)
    for zone in record["zones"]:
        last = zone["uptake"][-1]
        assert last["low_tco2"] < last["total_tco2"] < last["high_tco2"]
        assert zone["reasons"]


def test_neighbours_are_one_zone(answered):
    zones = gpd.read_file(answered / "zones.gpkg", layer="zones").geometry
    for at, shape in enumerate(zones):
        for other in zones[at + 1 :]:
            assert shape.intersection(other.buffer(0.01)).area < 0.05


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (TEXT + 'locked_in = ["nowhere"]', SettingsError, "nowhere"),
        ("max_area_ha = 9999", SettingsError, "max_area_ha"),
        ("budget_cny = 1e12", SettingsError, "budget_cny"),
        ("budget_cny = 10\nmin_area_ha = 2", InfeasibleError, "budget"),
        (TEXT + "night = 2019-01-01", SettingsError, "2020-09-01"),
        (TEXT + "[weights]\naccess = 1.0", SettingsError, "access"),
    ],
)
def test_what_cannot_be_answered_leaves_nothing(settings, tmp_path, text, kind, said):
    with pytest.raises(kind) as caught:
        ask(settings, text, tmp_path / "out")
    assert said in str(caught.value)
    assert caught.value.zh
    assert not list(tmp_path.iterdir())


def test_an_excluded_parcel_cannot_be_locked_in(settings, answered):
    units = gpd.read_file(answered / "zones.gpkg", layer="units")
    forest = units.loc[units["reason"] == "forest_already", "parcel_id"].iloc[0]
    with pytest.raises(SettingsError, match="Forest already"):
        ask(settings, f'{TEXT}locked_in = ["{forest}"]')


def test_a_folder_of_something_else_is_left_alone(settings, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="left alone"):
        ask(settings, TEXT, tmp_path)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_other_budgets_and_areas_are_solved_or_say_why(answered):
    told = json.loads((answered / "zones.json").read_text(encoding="utf-8"))
    cells = told["what_if"]
    (asked,) = [cell for cell in cells if cell["is_request"]]
    assert (asked["max_area_ha"], asked["budget_cny"]) == (4, None)
    assert asked["benefit"] == told["benefit"]
    assert asked["area_ha"] == told["area_ha"]
    free = sorted(
        (cell["max_area_ha"], cell["benefit"])
        for cell in cells
        if cell["budget_cny"] is None and not cell["why"]
    )
    worth = [benefit for _, benefit in free]
    assert len(free) > 2
    assert worth == sorted(worth)
    for cell in cells:
        if cell["why"]:
            assert cell["why_zh"]
            continue
        assert cell["gap_pct"] >= 0
        assert cell["area_ha"] <= cell["max_area_ha"] * (1 + 1e-9)
        if cell["budget_cny"] is not None:
            assert cell["cost_cny"] <= cell["budget_cny"] * (1 + 1e-9)


def test_rasters_say_what_the_tables_say(answered):
    with rasterio.open(answered / "layers" / "zone.tif") as source:
        rank = source.read(1)
        cell_ha = source.res[0] ** 2 / 1e4
    zones = gpd.read_file(answered / "zones.gpkg", layer="zones")
    assert set(np.unique(rank[rank > 0])) == set(zones["rank"])
    area = (rank > 0).sum() * cell_ha
    assert area == pytest.approx(zones["area_ha"].sum(), rel=0.05)
    with rasterio.open(answered / "layers" / "eligible.tif") as source:
        assert (source.read(1)[rank >= 0] == 0).all()


def test_an_earlier_answer_stays_until_the_new_one_is_whole(
    settings, tmp_path, monkeypatch
):
    out = ask(settings, TEXT, tmp_path / "out")
    before = tree(out)

    def fail(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("store.zone_files.write_zone_report", fail)
    with pytest.raises(StoreError, match="No space"):
        ask(settings, TEXT, out)
    assert tree(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_progress_is_told_stage_by_stage(settings, tmp_path):
    told = []
    request = read_request(TEXT, file="request.toml")
    make_zones(settings, request, TEXT, tmp_path / "o", lambda *step: told.append(step))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["zone land", "zone choice", "zone draws", "what if", "zone files"]
    assert all(stage in STAGES for stage in stages)
    for stage in stages:
        *_, (_, done, total) = (step for step in told if step[0] == stage)
        assert done == total > 0


def test_two_requests_are_answered_and_compared(settings, answered, tmp_path):
    file = tmp_path / "b.toml"
    file.write_text(TEXT.replace("area_ha = 4", "area_ha = 5"), encoding="utf-8")
    out = compare_zones(settings, (answered, file), settings.home, tmp_path / "out")
    told = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert told["b"]["area_ha"] > told["a"]["area_ha"]
    parts = {part["where"]: part["area_ha"] for part in told["parts"]}
    assert parts["both"] + parts["only_a"] == pytest.approx(
        told["a"]["area_ha"], abs=1e-3
    )
    assert parts["both"] + parts["only_b"] == pytest.approx(
        told["b"]["area_ha"], abs=1e-3
    )
    made = list((settings.home / "zones").rglob("zones.json"))
    assert any(json.loads(path.read_text())["area_ha"] > 4 for path in made)


def test_a_request_without_a_region_cannot_be_compared(settings, answered, tmp_path):
    file = tmp_path / "b.toml"
    file.write_text(TEXT, encoding="utf-8")
    with pytest.raises(SettingsError, match="--region"):
        compare_zones(None, (answered, file), settings.home, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [[], ["--region", "r"], ["--request", "r.toml"]])
def test_the_command_says_what_it_needs(words):
    done = CliRunner().invoke(app, ["zones", *words])
    assert done.exit_code == 2
    assert "--compare" in done.output


def test_an_answer_set_aside_by_a_killed_run_comes_back(tmp_path):
    folder, aside = tmp_path / "zones", tmp_path / ".zones.old"
    aside.mkdir()
    (aside / "zones.json").write_text("the earlier answer", encoding="utf-8")

    def fails(_folder):
        raise ValueError("no new answer")

    with pytest.raises(ValueError, match="no new answer"):
        put_in_place(folder, fails, {})

    assert (folder / "zones.json").read_text(encoding="utf-8") == "the earlier answer"
    assert not aside.exists()


def test_bars_of_what_is_piped_go_to_the_other_stream(capsys):
    with piping(True):
        console.print("a bar")
    console.print("a table")

    shown = capsys.readouterr()
    assert (shown.out.strip(), shown.err.strip()) == ("a table", "a bar")
