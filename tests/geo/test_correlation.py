import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from geo import correlation, terms, zonal
from geo.correlation import (
    Variogram,
    effective_cells,
    empirical_variogram,
    fit_exponential,
    parcel_variance,
)
from geo.errors import GridMismatchError, TooFewObservationsError
from geo.grid import Grid


def covering(shares, grid):
    """Weights of a row of shares per parcel, cell by cell."""
    shares = np.asarray(shares)
    parcel, cell = np.nonzero(shares)
    names = tuple(f"P{number}" for number in range(len(shares)))
    parts = parcel, cell, shares[parcel, cell]
    return zonal.from_shares(parts, names, grid, shares.sum(axis=1) * grid.cell_ha)


def block(side, *, cell_m=30.0):
    """One parcel of ``side`` x ``side`` whole cells."""
    grid = Grid("EPSG:3035", 0.0, side * cell_m, cell_m, side, side)
    return covering(np.ones((1, side * side)), grid)


def double_sum(weights, sd, variogram):
    """The definition, written out: sum of a_i a_j rho(d_ij) s_i s_j."""
    cells, share = weights.cells(0)
    row, column = np.divmod(cells, weights.grid.width)
    distance = weights.grid.cell_m * np.hypot(
        row[:, None] - row, column[:, None] - column
    )
    spread = np.broadcast_to(sd, weights.grid.shape).reshape(-1)[cells]
    term = share / share.sum() * spread
    return term @ variogram.correlation(distance) @ term


@pytest.mark.parametrize(
    ("length_m", "se", "cells"),
    [(0, 4.0, 100), (50, 13.4008, 8.91), (150, 25.2495, 2.51), (500, 34.4225, 1.35)],
)
def test_a_parcel_of_ten_by_ten_cells(length_m, se, cells):
    """methods.md T22: sigma 40 t/ha, cells of 30 m."""
    variogram = Variogram(0.0, 1.0, length_m)
    variance = parcel_variance(block(10), 40.0, variogram)
    assert np.sqrt(variance[0]) == pytest.approx(se, abs=5e-5)
    assert effective_cells(block(10), variogram)[0] == pytest.approx(cells, abs=5e-3)


def test_two_cells_by_hand():
    """Halves that correlate by e^-1: (1 + e^-1) / 2 of the variance."""
    grid = Grid("EPSG:3035", 0.0, 30.0, 30.0, 2, 1)
    pair = covering([[1.0, 1.0], [0.0, 0.5]], grid)
    variance = parcel_variance(pair, 10.0, Variogram(0.0, 5.0, 30.0))
    np.testing.assert_allclose(variance, [100 * (1 + np.exp(-1)) / 2, 100])
    half = parcel_variance(pair, 10.0, Variogram(1.0, 1.0, 30.0))
    np.testing.assert_allclose(half, [100 * (1 + np.exp(-1) / 2) / 2, 100])


@given(st.integers(0, 2**31), st.floats(0, 900), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_the_definition_agrees_with_unequal_shares_and_errors(seed, length_m, nugget):
    generator = np.random.default_rng(seed)
    side = int(generator.integers(2, 14))
    grid = Grid("EPSG:3035", 0.0, 0.0, 20.0, side, side)
    share = generator.random(side * side) * (generator.random(side * side) < 0.6)
    share[0] = 0.5
    weights = covering(share[None], grid)
    sd = generator.uniform(1, 50, grid.shape)
    variogram = Variogram(nugget, 1.0, length_m)
    found = parcel_variance(weights, sd, variogram)[0]
    assert found == pytest.approx(double_sum(weights, sd, variogram), rel=1e-9)
    own = ((share / share.sum() * sd.ravel()) ** 2).sum()
    assert own * (1 - 1e-9) <= found <= sd.max() ** 2 * (1 + 1e-9)


def test_unobserved_cells_are_left_out():
    sd = np.full((10, 10), 40.0)
    sd[:, 5:] = np.nan
    variogram = Variogram(0.0, 1.0, 150.0)
    half = parcel_variance(block(10), sd, variogram)[0]
    assert half > parcel_variance(block(10), 40.0, variogram)[0]
    grid = Grid("EPSG:3035", 0.0, 300.0, 30.0, 5, 10)
    alone = covering(np.ones((1, 50)), grid)
    assert half == pytest.approx(parcel_variance(alone, 40.0, variogram)[0])
    assert np.isnan(parcel_variance(block(10), np.full((10, 10), np.nan), variogram))
    with pytest.raises(GridMismatchError):
        parcel_variance(block(10), np.ones((9, 10)), variogram)


def test_many_parcels_at_once_are_each_the_definition(monkeypatch):
    """Parcels of all sizes, in batches and in strips; one unseen, one off the grid."""
    grid = Grid("EPSG:3035", 0.0, 0.0, 20.0, 40, 30)
    generator = np.random.default_rng(8)
    cube = np.zeros((14, 30, 40))
    for shares in cube[:12]:
        row, column = generator.integers(0, 25, 2)
        height, width = generator.integers(1, 15, 2)
        part = shares[row : row + height, column : column + width]
        part[:] = np.where(generator.random(part.shape) < 0.6, 1.0, 0.3)
    cube[12, 29, 39] = 0.5
    weights = covering(cube.reshape(14, -1), grid)
    sd = generator.uniform(1, 50, grid.shape)
    observed = generator.random(grid.shape) < 0.8
    observed[29, 39] = False
    variogram = Variogram(0.4, 0.6, 70.0)
    found = parcel_variance(weights, sd, variogram, observed=observed)
    assert np.isnan(found).tolist() == [False] * 12 + [True] * 2
    seen = covering((cube * observed).reshape(14, -1), grid)
    for parcel in range(12):
        one = seen.only(np.arange(14) == parcel)
        assert found[parcel] == pytest.approx(double_sum(one, sd, variogram), rel=1e-9)
    gaps = parcel_variance(weights, np.where(observed, sd, np.nan), variogram)
    np.testing.assert_array_equal(gaps, found)
    monkeypatch.setattr(correlation, "_BATCH_CELLS", 1)
    single = parcel_variance(weights, sd, variogram, observed=observed)
    np.testing.assert_allclose(single, found, rtol=1e-12)


def test_a_large_parcel_is_painted_strip_by_strip(monkeypatch):
    """Strips, gaps and shares of a union change nothing but the size of the blocks."""
    grid = Grid("EPSG:3035", 0.0, 0.0, 20.0, 23, 31)
    generator = np.random.default_rng(3)
    cube = generator.random((2, 23 * 31)) * (generator.random((2, 23 * 31)) < 0.7)
    together = zonal.union(covering(cube, grid))
    sd = generator.uniform(1, 50, grid.shape)
    observed = generator.random(grid.shape) < 0.8
    variogram = Variogram(0.2, 0.8, 200.0)
    errors = terms.CellErrors(sd, observed)
    boxes = terms.bounding_boxes(together)
    exact = parcel_variance(together, sd, variogram, observed=observed)[0]
    one = np.array([0])
    (placed,) = terms.placed_terms(together, errors, boxes, one, (31, 23))
    monkeypatch.setattr(terms, "_STRIP_CELLS", 50)
    blocks = terms.block_terms(together, errors, boxes, 0, 16)
    assert blocks.block == 2
    assert blocks.own == pytest.approx((placed**2).sum(), rel=1e-12)
    padded = np.pad(placed, 1)[1:, 1:].reshape(16, 2, 12, 2).sum(axis=(1, 3))
    np.testing.assert_allclose(blocks.placed, padded, atol=1e-15)
    monkeypatch.setattr(correlation, "LARGEST_SIDE", 16)
    coarse = parcel_variance(together, sd, variogram, observed=observed)[0]
    assert coarse == pytest.approx(exact, rel=0.01)
    unseen = np.zeros(grid.shape, bool)
    assert np.isnan(parcel_variance(together, sd, variogram, observed=unseen)[0])


@pytest.mark.parametrize("side", [30, 45, 60])
def test_large_parcels_approach_the_integral(side):
    """methods.md 4.5: Var = sigma^2 2 pi L^2 / A, less what edges cut off."""
    length_m = 60.0
    variance = parcel_variance(block(side), 1.0, Variogram(0.0, 1.0, length_m))[0]
    shortcut = 2 * np.pi * length_m**2 / (side * 30.0) ** 2
    ratio = length_m / (side * 30.0)
    edges = 1 - 8 / np.pi * ratio + 6 / np.pi * ratio**2
    assert variance == pytest.approx(shortcut * edges, rel=0.01)
    assert variance == pytest.approx(shortcut, rel=0.17)


@pytest.mark.parametrize("length_m", [15.0, 60.0, 120.0, 300.0, 2000.0])
def test_blocks_of_cells_stand_in_for_cells(monkeypatch, length_m):
    exact = parcel_variance(block(96), 1.0, Variogram(0.1, 1.0, length_m))[0]
    monkeypatch.setattr(correlation, "LARGEST_SIDE", 24)
    coarse = parcel_variance(block(96), 1.0, Variogram(0.1, 1.0, length_m))[0]
    assert coarse == pytest.approx(exact, rel=0.01)


def test_a_region_errs_more_than_independent_parcels_would_and_less_than_one():
    grid = Grid("EPSG:3035", 0.0, 600.0, 20.0, 30, 30)
    shapes = [box(x, y, x + 200, y + 200) for x in (0, 200, 400) for y in (0, 200, 400)]
    frame = gpd.GeoDataFrame(
        {"parcel_id": [str(n) for n in range(9)]}, geometry=shapes, crs="EPSG:3035"
    )
    weights = zonal.coverage_weights(frame, grid)
    variogram = Variogram(0.0, 1.0, 100.0)
    parcel = parcel_variance(weights, 10.0, variogram)
    region = parcel_variance(zonal.union(weights), 10.0, variogram)[0]
    np.testing.assert_allclose(parcel, parcel[0])
    assert parcel[0] / 9 < region < parcel[0]


def field(side=70, cell_m=20.0, length_m=100.0, nugget=0.25, seed=5):
    """A seeded Gaussian field with exponential correlation, by circulant embedding."""
    generator = np.random.default_rng(seed)
    lag = np.minimum(np.arange(8 * side), 8 * side - np.arange(8 * side)) * cell_m
    rho = (1 - nugget) * np.exp(-np.hypot(lag[:, None], lag) / length_m)
    rho[0, 0] += nugget
    power = np.maximum(np.fft.fft2(rho).real, 0)
    noise = generator.normal(size=power.shape) + 1j * generator.normal(size=power.shape)
    both = np.fft.fft2(np.sqrt(power / power.size) * noise)
    y, x = np.mgrid[:side, :side] * cell_m
    return x.ravel(), y.ravel(), both.real[:side, :side].ravel() * 10


def test_a_known_field_is_recovered():
    fits = []
    for seed in range(4):
        x, y, residual = field(seed=seed)
        empirical = empirical_variogram(x, y, residual, max_distance_m=400, bins=16)
        fits.append(fit_exponential(empirical))
    assert np.mean([fit.variance for fit in fits]) == pytest.approx(100, rel=0.25)
    assert np.mean([fit.range_m for fit in fits]) == pytest.approx(100, rel=0.4)
    assert np.mean([fit.nugget for fit in fits]) == pytest.approx(25, abs=12)
    again = fit_exponential(empirical)
    assert again == fits[-1]


def test_an_exact_curve_is_fitted_exactly():
    true = Variogram(30.0, 70.0, 120.0)
    distance = np.linspace(20, 500, 25)
    pairs = np.full(25, 100)
    curve = correlation.Empirical(distance, true.semivariance(distance), pairs)
    fit = fit_exponential(curve)
    assert fit.nugget == pytest.approx(30, rel=1e-3)
    assert fit.sill == pytest.approx(70, rel=1e-3)
    assert fit.range_m == pytest.approx(120, rel=1e-3)


def test_semivariance_by_hand():
    """Three points in a row: two pairs at 10 m, one at 20 m."""
    found = empirical_variogram(
        np.array([0.0, 10.0, 20.0, 30.0]),
        np.zeros(4),
        np.array([1.0, 3.0, 7.0, np.nan]),
        max_distance_m=25.0,
        bins=2,
    )
    np.testing.assert_array_equal(found.pairs, [2, 1])
    np.testing.assert_allclose(found.distance_m, [10, 20])
    np.testing.assert_allclose(found.semivariance, [(4 + 16) / 4, 36 / 2])


def test_many_points_are_thinned_the_same_way_every_time():
    x, y, residual = field(side=70)
    thin = [
        empirical_variogram(
            x, y, residual, max_distance_m=300, bins=10, most_points=900
        )
        for _ in range(2)
    ]
    np.testing.assert_array_equal(thin[0].semivariance, thin[1].semivariance)
    assert thin[0].pairs.sum() < 900**2 / 2
    whole = empirical_variogram(x, y, residual, max_distance_m=300, bins=10)
    np.testing.assert_allclose(thin[0].semivariance, whole.semivariance, rtol=0.2)


def test_too_little_to_fit():
    with pytest.raises(TooFewObservationsError, match="No two of 2"):
        empirical_variogram(
            np.array([0.0, 99.0]), np.zeros(2), np.ones(2), max_distance_m=9.0, bins=3
        )
    two = correlation.Empirical(np.ones(2), np.ones(2), np.ones(2, int))
    with pytest.raises(TooFewObservationsError, match="3 classes"):
        fit_exponential(two)


def test_residuals_without_spread_have_no_correlation():
    flat = correlation.Empirical(np.arange(1.0, 5), np.zeros(4), np.ones(4, int))
    assert fit_exponential(flat) == Variogram(0.0, 0.0, 0.0)
    assert parcel_variance(block(2), 2.0, fit_exponential(flat))[0] == pytest.approx(1)


@pytest.mark.parametrize("wrong", [(-1, 1, 1), (1, -1, 1), (1, 1, -1), (1, 1, np.nan)])
def test_impossible_variograms(wrong):
    with pytest.raises(ValueError, match="not below zero"):
        Variogram(*wrong)
