import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.siting_tables import emission_factors, fuel_of
from geo.errors import TableError
from models.activity import Activity, Factor, emission_of


def factor(name, zone, value, se=None):
    return Factor(name, zone, value, se, "1", "confirmed")


FACTORS = {
    (f.name, f.zone): f
    for f in (
        factor("net_calorific_value", "coal", 25.0),
        factor("co2_per_energy", "coal", 90.0),
        factor("plant_efficiency", "coal", 0.36, 0.036),
        factor("full_load_hours", "coal", 4000.0, 1000.0),
        factor("direct_factor", "hydro", 0.0),
        factor("vehicle_factor", "mixed_traffic", 250.0, 50.0),
        factor("product_factor", "clinker", 0.5),
    )
}


@pytest.mark.parametrize(
    ("activity", "t", "se", "method"),
    [
        # 1000 t x 25 GJ/t x 90 kg/GJ
        (Activity(fuel="coal", fuel_t=1000), 2250, 0, "fuel"),
        # 90 x 3.6 / 0.36 = 900 kg/MWh; error of the efficiency 10 %
        (Activity(fuel="coal", generation_gwh=1), 900, 90, "generation"),
        (Activity(fuel="coal", capacity_mw=10, hours_yr=100), 900, 90, "capacity"),
        # 4000 h +- 25 %, efficiency +- 10 %
        (Activity(fuel="coal", capacity_mw=1), 3600, 3600 * 0.0725**0.5, "capacity"),
        (Activity(capacity_mw=2, hours_yr=50, factor_tco2e_mwh=0.8), 80, 0, "capacity"),
        (Activity(fuel="hydro", capacity_mw=22_500), 0, 0, "capacity"),
        # 1000 x 365 x 2 km x 250 g
        (Activity(vehicles_day=1000, length_km=2), 182.5, 36.5, "traffic"),
        (Activity(product="clinker", product_t=8), 4, 0, "product"),
        (Activity(emission_tco2e_yr=7, fuel="coal", fuel_t=1000), 7, 0, "reported"),
        (Activity(emission_tco2e_yr=0), 0, 0, "reported"),
    ],
)
def test_by_hand(activity, t, se, method):
    found = emission_of(activity, FACTORS)
    assert found.co2e_t_yr == pytest.approx(t)
    assert found.se_t_yr == pytest.approx(se)
    assert found.method == method
    assert found.is_estimated is (method != "reported")


def test_a_reported_figure_may_be_an_estimate_and_says_so():
    told = Activity(emission_tco2e_yr=7, reported_is_estimate=True)
    assert emission_of(told, FACTORS).is_estimated


def test_the_factors_that_were_used_are_named():
    used = emission_of(Activity(fuel="coal", capacity_mw=1), FACTORS).factors
    names = {one.name for one in used}
    assert names == {"full_load_hours", "co2_per_energy", "plant_efficiency"}


@pytest.mark.parametrize(
    ("activity", "field", "what"),
    [
        (Activity(), "emission_tco2e_yr", "neither an emission nor an activity"),
        (Activity(emission_tco2e_yr=-5), "emission_tco2e_yr", "-5"),
        (Activity(emission_tco2e_yr=float("inf")), "emission_tco2e_yr", "inf"),
        (Activity(fuel="coal", fuel_t=-1), "fuel_t", "-1"),
        (Activity(fuel="jam", fuel_t=1), "fuel", "'jam', for which there is no net"),
        (Activity(fuel="jam", capacity_mw=1), "fuel", "no full_load_hours"),
        (Activity(capacity_mw=1, hours_yr=9000), "hours_yr", "0 to 8784"),
        (
            Activity(capacity_mw=1, hours_yr=9, factor_tco2e_mwh=920),
            "factor_tco2e_mwh",
            "outside 0 to 2",
        ),
        (Activity(vehicles_day=9), "length_km", "no length"),
        (Activity(product="jam", product_t=9), "product", "no product_factor"),
        # T02: 60 MW cannot emit 300 million tonnes
        (
            Activity(emission_tco2e_yr=3e8, capacity_mw=60, fuel="coal"),
            "emission_tco2e_yr",
            "looks like kg",
        ),
    ],
)
def test_what_cannot_be(activity, field, what):
    with pytest.raises(TableError, match=what) as error:
        emission_of(activity, FACTORS)
    assert error.value.where["field"] == field
    assert "排放源" in error.value.zh


@given(st.floats(0, 1e5), st.floats(0, 8784))
def test_more_activity_is_never_less_emission(mw, hours):
    less = emission_of(
        Activity(fuel="coal", capacity_mw=mw, hours_yr=hours / 2), FACTORS
    )
    more = emission_of(Activity(fuel="coal", capacity_mw=mw, hours_yr=hours), FACTORS)
    assert 0 <= less.co2e_t_yr <= more.co2e_t_yr


def test_every_fuel_of_the_table_turns_into_co2():
    factors = emission_factors()
    for fuel in {
        zone for name, zone in factors if name in {"co2_per_energy", "direct_factor"}
    }:
        found = emission_of(Activity(fuel=fuel, capacity_mw=100), factors)
        assert 0 <= found.co2e_t_yr < 100 * 8784 * 2


@pytest.mark.parametrize(
    ("written", "fuel"),
    [
        ("Coal", "bituminous_coal"),
        ("煤", "bituminous_coal"),
        ("Heavy Fuel Oil", "residual_fuel_oil"),
        ("ＬＮＧ", "natural_gas"),
        ("lignite", "lignite"),
        ("Coal Mine Methane", "coal_mine_methane"),
        ("Cold Fusion", "cold_fusion"),
    ],
)
def test_fuels_are_spelled_many_ways(written, fuel):
    assert fuel_of(written) == fuel
