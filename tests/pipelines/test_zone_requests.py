"""Requests of every kind on a simulated region with a published night."""

import json
import sys

import geopandas as gpd
import numpy as np
import pytest

from config.environment import CHECKOUT
from config.siting_tables import niches
from config.zone_request import read_request
from geo.errors import InfeasibleError, SettingsError
from pipelines import zones
from pipelines.zone_ground import blocks
from pipelines.zone_units import candidates
from pipelines.zones import answer, make_zones
from tests.small_region import tree

sys.path.insert(0, str(CHECKOUT / "benchmarks"))
from planned import planned_region

USUAL = "max_area_ha = 60\nboundary_penalty = 0.1\ndraws = 2\n"
YEARS = "at_least_ha_per_year = 5\nplan_end = 2030\n"
TOWNS = 'township_field = "town_zh"\n'


@pytest.fixture(scope="module", autouse=True)
def no_other_budgets():
    """Leave out the table of other budgets: it solves every request 25 times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zones, "what_if", lambda *_: ())
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return planned_region(tmp_path_factory.mktemp("planned"), side=320, parcels=12)


@pytest.fixture(scope="module")
def ask(settings):
    known = {}

    def asked(text):
        if text not in known:
            known[text] = answer(settings, read_request(text, file="request.toml"))
        return known[text]

    return asked


def chosen(found):
    return found.units[found.units["zone_rank"] > 0]


def test_best_group_takes_up_no_less_than_any_other(settings):
    best = candidates(settings, read_request(USUAL + BEST, file="r"))
    eligible = best.table["is_eligible"].to_numpy()
    most = best.table["carbon_potential"].to_numpy()
    height = best.sites.height_m
    for group in ("mixed_broadleaf", "poplar", "shrub"):
        text = f'{USUAL}species_group = "{group}"'
        one = candidates(settings, read_request(text, file="r"))
        held = one.table["carbon_potential"].to_numpy()
        both = eligible & one.table["is_eligible"].to_numpy()
        assert (most[both] >= held[both] - 1e-9).all()
    names = np.array(best.grower.groups)[best.group[eligible]]
    where = niches()
    for name, metres in zip(names, height[eligible], strict=True):
        assert where[name].low_m <= metres <= where[name].high_m


BEST = 'species_group = "best"\n'


def test_zones_name_their_groups(ask):
    found = ask(USUAL + BEST)
    assert all(zone.species_group for zone in found.record.zones)
    used = {row.name for row in found.record.coefficients}
    for zone in found.record.zones:
        for group in zone.species_group.split(", "):
            assert f"growth_limit ({group})" in used


def test_a_group_that_no_place_suits_is_explained(settings):
    """Larch stands from 300 m up; the lowlands lose, with the reason kept."""
    low = candidates(
        settings, read_request(USUAL + 'species_group = "larch"', file="r")
    )
    table, height = low.table, low.sites.height_m
    out = (table["reason"] == "no_species").to_numpy()
    assert out.any()
    assert (height[out] < 300).all()
    assert not table.loc[out, "is_eligible"].any()
    assert low.titles["no_species"][1]


def test_blocks_are_chosen_by_exact_coverage_and_name_their_parcels(ask, settings):
    found = ask(USUAL + 'units = "blocks"\nblock_m = 120\n')
    assert found.record.area_ha <= 60
    units = chosen(found)
    assert (units["eligible_ha"] <= 1.44 + 1e-9).all()
    assert units["eligible_ha"].sum() == pytest.approx(found.record.area_ha, abs=1e-2)
    parcels = gpd.read_file(settings.data_root / "parcels.gpkg").set_index("parcel_id")
    for zone, row in zip(found.record.zones, found.zones.itertuples(), strict=True):
        touched = parcels.geometry.intersection(row.geometry).area
        if len(touched):
            assert set(zone.parcels) >= set(touched[touched > 2].index)
    assert "P0" in found.record.zones[0].parcels[0]


def test_blocks_and_parcels_count_the_same_land(settings):
    both = [
        candidates(settings, read_request(USUAL + f'units = "{kind}"', file="r")).table
        for kind in ("parcels", "blocks")
    ]
    parcels, squares = (float(table["eligible_ha"].sum()) for table in both)
    assert parcels == pytest.approx(squares, rel=2e-3)  # outlines stop short
    means = []
    for table in both:
        land = table[table["is_eligible"]]
        means.append(np.average(land["emission_exposure"], weights=land["eligible_ha"]))
    assert means[0] == pytest.approx(means[1], rel=0.02)


def test_blocks_of_a_grid_by_hand(settings):
    """3 x 3 cells: 107 a side, the last 2 wide; of 256 m (not whole cells): refused."""
    grid = settings.region.grid.grid()
    made = blocks(grid, block_m=30)
    assert len(made) == 107**2
    assert made["parcel_id"].iloc[[0, 108]].tolist() == ["r0000c0000", "r0001c0001"]
    assert made.geometry.area.sum() == pytest.approx(grid.width**2 * 100)
    last = blocks(grid, block_m=1000).geometry.iloc[-1]
    assert last.area == pytest.approx(200 * 200)
    with pytest.raises(SettingsError, match="no multiple") as error:
        blocks(grid, block_m=256)
    assert "260" in error.value.cure


def test_every_year_has_its_area_and_later_planting_takes_up_less(ask):
    found, at_once = ask(USUAL + YEARS), ask(USUAL)
    units = chosen(found)
    by_year = units.groupby("planting_year")["eligible_ha"].sum()
    assert by_year.index.tolist() == list(range(2024, 2031))
    assert (by_year >= 5 - 1e-3).all()
    assert sum(found.record.planted_ha.values()) == pytest.approx(found.record.area_ha)
    for early, late in zip(at_once.record.uptake, found.record.uptake, strict=True):
        assert late.total_tco2 < early.total_tco2


def test_below_the_national_check_is_a_note_and_no_refusal(ask):
    (note,) = [one for one in ask(USUAL).record.notes_zh if "核对值" in one]
    assert "50,000 亩" in note


def test_townships_keep_their_shares(ask, settings):
    text = USUAL + TOWNS + '[townships."*"]\nmax_share = 0.4\n[townships."甲镇"]\n'
    found = ask(text + "min_share = 0.3\n")
    towns = gpd.read_file(settings.data_root / "parcels.gpkg")[["parcel_id", "town_zh"]]
    units = chosen(found).merge(towns, on="parcel_id")
    share = units.groupby("town_zh")["eligible_ha"].sum() / units["eligible_ha"].sum()
    assert (share.drop("甲镇") <= 0.4 + 1e-4).all()
    assert share["甲镇"] >= 0.3 - 1e-4
    assert found.record.certificate.gap_pct < 1


def test_the_same_request_writes_the_same_bytes(settings, tmp_path):
    text = USUAL + YEARS + BEST + 'units = "blocks"\nblock_m = 200\n'
    asked = read_request(text, file="r")
    one = make_zones(settings, asked, text, tmp_path / "one")
    two = make_zones(settings, asked, text, tmp_path / "two")
    assert tree(one) == tree(two)
    assert json.loads((one / "zones.json").read_text("utf-8"))["planted_ha"]


IMPOSSIBLE = [
    ("at_least_ha_per_year = 50\nplan_end = 2030\n", "at_least_ha_per_year", "缺"),
    ("budget_cny = 1000\nmin_area_ha = 3\n", "budget_cny", "超出预算"),
    ("min_zone_ha = 5000\nmin_area_ha = 10\n", "min_area_ha", "缺"),
    (TOWNS + '[townships."*"]\nmax_share = 0.01\n', "townships", "最高占比"),
    (TOWNS + '[townships."乙镇"]\nmin_ha = 9999\nmax_ha = 9e9', "乙镇", "缺"),
]


@pytest.mark.parametrize(("more", "field", "chinese"), IMPOSSIBLE)
def test_z07_what_is_impossible_says_which_limit_and_by_how_much(
    ask, more, field, chinese
):
    with pytest.raises(InfeasibleError) as error:
        ask(USUAL + more)
    assert field in error.value.where["field"]
    assert chinese in error.value.zh
    assert any(digit.isdigit() for digit in error.value.what)
    assert error.value.cure


WRONG = [
    ("max_area_ha = 9e6\n", "max_area_ha", "全部可造林地"),
    ("budget_cny = 9e12\n", "budget_cny", "全部可造林地"),
    (USUAL + "night = 1999-01-01\n", "night", "没有已发布"),
    (USUAL + "planted = 2059\nplan_end = 2058\n", "request", "末次造林年"),
    (USUAL + "plan_end = 2020\n", "plan_end", "早于"),
    (USUAL + "horizon = 2023\n", "horizon", "不晚于"),
    (USUAL + 'locked_in = ["P9"]\n', "locked_in", "不存在"),
    (USUAL + 'units = "blocks"\nlocked_out = ["r1"]\n', "locked_out", "不存在"),
    (USUAL + 'units = "blocks"\nblock_m = 15\n', "block_m", "整数倍"),
    (USUAL + TOWNS + '[townships."戊镇"]\nmax_share = 0.4\n', "groups", "戊镇"),
    (USUAL + 'township_field = "town"\n', "town", "town_zh"),
]


@pytest.mark.parametrize(("text", "field", "chinese"), WRONG)
def test_z06_z08_z09_z11_z12_what_does_not_fit_the_region_leaves_nothing(
    settings, tmp_path, text, field, chinese
):
    with pytest.raises(Exception, match=r".") as error:
        make_zones(settings, read_request(text, file="r"), text, tmp_path / "out")
    assert field in error.value.where["field"]
    assert chinese in error.value.zh
    assert not list(tmp_path.iterdir())


def test_z09_an_excluded_block_cannot_be_locked_in(settings):
    text = USUAL + 'units = "blocks"\nblock_m = 200\n'
    table = candidates(settings, read_request(text, file="r")).table
    name = table.loc[table["reason"] == "forest_already", "unit_id"].iloc[0]
    with pytest.raises(SettingsError, match="Forest already"):
        answer(settings, read_request(f'{text}locked_in = ["{name}"]', file="r"))


def test_blocks_of_a_parcel_can_be_locked_out(ask):
    text = USUAL + 'units = "blocks"\nblock_m = 120\n'
    first = ask(text).record.zones[0].parcels[0]
    units = ask(f'{text}locked_out = ["{first}"]').units
    out = units[units["reason"] == "locked_out"]
    assert len(out)
    assert (out["zone_rank"] == 0).all()
