"""A lidar strip over a simulated county, for the route by canopy heights."""

from datetime import date
from pathlib import Path

import numpy as np
import rasterio

from geo.grid import Grid
from models.twin.county import County
from models.twin.drone import Flight, canopy_m
from models.twin.landscape import make_landscape
from pipelines.twin.make import flora
from store.safe import checked_path

FINE_M = 2.5
DAY = date(2021, 8, 20)
NODATA = 65535


def write_lidar(county: County, path: Path, *, share: float = 1.0) -> Path:
    """Write canopy heights over the western ``share`` of the county, in cm."""
    region = county.grid
    cells = int(region.width * share * region.cell_m / FINE_M)
    rows = int(region.height * region.cell_m / FINE_M)
    grid = Grid(region.crs, region.left, region.top, FINE_M, cells, rows)
    heights = canopy_m(
        make_landscape(county, flora()), Flight("strip", grid, 0, 0, DAY)
    )
    write_heights(path, grid, heights)
    return checked_path(path.name, roots=[path.parent])


def write_heights(path: Path, grid: Grid, heights: np.ndarray, **profile) -> None:
    """Write heights, m, as whole centimetres; NaN as nodata."""
    stored = np.where(np.isnan(heights), NODATA, np.rint(heights * 100))
    told = {
        "driver": "GTiff",
        "dtype": "uint16",
        "nodata": NODATA,
        "width": grid.width,
        "height": grid.height,
        "count": 1,
        "crs": grid.crs,
        "transform": grid.transform,
        "compress": "deflate",
    } | profile
    with rasterio.open(path, "w", **told) as target:
        target.write(stored.astype(np.uint16), 1)
        target.scales = (0.01,)
