"""Outlines of field plots, from their centres and areas."""

from typing import Literal

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

Shape = Literal["circle", "square"]

_QUARTER = 16
"""Corners of a quarter of a circle; the outline keeps the plot's area all the same."""


def footprints(
    x: Numbers, y: Numbers, area_ha: Numbers, *, shape: Shape
) -> NDArray[np.object_]:
    """Return polygons of just ``area_ha`` (horizontal) around ``x``, ``y``, metres.

    Squares lie along the axes. A place or an area that is not known has no outline.
    """
    area_m2 = np.asarray(area_ha, np.float64) * 10_000
    known = np.isfinite(x) & np.isfinite(y) & (area_m2 > 0)
    outlines = np.full(len(area_m2), None, dtype=np.object_)
    east, north, size = x[known], y[known], area_m2[known]
    if shape == "square":
        half = np.sqrt(size) / 2
        outlines[known] = shapely.box(
            east - half, north - half, east + half, north + half
        )
        return outlines
    # A polygon in a circle is smaller than it: its corners go a little outside.
    corners = 4 * _QUARTER
    radius = np.sqrt(size / (corners / 2 * np.sin(2 * np.pi / corners)))
    outlines[known] = shapely.buffer(
        shapely.points(east, north), radius, quad_segs=_QUARTER
    )
    return outlines


def projected(
    x: Numbers, y: Numbers, *, source: str, target: str
) -> tuple[Numbers, Numbers]:
    """Return places of the CRS ``source`` in ``target``; NaN for what has no place."""
    known = np.isfinite(x) & np.isfinite(y)
    there = gpd.GeoSeries(gpd.points_from_xy(x[known], y[known]), crs=source).to_crs(
        target
    )
    moved = np.full((2, len(x)), np.nan)
    moved[0, known], moved[1, known] = there.x, there.y
    moved[:, ~np.isfinite(moved).all(axis=0)] = np.nan
    return moved[0], moved[1]
