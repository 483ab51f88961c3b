import pytest

from config.environment import CHECKOUT
from models.feature_table import NAMED_FEATURES, known_units
from pipelines.feature_docs import features_markdown


@pytest.mark.parametrize("feature", NAMED_FEATURES, ids=lambda one: one.name)
def test_every_feature_says_what_it_is(feature):
    assert feature.title
    assert feature.title_zh
    assert feature.unit
    assert feature.valid_range[0] < feature.valid_range[1]


def test_no_name_means_two_things():
    names = [one.name for one in NAMED_FEATURES]
    assert len(names) == len(set(names))


def test_units_of_names_that_are_ours():
    assert known_units(["chm_p95", "ndvi", "slope"]) == {"chm_p95": "m", "ndvi": "1"}


def test_the_table_in_docs_is_this_one():
    """``make docs`` writes it again."""
    text = (CHECKOUT / "docs" / "features.md").read_text(encoding="utf-8")
    assert text == features_markdown()
