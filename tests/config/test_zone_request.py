"""Requests of planners: what is refused, and with which sentence."""

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
