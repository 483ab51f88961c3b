"""About forty simulated parcels: an ordinary partition, small plots, special cases."""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from carpathians_source import CRS_CODE, Scenes
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import MultiPoint, Polygon

SEED = 20200938
"""One of fifty that were drawn: areas 0.5-6 ha, three parcels with real loss."""
SIDE_M = 1000.0
INSET_M = 18.0
"""Ordinary parcels keep this far inside the scene."""
OVERHANG_M = 30.0
"""The crossing ones reach so far beyond it."""
PATCH = 8
MIN_DISTANCE_M = 55.0
ORDINARY = 34
SMALL_M2 = (400.0, 400.0, 400.0, 667.0, 667.0, 667.0)
"""667 m2 is one mu. The first of each size lies in a loss patch."""
TREES = ("云杉", "山毛榉", "冷杉", "白桦", "青冈", "落叶松", "花楸", "槭树")
PLACES = ("岭", "沟", "坡", "坪", "坞", "垭口")


@dataclass(frozen=True, slots=True)
class Place:
    """What the drawing may look at, in metres east and south of the scene's corner."""

    lost: NDArray[np.float64]
    """Centres of the 20 m cells of real loss, (n, 2)."""
    patches: NDArray[np.float64]
    """Centres of the larger loss patches, (n, 2)."""


def write_parcels(
    scenes: Scenes, lost: NDArray[np.bool_], cover: NDArray[np.uint8], out: Path
) -> None:
    """Write layer ``parcels`` of ``parcels.gpkg``; the same bytes every time."""
    shapes = draw(place(lost))
    frame = _frame(shapes, cover)
    corner = (scenes.left, scenes.top)
    frame.geometry = shapely.transform(
        frame.geometry.to_numpy(), lambda xy: xy * (1, -1) + corner
    )
    frame = frame.set_crs(CRS_CODE)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2021-01-01T00:00:00.000Z"})
    path = out / "parcels.gpkg"
    path.unlink(missing_ok=True)
    pyogrio.write_dataframe(
        frame,
        path,
        layer="parcels",
        driver="GPKG",
        geometry_type="MultiPolygon",
        promote_to_multi=True,
        dataset_options={"VERSION": "1.2"},
        layer_options={"DESCRIPTION": "Simulated forest parcels 模拟小班"},
    )


def place(lost: NDArray[np.bool_]) -> Place:
    """Turn a mask of 20 m cells into points; a patch holds ``PATCH`` cells or more."""
    labels, count = ndimage.label(lost, np.ones((3, 3)))
    numbers = range(1, count + 1)
    sizes = ndimage.sum_labels(lost, labels, numbers)
    large = [n for n, size in zip(numbers, sizes, strict=True) if size >= PATCH]
    centres = np.array(ndimage.center_of_mass(lost, labels, large))
    return Place(_metres(np.argwhere(lost)), _metres(centres))


def _metres(rows_columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return (rows_columns[:, ::-1] + 0.5) * 20.0


def draw(where: Place) -> list[shapely.Geometry]:
    """Return the parcels; metres east and south of the scene's corner."""
    rng = np.random.default_rng(SEED)
    cells = _join_two(_warp(_partition(_seeds(where, rng))))
    small = _small_plots(cells, where, rng)
    return [*_fitted(cells, small, _pond(cells, small)), _far_away()]


def _fitted(
    cells: list[shapely.Geometry], small: list[Polygon], pond: Polygon
) -> list[shapely.Geometry]:
    """Cut the plots and the pond out of the cells; borders stay shared exactly.

    All borders are noded together to the centimetre, and every face between them goes
    to what covers it first: a plot, the pond (nobody's), a cell.
    """
    takers = [*small, pond, *cells]
    lines = shapely.union_all(shapely.boundary(takers), grid_size=0.01)
    faces = shapely.polygonize([lines]).geoms
    owned: dict[int, list[Polygon]] = {}
    for face in faces:
        spot = face.representative_point()
        owner = next((n for n, taker in enumerate(takers) if taker.covers(spot)), None)
        if owner is not None:
            owned.setdefault(owner, []).append(face)
    return [
        shapely.coverage_union_all(owned[number])
        for number in range(len(takers))
        if number != len(small)
    ]


def _seeds(where: Place, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points at least ``MIN_DISTANCE_M`` apart, one in each larger loss patch."""
    points = list(where.patches)
    while len(points) < ORDINARY:
        point = rng.uniform(INSET_M, SIDE_M - INSET_M, 2)
        if min(np.hypot(*(point - other)) for other in points) >= MIN_DISTANCE_M:
            points.append(point)
    return np.array(points)


def _partition(points: NDArray[np.float64]) -> list[Polygon]:
    """Voronoi cells within the inner square; four of them reach beyond the scene."""
    outer = shapely.box(-OVERHANG_M, -OVERHANG_M, *[SIDE_M + OVERHANG_M] * 2)
    inner = shapely.box(INSET_M, INSET_M, *[SIDE_M - INSET_M] * 2)
    diagram = shapely.voronoi_polygons(
        MultiPoint(points), extend_to=outer, ordered=True
    )
    cells = list(diagram.geoms)
    crossing = _one_per_side(points)
    clipped = [
        cell.intersection(outer if number in crossing else inner)
        for number, cell in enumerate(cells)
    ]
    return _matched(clipped)


def _one_per_side(points: NDArray[np.float64]) -> set[int]:
    """Return the point nearest to the middle of each of the scene's four sides."""
    half = SIDE_M / 2
    sides = np.array([(half, 0.0), (SIDE_M, half), (half, SIDE_M), (0.0, half)])
    gaps = np.linalg.norm(points[None] - sides[:, None], axis=2)
    return {int(number) for number in gaps.argmin(axis=1)}


def _matched(cells: list[Polygon]) -> list[Polygon]:
    """Round to the centimetre and give neighbours the same vertices."""
    cells = [shapely.transform(cell, lambda xy: xy.round(2)) for cell in cells]
    vertices = MultiPoint(np.unique(shapely.get_coordinates(cells), axis=0))
    return [shapely.snap(cell, vertices, 0.02) for cell in cells]


def _warp(cells: list[Polygon]) -> list[Polygon]:
    """Bend every border by a smooth field of a few metres; neighbours stay joined."""
    return [
        shapely.transform(shapely.segmentize(cell.normalize(), 15.0), _bend)
        for cell in cells
    ]


def _bend(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = xy.T / 100.0
    east = 6.0 * np.sin(2.1 * y + 0.7 * x) + 3.0 * np.sin(5.3 * y - 1.9 * x + 1.0)
    south = 6.0 * np.sin(1.9 * x - 0.8 * y + 2.0) + 3.0 * np.sin(4.7 * x + 2.3 * y)
    return (xy + np.column_stack([east, south])).round(2)


def _join_two(cells: list[Polygon]) -> list[shapely.Geometry]:
    """Make one parcel of the two smallest inner cells that do not touch."""
    scene = shapely.box(0, 0, SIDE_M, SIDE_M)
    order = sorted(range(len(cells)), key=lambda number: cells[number].area)
    inner = [number for number in order if scene.contains(cells[number])]
    first, second = next(
        pair
        for pair in combinations(inner, 2)
        if cells[pair[0]].distance(cells[pair[1]]) > 50.0
    )
    rest = [c for n, c in enumerate(cells) if n not in (first, second)]
    return [*rest, shapely.union_all([cells[first], cells[second]])]


def _small_plots(
    cells: list[shapely.Geometry], where: Place, rng: np.random.Generator
) -> list[Polygon]:
    """Irregular four-sided plots of ``SMALL_M2`` that keep apart from one another."""
    plots: list[Polygon] = []
    whole = shapely.union_all(cells)
    for number, area_m2 in enumerate(SMALL_M2):
        in_patch = number % 3 == 0
        while True:
            spot = rng.choice(where.lost) if in_patch else rng.uniform(60, 940, 2)
            plot = _plot(spot, area_m2, rng)
            apart = all(plot.distance(other) > 60.0 for other in plots)
            if apart and whole.contains(plot):
                break
        plots.append(plot)
    return plots


def _plot(
    spot: NDArray[np.float64], area_m2: float, rng: np.random.Generator
) -> Polygon:
    turn = rng.uniform(0, np.pi / 2)
    angles = turn + np.arange(4) * np.pi / 2 + rng.uniform(-0.25, 0.25, 4)
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    ring *= np.sqrt(area_m2 / Polygon(ring).area)
    return Polygon((ring + spot).round(2))


def _pond(cells: list[shapely.Geometry], small: list[Polygon]) -> Polygon:
    """Draw a quarter hectare of water in the largest inner parcel without plots."""
    free = [
        cell
        for cell in cells
        if isinstance(cell, Polygon)
        and shapely.box(0, 0, SIDE_M, SIDE_M).contains(cell)
        and not any(cell.intersects(plot) for plot in small)
    ]
    centre = shapely.maximum_inscribed_circle(max(free, key=lambda c: c.area), 1.0)
    angles = np.arange(12) * np.pi / 6
    ring = 29.0 * np.column_stack([np.cos(angles), 0.9 * np.sin(angles)])
    return Polygon((ring + centre.coords[0]).round(2))


def _far_away() -> Polygon:
    """Draw a parcel that no scene shows: it begins 400 m east of the scene."""
    ring = [(1400, 300), (1550, 280), (1570, 420), (1480, 450), (1390, 410)]
    return Polygon(_bend(np.array(ring, dtype=np.float64)))


def _frame(
    shapes: list[shapely.Geometry], cover: NDArray[np.uint8]
) -> gpd.GeoDataFrame:
    """Describe the parcels, numbered from north to south, then from west to east."""
    points = [shape.representative_point() for shape in shapes]
    order = sorted(range(len(shapes)), key=lambda n: (points[n].y, points[n].x))
    uses = [_land_use(shapes[n], cover) for n in order]
    names = [f"{tree}{place}小班" for place in PLACES for tree in TREES]
    return gpd.GeoDataFrame(
        {
            "parcel_id": [f"330021{n:04d}" for n in range(1, len(order) + 1)],
            "name_zh": names[: len(order)],
            "land_use": uses,
            "plantable": [int(use != "forest") for use in uses],
            "simulated": 1,
            "remark_zh": "模拟数据",
        },
        geometry=[shapes[n].normalize() for n in order],
    )


def _land_use(shape: shapely.Geometry, cover: NDArray[np.uint8]) -> str:
    """Name the use by mean tree cover: forest from 50 %, meadow below 20 %.

    Outside the cover raster nothing is known, so the parcel is called forest.
    """
    x, y = np.meshgrid(*[np.arange(n) * 20.0 + 10.0 for n in cover.shape[::-1]])
    inside = shapely.contains_xy(shape.buffer(10.0), x, y) & (cover != 255)
    if not inside.any():
        return "forest"
    mean = cover[inside].mean()
    return "forest" if mean >= 50 else "sparse" if mean >= 20 else "meadow"
