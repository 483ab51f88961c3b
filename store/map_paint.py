"""Parcels as cells of a picture, where there are too many to draw one by one."""

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from rasterio.features import rasterize

from geo.grid import Grid
from store.map_parts import show_raster

DRAWN_ONE_BY_ONE = 2000
"""With more parcels than this, outlines, hatches and labels would hide the map."""
_SIDE = 1600
"""Cells along the longer side of the picture: more than a sheet can show."""


def paint_parcels(
    axes: Axes, parcels: gpd.GeoDataFrame, colours: NDArray[np.float64]
) -> None:
    """Fill every parcel with its RGBA colour ``(n, 4)``, 0-1.

    What no parcel covers stays clear.
    """
    left, bottom, right, top = parcels.total_bounds
    cell_m = max(right - left, top - bottom) / _SIDE
    size = int(np.ceil((right - left) / cell_m)), int(np.ceil((top - bottom) / cell_m))
    grid = Grid(str(parcels.crs), left, top, cell_m, *size)
    drawn = parcels.geometry.notna() & ~parcels.geometry.is_empty
    numbers = np.flatnonzero(drawn.to_numpy()) + 1
    which = rasterize(
        zip(parcels.geometry[drawn], numbers.tolist(), strict=True),
        out_shape=grid.shape,
        transform=grid.transform,
        dtype="int32",
    )
    table = np.vstack([np.zeros((1, 4)), colours])
    image = np.round(255 * table[which]).astype(np.uint8)
    show_raster(axes, image, grid)
