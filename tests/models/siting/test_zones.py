import numpy as np

from models.siting.units import Borders
from models.siting.zones import zones
from tests.models.siting.cases import grid_borders


def test_a_corner_does_not_join_two_zones():
    selected = np.array([[1, 1, 0], [0, 0, 1], [0, 1, 1]], bool).ravel()
    found = zones(selected, grid_borders(3, 3), np.arange(1.0, 10.0))
    assert found.zone.reshape(3, 3).tolist() == [[0, 0, -1], [-1, -1, 1], [-1, 1, 1]]
    assert found.area_ha.tolist() == [3.0, 23.0]
    assert len(found) == 2


def test_a_border_of_no_length_does_not_either():
    found = zones(np.ones(2, bool), Borders([0], [1], [0.0]), np.ones(2))
    assert found.zone.tolist() == [0, 1]


def test_small_zones_are_flagged_or_left_out():
    selected = np.array([1, 0, 1, 1], bool)
    borders = Borders([0, 1, 2], [1, 2, 3], [1.0, 1.0, 1.0])
    found = zones(selected, borders, np.ones(4), min_zone_ha=2.0)
    assert found.is_small.tolist() == [True, False]
    kept = zones(selected, borders, np.ones(4), min_zone_ha=2.0, drop_small=True)
    assert kept.zone.tolist() == [-1, -1, 0, 0]
    assert kept.is_small.tolist() == [False]


def test_nothing_selected_is_no_zone():
    found = zones(np.zeros(4, bool), grid_borders(2, 2), np.ones(4))
    assert len(found) == 0
    assert found.zone.tolist() == [-1] * 4
