"""Alignment: by hand, whole = parts, invariants, then GDAL as the outside authority."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.warp import Resampling, reproject

from geo.align import METHODS, Source, align, sample, window
from geo.grid import Grid

UTM = "EPSG:32634"
GRID = Grid(UTM, 600_000.0, 5_010_000.0, 10.0, 4, 4)
TRANSFORM = Affine(10, 0, 600_000, 0, -10, 5_010_000)
NAN = np.nan


def onto(values, transform=TRANSFORM, crs=UTM, grid=GRID, **options):
    given_options = {"resampling": "nearest", "nodata": NAN} | options
    return align(
        np.asarray(values, dtype="float32"), transform, crs, grid, **given_options
    )


def test_coarse_pixels_fill_the_cells_they_cover():
    twenty = Affine(20, 0, 600_000, 0, -20, 5_010_000)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(onto([[1, 2], [3, 4]], twenty), expected)


def test_nearest_on_a_pixel_corner_takes_the_pixel_to_the_south_east():
    twenty = Grid(UTM, 600_000.0, 5_010_000.0, 20.0, 2, 2)
    values = np.arange(16).reshape(4, 4)
    np.testing.assert_array_equal(onto(values, grid=twenty), [[5, 7], [13, 15]])


def test_average_by_hand_needs_half_of_the_pixels():
    twenty = Grid(UTM, 600_000.0, 5_010_000.0, 20.0, 2, 2)
    values = [[1, 3, NAN, 2], [5, 7, 4, NAN], [NAN, NAN, 1, 1], [NAN, 9, 1, 1]]
    found = onto(values, grid=twenty, resampling="average")
    np.testing.assert_array_equal(found, [[4, 3], [NAN, 1]])


def test_average_of_cells_finer_than_the_pixels_is_the_nearest():
    forty = Affine(40, 0, 600_000, 0, -40, 5_010_000)
    np.testing.assert_array_equal(onto([[7]], forty, resampling="average"), 7)


def test_bilinear_by_hand_between_four_pixels():
    half = Grid(UTM, 600_005.0, 5_009_995.0, 10.0, 1, 1)
    found = onto([[1, 2], [3, 6]], grid=half, resampling="bilinear")
    np.testing.assert_array_equal(found, [[3]])


def test_bilinear_spreads_no_data_no_further_than_nearest():
    values = np.ones((4, 4))
    values[1, 1] = NAN
    quarter = Affine(10, 0, 600_002.5, 0, -10, 5_010_002.5)
    smooth = onto(values, quarter, resampling="bilinear")
    sharp = onto(values, quarter)
    np.testing.assert_array_equal(np.isnan(smooth), np.isnan(sharp))
    assert np.all(smooth[~np.isnan(smooth)] == 1)


def test_half_a_pixel_off_is_not_pasted():
    off = Affine(10, 0, 600_005, 0, -10, 5_010_000)
    found = onto(np.arange(16).reshape(4, 4), off, resampling="bilinear")
    np.testing.assert_array_equal(found[0, 1:], [0.5, 1.5, 2.5])


def test_south_up_is_turned():
    values = np.arange(16).reshape(4, 4)
    up = Affine(10, 0, 600_000, 0, 10, 5_010_000 - 40)
    np.testing.assert_array_equal(onto(values[::-1], up), values)


def test_a_raster_turned_by_a_quarter_is_turned_back():
    values = np.arange(16).reshape(4, 4)
    turned = Affine(0, 10, 600_000, 10, 0, 5_010_000 - 40)
    # Column c of the file runs north, row r runs east: file[r, c] = map[3 - c, r].
    file = values[::-1].T
    for method in METHODS:
        np.testing.assert_array_equal(onto(file, turned, resampling=method), values)


def test_beyond_the_raster_there_is_no_data():
    east = Grid(UTM, 600_020.0, 5_010_000.0, 10.0, 4, 4)
    found = onto(np.ones((4, 4)), grid=east)
    np.testing.assert_array_equal(np.isnan(found), [[False, False, True, True]] * 4)
    assert window(Grid(UTM, 700_000.0, 5_010_000.0, 10.0, 4, 4), source_of()) is None


def source_of(height=4, width=4):
    return Source(TRANSFORM, UTM, height, width)


def test_codes_keep_their_dtype():
    codes = np.array([[4, 8], [3, 0]], dtype="int32")
    found = align(codes, TRANSFORM, UTM, GRID, resampling="nearest", nodata=-1)
    assert found.dtype == np.int32
    assert found[:2, :2].tolist() == codes.tolist()
    assert found[3, 3] == -1


@pytest.mark.parametrize("method", ["bilinear", "average"])
def test_codes_are_never_mixed(method):
    with pytest.raises(ValueError, match="wants floats"):
        align(
            np.ones((2, 2), "uint8"), TRANSFORM, UTM, GRID, resampling=method, nodata=0
        )


def test_invalid_pixels_stay_visible():
    values = np.ones((4, 4))
    values[0, 0] = np.inf
    twenty = Grid(UTM, 600_000.0, 5_010_000.0, 20.0, 2, 2)
    for method in ("average", "bilinear"):
        assert np.isinf(onto(values, grid=twenty, resampling=method)[0, 0])


LAEA = Grid("EPSG:3035", 5_272_013.3, 2_533_501.7, 10.0, 60, 50)


def textured(height=200, width=200):
    noise = np.random.default_rng(5).integers(1, 10_000, (height, width))
    return noise.astype("float32")


def utm_source():
    """Cover LAEA in UTM, at 7 m, so that nothing coincides."""
    west, south, east, north = Source(
        LAEA.transform, LAEA.crs, LAEA.height, LAEA.width
    ).lonlat_bounds()
    from pyproj import Transformer

    to_utm = Transformer.from_crs("OGC:CRS84", UTM, always_xy=True)
    left, _, _, top = to_utm.transform_bounds(west, south, east, north)
    return Source(Affine(7, 0, left - 30, 0, -7, top + 30), UTM, 200, 200)


@pytest.mark.parametrize("method", METHODS)
@given(rows=st.integers(1, 49), columns=st.integers(1, 59))
@settings(max_examples=6, deadline=None)
def test_parts_are_bytes_of_the_whole(method, rows, columns):
    source, values = utm_source(), textured()
    whole = align(
        values, source.transform, source.crs, LAEA, resampling=method, nodata=NAN
    )
    assert np.isfinite(whole).all()
    for down in (slice(0, rows), slice(rows, LAEA.height)):
        for right in (slice(0, columns), slice(columns, LAEA.width)):
            part = LAEA.window(down, right)
            needed = window(part, source)
            found = sample(
                values[needed],
                (needed[0].start, needed[1].start),
                source,
                part,
                method=method,
                nodata=NAN,
            )
            assert found.tobytes() == whole[down, right].tobytes()


@given(st.floats(-1e4, 1e4, allow_nan=False, width=32))
@settings(max_examples=10, deadline=None)
def test_a_constant_stays_that_constant(level):
    source = utm_source()
    values = np.full((200, 200), level, dtype="float32")
    for method in METHODS:
        found = align(
            values, source.transform, source.crs, LAEA, resampling=method, nodata=NAN
        )
        np.testing.assert_allclose(found, level, rtol=1e-6)


def by_gdal(values, source, grid, resampling):
    found = np.full(grid.shape, np.nan, dtype="float32")
    reproject(
        values,
        found,
        src_transform=source.transform,
        src_crs=source.crs,
        src_nodata=np.nan,
        dst_transform=grid.transform,
        dst_crs=grid.crs,
        dst_nodata=np.nan,
        resampling=resampling,
        XSCALE=1,
        YSCALE=1,
    )
    return found


def test_nearest_is_what_gdal_says_but_for_its_approximation():
    source, values = utm_source(), textured()
    found = align(
        values, source.transform, source.crs, LAEA, resampling="nearest", nodata=NAN
    )
    assert np.mean(found == by_gdal(values, source, LAEA, Resampling.nearest)) > 0.97


def test_bilinear_is_what_gdal_says():
    source = Source(TRANSFORM, UTM, 200, 200)
    inner = Grid(UTM, 600_103.0, 5_009_896.0, 10.0, 60, 50)
    values = textured()
    found = align(
        values, source.transform, UTM, inner, resampling="bilinear", nodata=NAN
    )
    expected = by_gdal(values, source, inner, Resampling.bilinear)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_average_is_what_gdal_says_where_cells_hold_whole_pixels():
    source = Source(TRANSFORM, UTM, 200, 200)
    coarse = Grid(UTM, 600_000.0, 5_010_000.0, 50.0, 40, 40)
    values = textured()
    found = align(
        values, source.transform, UTM, coarse, resampling="average", nodata=NAN
    )
    expected = by_gdal(values, source, coarse, Resampling.average)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
