import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.terrain import horn_gradient, slope_deg


def test_nine_cells_by_hand():
    """Horn's worked sums: east ((3+2*6+9)-(1+2*4+7))/80, north likewise."""
    heights = np.arange(1.0, 10.0).reshape(3, 3)
    east, north = horn_gradient(heights, 10.0)
    assert east[1, 1] == pytest.approx((24 - 16) / 80)
    assert north[1, 1] == pytest.approx((8 - 32) / 80)
    assert slope_deg(heights, 10.0)[1, 1] == pytest.approx(
        np.degrees(np.arctan(np.hypot(0.1, 0.3)))
    )


@given(st.floats(-3, 3), st.floats(-3, 3), st.sampled_from([1.0, 10.0, 30.0]))
def test_a_plane_is_exact_up_to_its_corners(east, north, cell_m):
    rows, columns = np.mgrid[0:5, 0:4]
    plane = 100 + cell_m * (east * columns - north * rows)
    found = slope_deg(plane, cell_m)
    expected = np.degrees(np.arctan(np.hypot(east, north)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_plane_with_a_hole_stays_one():
    rows, columns = np.mgrid[0:7, 0:7].astype(float)
    plane = 3 * columns - 4 * rows
    plane[3, 3] = np.nan
    found = slope_deg(plane, 1.0)
    assert np.isnan(found[3, 3])
    np.testing.assert_allclose(
        np.delete(found.ravel(), 24), np.degrees(np.arctan(5)), atol=1e-9
    )


def test_strips_with_a_row_around_are_the_whole():
    heights = np.random.default_rng(0).normal(0, 5, (30, 8))
    whole = slope_deg(heights, 10.0)
    np.testing.assert_array_equal(slope_deg(heights[9:21], 10.0)[1:-1], whole[10:20])


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1)])
def test_thin_rasters(shape):
    assert np.isfinite(slope_deg(np.ones(shape), 10.0)).all()
