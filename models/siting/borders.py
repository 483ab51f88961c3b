"""Borders that polygons share, in m, from their vertices.

Most parcels of one survey share vertices: a segment that two rings have in common is a
border, found by sorting. What is left is compared by geometry: the length of one
outline within a tolerance of the other, the mean of both ways round.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import VectorError
from models.siting.units import Borders, Flags, Numbers, Places

Shapes = NDArray[np.object_]

_GRAIN_M = 1e-3
"""Vertices closer than this are one."""


@dataclass(frozen=True, slots=True, eq=False)
class SharedBorders:
    """Neighbours, and of each polygon the outline that no other shares, m."""

    borders: Borders
    edge_m: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class _Segments:
    """Ends (m, 2) of each segment of all outlines, its polygon and length, m."""

    start: Numbers
    stop: Numbers
    owner: Places
    length_m: Numbers


def shared_borders(shapes: Shapes, *, tolerance_m: float = 0.01) -> SharedBorders:
    """Return which polygons are neighbours and how much outline they share.

    Parameters
    ----------
    shapes
        Polygons in a projected CRS in m.
    tolerance_m
        Gaps and overlaps up to this width still are a border. Neighbours that touch in
        a point come out with a length of zero.

    Raises
    ------
    VectorError
        A shape that is empty, no polygon or invalid; coordinates that are degrees.
    """
    _require_polygons(shapes)
    segments = _segments(shapes)
    pair, length, is_matched = _matched(segments, len(shapes))
    other_pair, other_length = _near(shapes, segments, is_matched, tolerance_m)
    pair = np.concatenate([pair, other_pair])
    key, inverse = np.unique(pair, return_inverse=True)
    both = np.concatenate([length, other_length])
    total = np.bincount(inverse, both, len(key)).astype(np.float64)
    first, second = key // len(shapes), key % len(shapes)
    inner = np.bincount(first, total, len(shapes))
    inner += np.bincount(second, total, len(shapes))
    edge = np.maximum(shapely.length(shapes) - inner, 0.0)
    edge[edge < _GRAIN_M] = 0.0
    return SharedBorders(Borders(first, second, total), edge)


def _require_polygons(shapes: Shapes) -> None:
    kind = shapely.get_type_id(shapes)
    wrong = ~np.isin(kind, (3, 6)) | shapely.is_empty(shapes)
    wrong |= ~shapely.is_valid(shapes)
    if wrong.any():
        item = int(np.argmax(wrong))
        raise VectorError(
            f"Shape {item} is empty, invalid or no polygon "
            f"({int(wrong.sum())} such shapes).",
            zh=f"第 {item} 个图形为空、无效或不是面（共 {int(wrong.sum())} 个）。"
            "请先修复几何或将其排除。",
            cure="Repair the geometry, or leave the feature out.",
            field="geometry",
            item=item,
            expected="a valid polygon",
        )
    if len(shapes) and np.abs(shapely.total_bounds(shapes)).max() <= 360:
        raise VectorError(
            "The polygons' coordinates look like degrees; borders are measured in m.",
            zh="多边形坐标疑似经纬度，而边界长度须以米计。请先投影到以米为单位的坐标系。",
            cure="Reproject to a projected CRS in metres.",
            field="crs",
        )


def _segments(shapes: Shapes) -> _Segments:
    parts, whose = shapely.get_parts(shapes, return_index=True)
    rings = shapely.get_rings(parts, return_index=True)  # of polygons only
    points, ring = shapely.get_coordinates(rings[0], return_index=True)
    follows = ring[1:] == ring[:-1]
    start, stop = points[:-1][follows], points[1:][follows]
    length = np.hypot(*(stop - start).T)
    kept = length > 0
    owner = whose[rings[1][ring[:-1][follows]]].astype(np.int64)
    return _Segments(start[kept], stop[kept], owner[kept], length[kept])


def _matched(segments: _Segments, count: int) -> tuple[Places, Numbers, Flags]:
    """Return keys and lengths of pairs with a segment in common, and these segments."""
    start = np.round(segments.start / _GRAIN_M).astype(np.int64)
    stop = np.round(segments.stop / _GRAIN_M).astype(np.int64)
    turned = (start[:, 0] > stop[:, 0]) | (
        (start[:, 0] == stop[:, 0]) & (start[:, 1] > stop[:, 1])
    )
    low = np.where(turned[:, None], stop, start)
    high = np.where(turned[:, None], start, stop)
    order = np.lexsort((segments.owner, high[:, 1], high[:, 0], low[:, 1], low[:, 0]))
    ends = np.column_stack([low, high])[order]
    same = (ends[1:] == ends[:-1]).all(axis=1)
    owner = segments.owner[order]
    same &= owner[1:] != owner[:-1]
    is_matched = np.zeros(len(order), bool)
    is_matched[order[1:][same]] = is_matched[order[:-1][same]] = True
    key = owner[:-1][same] * count + owner[1:][same]
    return key, segments.length_m[order[1:][same]], is_matched


def _near(
    shapes: Shapes, segments: _Segments, is_matched: Flags, tolerance_m: float
) -> tuple[Places, Numbers]:
    """Return keys and lengths of pairs whose other outlines run side by side."""
    left = ~is_matched
    ends = np.stack([segments.start[left], segments.stop[left]], axis=1)
    lines: Shapes = np.asarray(shapely.linestrings(ends))
    rest, owners = _by_owner(lines, segments.owner[left])
    tree = shapely.STRtree(shapes[owners])
    one, other = tree.query(
        shapes[owners], predicate="dwithin", distance=max(tolerance_m, _GRAIN_M)
    )
    once = one < other
    one, other = one[once], other[once]
    if len(one) == 0:
        return np.zeros(0, np.int64), np.zeros(0)
    width = max(tolerance_m, _GRAIN_M)
    buffers = shapely.buffer(rest, width, cap_style="flat", quad_segs=2)
    there = shapely.length(shapely.intersection(rest[one], buffers[other]))
    back = shapely.length(shapely.intersection(rest[other], buffers[one]))
    length = (there + back) / 2
    length[length <= 4 * width] = 0.0  # a corner, or lines that cross
    return owners[one] * len(shapes) + owners[other], length


def _by_owner(lines: Shapes, owner: Places) -> tuple[Shapes, Places]:
    """Collect segments of each polygon into one line, polygons in order."""
    order = np.argsort(owner, kind="stable")
    owners, index = np.unique(owner[order], return_inverse=True)
    whole: Shapes = np.asarray(shapely.multilinestrings(lines[order], indices=index))
    return whole, owners
