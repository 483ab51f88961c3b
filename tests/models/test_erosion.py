import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.siting_tables import erosion_bounds
from models.erosion import (
    cover_factor,
    erosion_class,
    rain_erosivity,
    slope_length_steepness,
    soil_loss_t_ha,
    vegetation_cover_pct,
)


def test_factors_by_hand():
    assert rain_erosivity(np.array([1000.0]), coefficient=0.05, power=1.5) == (
        pytest.approx(0.05 * 1000**1.5)
    )
    steep = slope_length_steepness(np.array([30.0]), length_m=4 * 22.13)
    assert steep[0] == pytest.approx(2 * (21.91 * 0.5 - 0.96))
    flat = slope_length_steepness(np.array([0.0]), length_m=22.13)
    assert flat[0] == pytest.approx(0.03)
    cover = cover_factor(np.array([-1, 0, 10, 78.3, 78.4, 100, np.nan]))
    expected = [1, 1, 0.6508 - 0.3436, 0.0, 0, 0, np.nan]
    np.testing.assert_allclose(cover, expected, atol=2e-3)
    loss = soil_loss_t_ha(
        erosivity=5000.0,
        erodibility=0.03,
        slope_factor=np.array([2.0]),
        cover=np.array([0.1]),
        practice=0.5,
    )
    assert loss[0] == pytest.approx(15)


def test_classes_of_sl190():
    """Limits of 500, 2500, 5000, 8000 and 15000 t/km2 are 5 to 150 t/ha."""
    loss = np.array([0, 4.9, 5, 25, 49.9, 50, 80, 150, np.nan])
    expected = [1, 1, 2, 3, 3, 4, 5, 6, np.nan]
    np.testing.assert_array_equal(erosion_class(loss, erosion_bounds()), expected)
    with pytest.raises(ValueError, match="ascend"):
        erosion_class(loss, [500, 400])


def test_cover_from_ndvi():
    found = vegetation_cover_pct(
        np.array([0.0, 0.475, 0.95, np.nan]), bare=0.05, full=0.9
    )
    np.testing.assert_allclose(found, [0, 50, 100, np.nan])


@given(st.floats(0, 60), st.floats(0, 20))
def test_steeper_is_never_safer(slope, more):
    """But for the seams between the formulas, which meet within a tenth."""
    less, greater = (
        slope_length_steepness(np.array([s]), length_m=60.0)[0]
        for s in (slope, slope + more)
    )
    assert greater >= less * 0.9 - 1e-9


@given(st.floats(0, 100), st.floats(0, 100))
def test_more_cover_is_never_worse(one, other):
    low, high = cover_factor(np.array([min(one, other), max(one, other)]))
    assert 0 <= high <= low <= 1
