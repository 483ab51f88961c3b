import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from geo import patches
from geo.patches import distance_m, in_small_patches


def test_four_cells_of_a_hundred_square_metres_are_enough():
    mask = np.array(
        [[1, 1, 0, 1, 1], [0, 0, 0, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 1, 0]], bool
    )
    small = in_small_patches(mask, cell_ha=0.01, least_ha=0.04)
    expected = mask.copy()
    expected[0:2, 3:5] = False
    np.testing.assert_array_equal(small, expected)


def test_a_cell_that_is_large_enough_alone():
    mask = np.eye(3, dtype=bool)
    assert not in_small_patches(mask, cell_ha=0.04, least_ha=0.04).any()


@given(hnp.arrays(bool, (40, 7)), st.integers(2, 6))
def test_strips_find_what_the_whole_does(mask, needed):
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    expected = mask & (sizes < needed)[labels]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "_ROWS", 8)
        found = in_small_patches(mask, cell_ha=1.0, least_ha=float(needed))
    np.testing.assert_array_equal(found, expected)


def test_distance_by_hand():
    mask = np.zeros((5, 5), bool)
    mask[0, 0] = True
    found = distance_m(mask, cell_m=10.0, rows=slice(4, 5))
    assert found[0, 3] == 50.0
    assert distance_m(mask, cell_m=10.0, rows=slice(0, 1))[0, 0] == 0.0
    assert np.isinf(distance_m(mask[1:], cell_m=10.0, rows=slice(0, 4))).all()


@given(hnp.arrays(bool, (60, 9), elements=st.sampled_from([False] * 15 + [True])))
def test_strips_reach_as_far_as_they_must(mask):
    whole = distance_m(mask, cell_m=1.0, rows=slice(0, 60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "_BLOCK", 3)
        parts = [
            distance_m(mask, cell_m=1.0, rows=slice(n, n + 6)) for n in range(0, 60, 6)
        ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
