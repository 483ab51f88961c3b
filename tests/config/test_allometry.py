import numpy as np
import pytest

from config.allometry import (
    EquationRow,
    equations_of,
    expansion_classes,
    parse,
    plot_errors,
    tree_equations,
    volume_equation,
)
from config.coefficients import load
from geo.errors import SettingsError
from models.allometry import UNLIMITED

HEADER = ",".join(EquationRow.model_fields)
STEM = (
    "e,松,Pinus,stem,power_d2h,0.1,0.9,,,,,,1,50,,,A source of numbers,2016,confirmed"
)


def test_every_equation_says_where_it_is_from_and_where_it_holds():
    known = tree_equations()
    assert len(known) >= 30
    for name, one in known.items():
        assert name == one.name
        assert len(one.source) > 10
        assert one.dbh_range_cm == UNLIMITED or one.dbh_range_cm[1] < 300
        assert 0 < one.residual_sd < 1
        assert 0 < one.shared_sd < 1
    assert known["chave_2014"].dbh_range_cm == (5, 212)


def test_the_worst_row_gives_an_equation_its_status():
    known = tree_equations()
    assert known["pinus_tabulaeformis_inner_mongolia"].status == "unverified"
    assert known["larix_gmelinii_inner_mongolia"].status == "derived"
    assert known["cunninghamia_lanceolata_anhui"].status == "confirmed"


@pytest.mark.parametrize(
    "name", ["杉木", "Cunninghamia  lanceolata", "cunninghamia_lanceolata_anhui"]
)
def test_a_species_goes_by_several_names(name):
    assert equations_of(name)[0].name == "cunninghamia_lanceolata_anhui"


def test_the_best_attested_comes_first_and_strangers_have_none():
    statuses = [one.status for one in equations_of("马尾松")]
    assert statuses == ["confirmed", "unverified"]
    assert equations_of("望天树") == ()
    assert equations_of("台湾松") == equations_of("黄山松") != ()


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([STEM, STEM], "e has an organ twice"),
        ([STEM, STEM.replace("stem", "above")], "parts beside the whole"),
        ([STEM, STEM.replace("stem", "leaf").replace(",50,", ",60,")], "two ranges"),
        ([STEM, STEM.replace("e,", "f,", 1), STEM.replace("stem", "leaf")], "together"),
        ([STEM.replace("0.1", "-0.1")], "line 2.*a must be positive"),
        ([STEM.replace("power_d2h", "power_x")], "form must be one of"),
        ([STEM.replace("power_d2h", "power_d_h")], "the first 3 of a to e"),
        ([STEM.replace("0.9", "")], "the first 2 of a to e"),
        ([STEM.replace("confirmed", "sure")], "line 2, status"),
        ([STEM.replace("stem", "bark")], "line 2, organ"),
        ([STEM + ",more"], "line 2"),
    ],
)
def test_a_wrong_row_is_named(rows, what):
    with pytest.raises(SettingsError, match=what) as caught:
        parse("\n".join([HEADER, *rows]), file="t.csv")
    assert caught.value.zh


def test_other_columns():
    with pytest.raises(SettingsError, match="columns must be equation"):
        parse("equation,species\n", file="t.csv")


def test_stands_by_volume():
    types = {row.species_or_zone for row in load("volume_biomass")}
    assert len(types) >= 20
    for name in types:
        assert volume_equation(name).biomass(np.array([100.0])).t_ha[0] > 40
    assert volume_equation("birch_fang2001").status == "unverified"
    with pytest.raises(SettingsError, match="larch_zhang2013"):
        volume_equation("atlantis")


def test_expansion_classes_of_every_type():
    types = {row.species_or_zone for row in load("bcef")}
    for name in types:
        edges = [(one.low_m3_ha, one.high_m3_ha) for one in expansion_classes(name)]
        assert edges[0][0] == 0
        assert edges[-1][1] == np.inf
    with pytest.raises(SettingsError, match="temperate_pine"):
        expansion_classes("atlantis")


def test_errors_of_measures_are_positive():
    errors = plot_errors()
    assert all(getattr(errors, name) > 0 for name in errors.__dataclass_fields__)
