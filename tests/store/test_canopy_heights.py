"""Canopy heights as they come, and as they should not."""

import numpy as np
import pytest
from rasterio import Affine

from geo.errors import RasterError
from geo.grid import Grid
from store.canopy_heights import open_canopy
from tests.lidar import write_heights

GRID = Grid("EPSG:4548", 450_000.0, 3_420_000.0, 0.5, 6, 4)
HEIGHTS = np.array([[0.0, 1.5, np.nan, 20.25, 7.0, 3.0]] * 4)


def opened(path, crs=GRID.crs, declared=None):
    return open_canopy(path.name, roots=[path.parent], crs=crs, declared_crs=declared)


def test_heights_come_back_in_metres(tmp_path):
    write_heights(tmp_path / "h.tif", GRID, HEIGHTS)
    raster = opened(tmp_path / "h.tif")
    assert raster.grid == GRID
    found = raster.read(slice(1, 3), slice(1, 4))
    np.testing.assert_allclose(found, HEIGHTS[1:3, 1:4], atol=1e-5)


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ({"crs": None}, "no CRS"),
        ({"crs": "EPSG:4547"}, "not in the region's CRS"),
        ({"nodata": None}, "no nodata"),
        ({"transform": Affine(0.5, 0, 0, 0, -0.6, 0)}, "square cells"),
        ({"transform": Affine(0.5, 0.1, 0, 0, -0.5, 0)}, "square cells"),
    ],
)
def test_a_raster_that_cannot_be_placed_is_refused(tmp_path, profile, why):
    write_heights(tmp_path / "h.tif", GRID, HEIGHTS, **profile)
    with pytest.raises(RasterError, match=why) as caught:
        opened(tmp_path / "h.tif")
    assert "h.tif" in caught.value.zh


def test_a_crs_may_be_declared_where_the_file_has_none(tmp_path):
    write_heights(tmp_path / "h.tif", GRID, HEIGHTS, crs=None)
    assert opened(tmp_path / "h.tif", declared="EPSG:4548").grid == GRID


def test_t18_altitudes_and_decimetres_are_no_heights(tmp_path):
    write_heights(tmp_path / "h.tif", GRID, HEIGHTS * 0 + 350.0)
    raster = opened(tmp_path / "h.tif")
    with pytest.raises(RasterError, match="no canopy is that high"):
        raster.read(slice(0, 4), slice(0, 6))
