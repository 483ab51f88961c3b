"""Species groups by unit, on sites that can be done on paper."""

import numpy as np
import pytest

from models.carbon import RatioClass
from models.planting import CarbonContent, GrowthCurve, Known, Niche
from models.siting.species import NONE, Grower, Sites, best_groups, grown

CONTENT = CarbonContent((RatioClass(0, np.inf, 0.25),), 0.0, 0.5, 0.0)
CO2 = 1.25 * 0.5 * 44 / 12


def curve(name, limit, rate):
    exact = (Known(limit, 0), Known(rate, 0), Known(1, 0), Known(1, 0))
    return GrowthCurve(name, *exact)


GROWER = Grower(
    {"slow": curve("slow", 200, 0.02), "quick": curve("quick", 100, 0.2)},
    {"slow": Niche(0, 1500, 500), "quick": Niche(0, 300, 500, 15)},
    CONTENT,
    0.1,
)


def sites(height, rain, slope):
    share = np.tile([0.5, 0.5], (len(height), 1))
    return Sites(
        share,
        np.array([1.0, 0.8]),
        *(np.array(v, float) for v in (height, rain, slope)),
    )


def test_the_quickest_that_the_site_allows():
    """Low and level; too high; too steep; too dry for all; height not known."""
    where = sites(
        [100, 800, 100, 100, np.nan], [900, 900, 900, 300, 900], [5, 5, 20, 5, 5]
    )
    found = best_groups(GROWER, where, age_yr=10)
    assert found.tolist() == [1, 0, 0, NONE, NONE]


def test_a_longer_horizon_chooses_the_larger_tree():
    where = sites([100], [900], [5])
    assert best_groups(GROWER, where, age_yr=100).tolist() == [0]


def test_uptake_by_hand_of_the_group_site_and_year_of_each():
    where = sites([100, 800, 100], [900, 900, 300], [5, 5, 5])
    group = np.array([1, 0, NONE], np.int16)
    planted = np.array([2026, 2028, 2026])
    found = grown(GROWER, where, group, planted=planted, horizons=(2027, 2036))
    quick = 100 * (1 - np.exp(-0.2 * 10)) * 0.9 * CO2
    slow = 200 * (1 - np.exp(-0.02 * 8)) * 0.9 * CO2
    assert found[2036].co2_t_ha[:2] == pytest.approx([quick, slow])
    assert found[2036].se_t_ha[:2] == pytest.approx([quick * 0.1, slow * 0.1])
    assert found[2027].co2_t_ha[1] == 0
    assert np.isnan(found[2036].co2_t_ha[2])


def test_without_layers_everything_is_average_and_fits():
    where = Sites.average(3)
    assert best_groups(GROWER, where, age_yr=10).tolist() == [1, 1, 1]
    held = GROWER.at("quick", where, age_yr=10).co2_t_ha
    assert held == pytest.approx(np.full(3, 100 * (1 - np.exp(-2)) * CO2))
