import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from geo.gcj02 import from_gcj02, to_gcj02

SHIFTS_M = [
    ("Hefei", 117.23, 31.82, 567),
    ("Wuhan", 114.30, 30.59, 586),
    ("Changchun", 125.32, 43.82, 581),
    ("Kunming", 102.83, 24.88, 361),
    ("Xining", 101.78, 36.62, 170),
]


@pytest.mark.parametrize(("city", "x", "y", "shift_m"), SHIFTS_M)
def test_cities_move_as_measured(city, x, y, shift_m):
    """Shifts measured elsewhere; the places of the cities are to a kilometre."""
    there = to_gcj02(np.array([x]), np.array([y]))
    moved = Geod(ellps="WGS84").inv(x, y, there[0][0], there[1][0])[2]
    assert moved == pytest.approx(shift_m, abs=10), city


@given(st.floats(74, 135), st.floats(4, 53))
def test_there_and_back(x, y):
    back = from_gcj02(*to_gcj02(np.array([x]), np.array([y])))
    assert back[0][0] == pytest.approx(x, abs=1e-9)
    assert back[1][0] == pytest.approx(y, abs=1e-9)


def test_elsewhere_nothing_moves():
    london = np.array([-0.12]), np.array([51.5])
    assert to_gcj02(*london) == london
