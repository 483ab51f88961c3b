import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import zonal
from geo.grid import Grid
from geo.outlines import MovedSums, knight_moves


def covering(shares, grid):
    """Weights of a row of shares per parcel, cell by cell."""
    shares = np.asarray(shares, np.float64)
    parcel, cell = np.nonzero(shares)
    names = tuple(f"P{number}" for number in range(len(shares)))
    parts = parcel, cell, shares[parcel, cell]
    return zonal.from_shares(parts, names, grid, shares.sum(axis=1) * grid.cell_ha)


def test_two_cells_moved_by_hand():
    """A row 1 3 | 7 7 with its first two cells as the parcel, moved by one and two."""
    grid = Grid("EPSG:3035", 0.0, 100.0, 100.0, 4, 1)
    added = MovedSums(covering([[1.0, 1.0, 0.0, 0.0]], grid), ((0, 1), (0, 2), (0, -1)))
    added.add(np.array([[1.0, 3.0, 7.0, 7.0]]), row=0, column=0)
    found = added.result
    assert found.area_ha[:, 0].tolist() == [2.0, 2.0, 2.0, 1.0]
    assert found.variance[:, 0].tolist() == [1.0, 4.0, 0.0, 0.0]


def test_outlines_see_what_lies_beyond_their_grid():
    grid = Grid("EPSG:3035", 0.0, 100.0, 100.0, 2, 1)
    added = MovedSums(covering([[1.0, 1.0]], grid), ((1, 0), (-3, 0)))
    around = np.array([[9.0, np.nan], [1.0, 3.0], [4.0, 8.0]])
    added.add(around, row=-1, column=0)
    found = added.result
    assert found.area_ha[:, 0].tolist() == [2.0, 2.0, 0.0]
    assert found.variance[:2, 0].tolist() == [1.0, 4.0]
    assert np.isnan(found.variance[2, 0])


def test_moves_are_of_one_length_and_along_no_axis():
    moves = knight_moves(16)
    assert moves == ((16, 8), (8, -16), (-16, -8), (-8, 16))
    assert np.sum(moves, axis=0).tolist() == [0, 0]


@given(st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_it_is_the_variance_under_outlines_moved_however_blocks_are_cut(seed):
    generator = np.random.default_rng(seed)
    grid = Grid("EPSG:3035", 0.0, 0.0, 20.0, 7, 6)
    shares = generator.random((3, 42)) * (generator.random((3, 42)) < 0.4)
    shares[:, 0] = 0.5
    values = generator.normal(50, 20, (12, 13))
    values[generator.random(values.shape) < 0.2] = np.nan
    moves = knight_moves(3)
    added = MovedSums(covering(shares, grid), moves)
    cut, split = int(generator.integers(1, 12)), int(generator.integers(1, 13))
    for rows in (slice(0, cut), slice(cut, 12)):
        for columns in (slice(0, split), slice(split, 13)):
            added.add(
                values[rows, columns], row=rows.start - 3, column=columns.start - 3
            )
    found = added.result
    for move, (down, across) in enumerate(((0, 0), *moves)):
        under = values[3 + down : 9 + down, 3 + across : 10 + across].ravel()
        for parcel, share in enumerate(shares):
            weight = np.where(np.isfinite(under), share, 0.0)
            if weight.sum() == 0:
                assert np.isnan(found.variance[move, parcel])
                continue
            known = np.nan_to_num(under)
            mean = np.average(known, weights=weight)
            expected = np.average((known - mean) ** 2, weights=weight)
            assert found.variance[move, parcel] == pytest.approx(expected, abs=1e-8)
            assert found.area_ha[move, parcel] == pytest.approx(
                weight.sum() * grid.cell_ha
            )
