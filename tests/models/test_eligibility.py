import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from config.siting_tables import eligibility_rules, land_layers
from geo.errors import GridMismatchError, SettingsError
from geo.grid import Grid
from geo.overlay import coverage_weights
from models.eligibility import Rule, most_binding, screen, unit_eligibility, with_rule

RULES = eligibility_rules()
BY_NAME = {(rule.kind, rule.name): rule for rule in RULES}
NAN = np.nan


def layer(*values):
    return np.array([values], np.float32)


def code_of(name):
    return BY_NAME["hard", name].code


def test_every_rule_says_where_it_comes_from_and_reads_a_known_layer():
    for rule in RULES:
        assert len(rule.source) > 10
        assert rule.status in {"confirmed", "derived", "unverified", "proposal"}
        assert rule.layer in {*land_layers(), ""}
        assert rule.title_zh
        if rule.layer:
            assert rule.unit == land_layers()[rule.layer].unit


def test_five_cells_by_hand():
    """Farmland and forest; forest; steep; 5 degrees; unknown cover."""
    found = screen(
        {
            "permanent_farmland": layer(0.01, 0, 0, 0, 0),
            "tree_cover": layer(20, 20, 0, 19.9, NAN),
            "slope": layer(0, 0, 35.1, 5, 0),
        },
        RULES,
    )
    names = ("permanent_farmland", "forest_already", "too_steep", "", "not_observed")
    assert found.code.tolist() == [[code_of(n) if n else 0 for n in names]]
    both = BY_NAME["hard", "permanent_farmland"].bit
    both |= BY_NAME["hard", "forest_already"].bit
    assert found.excluded_by[0, 0] == both
    soil = BY_NAME["soft", "soil_measures"].bit
    assert (found.flags[0] & soil > 0).tolist() == [False, False, True, True, False]
    assert found.eligible.tolist() == [[False, False, False, True, False]]
    assert "wetland" in found.unchecked
    assert "too_steep" not in found.unchecked


def test_dry_land_is_for_shrubs_and_exempt():
    found = screen({"rain": layer(400, 400.1)}, RULES)
    for name in ("shrub_first", "additionality_exempt_rain"):
        fires = found.flags & BY_NAME["soft", name].bit
        assert (fires > 0).tolist() == [[True, False]]
    assert found.eligible.all()


def test_missing_soft_layers_exclude_nothing():
    assert screen({"rain": layer(NAN)}, RULES).eligible.all()


def test_the_lowest_bit_binds():
    bits = np.array([0, 1, 6, 1 << 30, (1 << 30) | (1 << 9)], np.uint32)
    assert most_binding(bits).tolist() == [0, 1, 2, 31, 10]


values = hnp.arrays(
    np.float32, (3, 4), elements=st.one_of(st.floats(0, 1, width=32), st.just(NAN))
)


@given(
    values, values, hnp.arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32))
)
def test_more_exclusion_never_frees_a_cell(wetland, redline, more):
    less = screen({"wetland": wetland, "ecological_redline": redline}, RULES)
    wider = np.where(np.isnan(wetland), NAN, np.maximum(wetland, more))
    again = screen({"wetland": wider, "ecological_redline": redline}, RULES)
    third = screen(
        {"wetland": wetland, "ecological_redline": redline, "water": more}, RULES
    )
    assert not (again.eligible & ~less.eligible).any()
    assert not (third.eligible & ~less.eligible).any()
    assert ((third.code > 0) == (third.excluded_by > 0)).all()
    hard = {rule.code for rule in RULES if rule.kind == "hard"} | {0}
    assert set(np.unique(third.code)) <= hard


def test_units_by_hand():
    """10 m cells: wetland on the left half. Units: half of it, free, tiny, outside."""
    grid = Grid("EPSG:4548", 0, 100, 10, 10, 10)
    wetland = np.zeros(grid.shape, np.float32)
    wetland[:, :5] = 1
    found = screen({"wetland": wetland, "slope": np.full(grid.shape, 9.0)}, RULES)
    units = gpd.GeoDataFrame(
        {"parcel_id": ["half", "free", "tiny", "wet", "off"]},
        geometry=[
            shapely.box(30, 0, 70, 20),
            shapely.box(60, 0, 100, 50),
            shapely.box(60, 60, 75, 75),
            shapely.box(0, 0, 50, 100),
            shapely.box(80, 80, 120, 100),
        ],
        crs=grid.crs,
    )
    table = unit_eligibility(coverage_weights(units, grid), found, RULES)
    rows = table.set_index("unit_id")
    assert rows["eligible_ha"].to_dict() == pytest.approx(
        {"half": 0.04, "free": 0.2, "tiny": 0.0225, "wet": 0, "off": 0.04}
    )
    assert rows["excluded_share"].to_dict() == pytest.approx(
        {"half": 0.5, "free": 0, "tiny": 0, "wet": 1, "off": 0.5}
    )
    assert rows["share_wetland"]["half"] == pytest.approx(0.5)
    assert rows["share_soil_measures"]["free"] == 1
    assert "share_water" not in rows  # it was not checked, which is not zero
    reasons = {"half": "", "free": "", "tiny": "too_small", "wet": "wetland", "off": ""}
    assert rows["reason"].to_dict() == reasons


def test_a_rule_can_be_added_to_what_was_found():
    found = screen({"wetland": layer(0, 0, 1)}, RULES)
    small = BY_NAME["hard", "too_small"]
    more = with_rule(found, small, np.array([[True, False, True]]))
    assert more.code.tolist() == [[small.code, 0, code_of("wetland")]]


def test_layers_of_two_shapes_and_none():
    with pytest.raises(GridMismatchError, match="slope"):
        screen({"slope": np.zeros((2, 2)), "rain": np.zeros((2, 3))}, RULES)
    with pytest.raises(SettingsError, match="no layer"):
        screen({}, RULES)


def test_regions_change_rules_by_name():
    changed = eligibility_rules(values={"too_steep": 25.0}, off=["farmland"])
    steep = next(rule for rule in changed if rule.name == "too_steep")
    assert (steep.value, steep.source) == (25.0, "region file")
    assert "farmland" not in {rule.name for rule in changed}
    with pytest.raises(SettingsError, match="toosteep"):
        eligibility_rules(values={"toosteep": 1.0})
    own = Rule(
        "burial", 12, "hard", "burial", "above", 0, "1", "t", "墓地", "x", "proposal"
    )
    assert own in eligibility_rules(own=[own])
    with pytest.raises(SettingsError, match="burial"):
        eligibility_rules(own=[own, own])


@pytest.mark.parametrize("wrong", [{"kind": "maybe"}, {"test": "near"}, {"code": 32}])
def test_a_rule_that_is_none(wrong):
    told = {
        "name": "x",
        "code": 1,
        "kind": "hard",
        "layer": "x",
        "test": "above",
        "value": 0.0,
        "unit": "1",
        "title": "x",
        "title_zh": "x",
        "source": "x",
        "status": "proposal",
    }
    with pytest.raises(SettingsError, match="Rule x"):
        Rule(**(told | wrong))
