import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo.composite import composite_codes
from geo.errors import TooFewObservationsError

NODATA = -32768


def make(codes, clear, band=("red",)):
    codes = xr.DataArray(
        np.asarray(codes, np.int16), dims=("time", "band", "y", "x")
    ).assign_coords(band=list(band))
    return codes, xr.DataArray(np.asarray(clear, bool), dims=("time", "y", "x"))


@pytest.fixture
def looks():
    """Three looks at a 2x2 place, one band; the last cell is clear only once."""
    codes = [[[[1000, 2000], [8000, 4000]]], [[[2000, 9000], [8001, 4000]]]]
    codes.append([[[3000, 5000], [NODATA, 4000]]])
    clear = [[[1, 1], [1, 1]], [[1, 0], [1, 0]], [[1, 1], [1, 0]]]
    return make(codes, clear)


def test_composite_codes_by_hand(looks):
    result = composite_codes(*looks, min_clear=2)
    # 8000 and 8001: the half is rounded to the even code.
    np.testing.assert_array_equal(result[0], [[2000, 3500], [8000, NODATA]])
    np.testing.assert_array_equal(result[1], [[3, 2], [3, 1]])
    assert result.dims == ("band", "y", "x")
    assert result.dtype == np.int16


@pytest.mark.parametrize(
    ("pair", "middle"), [((1, 2), 2), ((2, 3), 2), ((-1, -2), -2), ((-3, 0), -2)]
)
def test_a_half_is_rounded_to_the_even_code(pair, middle):
    codes, clear = make(np.reshape(pair, (2, 1, 1, 1)), np.ones((2, 1, 1)))
    assert composite_codes(codes, clear, min_clear=1)[0].item() == middle


def test_a_band_the_sensor_lacks_is_nan_and_the_others_are_not():
    codes = np.full((2, 2, 1, 1), 1000)
    codes[:, 1] = NODATA
    stack, clear = make(codes, np.ones((2, 1, 1)), band=("red", "nir08"))
    result = composite_codes(stack, clear, min_clear=1)
    assert [band.item() for band in result] == [1000, NODATA, 2]


def test_fewer_scenes_than_needed_say_what_to_do(looks):
    with pytest.raises(
        TooFewObservationsError, match=r"needs 4 scenes.*has 3"
    ) as error:
        composite_codes(*looks, min_clear=4)
    assert "min_clear" in error.value.cure
    assert "3 景" in error.value.zh


def random_looks(count=7, size=13):
    generator = np.random.default_rng(3)
    codes = generator.integers(-500, 6000, (count, 3, size, size))
    codes[generator.random(codes.shape) < 0.05] = NODATA
    return make(codes, generator.random((count, size, size)) < 0.6, ("a", "b", "c"))


@pytest.mark.parametrize("chunks", [{"time": 1, "y": 4, "x": 5}, {"time": 3, "x": 13}])
def test_dask_says_what_numpy_says(chunks):
    codes, clear = random_looks()
    lazy = composite_codes(codes.chunk(chunks), clear.chunk(chunks), min_clear=2)
    assert lazy.chunks
    eager = composite_codes(codes, clear, min_clear=2)
    xr.testing.assert_identical(lazy.compute(), eager)


@pytest.mark.filterwarnings("ignore:All-NaN slice")
@pytest.mark.parametrize("count", [1, 2, 5, 8, 21])
def test_numpy_agrees(count):
    codes, clear = random_looks(count)
    seen = np.where(clear.values[:, None] & (codes.values != NODATA), codes, np.nan)
    expected = np.nan_to_num(np.rint(np.nanmedian(seen, axis=0)), nan=NODATA)
    result = composite_codes(codes, clear, min_clear=1)[:-1]
    np.testing.assert_array_equal(result, expected)


@given(
    hnp.arrays(np.int16, (6, 1, 3, 2), elements=st.integers(-2000, 16_000)),
    hnp.arrays(bool, (6, 3, 2)),
    st.permutations(range(6)),
)
@settings(max_examples=60, deadline=None)
def test_the_order_of_looks_does_not_matter_and_the_median_lies_between(
    codes, clear, order
):
    result = composite_codes(*make(codes, clear), min_clear=1).values[:-1]
    again = composite_codes(*make(codes[order], clear[order]), min_clear=1)
    np.testing.assert_array_equal(result, again[:-1])
    seen = np.where(clear[:, None], codes.astype(float), np.nan)
    known = result != NODATA
    assert (known == clear.any(axis=0)).all()
    low = np.where(np.isnan(seen), np.inf, seen).min(axis=0)
    high = np.where(np.isnan(seen), -np.inf, seen).max(axis=0)
    assert (result[known] >= low[known]).all()
    assert (result[known] <= high[known]).all()
