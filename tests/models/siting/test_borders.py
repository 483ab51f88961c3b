import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import VectorError
from models.siting.borders import shared_borders


def shapes(*boxes):
    return np.array([shapely.box(*(1000.0 + v for v in box)) for box in boxes], object)


def table(found):
    borders = found.borders
    return {
        (int(a), int(b)): pytest.approx(float(m), abs=0.1)
        for a, b, m in zip(borders.first, borders.second, borders.length_m, strict=True)
    }


def test_two_squares_by_hand():
    found = shared_borders(shapes((0, 0, 10, 10), (10, 0, 20, 10)))
    assert found.borders.length_m.tolist() == [10.0]
    assert found.edge_m.tolist() == [30.0, 30.0]


def test_a_side_that_two_share_with_one():
    """The corner where three meet is a vertex of two of them only."""
    found = shared_borders(shapes((0, 0, 10, 10), (10, 0, 20, 4), (10, 4, 20, 10)))
    assert table(found) == {(0, 1): 4.0, (0, 2): 6.0, (1, 2): 10.0}
    np.testing.assert_allclose(found.edge_m, [30.0, 14.0, 16.0], atol=0.1)


def test_a_corner_is_no_border():
    found = shared_borders(shapes((0, 0, 10, 10), (10, 10, 20, 20)))
    assert found.borders.length_m.tolist() in ([], [0.0])
    assert found.edge_m.tolist() == [40.0, 40.0]


def test_a_gap_within_the_tolerance_is_a_border():
    apart = shapes((0, 0, 100, 100), (100.3, 0, 200, 100))
    assert not shared_borders(apart).borders.length_m.any()
    found = shared_borders(apart, tolerance_m=0.5)
    np.testing.assert_allclose(found.borders.length_m, [100.0], atol=1.0)


def test_a_hole_is_a_border_with_what_fills_it():
    outer = shapely.box(1000, 1000, 1030, 1030)
    inner = shapely.box(1010, 1010, 1020, 1020)
    found = shared_borders(np.array([outer.difference(inner), inner], object))
    assert found.borders.length_m.tolist() == [40.0]
    assert found.edge_m.tolist() == [120.0, 0.0]


def test_one_polygon_has_no_neighbour():
    found = shared_borders(shapes((0, 0, 10, 10)))
    assert len(found.borders) == 0
    assert found.edge_m.tolist() == [40.0]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_a_mosaic_shares_all_but_its_outline(seed):
    """Outlines count inner borders twice; the order of polygons does not matter."""
    generator = np.random.default_rng(seed)
    points = shapely.multipoints(generator.uniform(1000, 2000, (12, 2)))
    frame = shapely.box(1000, 1000, 2000, 2000)
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame))
    cells = shapely.intersection(cells, frame)
    found = shared_borders(cells)
    whole = shapely.length(cells).sum()
    assert whole == pytest.approx(2 * found.borders.length_m.sum() + found.edge_m.sum())
    assert found.edge_m.sum() == pytest.approx(4000.0, abs=1.0)
    again = shared_borders(cells[::-1].copy())
    assert again.borders.length_m.sum() == pytest.approx(found.borders.length_m.sum())


@pytest.mark.parametrize(
    "wrong",
    [
        shapely.Point(5, 5),
        shapely.Polygon(),
        shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]),
    ],
)
def test_what_is_no_polygon_is_refused(wrong):
    given_shapes = np.array([shapely.box(0, 0, 1000, 1000), wrong], object)
    with pytest.raises(VectorError) as told:
        shared_borders(given_shapes)
    assert told.value.where["item"] == "1"


def test_degrees_are_refused():
    with pytest.raises(VectorError, match="degrees"):
        shared_borders(np.array([shapely.box(113, 30, 114, 31)], object))


def test_multipolygons_share_borders_like_their_parts():
    shapes = np.array(
        [
            shapely.MultiPolygon([shapely.box(1000, 0, 1100, 100)]),
            shapely.MultiPolygon(
                [shapely.box(1100, 0, 1200, 100), shapely.box(1300, 0, 1310, 10)]
            ),
        ]
    )
    found = shared_borders(shapes)
    assert found.borders.length_m.tolist() == [100.0]
    assert found.edge_m.tolist() == [300.0, 340.0]
