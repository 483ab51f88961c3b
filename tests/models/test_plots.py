from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from config.allometry import plot_errors, tree_equations
from config.coefficients import find, root_shoot_classes
from geo.errors import TableError, TooFewObservationsError
from models.heights import fit_heights
from models.plot_checks import AREA_HA_PER
from models.plot_error import PARTS, PlotErrors, generator
from models.plots import (
    CarbonFactors,
    expand,
    horizontal_area_ha,
    plot_biomass,
    weigh,
    with_carbon,
)
from tests.shared_data import shared

EXACT = PlotErrors(0.0, 0.0, 0.0, 0.0)
FIR = "cunninghamia_lanceolata_anhui"
HALF = CarbonFactors(0.47)


def trees_of(plot_id, count, equation=FIR, dbh=14.0, height=11.0, density=np.nan):
    return pd.DataFrame(
        {
            "plot_id": [plot_id] * count,
            "equation": equation,
            "species": equation,
            "dbh_cm": dbh,
            "height_m": height,
            "density_g_cm3": density,
            "stress": np.nan,
        }
    )


def plots_of(**area_ha):
    return pd.DataFrame({"plot_id": list(area_ha), "area_ha": list(area_ha.values())})


def biomass(trees, plots, errors=EXACT, **more):
    equations = tree_equations()
    known = expand(weigh(trees, equations), plots)
    return plot_biomass(known, plots, equations, errors=errors, **more)


def test_t10_forty_firs_on_four_hundred_square_metres():
    table = with_carbon(biomass(trees_of("a", 40), plots_of(a=0.04)), HALF)
    row = table.iloc[0]
    assert row["biomass_t_ha"] == pytest.approx(61.231, abs=6e-4)
    assert row["co2_t_ha"] == pytest.approx(105.5217, abs=1e-3)
    assert (row["trees"], row["stems_ha"], row["roots"]) == (40, 1000, "equation")
    assert row["basal_area_m2_ha"] == pytest.approx(np.pi * 0.07**2 * 1000)


def test_t29_units_of_area():
    assert 50_000 * AREA_HA_PER["mu"] == pytest.approx(3333.33, abs=5e-3)
    assert 667 * AREA_HA_PER["m2"] / AREA_HA_PER["mu"] == pytest.approx(1.0005)
    assert 400 * AREA_HA_PER["m2"] / AREA_HA_PER["mu"] == pytest.approx(0.6)
    assert AREA_HA_PER["mu"] / AREA_HA_PER["m2"] == pytest.approx(666.667, abs=5e-4)


def test_an_area_on_a_slope_is_smaller_on_the_map():
    area = horizontal_area_ha(np.array([0.1, 0.1, 0.1]), np.array([0.0, 60.0, np.nan]))
    np.testing.assert_allclose(area, [0.1, 0.05, 0.1])


def test_trees_of_nested_circles_stand_for_more_of_their_kind():
    trees = trees_of("a", 2).assign(per_ha=[np.nan, 500.0])
    table = biomass(trees, plots_of(a=0.1))
    assert table["stems_ha"].tolist() == [510.0]
    kg = weigh(trees, tree_equations())["agb_kg"]
    assert table["agb_t_ha"][0] == pytest.approx((kg * [10, 500]).sum() / 1000)


def test_a_plot_without_trees_has_nothing_and_roots_of_nothing():
    table = with_carbon(biomass(trees_of("a", 1), plots_of(a=0.1, b=0.1)), HALF)
    empty = table[table["plot_id"] == "b"].iloc[0]
    assert (empty["agb_t_ha"], empty["co2_t_ha"], empty["co2_t_ha_se"]) == (0, 0, 0)


def test_roots_by_ratio_only_for_trees_without_them():
    spruce = trees_of("a", 10, "picea_obovata_kanas")
    mixed = pd.concat([spruce, trees_of("b", 5), spruce.assign(plot_id="b")])
    table = biomass(mixed.reset_index(drop=True), plots_of(a=0.1, b=0.1))
    unknown = with_carbon(table, HALF)
    assert unknown["roots"].tolist() == ["unknown", "unknown"]
    assert unknown["co2_t_ha"].isna().all()
    assert unknown["above_co2_t_ha"].notna().all()
    zone = root_shoot_classes("temperate_conifer")
    known = with_carbon(table, CarbonFactors(0.47, 0.0, zone, 0.2))
    assert known["roots"].tolist() == ["ratio", "both"]
    first = known.iloc[0]
    assert first["root_t_ha"] == pytest.approx(0.40 * first["agb_t_ha"])
    fir_roots = 5 * 10.6615 / 1000 / 0.1
    expected = fir_roots + 0.40 * known["agb_rootless_t_ha"][1]
    assert known["root_t_ha"][1] == pytest.approx(expected, rel=1e-4)
    of_roots = 0.2 * first["root_t_ha"] / first["biomass_t_ha"]
    relative = np.hypot(first["agb_t_ha_se"] / first["agb_t_ha"], of_roots)
    expected = relative * first["biomass_t_ha"]
    assert first["biomass_t_ha_se"] == pytest.approx(expected)


def test_what_is_outside_the_range_is_counted():
    trees = pd.concat([trees_of("a", 1), trees_of("a", 1, dbh=90.0)])
    row = biomass(trees.reset_index(drop=True), plots_of(a=0.1)).iloc[0]
    assert row["outside_range_trees"] == 1
    assert 90 < row["outside_range_pct"] < 100


def test_a_plot_is_as_well_attested_as_its_worst_equation():
    trees = pd.concat(
        [
            trees_of("a", 2),
            trees_of("b", 2),
            trees_of("b", 1, "pinus_massoniana_lyt2263"),
        ]
    )
    table = biomass(trees.reset_index(drop=True), plots_of(a=0.1, b=0.1, c=0.1))
    assert table["equation_status"].tolist() == ["confirmed", "unverified", ""]


def test_plots_listed_twice_and_trees_of_no_plot():
    equations = tree_equations()
    trees = weigh(trees_of("a", 1), equations)
    twice = pd.concat([plots_of(a=0.1), plots_of(a=0.2)])
    with pytest.raises(TableError, match="listed twice: a"):
        expand(trees, twice)
    with pytest.raises(TableError, match="lacks: a"):
        expand(trees, plots_of(b=0.1))


def test_no_error_no_spread():
    equations = {FIR: tree_equations()[FIR]}
    equations = {k: replace_residual(e) for k, e in equations.items()}
    known = expand(weigh(trees_of("a", 3), equations), plots_of(a=0.1))
    table = plot_biomass(known, plots_of(a=0.1), equations, errors=EXACT, draws=100)
    assert table["agb_t_ha_se"][0] == pytest.approx(0, abs=1e-12)
    assert table["agb_t_ha_low"][0] == pytest.approx(table["agb_t_ha"][0])


def replace_residual(equation, sd=0.0, shared_sd=0.0):
    return replace(equation, residual_sd=sd, shared_sd=shared_sd)


@pytest.fixture(scope="module")
def crowd():
    random = np.random.default_rng(5)
    count = 60
    return trees_of("a", count).assign(
        equation=[FIR, "chave_2014"] * (count // 2),
        species=[FIR, "x"] * (count // 2),
        dbh_cm=random.uniform(8, 30, count),
        height_m=random.uniform(8, 20, count),
        density_g_cm3=0.6,
    )


@pytest.mark.parametrize("part", PARTS)
def test_drawn_errors_are_those_of_first_order(crowd, part):
    """One source at a time: the simulation and the delta method must agree."""
    real = plot_errors()
    sd = {
        "diameter": {"diameter_se": 0.3},
        "height": {"height_se_share": 0.1},
        "wood_density": {"wood_density_se": 0.04},
        "equation_shared": {},
        "equation_residual": {},
    }[part]
    errors = PlotErrors(**{k: sd.get(k, 0.0) for k in real.__dataclass_fields__})
    residual = 0.3 if part == "equation_residual" else 0.0
    common = 0.1 if part == "equation_shared" else 0.0
    equations = {
        name: replace_residual(tree_equations()[name], residual, common)
        for name in (FIR, "chave_2014")
    }
    plots = plots_of(a=0.06)
    known = expand(weigh(crowd, equations), plots)
    row = plot_biomass(known, plots, equations, errors=errors, draws=4000).iloc[0]
    assert row["agb_t_ha_se"] == pytest.approx(row[f"se_{part}_t_ha"], rel=0.06)
    others = [row[f"se_{name}_t_ha"] for name in PARTS if name != part]
    assert max(others) == pytest.approx(0, abs=1e-9)
    middle = (row["agb_t_ha_low"] + row["agb_t_ha_high"]) / 2
    assert middle == pytest.approx(row["agb_t_ha"], rel=0.03)


def test_shared_errors_do_not_average_out_and_own_ones_do():
    sd = {}
    for count in (10, 1000):
        table = biomass(
            trees_of("a", count), plots_of(a=count / 1000), errors=plot_errors()
        )
        sd[count] = table.iloc[0]
    assert sd[10]["agb_t_ha"] == pytest.approx(sd[1000]["agb_t_ha"])
    for name, ratio in (("equation_residual", 10), ("equation_shared", 1)):
        of_few, of_many = (sd[count][f"se_{name}_t_ha"] for count in (10, 1000))
        assert of_few / of_many == pytest.approx(ratio)


def test_same_seed_same_figures_whatever_else_is_in_the_table():
    both = pd.concat([trees_of("a", 20), trees_of("b", 2000)]).reset_index(drop=True)
    errors = plot_errors()
    alone = biomass(trees_of("b", 2000), plots_of(b=0.1), errors, draws=100, seed=3)
    among = biomass(both, plots_of(a=0.1, b=0.1), errors, draws=100, seed=3)
    pd.testing.assert_series_equal(alone.iloc[0], among.iloc[1], check_names=False)
    other = biomass(trees_of("b", 2000), plots_of(b=0.1), errors, draws=100, seed=4)
    assert other["agb_t_ha_se"][0] != alone["agb_t_ha_se"][0]
    assert generator(1, "a").random() != generator(1, "b").random()


def test_heights_of_a_known_curve_come_back():
    dbh = np.linspace(5, 60, 200)
    height = np.exp(0.5 + 1.1 * np.log(dbh) - 0.09 * np.log(dbh) ** 2)
    curve = fit_heights(dbh, height)
    assert (curve.a, curve.b, curve.c) == pytest.approx((0.5, 1.1, -0.09))
    assert curve.residual_sd == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(curve.heights_m(dbh), height)
    assert curve.heights_m(np.array([200.0]))[0] == pytest.approx(height[-1])
    assert np.isnan(curve.heights_m(np.array([np.nan]))).all()
    with pytest.raises(TooFewObservationsError, match=r"needs 20 trees.*got 19"):
        fit_heights(dbh[:20], np.r_[height[:19], np.nan])


def test_nouragues_plot_totals_are_the_published_ones():
    folder = shared("nouragues_agb")
    given = pd.read_csv(folder / "NouraguesTreesAGB_reference.csv")
    trees = pd.DataFrame(
        {
            "plot_id": given["Plot"].astype(str),
            "equation": "chave_2014",
            "species": given["SpeciesCorrected"].fillna("-"),
            "dbh_cm": given["D"],
            "height_m": given["H_model"],
            "density_g_cm3": given["WD"],
            "stress": np.nan,
        }
    )
    plots = plots_of(**{"201": 1.0, "204": 1.0, "213": 1.0, "223": 1.0})
    table = biomass(trees, plots, errors=plot_errors(), draws=200)
    published = [456.39, 541.97, 386.52, 284.95]
    np.testing.assert_allclose(table["agb_t_ha"], published, atol=5e-3)
    assert table["agb_t_ha"].sum() == pytest.approx(1669.84, abs=5e-3)
    assert (table["agb_t_ha_se"] / table["agb_t_ha"]).between(0.05, 0.25).all()
    stressed = trees.assign(equation="chave_2014_stress", stress=_stress(given))
    kg = weigh(stressed, tree_equations())["agb_kg"] / 1000
    np.testing.assert_allclose(kg, given["AGB_Chave"], rtol=1e-6)


def _stress(given):
    """Recover E from the heights that the published table took from it.

    H = exp(0.893 - E + 0.760 ln D - 0.0340 (ln D)^2 + 0.243^2 / 2), Chave eq. 6a.
    """
    ln_d = np.log(given["D"])
    return (
        0.893
        + 0.760 * ln_d
        - 0.0340 * ln_d**2
        + 0.243**2 / 2
        - np.log(given["H_chave"])
    )


def test_nouragues_heights_curve_is_near_the_published_one():
    folder = shared("nouragues_agb")
    pairs = pd.read_csv(folder / "NouraguesHD.csv")
    given = pd.read_csv(folder / "NouraguesTreesAGB_reference.csv")
    curve = fit_heights(pairs["D"].to_numpy(float), pairs["H"].to_numpy(float))
    assert curve.pairs == 888
    ratio = curve.heights_m(given["D"].to_numpy(float)) / given["H_model"]
    assert ratio.between(0.94, 1.01).all()


def test_the_default_carbon_fraction_has_an_error():
    table = biomass(trees_of("a", 40), plots_of(a=0.04))
    error = find("carbon_fraction_se").value
    row = with_carbon(table, CarbonFactors(0.47, error)).iloc[0]
    relative = row["agb_t_ha_se"] / row["agb_t_ha"]
    expected = np.hypot(relative, error / 0.47) * row["carbon_t_ha"]
    assert row["carbon_t_ha_se"] == pytest.approx(expected)
