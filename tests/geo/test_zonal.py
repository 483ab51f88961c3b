import io

import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

from geo import overlay, zonal
from geo.errors import GridMismatchError
from geo.grid import Grid

GRID = Grid("EPSG:3035", 0.0, 60.0, 20.0, 3, 3)
"""3x3 cells of 20 m: 0.04 ha each."""
VALUES = np.arange(9, dtype=np.float32).reshape(3, 3)


def parcels(*shapes, crs="EPSG:3035"):
    names = [f"P{number}" for number in range(len(shapes))]
    return gpd.GeoDataFrame({"parcel_id": names}, geometry=list(shapes), crs=crs)


def weigh(*shapes, grid=GRID):
    return zonal.coverage_weights(parcels(*shapes), grid)


def test_half_covered_cells_by_hand():
    """The left half of the grid: a whole column and half of the next."""
    weights = weigh(box(0, 0, 30, 60))
    cells, shares = weights.cells(0)
    np.testing.assert_array_equal(cells, [0, 1, 3, 4, 6, 7])
    np.testing.assert_array_equal(shares, [1, 0.5] * 3)
    total, observed_ha = zonal.sums(weights, VALUES)
    # (0 + 3 + 6) + (1 + 4 + 7) / 2 = 15 times 0.04 ha
    assert total[0] == pytest.approx(0.6, rel=1e-15)
    assert observed_ha[0] == pytest.approx(0.18, rel=1e-15)
    assert zonal.means(weights, VALUES)[0] == pytest.approx(15 / 4.5)


def test_runs_and_edges_by_hand():
    """Rows of the grid cut runs: all nine cells are three runs, not one."""
    weights = weigh(box(0, 0, 60, 60), box(0, 0, 30, 60))
    assert weights.runs.bounds.tolist() == [
        [0, 3],
        [0, 1],
        [3, 6],
        [3, 4],
        [6, 9],
        [6, 7],
    ]
    assert weights.runs.parcel.tolist() == [0, 1] * 3
    assert weights.edges.cell.tolist() == [1, 4, 7]
    assert weights.edges.share.tolist() == [0.5] * 3
    assert weights.edges.parcel.tolist() == [1] * 3
    assert weights.share_count == weights.matrix.nnz == 15
    part = weights.window(Grid("EPSG:3035", 20, 60, 20.0, 1, 2), row=0, column=1)
    assert part.runs.bounds.tolist() == [[0, 1], [1, 2]]
    assert part.edges.cell.tolist() == [0, 1]
    np.testing.assert_array_equal(
        zonal.sums(weights, VALUES)[0], [pytest.approx(36 * 0.04), pytest.approx(0.6)]
    )


def test_the_later_parcel_is_painted_over_the_earlier():
    weights = weigh(box(0, 0, 60, 60), box(0, 0, 30, 60), box(45, 0, 60, 60), None)
    painted = zonal.paint(weights, np.array([5.0, 6.0, 7.0, 8.0]))
    assert painted.dtype == np.float32
    np.testing.assert_array_equal(painted, [[6, 6, 7]] * 3)
    bare = zonal.paint(weigh(box(0, 0, 29, 60)), np.array([5.0]))
    np.testing.assert_array_equal(bare, [[5, np.nan, np.nan]] * 3)


def test_a_union_counts_a_shared_cell_once_with_both_shares():
    cells, shares = zonal.union(weigh(box(0, 0, 30, 60), box(30, 0, 60, 60))).cells(0)
    assert cells.tolist() == list(range(9))
    assert shares.tolist() == [1.0] * 9


def test_variance_between_cells_by_hand():
    values = np.where(VALUES == 4, 7.0, 1.0)
    weights = weigh(box(20, 20, 50, 40))  # the middle cell and half of the next
    assert zonal.means(weights, values)[0] == pytest.approx(5.0)
    assert zonal.variances(weights, values)[0] == pytest.approx(8.0)  # (4 + 16/2) / 1.5


def test_a_parcel_smaller_than_a_cell():
    weights = weigh(box(42, 42, 58, 58))  # 256 m2 in the top right cell of 400 m2
    cells, shares = weights.cells(0)
    assert cells.tolist() == [2]
    assert shares[0] == pytest.approx(0.64)
    assert zonal.area_ha(weights)[0] == pytest.approx(0.0256)
    assert zonal.means(weights, VALUES)[0] == 2.0
    assert zonal.observed_share(weights, VALUES)[0] == pytest.approx(1.0)


def test_a_hole_and_two_parts():
    holed = Polygon(box(0, 0, 60, 60).exterior, [box(20, 20, 40, 40).exterior.coords])
    parts = MultiPolygon([box(0, 0, 20, 20), box(40, 40, 60, 60)])
    weights = weigh(holed, parts)
    np.testing.assert_allclose(zonal.area_ha(weights), [0.32, 0.08])
    np.testing.assert_allclose(zonal.means(weights, VALUES), [4.0, 4.0])
    assert 4 not in weights.cells(0)[0]
    assert weights.cells(1)[0].tolist() == [2, 6]


def test_across_the_edge_and_far_outside():
    weights = weigh(box(-60, 0, 20, 20), box(900, 900, 990, 990), Polygon(), None)
    np.testing.assert_allclose(weights.inside_share, [0.25, 0, 0, 0])
    np.testing.assert_allclose(zonal.observed_share(weights, VALUES), [0.25, 0, 0, 0])
    np.testing.assert_array_equal(zonal.means(weights, VALUES), [6, *[np.nan] * 3])
    assert zonal.sums(weights, VALUES)[0][1] == 0


def test_no_parcel_on_the_grid_at_all():
    weights = weigh(Polygon(), None)
    assert weights.matrix.nnz == 0
    assert np.isnan(zonal.means(weights, VALUES)).all()


def test_unobserved_cells_count_in_neither_sum():
    values = VALUES.copy()
    values[0] = np.nan
    weights = weigh(box(0, 0, 60, 60), box(0, 40, 60, 60))
    np.testing.assert_allclose(zonal.sums(weights, values)[1], [0.24, 0])
    np.testing.assert_allclose(zonal.means(weights, values), [5.5, np.nan])
    np.testing.assert_allclose(zonal.observed_share(weights, values), [2 / 3, 0])
    assert np.isnan(zonal.variances(weights, values)[1])


def test_shares_of_the_observed_area():
    weights = weigh(box(0, 0, 60, 60))
    assert zonal.shares(weights, VALUES < 3)[0] == pytest.approx(1 / 3)
    seen = zonal.shares(weights, VALUES < 3, observed=VALUES < 6)
    assert seen[0] == pytest.approx(1 / 2)


def test_grid_and_parcels_must_agree():
    with pytest.raises(GridMismatchError, match="EPSG:3035") as error:
        zonal.coverage_weights(parcels(box(0, 0, 9, 9), crs="EPSG:32634"), GRID)
    assert "to_crs" in error.value.cure
    with pytest.raises(GridMismatchError, match=r"shape \(2, 2\)"):
        zonal.means(weigh(box(0, 0, 9, 9)), np.zeros((2, 2)))


def stars(count, *, size=200.0):
    """Seeded star-shaped polygons, some across the edges of a 200 m square."""
    generator = np.random.default_rng(count)
    for _ in range(count):
        angle = np.sort(generator.uniform(0, 2 * np.pi, 9))
        reach = generator.uniform(3, 70, 9)
        centre = generator.uniform(0, size, 2)
        corners = np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None]
        yield shapely.make_valid(Polygon(corners + centre))


def test_what_is_stored_is_what_comes_back():
    weights = weigh(*stars(5))
    file = io.BytesIO()
    np.savez(file, **zonal.to_arrays(weights))
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        again = zonal.from_arrays(arrays)
    assert again.grid == weights.grid
    assert again.parcel_ids == weights.parcel_ids
    for name, array in zonal.to_arrays(weights).items():
        np.testing.assert_array_equal(zonal.to_arrays(again)[name], array)
    arrays = zonal.to_arrays(weights) | {"polygon_ha": np.zeros(4)}
    with pytest.raises((GridMismatchError, ValueError)):
        zonal.from_arrays(arrays)


BIG = Grid("EPSG:3035", 0.0, 200.0, 7.0, 29, 29)


def test_sums_of_tiles_add_up_to_the_whole():
    weights = weigh(*stars(20), grid=BIG)
    values = np.random.default_rng(2).normal(100, 20, BIG.shape)
    whole = zonal.sums(weights, values)
    total, observed_ha = np.zeros(20), np.zeros(20)
    for tile in BIG.tiles(10):
        rows = slice(tile.row, tile.row + tile.grid.height)
        columns = slice(tile.column, tile.column + tile.grid.width)
        part = weights.window(tile.grid, row=tile.row, column=tile.column)
        there = zonal.coverage_weights(parcels(*stars(20)), tile.grid)
        np.testing.assert_allclose(part.matrix.data, there.matrix.data, atol=1e-6)
        sums = zonal.sums(part, values[rows, columns])
        total, observed_ha = total + sums[0], observed_ha + sums[1]
    np.testing.assert_allclose(total, whole[0], rtol=1e-12)
    np.testing.assert_allclose(observed_ha, whole[1], rtol=1e-12)


def cloudy(seed=2):
    """Values with clouds over some cells, a few infinite and half a row missing."""
    generator = np.random.default_rng(seed)
    values = generator.normal(100, 20, BIG.shape).astype(np.float32)
    values[generator.random(BIG.shape) < 0.1] = np.nan
    values[5, 3:9], values[17, :15] = np.inf, np.nan
    return values


@pytest.mark.parametrize("chunk", [1, 2, 7, 29])
@pytest.mark.parametrize("clear_rows", [0, 20, 29])
def test_chunks_change_no_bit(monkeypatch, chunk, clear_rows):
    weights = weigh(*stars(20), grid=BIG)
    values = cloudy()
    values[:clear_rows] = np.nan_to_num(values[:clear_rows], posinf=9.0)
    whole = zonal.sums(weights, values)
    added = zonal.StripSums(weights)
    lazy = da.from_array(values, chunks=(chunk, 11))
    for row in range(0, 29, chunk):
        added.add(lazy[row : row + chunk].compute(), row=row)
    monkeypatch.setattr(zonal, "_STRIP_CELLS", chunk * 29)
    for found, again, expected in zip(
        added.result, zonal.sums(weights, values), whole, strict=True
    ):
        np.testing.assert_array_equal(found[0], expected)
        np.testing.assert_array_equal(again, expected)


def test_gaps_in_one_strip_do_not_touch_the_sums_of_others():
    """Cells seen, cells not seen: the definition, cell by cell."""
    weights, values = weigh(*stars(20), grid=BIG), cloudy()
    total, observed_ha = zonal.sums(weights, values)
    variance = zonal.variances(weights, values)
    for parcel in range(20):
        cells, shares = weights.cells(parcel)
        here = values.reshape(-1)[cells].astype(float)
        seen = np.isfinite(here)
        here, shares = here[seen], shares[seen]
        expected = (here * shares).sum() * BIG.cell_ha
        assert total[parcel] == pytest.approx(expected, rel=1e-12)
        assert observed_ha[parcel] == pytest.approx(shares.sum() * BIG.cell_ha)
        if seen.any():
            mean = np.average(here, weights=shares)
            spread = np.average((here - mean) ** 2, weights=shares)
            assert variance[parcel] == pytest.approx(spread, rel=1e-9, abs=1e-9)


def test_bands_are_summed_apart_and_what_is_not_given_is_unobserved():
    weights = weigh(box(0, 0, 60, 60))
    added = zonal.StripSums(weights, bands=2)
    added.add(np.stack([VALUES, VALUES > 2])[:, :2, 1:], row=0, column=1)
    total, observed_ha = added.result
    np.testing.assert_allclose(total[:, 0], [0.04 * (1 + 2 + 4 + 5), 0.04 * 2])
    np.testing.assert_allclose(observed_ha[:, 0], [0.16, 0.16])
    added.add(np.array([[[np.nan, 9, 9]], [[1, 1, 1]]]), row=2)
    np.testing.assert_allclose(added.result[0][:, 0], [0.04 * 30, 0.04 * 5])
    np.testing.assert_allclose(added.result[1][:, 0], [0.24, 0.28])
    with pytest.raises(GridMismatchError, match="row 2, column 0"):
        added.add(np.zeros((2, 2, 3)), row=2)


def test_batches_and_strips_of_large_parcels_change_nothing(monkeypatch):
    shapes = [
        *stars(12),
        None,
        box(-50, -50, 300, 90),
        Polygon(),
        box(900, 900, 990, 990),
    ]
    whole = zonal.to_arrays(weigh(*shapes, grid=BIG))
    monkeypatch.setattr(overlay, "_BATCH_CELLS", 100)
    for name, array in zonal.to_arrays(weigh(*shapes, grid=BIG)).items():
        if array.dtype == np.float64:
            np.testing.assert_allclose(array, whole[name], rtol=1e-6)
        else:
            np.testing.assert_array_equal(array, whole[name])


def test_rows_and_windows_are_those_of_the_matrix():
    weights = weigh(*stars(20), grid=BIG)
    some = np.arange(20) % 3 == 0
    few = weights.only(some)
    assert few.parcel_ids == tuple(f"P{number}" for number in range(0, 20, 3))
    np.testing.assert_array_equal(few.matrix.toarray(), weights.matrix.toarray()[some])
    part = weights.window(BIG.window(slice(4, 20), slice(7, 29)), row=4, column=7)
    cube = weights.matrix.toarray().reshape(20, *BIG.shape)[:, 4:20, 7:29]
    np.testing.assert_array_equal(part.matrix.toarray(), cube.reshape(20, -1))


def test_parcels_sum_to_their_union():
    shapes = [box(x, 3, x + 37, 100) for x in range(3, 150, 37)]
    weights = weigh(*shapes, grid=BIG)
    values = np.random.default_rng(2).normal(100, 20, BIG.shape)
    together = zonal.union(weights)
    assert together.parcel_ids == ("union",)
    for one, all_ in zip(
        zonal.sums(together, values), zonal.sums(weights, values), strict=True
    ):
        assert one[0] == pytest.approx(all_.sum(), rel=1e-12)
    drawn = weigh(shapely.union_all(shapes), grid=BIG)
    drawn_sum = zonal.sums(drawn, values)[0][0]
    assert drawn_sum == pytest.approx(zonal.sums(together, values)[0][0], rel=1e-6)


def test_order_of_parcels_does_not_change_a_bit():
    shapes = list(stars(12))
    values = np.random.default_rng(2).normal(100, 20, BIG.shape)
    forth = zonal.sums(weigh(*shapes, grid=BIG), values)[0]
    back = zonal.sums(weigh(*shapes[::-1], grid=BIG), values)[0]
    np.testing.assert_array_equal(forth, back[::-1])


@given(
    st.tuples(st.floats(10, 190), st.floats(10, 190)),
    st.floats(1, 80),
    st.integers(3, 12),
    st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_exactextract_agrees(centre, radius, corners, seed):
    turns = np.arange(corners) / corners * 2 * np.pi
    shape = Polygon(
        np.column_stack([np.cos(turns), np.sin(turns)]) * radius + np.array(centre)
    )
    values = np.random.default_rng(seed).uniform(1, 300, BIG.shape)
    values[:3, :4] = np.nan
    raster = NumPyRasterSource(values, *BIG.bounds, nodata=np.nan)
    authority = exact_extract(
        raster, parcels(shape), ["mean", "sum", "count"], output="pandas"
    ).iloc[0]
    weights = weigh(shape, grid=BIG)
    total, observed_ha = zonal.sums(weights, values)
    assert total[0] == pytest.approx(authority["sum"] * BIG.cell_ha, rel=1e-6)
    assert observed_ha[0] == pytest.approx(authority["count"] * BIG.cell_ha, rel=1e-6)
    if authority["count"] > 0:
        mean = zonal.means(weights, values)[0]
        assert mean == pytest.approx(authority["mean"], rel=1e-6)
        assert 1 - 1e-6 <= mean <= 300 + 1e-6


def test_a_point_like_sliver_keeps_its_mean():
    weights = weigh(Point(31, 31).buffer(0.01))
    assert zonal.means(weights, VALUES)[0] == 4.0
