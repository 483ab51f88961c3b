import geopandas as gpd
import numpy as np
import shapely

from geo.covered import covered_share
from geo.grid import Grid
from geo.overlay import coverage_weights

GRID = Grid("EPSG:4548", 0, 30, 10, 4, 3)


def weights(*boxes):
    frame = gpd.GeoDataFrame(
        {"parcel_id": [str(n) for n in range(len(boxes))]},
        geometry=[shapely.box(*box) for box in boxes],
        crs=GRID.crs,
    )
    return coverage_weights(frame, GRID)


def test_shares_by_hand():
    found = covered_share(weights((0, 10, 25, 30), (35, 0, 40, 5)), slice(0, 3))
    expected = [[1, 1, 0.5, 0], [1, 1, 0.5, 0], [0, 0, 0, 0.25]]
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_rows_are_rows_of_the_whole():
    several = weights((3, 3, 33, 28), (36, 1, 39, 29))
    whole = covered_share(several, slice(0, 3))
    parts = [covered_share(several, slice(row, row + 1)) for row in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_twice_covered_is_covered_once():
    twice = covered_share(weights((0, 0, 15, 30), (0, 0, 15, 30)), slice(0, 3))
    assert twice.max() == 1.0
