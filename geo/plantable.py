"""The part of an area whose cells count, as a polygon along the cells' sides."""

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.geometry.base import BaseGeometry

from geo.grid import Grid


def part_on_cells(
    area: BaseGeometry, counts: NDArray[np.bool_], grid: Grid
) -> BaseGeometry:
    """Return what of ``area`` lies on the cells of ``grid`` that ``counts`` (y, x).

    Its size is that of the cells' exact coverage; polygons only, empty where no cell
    counts. What lies beyond the grid is left out.
    """
    box = _window(area, grid)
    if box is None:
        return shapely.MultiPolygon()
    rows, columns = box
    inside = counts[rows, columns]
    part = grid.window(rows, columns)
    if inside.all():
        return _polygons(shapely.intersection(area, shapely.box(*part.bounds)))
    outlines = shapes(
        inside.astype(np.uint8), mask=inside, connectivity=4, transform=part.transform
    )
    cells = shapely.union_all([_shape(outline) for outline, _ in outlines])
    return _polygons(shapely.intersection(area, cells))


def _window(area: BaseGeometry, grid: Grid) -> tuple[slice, slice] | None:
    if area.is_empty:
        return None
    left, bottom, right, top = area.bounds
    first_row = max(int((grid.top - top) // grid.cell_m), 0)
    last_row = min(int((grid.top - bottom) // grid.cell_m) + 1, grid.height)
    first = max(int((left - grid.left) // grid.cell_m), 0)
    last = min(int((right - grid.left) // grid.cell_m) + 1, grid.width)
    if first_row >= last_row or first >= last:
        return None
    return slice(first_row, last_row), slice(first, last)


def _shape(outline: dict[str, object]) -> BaseGeometry:
    found: BaseGeometry = shapely.geometry.shape(outline)
    return found


def _polygons(found: BaseGeometry) -> BaseGeometry:
    """Leave out the lines and points in which polygons may meet."""
    parts = shapely.get_parts(found)
    kept = [p for p in parts if p.geom_type in ("Polygon", "MultiPolygon") and p.area]
    return shapely.union_all(kept) if kept else shapely.MultiPolygon()
