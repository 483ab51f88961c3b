from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import load
from geo.grid import Grid
from pipelines.context import Night
from pipelines.train import MAX_SAMPLES, TILE_SAMPLES, _most, _part_on, in_patches
from store.catalog import Catalog
from tests.small_region import in_tiles

GRID = Grid("EPSG:3035", 0.0, 0.0, 20.0, 8, 4)


def test_few_cells_are_all_taken():
    cells = np.array([0, 3, 31])
    assert in_patches(cells, GRID, 2, most=3) is cells


def test_patches_by_hand():
    """Eight patches of 2 x 2: of twelve cells asked, the first, one amid, the last."""
    taken = in_patches(np.arange(32), GRID, 2, most=12)
    rows, columns = np.divmod(taken, 8)
    patches = sorted(
        set(zip((rows // 2).tolist(), (columns // 2).tolist(), strict=True))
    )
    assert patches == [(0, 0), (1, 0), (1, 3)]
    assert len(taken) == 12


def test_where_nothing_is_known_no_patch_is_taken():
    known = np.array([0, 1, 8, 9, 30, 31])  # two patches, at two corners
    taken = in_patches(known, GRID, 2, most=5)
    assert set(taken) <= set(known)
    assert len(taken) in (2, 4)


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 12),
    st.integers(1, 500),
    st.integers(0, 2**31),
)
def test_patches_are_whole_spread_and_about_as_many_as_asked(
    width, height, side, most, seed
):
    grid = Grid("EPSG:3035", 0.0, 0.0, 20.0, width, height)
    generator = np.random.default_rng(seed)
    cells = np.flatnonzero(generator.random(width * height) < 0.7)
    taken = in_patches(cells, grid, side, most=most)
    assert np.isin(taken, cells).all()
    assert (np.diff(taken) > 0).all()
    if len(cells) <= most:
        assert len(taken) == len(cells)
        return

    def patch(these):
        row, column = np.divmod(these, width)
        return row // side * width + column // side

    whole = cells[np.isin(patch(cells), patch(taken))]
    np.testing.assert_array_equal(taken, whole)
    assert 0 < len(taken) <= max(2 * most, 2 * side**2)
    np.testing.assert_array_equal(taken, in_patches(cells, grid, side, most=most))


@pytest.fixture
def night(tmp_path):
    """The sample's region, 100 x 100 cells of 10 m, in four tiles of 50."""
    settings = in_tiles(load("carpathians"), 50)
    return Night(settings, None, Catalog(tmp_path))


def reference_on(grid, seed=3):
    values = np.random.default_rng(seed).uniform(0, 100, grid.shape).astype(np.float32)

    def read(rows, columns):
        return values[rows, columns].copy()

    return SimpleNamespace(grid=grid, read=read), values


@pytest.mark.parametrize("off_m", [0.0, 7.0])
def test_a_reference_cell_is_in_one_tile_and_whole(night, off_m):
    region = night.grid
    wide = Grid(region.crs, region.left - off_m, region.top + off_m, 20.0, 52, 52)
    reference, values = reference_on(wide)
    times = np.zeros(wide.shape, int)
    for tile in night.tiles:
        part, known = _part_on(night, tile, reference)
        row = round((wide.top - part.top) / 20)
        column = round((part.left - wide.left) / 20)
        rows = slice(row, row + part.height)
        columns = slice(column, column + part.width)
        seen = np.isfinite(known)
        np.testing.assert_array_equal(known[seen], values[rows, columns][seen])
        times[rows, columns] += seen
        left, bottom, right, top = tile.grid.bounds
        xs, ys = np.meshgrid(part.xs(), part.ys())
        inner_left, inner_top = tile.column > 0, tile.row > 0
        if inner_left:
            assert (xs[seen] - 10 >= left).all()
        if inner_top:
            assert (ys[seen] + 10 <= top).all()
        if tile.column + tile.grid.width < region.width:
            assert (xs[seen] + 10 <= right).all()
        if tile.row + tile.grid.height < region.height:
            assert (ys[seen] - 10 >= bottom).all()
    assert times.max() == 1
    one = in_tiles(night.settings, 100)
    (only,) = Night(one, None, night.catalog).tiles
    whole = np.isfinite(_part_on(Night(one, None, night.catalog), only, reference)[1])
    # Along the borders between tiles a cell or two are lost, nowhere else.
    assert whole.sum() - times.sum() <= 2 * 2 * 51


def test_a_tile_without_reference_has_no_cells(night):
    region = night.grid
    east = Grid(region.crs, region.left + 600, region.top, 20.0, 20, 50)
    reference, _ = reference_on(east)
    west = next(tile for tile in night.tiles if tile.name == "r000c000")
    assert np.isnan(_part_on(night, west, reference)[1]).all()


def test_many_tiles_share_what_is_learnt_from(night):
    assert _most(night) == MAX_SAMPLES // 4
    many = Night(in_tiles(night.settings, 10), None, night.catalog)
    assert _most(many) == TILE_SAMPLES
