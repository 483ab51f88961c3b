"""Requests of planners: what is refused, and with which sentence."""

import re

import pytest

from config.zone_request import read_request
from geo.errors import SettingsError

GOOD = "max_area_ha = 4\n"


@pytest.mark.parametrize(
    ("text", "said", "chinese"),
    [
        ("", "budget_cny or max_area_ha is needed", "预算"),
        ("budget_cny = 0", "greater than 0", "须大于 0"),
        ("max_area_ha = inf", "finite", "有限数"),
        (GOOD + "budgget = 3", "not permitted", "拼写"),
        (GOOD + "horizon = 1990", "2001", "不得小于 2001"),
        (GOOD + "planted = 2061", "before horizon", "早于"),
        (GOOD + 'species_group = "firr"', "no species group", "chinese_fir"),
        (GOOD + "max_area_ha = 5", "not TOML", "TOML"),
        (GOOD + "[weights]\ncarbon_potential = 0.5", "add up to 0.5", "0.5"),
        (GOOD + "[weights]\nluck = 1.0", "no criterion luck", "luck"),
        (
            GOOD
            + '[judgements]\n"access / cost" = 9\n"cost / idle_land" = 9\n'
            + '"access / idle_land" = 1',
            "contradict",
            "CR",
        ),
    ],
)
def test_a_bad_request_is_a_sentence_in_two_languages(text, said, chinese):
    with pytest.raises(SettingsError) as caught:
        read_request(text, file="request.toml")
    assert said in str(caught.value)
    assert chinese in caught.value.zh
    assert caught.value.cure


def test_judgements_that_agree_give_their_weights():
    request = read_request(
        GOOD + '[judgements]\n"emission_exposure / idle_land" = 3\n', file="r.toml"
    )
    weights, ratio = request.weighed()
    assert weights["emission_exposure"] == pytest.approx(0.75)
    assert ratio == 0


FAULTS = [
    "budgget_cny = 3",
    "max_area_mu = 60",
    'max_area_ha = "60 ha"',
    "max_area_ha = true\nhorizon = 2050.5",
    'horizon = "soon"',
    "title_zh = 3",
    f'title_zh = "{"长" * 61}"',
    'township_field = ""',
    'units = "hexagons"',
    'locked_in = "P-17"',
    "locked_in = [3]",
    "weights = 3",
    '[weights]\naccess = "much"',
    'night = "yesterday"',
    "night = 2023-10-05T10:00:00",
    "draws = 0",
    "draws = 5000",
    "boundary_penalty = -1",
    "min_zone_ha = nan",
    'townships = { "甲镇" = 3 }',
    'township_field = "t"\n[townships."甲镇"]\nmax_share = 30',
    'township_field = "t"\n[townships."甲镇"]\nmin_share = 0.5\nmax_share = 0.3',
    'township_field = "t"\n[townships."甲镇"]\nmin_ha = 5\nmax_ha = 3',
    '[townships."甲镇"]\nmax_share = 0.3',
    "at_least_ha_per_year = 5",
    "plan_end = 2070",
    "planted = 2030\nplan_end = 2029",
    'locked_in = ["a"]\nlocked_out = ["a"]',
    'township_field = "t"\n[townships]\n'
    + "'甲' = { min_share = 0.6 }\n'乙' = { min_share = 0.6 }",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_z10_every_fault_is_told_in_chinese_too(fault):
    """What pydantic says in English alone does not reach the reader."""
    top = "" if "max_area_ha" in fault else GOOD
    with pytest.raises(SettingsError) as caught:
        read_request(top + fault, file="request.toml")
    said = caught.value.zh
    assert re.search(r"[\u4e00-\u9fff]", said)
    assert "Input" not in said
    assert "valid" not in said
    assert not re.search(r"\b(should|must|needs?|is|are)\b", said)
    assert caught.value.cure


def test_z10_the_field_that_was_meant_is_named():
    with pytest.raises(SettingsError, match="did you mean budget_cny") as caught:
        read_request(GOOD + "budgget_cny = 3", file="request.toml")
    assert "是否应为 budget_cny" in caught.value.zh
    with pytest.raises(SettingsError, match="15 mu each") as caught:
        read_request(GOOD + "min_area_mu = 30", file="request.toml")
    assert "15 亩" in caught.value.zh


def test_z10_a_chinese_name_without_quotes():
    with pytest.raises(SettingsError, match="need quotes") as caught:
        read_request(GOOD + "[townships]\n甲 = 3", file="request.toml")
    assert "须加引号" in caught.value.zh


def test_z10_all_faults_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        read_request("max_area_ha = 0\nhorizon = 1\ndraws = 0", file="request.toml")
    for field in ("max_area_ha", "horizon", "draws"):
        assert field in caught.value.what
        assert field in caught.value.zh
