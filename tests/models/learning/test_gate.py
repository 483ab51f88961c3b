import copy

import pytest

from models.learning.gate import RegionFacts, gate, is_promoted

GOOD = {
    "training": {"n": 120, "observed_mean": 150.0},
    "blocks": {"blocks": 30},
    "scores": {
        "blocked": {"rmse": 40.0, "bias": 2.0},
        "plain_mean_blocked": {"rmse": 80.0},
        "plain_ridge_blocked": {"rmse": 42.0},
    },
    "intervals": {
        "coverage_90": 0.91,
        "coverage_90_by_third": [0.9, 0.875, 0.925],
        "plots_by_third": [40, 40, 40],
    },
    "influence": {"driving_plots": []},
    "age_of_plots": {"median_years": 1.2},
}
REGION = RegionFacts(domain_share=0.97)


def test_a_good_card_is_promoted_with_a_sentence_for_each_check():
    checks = gate(GOOD, REGION)
    assert is_promoted(checks)
    assert {check.name for check in checks} == {
        *("plots", "blocks", "against_mean", "against_ridge", "bias", "coverage"),
        *("coverage_by_third", "influence", "domain", "age_of_plots"),
    }
    for check in checks:
        record = check.record()
        assert record["sentence"].endswith(".")
        assert record["sentence_zh"].endswith("。")
        assert record["limit"]
        assert record["value"] is not None


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        (("training", "n"), 20, "plots"),
        (("blocks", "blocks"), 9, "blocks"),
        (("scores", "blocked", "rmse"), 79.0, "against_mean"),
        (("scores", "plain_ridge_blocked", "rmse"), 39.0, "against_ridge"),
        (("scores", "blocked", "bias"), -12.0, "bias"),
        (("intervals", "coverage_90"), 0.84, "coverage"),
        (("intervals", "coverage_90_by_third"), [0.9, 0.75, 0.9], "coverage_by_third"),
        (("influence", "driving_plots"), ["7"], "influence"),
        (("age_of_plots", "median_years"), 5.0, "age_of_plots"),
    ],
)
def test_each_check_can_fail_alone(path, value, name):
    card = copy.deepcopy(GOOD)
    place = card
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    failed = {check.name for check in gate(card, REGION) if not check.passed}
    assert name in failed
    assert failed <= {name, "against_ridge"}


def test_what_is_not_known_has_not_passed():
    failed = {c.name for c in gate({}, RegionFacts(None)) if not c.passed}
    assert failed == {check.name for check in gate(GOOD, REGION)}
    assert {c.name for c in gate(GOOD, RegionFacts(0.9)) if not c.passed} == {"domain"}
    undated = GOOD | {"age_of_plots": None}
    assert {c.name for c in gate(undated, REGION) if not c.passed} == {"age_of_plots"}
