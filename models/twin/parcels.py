"""The cadastre: straight-sided parcels about the stands, slivers and tiny ones too."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPoint, Polygon
from shapely.geometry.base import BaseGeometry

from models.twin.county import (
    COVERS,
    FIRST_YEAR,
    FOREST,
    GRASS,
    LEFT,
    TOP,
)
from models.twin.fields import Floats, key_of, normal, point_places, uniform
from models.twin.growth import state_at
from models.twin.landscape import Landscape
from models.twin.stands import MARGIN, PITCH_M, Stands
from models.twin.terrain import relief

TINY_SHARE, SLIVER_SHARE = 0.03, 0.025
TINY_M = 20.0
"""Side of the tiny parcels: 400 m2."""
SLIVER_M = 4.0
STRIP = 48
"""Rows of stands that are drawn at a time."""
HALO = 4
COMPARTMENT, TOWN = 8, 32
"""Stands along the side of a compartment (林班) and of a township."""
TOWNS = ("青石镇", "云岭乡", "白水镇", "桃源乡", "松坪镇", "竹溪乡", "柳河镇", "石门乡")
AGE_GROUPS = ("幼龄林", "中龄林", "近熟林", "成熟林", "过熟林")
SPECIES_ERROR, CLOSURE_SD = 0.07, 0.08
"""What the inventory has wrong: the species, and by how much the closure."""


@dataclass(frozen=True, slots=True)
class Parcels:
    """A parcel per row; ``kind`` is ordinary, tiny or sliver."""

    geometry: NDArray[np.object_]
    stand: NDArray[np.int64]
    kind: NDArray[np.str_]


def draw_parcels(landscape: Landscape) -> Parcels:
    """Return the county's parcels from north to south, then from west to east.

    Only woods and land that may become wood have one: fields, water and villages have
    another register.
    """
    rows = list(_cut(_cells(landscape), landscape))
    stand = np.array([number for _, number, _ in rows], np.int64)
    kind = np.array([name for _, _, name in rows], np.str_)
    shapes = np.empty(len(rows), dtype=object)
    shapes[:] = [shape for shape, _, _ in rows]
    return Parcels(shapes, stand, kind)


def attributes(landscape: Landscape, parcels: Parcels) -> dict[str, list[object]]:
    """Return what the inventory of the first January wrote of each parcel.

    Columns by name; it errs in species, age and closure as inventories do.
    """
    stands, flora = landscape.stands, landscape.flora
    number = parcels.stand
    state = state_at(stands, flora, FIRST_YEAR + 0.01)
    names = [""] + [one.name_zh for one in flora.species]
    species = _recorded_species(landscape)[number]
    is_forest = stands.land[number] == FOREST
    row, column = (part[number] for part in stands.lattice())
    compartment = _block(row, column, COMPARTMENT, stands)
    town = _block(row, column, TOWN, stands) % len(TOWNS)
    serial = _serials(compartment)
    planted = np.array([False, *(one.is_planted for one in flora.species)])[species]
    uses = [COVERS[int(land)] for land in stands.land[number]]
    area_mu = shapely.area(parcels.geometry) / 10_000 * 15
    closure = _recorded_closure(landscape, state.closure)[number]
    return {
        "parcel_id": [
            f"349{c:05d}{s:04d}" for c, s in zip(compartment, serial, strict=True)
        ],
        "name_zh": [
            f"{TOWNS[t]}{c}林班{s}小班"
            for t, c, s in zip(town, compartment, serial, strict=True)
        ],
        "town_zh": [TOWNS[t] for t in town],
        "compartment": [int(c) for c in compartment],
        "subcompartment": [int(s) for s in serial],
        "land_use": [use[0] for use in uses],
        "land_use_zh": [use[1] for use in uses],
        "species_zh": [
            names[s] if f else "" for s, f in zip(species, is_forest, strict=True)
        ],
        "origin_zh": [
            ("人工" if p else "天然") if f else ""
            for p, f in zip(planted, is_forest, strict=True)
        ],
        "age_group_zh": _age_groups(landscape, state.age_yr)[number].tolist(),
        "closure": [float(c) for c in np.where(is_forest, closure, 0.0)],
        "area_mu": [round(float(mu), 2) for mu in area_mu],
        "survey_year": [FIRST_YEAR - 1] * len(number),
        "plantable": [int(land == GRASS) for land in stands.land[number]],
        "simulated": [1] * len(number),
        "remark_zh": ["模拟数据"] * len(number),
    }


def _cells(landscape: Landscape) -> Iterator[tuple[Polygon, int]]:
    """Yield the Voronoi cell of each stand that has a parcel, strip by strip."""
    stands, county = landscape.stands, landscape.county
    side = county.size * 10.0
    county_box = shapely.box(LEFT, TOP - side, LEFT + side, TOP)
    has_parcel = _has_parcel(landscape)
    for first in range(MARGIN, stands.rows - MARGIN, STRIP):
        last = min(first + STRIP, stands.rows - MARGIN)
        low = max(first - HALO, 0) * stands.columns
        high = min(last + HALO, stands.rows) * stands.columns
        points = MultiPoint(np.column_stack([stands.x[low:high], stands.y[low:high]]))
        cells = shapely.voronoi_polygons(points, ordered=True).geoms
        for number in range(first * stands.columns, last * stands.columns):
            if has_parcel[number]:
                cell = _to_the_centimetre(cells[number - low])
                inside = shapely.intersection(cell, county_box)
                if isinstance(inside, Polygon) and inside.area > 100:
                    yield inside, number


def _has_parcel(landscape: Landscape) -> NDArray[np.bool_]:
    stands, side = landscape.stands, landscape.county.size * 10.0
    land = relief(point_places(stands.x, stands.y), landscape.county.seed)
    inside = (stands.x > LEFT) & (stands.x < LEFT + side)
    inside &= (stands.y < TOP) & (stands.y > TOP - side)
    return np.asarray(inside & (land.valley > 0.05) & (land.river_m > PITCH_M / 2))


def _cut(
    cells: Iterator[tuple[Polygon, int]], landscape: Landscape
) -> Iterator[tuple[Polygon, int, str]]:
    """Cut tiny parcels and slivers out of some cells; borders stay shared exactly."""
    seed, stands = landscape.county.seed, landscape.stands
    luck = uniform(key_of(seed, "parcel"), np.arange(len(stands)), 0)
    for cell, number in cells:
        piece, name = None, ""
        if luck[number] < TINY_SHARE:
            centre = (stands.x[number], stands.y[number])
            piece, name = _square(centre, 90 * luck[number] / TINY_SHARE), "tiny"
        elif luck[number] > 1 - SLIVER_SHARE:
            piece, name = _strip(cell), "sliver"
        yield from _pieces(cell, piece, number, name)


def _pieces(
    cell: Polygon, piece: Polygon | None, number: int, name: str
) -> Iterator[tuple[Polygon, int, str]]:
    if piece is not None:
        part = shapely.normalize(shapely.intersection(cell, piece))
        rest = shapely.normalize(shapely.difference(cell, piece))
        if (
            isinstance(part, Polygon)
            and isinstance(rest, Polygon)
            and all(shape.is_valid and shape.area > 50 for shape in (part, rest))
        ):
            yield part, number, name
            yield rest, number, "ordinary"
            return
    yield cell, number, "ordinary"


def _square(centre: tuple[float, float], turn_deg: float) -> Polygon:
    half = TINY_M / 2**0.5
    angles = np.radians(turn_deg) + np.arange(4) * np.pi / 2
    ring = half * np.column_stack([np.cos(angles), np.sin(angles)]) + centre
    return Polygon(ring.round(2))


def _strip(cell: Polygon) -> Polygon:
    """Return a band of ``SLIVER_M`` along the longest side of ``cell``, and beyond."""
    corners = shapely.get_coordinates(cell)
    lengths = np.hypot(*(corners[1:] - corners[:-1]).T)
    at = int(np.argmax(lengths))
    along = (corners[at + 1] - corners[at]) / lengths[at]
    inwards = np.array([-along[1], along[0]])
    if (np.array(cell.centroid.coords[0]) - corners[at]) @ inwards < 0:
        inwards = -inwards
    start, stop = corners[at] - 200 * along, corners[at + 1] + 200 * along
    back, front = -5 * inwards, SLIVER_M * inwards
    return Polygon([start + back, stop + back, stop + front, start + front])


def _to_the_centimetre(shape: BaseGeometry) -> BaseGeometry:
    return shapely.normalize(shapely.transform(shape, lambda xy: xy.round(2)))


def _block(
    row: NDArray[np.int64], column: NDArray[np.int64], size: int, stands: Stands
) -> NDArray[np.int64]:
    across = -(-stands.columns // size)
    return np.asarray((row // size) * across + column // size + 1)


def _serials(compartment: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the parcels of each compartment from one, in their order."""
    order = np.argsort(compartment, kind="stable")
    ordered = compartment[order]
    first = np.searchsorted(ordered, ordered)
    serial = np.empty(len(compartment), np.int64)
    serial[order] = np.arange(len(compartment)) - first + 1
    return serial


def _recorded_species(landscape: Landscape) -> NDArray[np.uint8]:
    stands, seed = landscape.stands, landscape.county.seed
    number = np.arange(len(stands))
    count = len(landscape.flora.species)
    wrong = uniform(key_of(seed, "wrong species"), number, 0) < SPECIES_ERROR
    other = 1 + (uniform(key_of(seed, "other species"), number, 0) * count)
    return np.where(wrong, other, stands.species).astype(np.uint8)


def _recorded_closure(landscape: Landscape, closure: Floats) -> Floats:
    seed = landscape.county.seed
    error = CLOSURE_SD * normal(key_of(seed, "closure"), np.arange(len(closure)), 0)
    return np.clip(closure + error, 0.0, 1.0).round(2)


def _age_groups(landscape: Landscape, age_yr: Floats) -> NDArray[np.str_]:
    """Return the age group by the share of the rotation (or of eighty years) lived."""
    stands, flora = landscape.stands, landscape.flora
    rotation = flora.column("rotation_yr")[stands.species]
    share = age_yr / np.where(rotation > 0, rotation, 80.0)
    group = np.array(AGE_GROUPS)[np.searchsorted((0.35, 0.65, 0.9, 1.2), share)]
    return np.where((stands.land == FOREST) & (age_yr > 0), group, "")
