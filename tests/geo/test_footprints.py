import numpy as np
import pytest
import shapely

from geo.footprints import footprints, projected


@pytest.mark.parametrize("shape", ["circle", "square"])
def test_an_outline_has_just_the_area_of_its_plot(shape):
    area_ha = np.array([0.0667, 1.0])
    found = footprints(
        np.array([0.0, 500.0]), np.array([0.0, 9.0]), area_ha, shape=shape
    )
    np.testing.assert_allclose(shapely.area(found), area_ha * 10_000, rtol=1e-12)
    np.testing.assert_allclose(
        shapely.get_x(shapely.centroid(found)), [0, 500], atol=1e-9
    )


def test_a_square_of_a_hectare_by_hand():
    square = footprints(np.array([50.0]), np.array([150.0]), np.ones(1), shape="square")
    assert square[0].bounds == (0.0, 100.0, 100.0, 200.0)


def test_a_plot_without_a_place_or_an_area_has_no_outline():
    x, area = np.array([np.nan, 1.0, 1.0]), np.array([1.0, 0.0, np.nan])
    assert footprints(x, np.ones(3), area, shape="circle").tolist() == [None] * 3


def test_longitudes_come_to_metres_and_unknown_places_stay_unknown():
    x, y = projected(
        np.array([117.0, np.nan]),
        np.array([30.0, 30.0]),
        source="EPSG:4490",
        target="EPSG:4548",
    )
    assert x[0] == pytest.approx(500_000, abs=0.01)  # on the central meridian
    assert np.isnan([x[1], y[1]]).all()
