"""Means over the cells that count: by hand, and against means of the whole raster."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.errors import GridMismatchError
from geo.grid import Grid
from geo.kept import KeptMeans
from geo.zonal import coverage_weights, means

GRID = Grid("EPSG:4548", 450_000, 3_420_000, 10, 12, 9)


def parcels(*boxes):
    shapes = [
        shapely.box(
            GRID.left + w * 10, GRID.top - s * 10, GRID.left + e * 10, GRID.top - n * 10
        )
        for w, n, e, s in boxes
    ]
    names = {"parcel_id": [str(at) for at in range(len(shapes))]}
    return coverage_weights(
        gpd.GeoDataFrame(names, geometry=shapes, crs=GRID.crs), GRID
    )


def test_half_a_cell_counts_half_by_hand():
    """1.5 cells of 2 and 4, of which both count: (2 + 0.5 x 4) / 1.5."""
    made = KeptMeans(parcels((0, 0, 1.5, 1)))
    kept = np.zeros((1, 12), bool)
    kept[0, :2] = True
    made.add(0, kept, {"v": np.array([2.0, 4.0])})
    assert made.means["v"] == pytest.approx([4 / 1.5])
    assert made.kept_ha == pytest.approx([0.015])


def test_strips_of_kept_cells_say_what_the_whole_raster_says():
    generator = np.random.default_rng(4)
    weights = parcels((0.3, 0.2, 6.7, 5.1), (6.7, 1, 11.4, 9), (0, 8.2, 3, 8.9))
    values = generator.normal(size=GRID.shape)
    values[generator.random(GRID.shape) < 0.1] = np.nan
    kept = generator.random(GRID.shape) < 0.4
    made = KeptMeans(weights)
    for start in range(0, GRID.height, 4):
        rows = slice(start, min(start + 4, GRID.height))
        made.add(start, kept[rows], {"v": values[rows][kept[rows]]})
    expected = means(weights, np.where(kept, values, np.nan))
    np.testing.assert_allclose(made.means["v"], expected, rtol=1e-12)


def test_a_parcel_without_a_kept_cell_has_no_mean():
    made = KeptMeans(parcels((0, 0, 2, 2), (4, 4, 6, 6)))
    kept = np.zeros(GRID.shape, bool)
    kept[0, 0] = True
    made.add(0, kept, {"v": np.array([7.0])})
    assert made.means["v"][0] == 7
    assert np.isnan(made.means["v"][1])


def test_values_that_do_not_fit_are_refused():
    made = KeptMeans(parcels((0, 0, 2, 2)))
    with pytest.raises(GridMismatchError, match="kept cells"):
        made.add(0, np.ones((1, 12), bool), {"v": np.ones(3)})
