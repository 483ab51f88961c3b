import numpy as np
import pandas as pd
import pytest

from geo.errors import TooFewObservationsError
from models.growth import fit_biomass_growth, fit_height_growth
from tests.shared_data import shared

PUBLISHED_M = [7.013778, 9.575677, 11.90324, 14.67456, 17.75801]
"""Asymptotes of the birch-broadleaf stands by site class (forestat 1.0.2, README)."""


@pytest.fixture(scope="module")
def stands():
    return pd.read_csv(shared("forestat_china") / "forestData.csv")


@pytest.fixture(scope="module")
def heights(stands):
    return fit_height_growth(stands["AGE"].to_numpy(), stands["H"].to_numpy())


@pytest.fixture(scope="module")
def biomass(stands, heights):
    columns = (stands[name].to_numpy(float) for name in ("AGE", "S", "Bio"))
    return fit_biomass_growth(*columns, heights[1])


def test_height_curves_are_the_published_ones(heights):
    curves, _ = heights
    np.testing.assert_allclose(curves.asymptote_m, PUBLISHED_M, rtol=0.007)
    assert curves.rate_per_yr == pytest.approx(0.03783956, rel=0.01)
    assert curves.power == pytest.approx(0.7613666, rel=0.015)
    assert curves.fit.rmse == pytest.approx(0.6980625, abs=2e-4)
    assert curves.fit.r2 == pytest.approx(0.9543312, abs=2e-5)
    assert curves.fit.stands == 320


def test_biomass_grows_with_age_stocking_and_site(stands, biomass):
    age = np.arange(1.0, 150.0)
    for site in range(5):
        grown = biomass.biomass_t_ha(age, np.full(149, 600.0), np.full(149, site))
        assert (np.diff(grown) > 0).all()
        assert 0 < grown[0] < grown[-1] < biomass.asymptote_t_ha[site]
        yearly = biomass.increment_t_ha_yr(age, np.full(149, 600.0), np.full(149, site))
        np.testing.assert_allclose(yearly[:-1], np.diff(grown))
    assert (np.diff(biomass.asymptote_t_ha) >= 0).all()
    dense, open_ = (
        biomass.biomass_t_ha(np.array([50.0]), np.array([s]), np.array([2]))[0]
        for s in (900.0, 300.0)
    )
    assert dense > 2 * open_
    assert biomass.fit.r2 > 0.86
    assert biomass.fit.rmse < 0.25 * stands["Bio"].mean()


def test_the_table_of_the_methods_is_these_curves(stands, heights, biomass):
    """docs/methods-plots.md: by site class, at the stands' median stocking."""
    age, stocking = np.array([20.0, 40.0, 60.0]), np.full(3, stands["S"].median())
    curves, site = heights
    assert np.bincount(site).tolist() == [73, 80, 76, 69, 22]
    tall = [curves.height_m(age, np.full(3, k)) for k in range(5)]
    expected = [[5.6, 7.1, 7.7], [7.2, 9.2, 10.1], [8.7, 11.2, 12.3]]
    expected += [[10.4, 13.4, 14.8], [12.3, 16.0, 17.7]]
    np.testing.assert_allclose(tall, expected, atol=0.06)
    mass = [biomass.biomass_t_ha(age, stocking, np.full(3, k)) for k in range(5)]
    expected = [[53, 68, 79], [56, 72, 83], [61, 78, 90], [71, 91, 105], [71, 91, 105]]
    np.testing.assert_allclose(mass, expected, atol=0.6)


def test_classes_do_not_depend_on_the_order_of_stands(stands, heights):
    order = np.random.default_rng(2).permutation(len(stands))
    mixed = stands.iloc[order]
    curves, site = fit_height_growth(mixed["AGE"].to_numpy(), mixed["H"].to_numpy())
    np.testing.assert_allclose(curves.asymptote_m, heights[0].asymptote_m, rtol=1e-6)
    np.testing.assert_array_equal(site, heights[1][order])


def test_curves_that_are_known_come_back():
    random = np.random.default_rng(3)
    age, true = random.uniform(5, 100, 400), random.integers(0, 3, 400)
    height = 1.3 + np.array([8.0, 14.0, 20.0])[true] * (1 - np.exp(-0.05 * age)) ** 1.2
    curves, site = fit_height_growth(age, height, classes=3)
    np.testing.assert_array_equal(site, true)
    assert curves.asymptote_m == pytest.approx((8, 14, 20), rel=1e-5)
    np.testing.assert_allclose(curves.height_m(age, site), height, rtol=1e-5)
    stocking = random.uniform(300, 1200, 400)
    top = np.array([150.0, 220.0, 300.0])[true]
    mass = top * (1 - np.exp(-0.02 * (stocking / 1000) ** 2 * age)) ** 0.8
    model = fit_biomass_growth(age, stocking, mass, true)
    assert model.asymptote_t_ha == pytest.approx((150, 220, 300), rel=1e-3)
    assert model.stocking_power == pytest.approx(2, rel=1e-3)


def test_too_few_stands():
    age = np.linspace(5, 80, 30)
    with pytest.raises(TooFewObservationsError, match="needs 35 stands, got 30"):
        fit_height_growth(age, age / 5)
    with pytest.raises(TooFewObservationsError, match="got 30"):
        fit_biomass_growth(age, age * 10, age, np.arange(30) % 5)
