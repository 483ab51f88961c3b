"""Expected uptake of planting, against how the county's stands truly grow.

The county plants its idle land itself, but only in its last years; what such a stand
comes to later is known from the law that the county grows by. Expected uptake knows
neither site nor stocking nor the species' own curve, only the group.
"""

from dataclasses import replace

import numpy as np
import pytest

from config.coefficients import find
from config.simulated import flora
from config.siting_tables import carbon_content, growth_curves
from models.planting import Potential
from models.siting.expected import uptake_of
from models.siting.species import Grower, Sites
from models.twin.county import GRASS, County
from models.twin.growth import state_at
from models.twin.stands import NEVER, make_stands

GROUPS = {
    "chinese_fir": "chinese_fir",
    "masson_pine": "masson_pine",
    "sawtooth_oak": "deciduous_oak",
    "blue_oak": "evergreen_broadleaf",
    "huangshan_pine": "chinese_pine",
    "black_poplar": "poplar",
    "moso_bamboo": "moso_bamboo",
    "mixed_broadleaf": "mixed_broadleaf",
}
"""Species of the county and the group that a planner takes for it."""
PLANTED, HORIZONS = 2024, (2030, 2040, 2060)


@pytest.fixture(scope="module", params=[20210312, 7])
def planted(request):
    """The idle stands of a county, all planted at once: truth and expectation."""
    plants = flora()
    stands = make_stands(County(1024, 3, request.param, 6), plants)
    stands = stands.only(np.flatnonzero(stands.land == GRASS))
    never = np.full(len(stands), NEVER)
    stands = replace(
        stands, cut=never, thinned=never, planted=np.full(len(stands), float(PLANTED))
    )
    content = carbon_content("asia_subtropical_humid")
    grower = Grower(growth_curves(), {}, content, find("site_se").value)
    keys = {one.code: one.key for one in plants.species}
    names = np.array([keys[code] for code in stands.species])
    truth, expected = {}, {}
    for year in HORIZONS:
        state = state_at(stands, plants, float(year))
        truth[year] = content.co2_t_ha(state.agbd_t_ha)
        amount, error = np.zeros((2, len(stands)))
        for species, group in GROUPS.items():
            here = names == species
            found = grower.at(group, Sites.average(1), age_yr=year - PLANTED)
            amount[here], error[here] = found.co2_t_ha[0], found.se_t_ha[0]
        expected[year] = Potential(amount, error)
    return truth, expected, names


@pytest.mark.parametrize("year", HORIZONS)
def test_nine_stands_of_ten_grow_within_the_limits(planted, year):
    truth, expected, _ = planted
    low, high = expected[year].limits_90()
    inside = (truth[year] >= low) & (truth[year] <= high)
    assert inside.mean() >= 0.85  # of 630 stands: 90 % less four standard errors


@pytest.mark.parametrize("year", HORIZONS)
def test_zones_of_any_stands_take_up_what_the_limits_say(planted, year):
    """Thirty stands that lie together or not: their sum is within the limits."""
    truth, expected, _ = planted
    generator = np.random.default_rng(1)
    count = len(truth[year])
    for _ in range(50):
        inside = np.zeros(count, bool)
        inside[generator.choice(count, 30, replace=False)] = True
        (one,) = uptake_of(
            inside, np.full(count, 2.56), {year: expected[year]}, planted=PLANTED
        )
        assert one.low_tco2 <= truth[year][inside].sum() * 2.56 <= one.high_tco2


def test_no_group_is_far_off_in_the_mean(planted):
    """A group's mean truth lies within a half of what is expected of it by 2060.

    Huangshan pine, a tree of the highest ridges, has no group of its own in the table.
    """
    truth, expected, names = planted
    for species in sorted(set(GROUPS) - {"huangshan_pine"}):
        here = names == species
        if here.sum() >= 20:
            ratio = truth[2060][here].mean() / expected[2060].co2_t_ha[here].mean()
            assert 1 / 1.5 < ratio < 1.5
