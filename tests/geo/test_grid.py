import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import GridMismatchError
from geo.grid import Grid

GRID = Grid("EPSG:3035", 1000.0, 2000.0, 10.0, 5, 3)


def test_a_grid_by_hand():
    assert GRID.shape == (3, 5)
    assert GRID.bounds == (1000.0, 1970.0, 1050.0, 2000.0)
    assert GRID.cell_ha == 0.01
    assert GRID.transform @ (0, 0) == (1000.0, 2000.0)
    np.testing.assert_array_equal(GRID.xs(), [1005, 1015, 1025, 1035, 1045])
    np.testing.assert_array_equal(GRID.ys(), [1995, 1985, 1975])


def test_odc_sees_the_same_cells():
    box = GRID.geobox()
    assert box.shape == GRID.shape
    assert tuple(box.boundingbox) == GRID.bounds
    np.testing.assert_array_equal(box.coordinates["y"].values, GRID.ys())


def test_tiles_by_hand():
    names = [
        (tile.name, tile.row, tile.column, tile.grid.shape) for tile in GRID.tiles(2)
    ]
    assert names == [
        ("r000c000", 0, 0, (2, 2)),
        ("r000c001", 0, 2, (2, 2)),
        ("r000c002", 0, 4, (2, 1)),
        ("r001c000", 2, 0, (1, 2)),
        ("r001c001", 2, 2, (1, 2)),
        ("r001c002", 2, 4, (1, 1)),
    ]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 15))
def test_tiles_cover_every_cell_once(width, height, cells):
    grid = Grid("EPSG:3035", 0.0, 0.0, 10.0, width, height)
    seen = np.zeros(grid.shape, dtype=int)
    for tile in grid.tiles(cells):
        rows = slice(tile.row, tile.row + tile.grid.height)
        columns = slice(tile.column, tile.column + tile.grid.width)
        seen[rows, columns] += 1
        assert tile.grid == grid.window(rows, columns)
    assert (seen == 1).all()


def test_another_grid_is_refused_by_name():
    with pytest.raises(GridMismatchError, match="Align the raster"):
        GRID.require_same(Grid("EPSG:3035", 1005.0, 2000.0, 10.0, 5, 3))


def test_a_grid_needs_cells():
    with pytest.raises(ValueError, match="needs cells"):
        Grid("EPSG:3035", 0.0, 0.0, 10.0, 0, 3)
