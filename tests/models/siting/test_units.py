import numpy as np
import pytest

from geo.errors import TableError
from models.siting.units import Borders, Units


def units(**other):
    given = {
        "unit_id": ["A", "B", "C"],
        "benefit": [1.0, 2.0, 3.0],
        "cost_cny": [1.0, 0.0, 2.0],
        "area_ha": 0.5,
    }
    return Units(**{**given, **other})


def test_one_value_stands_for_all_units():
    made = units()
    assert made.area_ha.tolist() == [0.5, 0.5, 0.5]
    assert made.edge_m.tolist() == [0.0, 0.0, 0.0]
    assert made.free.tolist() == [True, True, True]


def test_free_is_eligible_and_not_locked_out():
    made = units(eligible=[True, False, True], locked_out=[False, False, True])
    assert made.free.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("benefit", [1.0, np.nan, 2.0]),
        ("benefit", [1.0, np.inf, 2.0]),
        ("cost_cny", [1.0, -1.0, 2.0]),
        ("area_ha", [1.0, 0.0, 2.0]),
        ("edge_m", [1.0, -3.0, 2.0]),
    ],
)
def test_a_wrong_number_is_refused_with_unit_and_field(field, values):
    with pytest.raises(TableError, match="B") as told:
        units(**{field: values})
    assert told.value.where["field"] == field
    assert told.value.where["item"] == "B"
    assert "B" in told.value.zh
    assert told.value.cure


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"eligible": [True, False, True]}, "eligible"),
        ({"locked_out": [False, True, False]}, "locked_out"),
    ],
)
def test_a_locked_unit_that_cannot_be_is_refused_by_name(other, field):
    with pytest.raises(TableError, match="locked in") as told:
        units(locked_in=[False, True, False], **other)
    assert told.value.where == {"field": field, "item": "B"}
    assert "锁定" in told.value.zh


def test_ids_stand_once_and_there_is_at_least_one():
    with pytest.raises(TableError, match="A stands more than once"):
        units(unit_id=["A", "B", "A"])
    with pytest.raises(TableError, match="not one planning unit"):
        Units(unit_id=[], benefit=[], cost_cny=[], area_ha=[])


def test_every_unit_has_every_value():
    with pytest.raises(TableError, match=r"benefit has shape \(2,\)"):
        units(benefit=[1.0, 2.0])


def test_units_are_taken_in_another_order():
    made = units().take(np.array([2, 0]))
    assert made.unit_id.tolist() == ["C", "A"]
    assert made.benefit.tolist() == [3.0, 1.0]


@pytest.mark.parametrize(
    ("first", "second", "length", "what"),
    [
        ([0], [3], [1.0], "beyond"),
        ([-1], [1], [1.0], "beyond"),
        ([1], [1], [1.0], "own neighbour"),
        ([0], [1], [np.nan], "not finite"),
        ([0], [1], [-1.0], "negative"),
        ([0, 1], [1, 0], [1.0, 1.0], "stands twice"),
        ([0, 1], [1], [1.0], "as many"),
    ],
)
def test_wrong_borders_are_refused(first, second, length, what):
    with pytest.raises(TableError, match=what):
        Borders(first, second, length).require_among(3)


def test_right_borders_pass():
    Borders([0, 2], [1, 1], [5.0, 0.0]).require_among(3)
    Borders.none().require_among(3)
