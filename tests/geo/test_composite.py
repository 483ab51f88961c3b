import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo.composite import clear_median
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


def test_clear_median_by_hand(looks):
    result = clear_median(*looks, min_clear=2)
    expected = np.array([[[0.2, 0.35], [0.80005, np.nan]]], np.float32)
    np.testing.assert_array_equal(result["reflectance"], expected)
    np.testing.assert_array_equal(result["clear_count"], [[3, 2], [3, 1]])
    assert result["reflectance"].dims == ("band", "y", "x")
    assert result["reflectance"].dtype == np.float32
    assert result["clear_count"].dtype == np.uint16
    assert list(result["band"].values) == ["red"]


def test_codes_come_out_as_the_nearest_decimal():
    codes, clear = make(
        np.arange(1, 10_001).reshape(1, 1, 100, 100), np.ones((1, 100, 100))
    )
    result = clear_median(codes, clear, min_clear=1)["reflectance"].values.ravel()
    expected = np.array(
        [f"{code / 10_000:.4f}" for code in range(1, 10_001)], np.float64
    )
    np.testing.assert_array_equal(result, expected.astype(np.float32))


def test_a_band_the_sensor_lacks_is_nan_and_the_others_are_not():
    codes = np.full((2, 2, 1, 1), 1000)
    codes[:, 1] = NODATA
    stack, clear = make(codes, np.ones((2, 1, 1)), band=("red", "nir08"))
    result = clear_median(stack, clear, min_clear=1)
    assert result["reflectance"].sel(band="red").item() == np.float32(0.1)
    assert np.isnan(result["reflectance"].sel(band="nir08").item())


def test_fewer_scenes_than_needed_say_what_to_do(looks):
    with pytest.raises(
        TooFewObservationsError, match=r"needs 4 scenes.*has 3"
    ) as error:
        clear_median(*looks, min_clear=4)
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
    lazy = clear_median(codes.chunk(chunks), clear.chunk(chunks), min_clear=2)
    assert lazy["reflectance"].chunks
    xr.testing.assert_identical(lazy.compute(), clear_median(codes, clear, min_clear=2))


@pytest.mark.filterwarnings("ignore:All-NaN slice")
@pytest.mark.parametrize("count", [1, 2, 5, 8, 21])
def test_numpy_agrees(count):
    codes, clear = random_looks(count)
    seen = np.where(clear.values[:, None] & (codes.values != NODATA), codes, np.nan)
    expected = np.nanmedian(seen, axis=0) / 10_000
    expected[np.isfinite(seen).sum(axis=0) < 1] = np.nan
    result = clear_median(codes, clear, min_clear=1)["reflectance"]
    np.testing.assert_array_equal(result, expected.astype(np.float32))


@given(
    hnp.arrays(np.int16, (6, 1, 3, 2), elements=st.integers(-2000, 16_000)),
    hnp.arrays(bool, (6, 3, 2)),
    st.permutations(range(6)),
)
@settings(max_examples=60, deadline=None)
def test_the_order_of_looks_does_not_matter_and_the_median_lies_between(
    codes, clear, order
):
    result = clear_median(*make(codes, clear), min_clear=1)["reflectance"].values
    again = clear_median(*make(codes[order], clear[order]), min_clear=1)
    np.testing.assert_array_equal(result, again["reflectance"])
    seen = np.where(clear[:, None], codes / 10_000, np.nan)
    known = np.isfinite(result)
    assert (known == clear.any(axis=0)).all()
    low = np.where(np.isnan(seen), np.inf, seen).min(axis=0)
    high = np.where(np.isnan(seen), -np.inf, seen).max(axis=0)
    assert (result[known] >= low[known] - 1e-6).all()
    assert (result[known] <= high[known] + 1e-6).all()
