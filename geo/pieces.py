"""Points, lines and areas cut into pieces, each with its share of the whole amount.

A line's amount lies evenly along it, an area's evenly in it. Pieces are cut at the
lines of a square lattice, so that every piece lies in one cell: what a feature gives a
cell is exactly its length or area there, and the pieces add up to the whole.
"""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.emitters import Sources
from geo.errors import VectorError
from geo.grid import Grid
from geo.overlay import coverage_weights

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Shapes = NDArray[np.object_]

_POINTS, _LINES, _AREAS = (0, 4), (1, 2, 5), (3, 6)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Where parts of features lie, one array each, in the order of the features."""

    xs: Numbers
    ys: Numbers
    """Middle of the piece of a line; middle of the cell for an area."""
    amount: Numbers
    feature: Places
    """Number of the feature that the piece is of."""

    def sources(self) -> Sources:
        """Return the pieces as sources of emissions."""
        return Sources(self.xs, self.ys, self.amount)


def cut(
    shapes: Shapes,
    amounts: Numbers,
    *,
    step_m: float,
    corner: tuple[float, float] = (0.0, 0.0),
) -> Pieces:
    """Cut features at the lattice of ``step_m`` through ``corner``.

    Parameters
    ----------
    shapes
        Points, lines and valid areas, single or multi, in a CRS in metres; no
        collections. The amount of a multi-point is shared evenly.

    Raises
    ------
    VectorError
        When a feature is empty, has no length or area, or is of another kind.
    """
    kinds = shapely.get_type_id(shapes)
    parts = []
    for kind, cutter in ((_POINTS, _points), (_LINES, _lines), (_AREAS, _areas)):
        chosen = np.flatnonzero(np.isin(kinds, kind))
        if len(chosen):
            xs, ys, size, feature = cutter(shapes[chosen], step_m, corner)
            parts.append((xs, ys, size, chosen[feature]))
    xs, ys, size, feature = _joined(parts)
    whole = np.bincount(feature, size, minlength=len(shapes)).astype(np.float64)
    _require_size(whole, shapes)
    amount = np.asarray(amounts, np.float64)[feature] * (size / whole[feature])
    order = np.argsort(feature, kind="stable")
    return Pieces(xs[order], ys[order], amount[order], feature[order])


def density(pieces: Pieces, grid: Grid) -> tuple[Numbers, float]:
    """Return amount per hectare in every cell ``(y, x)``, and the amount outside.

    Exact if the pieces were cut at the lattice of ``grid``: step ``cell_m``, corner at
    its top left.
    """
    column = np.floor((pieces.xs - grid.left) / grid.cell_m).astype(np.int64)
    row = np.floor((grid.top - pieces.ys) / grid.cell_m).astype(np.int64)
    inside = (column >= 0) & (column < grid.width) & (row >= 0) & (row < grid.height)
    place = row[inside] * grid.width + column[inside]
    size = grid.width * grid.height
    held = np.bincount(place, pieces.amount[inside], minlength=size)
    outside = float(pieces.amount[~inside].sum())
    return held.reshape(grid.shape) / grid.cell_ha, outside


def share_inside(pieces: Pieces, grid: Grid, *, features: int) -> Numbers:
    """Return the share (0-1) of each feature's amount that lies on ``grid``.

    NaN for a feature without an amount.
    """
    left, bottom, right, top = grid.bounds
    inside = (pieces.xs >= left) & (pieces.xs < right)
    inside &= (pieces.ys > bottom) & (pieces.ys <= top)
    held = np.bincount(
        pieces.feature[inside], pieces.amount[inside], minlength=features
    )
    whole = np.bincount(pieces.feature, pieces.amount, minlength=features)
    share = np.full(features, np.nan)
    np.divide(held, whole, out=share, where=whole > 0)
    return share


_Cut = tuple[Numbers, Numbers, Numbers, Places]


def _joined(parts: list[_Cut]) -> _Cut:
    empty = np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.int64)
    xs, ys, size, feature = zip(empty, *parts, strict=True)
    return (
        np.concatenate(xs),
        np.concatenate(ys),
        np.concatenate(size),
        np.concatenate(feature),
    )


def _require_size(whole: Numbers, shapes: Shapes) -> None:
    bad = np.flatnonzero(~(whole > 0))
    if len(bad):
        shape = shapes[bad[0]]
        kind = "nothing" if shape is None else shape.geom_type
        raise VectorError(
            f"Feature {bad[0] + 1} is {kind} without length or area, so nothing can "
            "be spread over it.",
            zh=f"第 {bad[0] + 1} 个要素（{kind}）没有长度或面积，无法分配排放量。",
            cure="Draw it again as a point, a line or an area, or delete it.",
            item=f"feature {bad[0] + 1}",
            value=kind,
        )


def _points(shapes: Shapes, step_m: float, corner: tuple[float, float]) -> _Cut:
    del step_m, corner  # a point is whole
    places, feature = shapely.get_coordinates(shapes, return_index=True)
    return places[:, 0], places[:, 1], np.ones(len(places)), feature.astype(np.int64)


def _lines(shapes: Shapes, step_m: float, corner: tuple[float, float]) -> _Cut:
    lines, owner = shapely.get_parts(shapes, return_index=True)
    places, line = shapely.get_coordinates(lines, return_index=True)
    joined = line[1:] == line[:-1]
    start, end = places[:-1][joined], places[1:][joined]
    feature = owner[line[:-1][joined]].astype(np.int64)
    ends = (start - corner) / step_m, (end - corner) / step_m
    segment = np.arange(len(start))
    crossed = [_crossings(ends[0][:, axis], ends[1][:, axis]) for axis in (0, 1)]
    owner_of = np.concatenate([segment, *(found[0] for found in crossed)])
    at = np.concatenate([np.zeros(len(start)), *(found[1] for found in crossed)])
    order = np.lexsort((at, owner_of))
    owner_of, at = owner_of[order], at[order]
    until = np.ones(len(at))
    same = owner_of[1:] == owner_of[:-1]
    until[:-1][same] = at[1:][same]
    length = np.hypot(*(end - start).T)[owner_of] * (until - at)
    middle = ((at + until) / 2)[:, None]
    where = start[owner_of] + middle * (end - start)[owner_of]
    kept = length > 0
    return where[kept, 0], where[kept, 1], length[kept], feature[owner_of[kept]]


def _crossings(start: Numbers, end: Numbers) -> tuple[Places, Numbers]:
    """Return segment and position (0-1) of every whole number strictly between."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    first = np.floor(low) + 1
    count = np.maximum(np.ceil(high) - first, 0).astype(np.int64)
    segment = np.repeat(np.arange(len(start)), count)
    within = np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count)
    line = first[segment] + within
    return segment, (line - start[segment]) / (end[segment] - start[segment])


def _areas(shapes: Shapes, step_m: float, corner: tuple[float, float]) -> _Cut:
    left, bottom, right, top = shapely.bounds(shapely.GeometryCollection(list(shapes)))
    west = np.floor((left - corner[0]) / step_m)
    north = np.ceil((top - corner[1]) / step_m)
    grid = Grid(
        "EPSG:3857",  # coverage is planar: any projected CRS in metres will do
        float(corner[0] + west * step_m),
        float(corner[1] + north * step_m),
        step_m,
        max(int(np.ceil((right - corner[0]) / step_m) - west), 1),
        max(int(north - np.floor((bottom - corner[1]) / step_m)), 1),
    )
    ids = [str(number) for number in range(len(shapes))]
    frame = gpd.GeoDataFrame({"parcel_id": ids}, geometry=shapes, crs=grid.crs)
    weights = coverage_weights(frame, grid)
    cell, run = weights.runs.expanded()
    cell = np.concatenate([cell, weights.edges.cell])
    feature = np.concatenate([weights.runs.parcel[run], weights.edges.parcel])
    share = np.concatenate([np.ones(len(run)), weights.edges.share])
    row, column = np.divmod(cell, grid.width)
    return grid.xs()[column], grid.ys()[row], share, feature.astype(np.int64)
