import numpy as np
import pytest

from config import coefficients
from config.coefficients import COLUMNS, TABLES, find, load, parse
from geo.errors import SettingsError
from models.carbon import root_shoot
from models.priority import CRITERIA
from store.record import Coefficient as Used

HEADER = ",".join(COLUMNS)
GOOD = "carbon_fraction,0.47,,1,any,,IPCC,2006,confirmed"


@pytest.mark.parametrize("table", TABLES)
def test_every_table_reads_and_every_row_says_who_says_so(table):
    rows = load(table)
    assert rows
    for row in rows:
        assert len(row.source) > 10
        assert row.se is None or row.value == 0 or row.se <= abs(row.value)
        assert type(row.used()) is Used


def test_a_name_belongs_to_one_table():
    tables = [{row.name for row in load(table)} for table in TABLES]
    assert sum(len(names) for names in tables) == len(set().union(*tables))


def test_find_by_zone_and_by_class():
    assert find("carbon_fraction").value == 0.47
    assert find("default_agbd", "romania").value == 124
    assert find("root_shoot", "temperate_broadleaf", at=75).value == 0.46
    assert find("root_shoot", "temperate_broadleaf", at=75.1).value == 0.23
    assert find("root_shoot", "temperate_broadleaf", at=0).value == 0.46
    assert find("default_agbd", "romania").used().name == "default_agbd (romania)"


def test_what_was_only_remembered_says_so():
    assert find("default_agbd", "temperate_mountain_europe").status == "unverified"
    assert {row.status for row in load("default_agbd")} == {"unverified"}


@pytest.mark.parametrize(
    ("name", "zone", "what"),
    [
        ("default_agbd", "atlantis", "0 coefficients.*atlantis"),
        ("root_shoot", "temperate_broadleaf", "3 coefficients"),
        ("phlogiston", "any", "0 coefficients"),
    ],
)
def test_nothing_or_too_much_found(name, zone, what):
    with pytest.raises(SettingsError, match=what) as error:
        find(name, zone)
    assert "系数" in error.value.zh


def test_root_shoot_classes_join_for_every_zone():
    zones = {r.species_or_zone for r in load("root_shoot") if r.name == "root_shoot"}
    for zone in zones:
        classes = coefficients.root_shoot_classes(zone)
        assert np.isfinite(root_shoot(np.array([0.0, 500.0]), classes)).all()
    with pytest.raises(SettingsError, match="temperate_conifer"):
        coefficients.root_shoot_classes("atlantis")


def test_priority_weights_are_of_known_criteria_and_add_up():
    weights = coefficients.priority_weights()
    assert set(weights) == set(CRITERIA)
    assert sum(weights.values()) == pytest.approx(1)


def test_every_fuel_can_be_estimated():
    rows = load("emission_factors")
    fuels = [
        {row.species_or_zone for row in rows if row.name == name}
        for name in ("co2_per_energy", "plant_efficiency", "full_load_hours")
    ]
    assert fuels[0] == fuels[1] == fuels[2]
    assert find("co2_per_energy", "lignite").unit == "kg/GJ"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (GOOD.replace("0.47", "half"), "value"),
        (GOOD.replace("0.47", "nan"), "value"),
        (GOOD.replace("0.47,,", "0.47,-1,"), "se"),
        (GOOD.replace(",1,any", ",pct,any"), "unit"),
        (GOOD.replace("confirmed", "probably"), "status"),
        (GOOD.replace("2006", "206"), "year"),
        (GOOD.replace("IPCC", ""), "source"),
        (GOOD.replace(",any,,", ",any,9..1,"), "row"),
        (GOOD.replace(",any,,", ",any,low,"), "row"),
        (GOOD + ",more", "row"),
        (GOOD.rsplit(",", 1)[0], "row"),
    ],
)
def test_a_wrong_row_is_named(row, field):
    with pytest.raises(SettingsError, match=rf"t\.csv, line 3, {field}") as error:
        parse(f"{HEADER}\n{GOOD}\n{row}\n", file="t.csv")
    assert error.value.where["item"] == "3"


def test_columns_duplicates_and_unknown_tables():
    with pytest.raises(SettingsError, match="columns"):
        parse(f"{HEADER},note\n", file="t.csv")
    with pytest.raises(SettingsError, match="twice"):
        parse(f"{HEADER}\n{GOOD}\n{GOOD}\n", file="t.csv")
    with pytest.raises(SettingsError, match="no table"):
        load("alchemy")
