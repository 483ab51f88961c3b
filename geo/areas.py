"""True areas of parcels, on the ellipsoid of their CRS."""

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geo.errors import VectorError

_LONGEST_EDGE_M = 100.0
_LONGEST_EDGE_DEG = 0.001


def ellipsoid_area_ha(geometries: gpd.GeoSeries) -> NDArray[np.float64]:
    """Area of each polygon on the ellipsoid of its own CRS, in ha.

    Edges are cut to at most 100 m (0.001 degrees) before they become geodesics, so
    that straight edges of a map stay where they were. Holes count as holes whatever
    their winding; an empty geometry has no area. The datum is never changed.

    Raises
    ------
    VectorError
        When the CRS is unknown.
    """
    if geometries.crs is None:
        raise VectorError(
            "The parcels have no CRS, so their area is unknown.",
            zh="小班图层缺少坐标参考系，无法计算面积；请先定义坐标系。",
            cure="Set the CRS of the layer.",
            field="crs",
        )
    crs = CRS.from_user_input(geometries.crs)
    geodesic = crs.get_geod()
    if geodesic is None:
        raise VectorError(
            f"The CRS {crs.name} has no ellipsoid.",
            zh=f"坐标参考系 {crs.name} 没有椭球体，无法计算面积。",
            cure="Reproject the parcels to a CRS on the Earth.",
            field="crs",
            value=crs.name,
        )
    areas = (
        geodesic.geometry_area_perimeter(geometry)[0]
        for geometry in _in_degrees(np.asarray(geometries.values, object), crs)
    )
    return np.abs(np.fromiter(areas, np.float64, len(geometries))) / 10_000


def _in_degrees(geometries: NDArray[np.object_], crs: CRS) -> NDArray[np.object_]:
    """Cut edges, turn exteriors counter-clockwise and leave the projection."""
    filled = geometries.copy()
    filled[shapely.is_missing(geometries)] = shapely.Polygon()
    flat = shapely.force_2d(filled)
    if crs.is_geographic:
        cut = shapely.segmentize(flat, _LONGEST_EDGE_DEG)
        return _oriented(cut)
    unit_m = crs.axis_info[0].unit_conversion_factor
    cut = shapely.segmentize(flat, _LONGEST_EDGE_M / unit_m)
    leave = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)

    def to_degrees(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(leave.transform(points[:, 0], points[:, 1]))

    return _oriented(shapely.transform(cut, to_degrees))


def _oriented(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.asarray(shapely.orient_polygons(polygons, exterior_cw=False), object)


def area_se_ha(
    geometries: gpd.GeoSeries, *, position_se_m: float
) -> NDArray[np.float64]:
    """Return the standard error of each polygon's area, ha, from its vertices' error.

    With independent errors of ``position_se_m`` in both coordinates of every vertex,
    the shoelace formula gives Var(A) = s^2 / 4 x sum of |P(i+1) - P(i-1)|^2 over the
    vertices (first order). ``geometries`` are in a projected CRS in metres.
    """
    spans = [_neighbour_spans_m2(geometry) for geometry in geometries]
    return np.asarray(np.sqrt(spans) * position_se_m / 2 / 10_000)


def _neighbour_spans_m2(geometry: shapely.Geometry | None) -> float:
    """Sum over all vertices of the squared distance between their two neighbours."""
    total = 0.0
    for part in shapely.get_parts(geometry) if geometry is not None else ():
        for ring in (part.exterior, *part.interiors):
            points = shapely.get_coordinates(ring)[:-1]
            span = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
            total += float((span**2).sum())
    return total
