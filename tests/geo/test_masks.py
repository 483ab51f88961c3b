"""Masks: by hand, NumPy = Dask, invariants."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo.errors import RasterError
from geo.masks import CLEAR, CLOUDED, NO_DATA, OUTSIDE, SCL, MaskRule, status

PLAIN = MaskRule(SCL.clear, SCL.nodata, SCL.known)


def codes(values):
    return xr.DataArray(np.asarray(values, dtype="int32"), dims=("y", "x"))


def test_each_class_of_sen2cor_by_hand():
    found = status(codes([[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]), PLAIN)
    assert found.values.tolist() == [[0, 0, 2, 2, 1, 1], [1, 1, 2, 2, 2, 2]]
    assert found.dtype == np.uint8


def test_cloud_reaches_as_far_as_said_and_not_into_no_data():
    mask = np.full((5, 5), 4)
    mask[2, 2], mask[2, 3] = 9, 0
    rule = MaskRule(SCL.clear, SCL.nodata, SCL.known, dilate_cells=1)
    expected = [
        [1, 1, 1, 1, 1],
        [1, 1, 2, 1, 1],
        [1, 2, 2, 0, 1],
        [1, 1, 2, 1, 1],
        [1, 1, 1, 1, 1],
    ]
    assert status(codes(mask), rule).values.tolist() == expected


def test_where_the_mask_does_not_reach_there_is_no_data():
    assert status(codes([[OUTSIDE, 4]]), PLAIN).values.tolist() == [[NO_DATA, CLEAR]]


@pytest.mark.parametrize("lazy", [False, True])
def test_another_code_table_is_refused(lazy):
    qa60 = codes([[0, 1024]])
    mask = qa60.chunk(x=1) if lazy else qa60
    with pytest.raises(RasterError, match="1024") as caught:
        status(mask, PLAIN).compute()
    assert caught.value.zh


@pytest.mark.parametrize("chunk", [3, 16, 40])
@pytest.mark.parametrize("reach", [0, 1, 5])
def test_dask_says_what_numpy_says(chunk, reach):
    drawn = np.random.default_rng(1).choice([0, 4, 4, 4, 4, 4, 9], (33, 40))
    rule = MaskRule(SCL.clear, SCL.nodata, SCL.known, dilate_cells=reach)
    whole = status(codes(drawn), rule)
    lazy = status(codes(drawn).chunk(y=chunk, x=chunk), rule)
    assert isinstance(lazy.data, da.Array)
    assert lazy.dtype == np.uint8
    np.testing.assert_array_equal(lazy.values, whole.values)


@given(arrays(np.int32, (9, 7), elements=st.sampled_from(sorted(SCL.known))))
def test_more_reach_never_shows_more(drawn):
    clear = [
        status(codes(drawn), MaskRule(SCL.clear, SCL.nodata, SCL.known, reach)).values
        == CLEAR
        for reach in (0, 1, 3)
    ]
    assert not np.any(clear[1] & ~clear[0])
    assert not np.any(clear[2] & ~clear[1])
    assert np.array_equal(
        status(codes(drawn), SCL).values == NO_DATA, np.isin(drawn, [0, 1])
    )


@pytest.mark.parametrize(
    "sets",
    [
        (frozenset(), frozenset({0}), frozenset({0})),
        (frozenset({4}), frozenset({4}), frozenset({4})),
        (frozenset({4}), frozenset({0}), frozenset({4})),
        (frozenset({4}), frozenset({-1}), frozenset({-1, 4})),
    ],
)
def test_a_rule_that_contradicts_itself_cannot_be_built(sets):
    with pytest.raises(ValueError, match="mask"):
        MaskRule(*sets)
    assert CLOUDED == 2
