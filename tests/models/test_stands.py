"""Parcels drawn along stands: by hand, where there are none, and what cannot be."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.correlation import (
    Variogram,
    alike_variance,
    empirical_variogram,
    fit_exponential,
    parcel_variance,
)
from geo.grid import Grid
from geo.outlines import MovedSums, knight_moves
from geo.zonal import from_shares
from models.stands import along_stands, kept_out, widened_by, width_m

SIDE, CELLS = 8, 128


@cache
def squares():
    """Squares of ``SIDE`` cells that tile a grid of ``CELLS``."""
    grid = Grid("EPSG:3035", 0.0, CELLS * 10.0, 10.0, CELLS, CELLS)
    row, column = np.divmod(np.arange(CELLS**2), CELLS)
    parcel = row // SIDE * (CELLS // SIDE) + column // SIDE
    count = (CELLS // SIDE) ** 2
    parts = parcel, np.arange(CELLS**2), np.ones(CELLS**2)
    names = tuple(f"P{number}" for number in range(count))
    return from_shares(parts, names, grid, np.full(count, SIDE**2 * grid.cell_ha))


def share_of(values):
    added = MovedSums(squares(), knight_moves(SIDE))
    added.add(values, row=0, column=0)
    found = added.result
    return kept_out(found.area_ha, found.variance)


def smooth(generator):
    """A stationary field whose correlation falls off within some parcels' width."""
    axis = np.fft.fftfreq(CELLS)
    power = 1 / (0.02**2 + axis[:, None] ** 2 + axis**2) ** 1.5
    noise = np.fft.fft2(generator.normal(size=(CELLS, CELLS)))
    return np.fft.ifft2(noise * np.sqrt(power)).real


def test_two_parcels_and_two_moves_by_hand():
    area = np.array([[2.0, 1.0], [2.0, 0.7], [1.5, 1.0]])
    variance = np.array([[2.0, 6.0], [8.0, 99.0], [4.0, 12.0]])
    # Of the second parcel the first move sees 70 %: not compared.
    # (2 x 2 + 2 x 2 + 1 x 6) / (2 x 8 + 2 x 4 + 1 x 12) = 14 / 36.
    assert kept_out(area, variance) == pytest.approx(1 - 14 / 36, abs=5e-5)
    # A parcel of variance 10, of 30 if all its cells were alike: 10 + 0.6111 x 20.
    assert along_stands(np.array([10.0]), np.array([30.0]), 0.6111) == pytest.approx(
        22.222
    )


def test_four_cells_all_alike_by_hand():
    """A quarter of what cells do not share is left, and all of what they do."""
    grid = Grid("EPSG:3035", 0.0, 20.0, 10.0, 2, 2)
    parts = np.zeros(4, int), np.arange(4), np.ones(4)
    weights = from_shares(parts, ("P",), grid, np.array([grid.cell_ha * 4]))
    found = alike_variance(weights, 10.0, Variogram(1.0, 3.0, 50.0))
    assert found == pytest.approx([100 * (0.75 + 0.25 / 4)])
    endless = parcel_variance(weights, 10.0, Variogram(1.0, 3.0, 1e12))
    assert found == pytest.approx(endless)
    # Cells that share nothing with their neighbours are as they were.
    alone = Variogram(1.0, 3.0, 0.0)
    assert alike_variance(weights, 10.0, alone) == pytest.approx([25.0])


@pytest.mark.parametrize("seed", range(5))
def test_where_no_stands_are_nothing_is_kept_out(seed):
    """A field that knows nothing of the outlines: s within a few per cent of 0."""
    assert share_of(smooth(np.random.default_rng(seed))) < 0.05


def test_outlines_that_are_the_stands_keep_all_out():
    stands = np.random.default_rng(1).normal(size=(CELLS // SIDE, CELLS // SIDE))
    values = np.kron(stands, np.ones((SIDE, SIDE)))
    assert share_of(values) == 1.0
    # With texture half as various, and moved ones half in two stands: about half.
    texture = np.random.default_rng(2).normal(scale=np.sqrt(0.5), size=values.shape)
    assert 0.4 < share_of(values + texture) < 0.6


def test_errors_that_follow_stands_are_nearer_to_what_is_told():
    """The variogram as fitted to points of an error that is a mosaic and texture.

    The map shows the same mosaic, with other values in it.
    """
    generator = np.random.default_rng(4)
    count = CELLS // SIDE
    ours, theirs = (
        np.kron(generator.normal(size=(count, count)), np.ones((SIDE, SIDE)))
        + 0.5 * generator.normal(size=(CELLS, CELLS))
        for _ in range(2)
    )
    y, x = 10.0 * np.indices(ours.shape)
    some = generator.permutation(CELLS**2)[:3000]
    fitted = fit_exponential(
        empirical_variogram(
            x.ravel()[some],
            y.ravel()[some],
            ours.ravel()[some],
            max_distance_m=300.0,
            bins=15,
        )
    )
    weights, sd = squares(), float(ours.std())
    by_distance = parcel_variance(weights, sd, fitted)
    alike = alike_variance(weights, sd, fitted)
    told = along_stands(by_distance, alike, share_of(theirs)).mean()
    true = ours.reshape(count, SIDE, count, SIDE).mean(axis=(1, 3)).var()
    assert by_distance.mean() < 0.75 * true
    assert by_distance.mean() < 0.9 * told < true


def test_nothing_to_compare_keeps_nothing_out():
    nan = np.full((3, 2), np.nan)
    assert kept_out(np.zeros((3, 2)), nan) == 0.0
    assert kept_out(np.ones((3, 2)), np.zeros((3, 2))) == 0.0
    # Outlines across stands, more various than anywhere else: never narrower.
    assert kept_out(np.ones((2, 1)), np.array([[5.0], [4.0]])) == 0.0


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1), st.integers(0, 2**31))
def test_never_narrower_and_never_beyond_all_alike(variance, more, share, seed):
    found = along_stands(np.array([variance]), np.array([variance + more]), share)[0]
    assert variance <= found <= (variance + more) * (1 + 1e-12)
    generator = np.random.default_rng(seed)
    area = generator.random((3, 5))
    assert 0 <= kept_out(area, generator.random((3, 5))) <= 1


def test_a_parcel_whose_cells_were_not_seen_has_no_variance():
    found = along_stands(np.array([np.nan, 1.0]), np.array([np.nan, 3.0]), 0.5)
    np.testing.assert_array_equal(found, [np.nan, 2.0])


def test_what_it_widened_is_told_as_the_middle_factor():
    before = np.array([1.0, 4.0, 2.0, 0.0, np.nan])
    assert widened_by(before, np.array([1.0, 9.0, 8.0, 0.0, np.nan])) == 1.5
    assert widened_by(np.array([np.nan]), np.array([np.nan])) == 1.0


def test_half_of_the_area_is_in_parcels_that_are_smaller():
    assert width_m(np.array([4.0, 0.01, 1.0, 1.0])) == pytest.approx(200.0)
    assert width_m(np.array([2.0, 1.0, 1.0])) == pytest.approx(100.0)
    assert width_m(np.array([])) == 0.0
