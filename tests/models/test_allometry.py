"""Worked examples of trees and stands first; numbers as their sources print them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.allometry import (
    equations_of,
    expansion_classes,
    tree_equations,
    volume_equation,
)
from geo.errors import ModelError
from models import allometry
from models.allometry import ExpansionClass, OrganEquation, Trees, tree_kg
from models.quantities import QUANTITIES, AboveGround, WholeTree

TREE = Trees.of(np.array([14.0]), np.array([11.0]))
"""D = 14 cm, H = 11 m: D^2 H = 2156."""

CF = 0.47


@pytest.mark.parametrize(
    ("forest", "volume", "biomass", "co2"),
    [
        ("chinese_fir_fang2007", 150, 88.921, 153.2405),
        ("masson_pine_fang2007", 120, 80.955, 139.5124),
        ("oak_fang2001", 90, 111.6243, 192.3659),
        ("larch_zhang2013", 100, 77.852, 134.1649),
        ("poplar_zhang2013", 80, 61.470, 105.9333),
    ],
    ids=["T1", "T2", "T3", "T4", "T5"],
)
def test_volume_to_biomass(forest, volume, biomass, co2):
    whole = volume_equation(forest).biomass(np.array([volume]))
    assert whole.t_ha[0] == pytest.approx(biomass, abs=5e-5)
    assert whole.carbon(CF).co2().t_ha[0] == pytest.approx(co2, abs=6e-5)


@pytest.mark.parametrize(
    ("forest", "carbon"),
    [("chinese_fir_fang2007", 41.7929), ("masson_pine_fang2007", 38.0489)],
)
def test_carbon_of_t1_and_t2(forest, carbon):
    volume = {"chinese_fir_fang2007": 150.0, "masson_pine_fang2007": 120.0}[forest]
    whole = volume_equation(forest).biomass(np.array([volume]))
    assert whole.carbon(CF).t_ha[0] == pytest.approx(carbon, abs=6e-5)


def test_t7_every_organ_of_a_fir():
    (fir, *_) = equations_of("杉木")
    organs = allometry.organ_kg(fir, TREE)
    expected = {"stem": 39.306, "branch": 5.205, "leaf": 6.058, "root": 10.662}
    assert {k: round(v[0], 3) for k, v in organs.items()} == expected
    above, roots = tree_kg(fir, TREE)
    assert above[0] == pytest.approx(50.569, abs=5e-4)
    assert (above + roots)[0] == pytest.approx(61.231, abs=6e-4)
    assert (roots / above)[0] == pytest.approx(0.211, abs=5e-4)


@pytest.mark.parametrize(
    ("species", "above", "total"),
    [
        ("马尾松", 75.013, 83.933),
        ("白桦", 55.886, 66.676),
        ("Larix gmelinii", 60.028, 76.950),
        ("麻栎", 58.533, 74.377),
        ("populus NIGRA", 52.759, 63.267),
        ("cyclobalanopsis_glauca_anhui", 73.448, 88.192),
    ],
)
def test_t8_and_t9_other_kinds_of_the_same_size(species, above, total):
    kg, roots = tree_kg(equations_of(species)[0], TREE)
    assert kg[0] == pytest.approx(above, abs=5e-4)
    assert (kg + roots)[0] == pytest.approx(total, abs=6e-4)


def test_chave_with_and_without_height_by_hand():
    known = tree_equations()
    tree = Trees.of(
        np.array([20.0]), np.array([18.0]), density_g_cm3=0.6, stress=-0.129
    )
    kg, roots = tree_kg(known["chave_2014"], tree)
    assert kg[0] == pytest.approx(0.0673 * (0.6 * 20**2 * 18) ** 0.976)
    assert np.isnan(roots[0])
    ln = -2.023977 - 0.89563505 * -0.129 + 0.92023559 * np.log(0.6)
    ln += 2.79495823 * np.log(20) - 0.04606298 * np.log(20) ** 2
    assert tree_kg(known["chave_2014_stress"], tree)[0][0] == pytest.approx(np.exp(ln))


def test_the_printed_factor_of_chave_makes_means_of_medians():
    """0.0673 = exp(-2.762 + 0.357^2 / 2): the residual sd fits the printed factor."""
    sd = tree_equations()["chave_2014"].residual_sd
    assert np.exp(-2.762 + sd**2 / 2) == pytest.approx(0.0673, abs=5e-5)


def test_outside_the_range_is_computed_and_said():
    pine = tree_equations()["pinus_massoniana_anhui"]
    trees = Trees.of(np.array([0.5, 1.0, 50.4, 51.0]), 20.0)
    assert allometry.outside_range(pine, trees).tolist() == [True, False, False, True]
    assert np.isfinite(tree_kg(pine, trees)[0]).all()
    tall = Trees.of(np.array([50.0]), 80.0, density_g_cm3=0.5)
    assert allometry.outside_range(tree_equations()["chave_2014"], tall).all()


@pytest.mark.parametrize("dbh", [0.0, -3.0, np.nan])
def test_no_diameter_no_mass(dbh):
    for name, equation in tree_equations().items():
        trees = Trees.of(np.array([dbh]), 10.0, density_g_cm3=0.5, stress=0.1)
        assert np.isnan(tree_kg(equation, trees)[0]).all() or "bamboo" in name


def test_a_measure_that_is_not_needed_may_be_absent():
    equation = tree_equations()["picea_obovata_kanas"]
    assert tree_kg(equation, Trees.of(np.array([20.0])))[0][0] == pytest.approx(
        0.1881 * 20**2.1828
    )
    assert np.isnan(tree_kg(equations_of("杉木")[0], Trees.of(np.array([20.0])))[0])


@given(
    st.sampled_from(sorted(tree_equations())),
    st.floats(5, 45),
    st.floats(5, 30),
    st.sampled_from(["dbh", "height", "density"]),
)
def test_elasticity_is_the_slope_in_logarithms(name, dbh, height, measure):
    equation = tree_equations()[name]

    def ln_kg(factor):
        given = {"dbh": dbh, "height": height, "density": 0.6}
        given[measure] *= factor
        tree = Trees.of(
            np.array([given["dbh"]]),
            given["height"],
            density_g_cm3=given["density"],
            stress=0.2,
        )
        return np.log(tree_kg(equation, tree)[0][0])

    step = 1e-5
    slope = (ln_kg(1 + step) - ln_kg(1 - step)) / (2 * step)
    tree = Trees.of(np.array([dbh]), height, density_g_cm3=0.6, stress=0.2)
    told = allometry.elasticity(equation, tree, measure)[0]
    assert told == pytest.approx(slope, abs=1e-5)


def test_a_stand_has_its_roots_once():
    """B = aV + b holds roots: there is nothing to call that would add them again."""
    whole = volume_equation("oak_zhang2013").biomass(np.array([60.0]))
    assert isinstance(whole, WholeTree)
    assert not hasattr(whole, "with_roots")
    assert whole.t_ha[0] == pytest.approx(63.80, abs=5e-3)
    other = volume_equation("oak_fang2001").biomass(np.array([60.0])).t_ha[0]
    assert other / whole.t_ha[0] == pytest.approx(1.21, abs=5e-3)
    above = AboveGround(np.array([100.0]))
    assert above.with_roots(0.25).t_ha[0] == 125.0


def test_quantities_are_no_substitutes_for_one_another():
    """T03: carbon has no carbon fraction, CO2 no 44/12."""
    carbon = WholeTree(np.array([100.0])).carbon(0.47)
    assert not hasattr(carbon, "carbon")
    assert not hasattr(carbon.co2(), "co2")
    assert set(QUANTITIES) == {"agb", "biomass", "carbon", "co2"}


def test_no_volume_is_no_stand():
    b = volume_equation("chinese_fir_fang2007").biomass(np.array([0.0, np.nan, 1e-9]))
    assert np.isnan(b.t_ha[:2]).all()
    assert b.t_ha[2] == pytest.approx(19.141)


def test_expansion_by_class_of_stock():
    classes = expansion_classes("temperate_hardwood")
    volume = np.array([20.0, 20.1, 150.0, 300.0, np.nan])
    agb = allometry.expanded(volume, classes).t_ha
    np.testing.assert_allclose(agb, [60.0, 34.17, 157.5, 240.0, np.nan])


def test_t6_the_chain_of_factors():
    """methods.md T6: 杉木 150 m3/ha; density .307, BEF 1.634, roots .246, carbon .520.

    The factors are as remembered, their source was not seen: no row of ours has them.
    """
    chain = ExpansionClass(0.0, np.inf, 0.307 * 1.634)
    above = allometry.expanded(np.array([150.0]), [chain])
    whole = above.with_roots(0.246)
    co2 = whole.carbon(0.520).co2()
    assert above.t_ha[0] == pytest.approx(75.2457, abs=5e-5)
    assert whole.t_ha[0] == pytest.approx(93.7561, abs=5e-5)
    assert co2.t_ha[0] == pytest.approx(178.7617, abs=5e-5)
    assert 20 * co2.t_ha[0] == pytest.approx(3575.234, abs=5e-4)


@pytest.mark.parametrize(
    "edges", [[(0, 20), (30, np.inf)], [(10, np.inf)], [(0, 20)], []]
)
def test_expansion_classes_must_join(edges):
    with pytest.raises(ModelError, match="join from 0") as caught:
        allometry.expanded(
            np.array([1.0]), [ExpansionClass(low, high, 1.0) for low, high in edges]
        )
    assert caught.value.zh


def test_an_unknown_organ_is_no_equation():
    with pytest.raises(ValueError, match="organ must be one of"):
        OrganEquation("bark", 0.0, 1.0)
