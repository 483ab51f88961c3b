import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import VectorError
from geo.grid import Grid
from geo.pieces import cut, density, share_inside

GRID = Grid("EPSG:4548", 0, 30, 10, 3, 3)
ALIGNED = {"step_m": 10.0, "corner": (0.0, 30.0)}


def on_grid(*shapes, amounts=None):
    amounts = np.ones(len(shapes)) if amounts is None else np.array(amounts, float)
    pieces = cut(np.array(shapes, object), amounts, **ALIGNED)
    per_ha, outside = density(pieces, GRID)
    return per_ha * GRID.cell_ha, outside


def test_a_line_by_hand():
    """25 m along the middle row: 10, 10 and 5 m of it; 5 m lie outside."""
    held, outside = on_grid(shapely.LineString([(-5, 15), (20, 15)]), amounts=[25])
    np.testing.assert_allclose(held, [[0, 0, 0], [10, 10, 0], [0, 0, 0]], atol=1e-12)
    assert outside == pytest.approx(5)


def test_a_diagonal_by_hand():
    held, _ = on_grid(shapely.LineString([(0, 0), (30, 30)]), amounts=[3])
    np.testing.assert_allclose(held, np.eye(3)[::-1], atol=1e-12)


def test_an_area_by_hand():
    """15 x 10 m over two cells of the top row."""
    held, outside = on_grid(shapely.box(5, 20, 20, 30), amounts=[30])
    np.testing.assert_allclose(held, [[10, 20, 0], [0, 0, 0], [0, 0, 0]], atol=1e-12)
    assert outside == 0


def test_points_and_parts_of_many():
    many = shapely.MultiPoint([(1, 1), (29, 29)])
    held, outside = on_grid(many, shapely.Point(15, 15), shapely.Point(99, 0))
    np.testing.assert_allclose(held, [[0, 0, 0.5], [0, 1, 0], [0.5, 0, 0]])
    assert outside == 1


def test_a_hole_gets_nothing():
    ring = shapely.Polygon(
        [(0, 0), (30, 0), (30, 30), (0, 30)],
        [[(10, 10), (20, 10), (20, 20), (10, 20)]],
    )
    held, _ = on_grid(ring, amounts=[8])
    np.testing.assert_allclose(held, [[1, 1, 1], [1, 0, 1], [1, 1, 1]], atol=1e-12)


def test_the_share_inside():
    shapes = [shapely.LineString([(-30, 5), (30, 5)]), shapely.Point(5, 5)]
    pieces = cut(np.array(shapes, object), np.array([2.0, 0.0]), **ALIGNED)
    share = share_inside(pieces, GRID, features=2)
    assert share[0] == pytest.approx(0.5)
    assert np.isnan(share[1])


coordinates = st.floats(-200, 200, allow_nan=False)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=9),
    st.floats(0.1, 1e6),
    st.sampled_from([3.0, 10.0, 47.0]),
)
def test_pieces_of_a_line_add_up_and_lie_in_one_cell(points, amount, step_m):
    line = shapely.LineString(points)
    if line.length < 1e-6:
        return
    pieces = cut(np.array([line], object), np.array([amount]), step_m=step_m)
    assert pieces.amount.sum() == pytest.approx(amount, rel=1e-9)
    whole = shapely.union_all(
        [shapely.Point(x, y) for x, y in zip(pieces.xs, pieces.ys, strict=True)]
    )
    assert whole.distance(line) < 1e-6
    longest = amount * step_m * np.sqrt(2) / line.length
    cells = np.stack([np.floor(pieces.xs / step_m), np.floor(pieces.ys / step_m)])
    assert pieces.amount.max() <= longest * (1 + 1e-9)
    assert cells.shape[1] == len(pieces.amount)


@settings(deadline=None, max_examples=40)
@given(coordinates, coordinates, st.floats(1, 150), st.floats(3, 60))
def test_pieces_of_an_area_add_up(x, y, radius, step_m):
    disc = shapely.Point(x, y).buffer(radius)
    pieces = cut(np.array([disc], object), np.array([7.0]), step_m=step_m)
    assert pieces.amount.sum() == pytest.approx(7.0, rel=1e-6)
    centre = np.average(pieces.xs, weights=pieces.amount)
    assert centre == pytest.approx(x, abs=step_m)


@pytest.mark.parametrize(
    "nothing", [shapely.LineString([(1, 1), (1, 1)]), shapely.Point(), None]
)
def test_nothing_to_spread_over(nothing):
    with pytest.raises(VectorError, match="Feature 2"):
        cut(np.array([shapely.Point(0, 0), nothing], object), np.ones(2), step_m=1)
