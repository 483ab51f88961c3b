import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.grid import Grid
from geo.plantable import part_on_cells

GRID = Grid("EPSG:4548", 1000.0, 2000.0, 10.0, 3, 3)


def test_by_hand():
    counts = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], bool)
    whole = shapely.box(1000, 1970, 1030, 2000)
    part = part_on_cells(whole, counts, GRID)
    assert part.area == 400
    assert part.equals(
        shapely.union_all(
            [
                shapely.box(1000, 1990, 1020, 2000),
                shapely.box(1010, 1980, 1020, 1990),
                shapely.box(1020, 1970, 1030, 1980),
            ]
        )
    )


def test_half_a_cell_is_half_a_cell():
    counts = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]], bool)
    assert part_on_cells(shapely.box(1005, 1990, 1030, 2000), counts, GRID).area == 50


@pytest.mark.parametrize(
    "area", [shapely.Polygon(), shapely.box(0, 0, 10, 10), shapely.box(2000, 0, 9e3, 9)]
)
def test_nothing_is_an_empty_polygon(area):
    found = part_on_cells(area, np.ones(GRID.shape, bool), GRID)
    assert found.is_empty
    assert found.geom_type == "MultiPolygon"


def test_a_line_in_which_cells_touch_is_left_out():
    counts = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]], bool)
    beside = shapely.box(1010, 1980, 1030, 2000)  # shares a side with the cell
    assert part_on_cells(beside, counts, GRID).is_empty


def test_what_lies_beyond_the_grid_is_left_out():
    wide = shapely.box(900, 1900, 1100, 2100)
    assert part_on_cells(wide, np.ones(GRID.shape, bool), GRID).area == 900


@given(
    st.lists(st.booleans(), min_size=9, max_size=9),
    st.tuples(*[st.floats(995, 1035)] * 2),
    st.tuples(*[st.floats(1965, 2005)] * 2),
)
def test_it_is_as_large_as_the_coverage_of_its_cells(cells, xs, ys):
    counts = np.array(cells).reshape(3, 3)
    area = shapely.box(min(xs), min(ys), max(xs), max(ys))
    expected = sum(
        area.intersection(
            shapely.box(1000 + 10 * c, 1990 - 10 * r, 1010 + 10 * c, 2000 - 10 * r)
        ).area
        for r, c in zip(*np.nonzero(counts), strict=True)
    )
    assert part_on_cells(area, counts, GRID).area == pytest.approx(expected, abs=1e-6)
