import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import TableError
from models.subplots import Frame, square_of_trees, squares_of

FIELD = np.array([[0.0, 0.0], [0.0, 100.0], [100.0, 0.0], [100.0, 100.0]])


def turned(field, degrees=30.0):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return field @ turn.T + [5e5, 4e6]


def frame(field=FIELD, degrees=30.0):
    return Frame.fit(field, turned(field, degrees), plot="a")


def test_four_squares_by_hand():
    found = squares_of("a", frame(degrees=0.0), side_m=50)
    assert found.names == ("a-0-0", "a-0-50", "a-50-0", "a-50-50")
    assert found.area_ha == 0.25
    expected = [[5e5, 4e6 + 50], [5e5 + 50, 4e6 + 50], [5e5 + 50, 4e6 + 100]]
    np.testing.assert_allclose(found.outlines[1][:3], expected, atol=1e-6)


def test_trees_go_to_the_square_they_stand_in():
    trees = np.array([[0.0, 0.0], [10.0, 50.0], [99.9, 49.9], [100.0, 100.0]])
    place, off = square_of_trees("a", frame(), trees, side_m=50)
    assert place.tolist() == [0, 1, 2, 3]
    assert off == 0


def test_trees_just_outside_stay_in_the_plot():
    inside = np.random.default_rng(0).uniform(0, 100, (99, 2))
    place, off = square_of_trees("a", frame(), np.vstack([inside, [-4, 60]]), side_m=50)
    assert off == 1
    assert place[-1] == 1
    assert len(place) == 100


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 360), st.integers(0, 2**31))
def test_squares_hold_their_trees_however_the_plot_lies(degrees, seed):
    import shapely

    field = np.random.default_rng(seed).uniform(0.01, 99.99, (40, 2))
    one = frame(degrees=degrees)
    outlines = shapely.polygons(squares_of("a", one, side_m=25).outlines)
    np.testing.assert_allclose(shapely.area(outlines), 625, rtol=1e-6)
    place, _ = square_of_trees("a", one, field, side_m=25)
    x, y = one.placed(field).T
    distance = shapely.distance(outlines[place], shapely.points(x, y))
    assert (distance < 1e-5).all()


def test_fixes_of_a_corner_average_out():
    field = np.repeat(FIELD, 10, axis=0)
    noise = np.random.default_rng(1).normal(0, 3, field.shape)
    found = Frame.fit(field, turned(field) + noise, plot="a")
    apart = np.hypot(*(found.placed(FIELD) - turned(FIELD)).T)
    assert apart.max() < 3
    assert 3 < found.rms_m < 6


@pytest.mark.parametrize(
    ("field", "placed", "fragment"),
    [
        (FIELD[:2], turned(FIELD[:2]), "2 corners"),
        (FIELD[[0, 0, 1]], turned(FIELD[[0, 0, 1]]), "2 corners"),
        (FIELD, turned(FIELD) + np.eye(4, 2) * 80, "do not fit"),
        (FIELD, turned(FIELD * 3.28), "area"),
    ],
)
def test_corners_that_do_not_fit(field, placed, fragment):
    with pytest.raises(TableError, match=fragment) as caught:
        Frame.fit(field, placed, plot="a")
    assert caught.value.zh


def test_trees_that_stand_elsewhere():
    with pytest.raises(TableError, match="40 of 40 trees outside"):
        square_of_trees("a", frame(), np.full((40, 2), 250.0), side_m=50)
    with pytest.raises(TableError, match="outside"):
        square_of_trees("a", frame(), np.array([[np.nan, 5.0]]), side_m=50)
    with pytest.raises(TableError, match="do not fill"):
        squares_of("a", frame(), side_m=30)
