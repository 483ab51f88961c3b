import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.simulated import flora
from config.siting_tables import carbon_content, growth_curves, niches, site_classes
from geo.errors import SettingsError
from models.carbon import RatioClass
from models.planting import (
    CarbonContent,
    GrowthCurve,
    Known,
    Niche,
    Potential,
    at_horizons,
    best_group,
    carbon_potential,
    site_class,
)

EXACT = GrowthCurve("x", Known(200, 0), Known(0.05, 0), Known(2, 0), Known(1, 0))
CURVE = GrowthCurve(
    "x", Known(200, 40), Known(0.05, 0.01), Known(2, 0.3), Known(0.8, 0.1)
)
CONTENT = CarbonContent((RatioClass(0, np.inf, 0.25),), 0.0, 0.5, 0.0)
ONE = np.ones(1)


def test_twenty_years_by_hand():
    """200 (1 - 1/e)^2 t/ha; x 1.25 x 0.5 x 44/12 t CO2/ha."""
    agbd = 200 * (1 - np.exp(-1)) ** 2
    assert EXACT.agbd_t_ha(20.0) == pytest.approx(agbd)
    found = carbon_potential(EXACT, ONE, CONTENT, age_yr=20, site_relative_se=0.1)
    assert found.co2_t_ha[0] == pytest.approx(agbd * 1.25 * 0.5 * 44 / 12)
    assert found.se_t_ha[0] == pytest.approx(found.co2_t_ha[0] * 0.1)


def test_the_error_of_the_curve_is_that_of_drawing_its_parameters():
    generator = np.random.default_rng(8)
    small = GrowthCurve(
        "x", Known(200, 6), Known(0.05, 0.001), Known(2, 0.04), Known(0.8, 0.01)
    )
    count = 40_000
    limit, rate, power, stock = (
        generator.normal(one.value, one.se, count)
        for one in (small.limit_t_ha, small.rate_yr, small.power, small.stocking)
    )
    for age in (5.0, 20.0, 60.0):
        drawn = stock * limit * (1 - np.exp(-rate * age)) ** power
        relative = drawn.std() / drawn.mean()
        assert small.relative_se(age) == pytest.approx(relative, rel=0.03)


def test_nothing_stands_before_planting():
    assert CURVE.agbd_t_ha(-5.0) == 0
    found = carbon_potential(CURVE, ONE, CONTENT, age_yr=0, site_relative_se=0.2)
    assert (found.co2_t_ha[0], found.se_t_ha[0]) == (0, 0)
    assert [float(limit[0]) for limit in found.limits_90()] == [0, 0]


@given(st.floats(0.5, 80), st.floats(0.3, 2))
def test_older_and_better_places_hold_more(age, site):
    less = carbon_potential(
        CURVE, ONE * site, CONTENT, age_yr=age, site_relative_se=0.2
    )
    for more in (
        carbon_potential(
            CURVE, ONE * site, CONTENT, age_yr=age + 1, site_relative_se=0.2
        ),
        carbon_potential(
            CURVE, ONE * site * 1.1, CONTENT, age_yr=age, site_relative_se=0.2
        ),
    ):
        assert more.co2_t_ha[0] > less.co2_t_ha[0]
    low, high = less.limits_90()
    assert 0 < low[0] < less.co2_t_ha[0] < high[0]


def test_limits_hold_ninety_per_cent_of_a_lognormal():
    potential = Potential(np.array([100.0]), np.array([50.0]))
    variance = np.log(1.25)
    draws = np.random.default_rng(0).lognormal(
        np.log(100) - variance / 2, np.sqrt(variance), 200_000
    )
    low, high = potential.limits_90()
    assert np.mean(draws < low[0]) == pytest.approx(0.05, abs=0.003)
    assert np.mean(draws > high[0]) == pytest.approx(0.05, abs=0.003)
    assert draws.mean() == pytest.approx(100, rel=0.01)


def test_unknown_sites_stay_unknown():
    site = np.array([1.0, np.nan])
    found = carbon_potential(CURVE, site, CONTENT, age_yr=9, site_relative_se=0.2)
    assert np.isnan(found.co2_t_ha).tolist() == [False, True]


def test_horizons_follow_planting():
    found = at_horizons(
        CURVE, ONE, CONTENT, planted=2026, horizons=(2030, 2040), site_relative_se=0.2
    )
    again = carbon_potential(CURVE, ONE, CONTENT, age_yr=14, site_relative_se=0.2)
    assert found[2040].co2_t_ha == again.co2_t_ha
    with pytest.raises(SettingsError, match="2024 lies before"):
        at_horizons(
            CURVE, ONE, CONTENT, planted=2026, horizons=(2024,), site_relative_se=0.2
        )


def test_site_by_slope_class():
    found = site_class(np.array([0, 5.9, 6, 40, np.nan]), site_classes())
    assert found.tolist() == [0, 0, 1, 4, -1]
    assert [multiple for *_, multiple in site_classes()] == [1.05, 1, 0.95, 0.8, 0.6]
    with pytest.raises(ValueError, match="join"):
        site_class(np.zeros(1), [(0, 6, 1.0), (7, np.inf, 1.0)])


def test_the_best_group_is_one_that_grows_there():
    curves = {
        "tall": CURVE,
        "tiny": GrowthCurve("tiny", Known(9, 1), *(Known(1, 0),) * 3),
    }
    places = {"tall": Niche(0, 800, 600), "tiny": Niche(0, 3000, 0)}
    heights = np.array([100.0, 100, 2000, 4000, np.nan])
    rain = np.array([900.0, 300, 900, 900, 900])
    found = best_group(heights, rain, curves, places, age_yr=20)
    assert found.tolist() == [0, 1, 1, -1, -1]
    assert best_group(heights, None, curves, places, age_yr=20)[1] == 0


def test_every_group_of_the_table_grows_as_forests_do():
    """Between shrubs and the most that plantations of the subtropics reach."""
    curves, places = growth_curves(), niches()
    assert set(curves) == set(places)
    for curve in curves.values():
        assert 5 < curve.agbd_t_ha(30.0) < 250
        yearly = np.diff(curve.agbd_t_ha(np.arange(0, 60.0)))
        assert yearly.max() <= 12  # limits.csv, max_growth
        assert 0.2 < curve.relative_se(20.0) < 0.6


def test_carbon_content_of_a_zone():
    content = carbon_content("asia_subtropical_humid")
    assert content.co2_t_ha(np.array([100.0]))[0] == pytest.approx(
        100 * 1.23 * 0.47 * 44 / 12
    )
    assert content.root_relative_se == pytest.approx(0.26 * 0.246 / 1.246)


def test_a_curve_that_is_none():
    with pytest.raises(SettingsError, match="growth curve of x"):
        GrowthCurve("x", Known(-1, 0), Known(1, 0), Known(1, 0), Known(1, 0))


TWIN = {
    "chinese_fir": "chinese_fir",
    "masson_pine": "masson_pine",
    "sawtooth_oak": "deciduous_oak",
    "blue_oak": "evergreen_broadleaf",
    "black_poplar": "poplar",
    "moso_bamboo": "moso_bamboo",
    "mixed_broadleaf": "mixed_broadleaf",
}


@pytest.mark.parametrize("age", [6.0, 16.0, 36.0])
def test_limits_hold_what_stands_of_the_twin_reach(age):
    """The twin's curves were drawn up apart from these; stocking and site are usual."""
    by_key = {species.key: species for species in flora().species}
    for key, group in TWIN.items():
        truth, curve = by_key[key], growth_curves()[group]
        grown = (1 - np.exp(-truth.growth_per_yr * age)) ** truth.growth_power
        mean = float(curve.agbd_t_ha(age))
        relative = np.hypot(curve.relative_se(age), 0.25)
        low, high = Potential(np.array([mean]), np.array([mean * relative])).limits_90()
        assert low[0] < 0.85 * truth.agbd_max_t_ha * grown < high[0], key
