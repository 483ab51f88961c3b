"""The planner's door on one night of a small region."""

import json
from datetime import date

import geopandas as gpd
import pytest

from config.zone_request import read_request
from geo.errors import InfeasibleError, SettingsError, StoreError
from pipelines.recipe import run_night
from pipelines.zones import make_zones
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
