"""Parcels as delivered, checked one by one: a bad parcel never stops the rest."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geo.areas import ellipsoid_area_ha
from geo.errors import InputError, VectorError
from store.overlaps import find_overlaps
from store.parcel_checks import (
    Bounds,
    Sieve,
    moved,
    sift_geometry,
    sift_ids,
    sift_moved,
    sift_places,
    transformer,
    usual_bounds,
)
from store.vector_files import RawLayer, problem, read_layer

MU_HA = 1 / 15
"""One mu (亩) in ha; smaller parcels are noted as slivers."""
_SAME_PLACE_DEG = 1e-5
_EXACT_INTEGERS = 2**53
_OWN_COLUMNS = ("parcel_id", "name_zh", "area_ha", "geometry")


@dataclass(frozen=True, slots=True)
class ParcelRules:
    """What the region file says about a parcel layer."""

    id_field: str
    name_field: str | None = None
    layer: str | None = None
    declared_crs: str | None = None
    """Stands in for a CRS that the file lacks; never overrules one."""
    encoding: str | None = None
    bounds: Bounds | None = None
    """West, south, east, north in degrees (WGS 84) where parcels are expected;
    without it, the area of use of the target CRS and 6 degrees around it."""
    overlap_tolerance: float = 0.001
    """Share of the smaller parcel that two parcels may have in common."""


@dataclass(frozen=True, slots=True)
class ParcelLayer:
    """Parcels that passed, in the order of their ids, and what was said of the others.

    ``parcels`` has ``parcel_id`` (text), ``name_zh``, ``area_ha`` (on the ellipsoid of
    the file's CRS), ``geometry`` (2D, target CRS) and the file's other attributes; one
    of those called like ours is kept as ``source_<name>``.
    """

    parcels: gpd.GeoDataFrame
    rejected: tuple[InputError, ...]
    warnings: tuple[InputError, ...]
    digest: str
    """SHA-256 of the file; of a Shapefile, of the digests of its parts."""
    source: Path


def read_parcels(
    path: str | Path, *, roots: Sequence[Path], target_crs: str, rules: ParcelRules
) -> ParcelLayer:
    """Read, check and reproject the parcels of a file below ``roots``.

    Single parcels are rejected for: no id; no, empty, broken, non-polygonal or
    self-crossing geometry (never mended); more than ``MAX_VERTICES``; lying outside the
    bounds; and an overlap above tolerance with a parcel whose id sorts before it, so
    that no area counts twice. Smaller overlaps and parcels under 1 mu are warnings.

    Raises
    ------
    UnsafePathError
        If ``path`` is not a plain file below ``roots``.
    VectorError
        If the layer as a whole cannot be trusted: no features, no CRS, no such id
        field, repeated ids, coordinates elsewhere or no usable parcel.
    """
    raw = read_layer(path, roots=roots, layer=rules.layer, encoding=rules.encoding)
    _require_features(raw)
    crs, notes = _crs(raw, rules.declared_crs)
    ids = _ids(raw, rules.id_field)
    sieve = Sieve(raw.source, ids, np.ones(len(ids), bool))
    shapes = _sift(sieve, raw, crs, target_crs, bounds=rules.bounds)
    parcels = _table(raw, ids, shapes, target_crs, rules=rules)
    parcels["area_ha"] = _areas_ha(raw.geometry, crs, sieve.is_kept)
    parcels = parcels.loc[sieve.is_kept].sort_values("parcel_id", ignore_index=True)
    parcels, too_close, close = find_overlaps(
        parcels, tolerance=rules.overlap_tolerance, source=raw.source
    )
    rejected = (*sieve.reasons(), *too_close)
    _require_parcels(parcels, rejected, raw)
    return ParcelLayer(
        parcels=parcels,
        rejected=rejected,
        warnings=(*raw.notes, *notes, *_flat(raw), *close, *_slivers(parcels, raw)),
        digest=raw.digest,
        source=raw.source,
    )


def read_field(
    path: str | Path, field: str, *, roots: Sequence[Path], rules: ParcelRules
) -> dict[str, str]:
    """Return one attribute of a parcel layer as text, by parcel id; "" where empty.

    Raises
    ------
    UnsafePathError, VectorError
        As ``read_parcels``; there is no such field.
    """
    raw = read_layer(path, roots=roots, layer=rules.layer, encoding=rules.encoding)
    texts = [_as_text(value, raw, field) for value in _column(raw, field)]
    return dict(zip(_ids(raw, rules.id_field), texts, strict=True))


def _require_features(raw: RawLayer) -> None:
    if len(raw.geometry) == 0:
        raise problem(
            f"{raw.source.name} has zero features.",
            zh=f"{raw.source.name} 没有任何要素。请检查导出设置（筛选、选中）。",
            cure="Export it again: often only selected or filtered features were kept.",
            file=raw.source,
            value="0 features",
        )


def _require_parcels(
    parcels: gpd.GeoDataFrame, rejected: Sequence[InputError], raw: RawLayer
) -> None:
    if len(parcels) == 0:
        first, count = rejected[0], len(rejected)
        raise problem(
            f"None of the {count} parcels of {raw.source.name} can be used; "
            f"the first: {first.what}",
            zh=f"{raw.source.name} 的 {count} 个小班均不可用；首个原因：{first.zh}",
            cure=first.cure,
            file=raw.source,
            value=f"{count} rejected",
        )


def _column(raw: RawLayer, name: str) -> pd.Series:
    names = [str(column) for column in raw.attributes.columns]
    if name in names:
        return raw.attributes.iloc[:, names.index(name)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    raise problem(
        f"{raw.source.name} has no field {name!r}"
        + (f"; did you mean {near[0]!r}?" if near else "."),
        zh=f"{raw.source.name} 没有字段 {name!r}，现有字段：{', '.join(names)}。"
        "请修改区域文件。",
        cure="Name the right field in the region file.",
        file=raw.source,
        field=name,
        expected=", ".join(names),
    )


def _ids(raw: RawLayer, id_field: str) -> list[str]:
    return [_as_text(value, raw, id_field) for value in _column(raw, id_field)]


def _as_text(value: str | float | None, raw: RawLayer, name: str) -> str:
    """Write whole numbers without ``.0``; text stays as it is, zeros in front too."""
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, float | np.floating):
        if abs(value) >= _EXACT_INTEGERS:
            raise problem(
                f"The ids in {name!r} are numbers too long to be exact: {value:.0f}.",
                zh=f"字段 {name!r} 的编号过长，以数字保存已失真：{value:.0f}。"
                "请改为文本字段。",
                cure="Store ids in a text field.",
                file=raw.source,
                field=name,
                value=f"{value:.0f}",
            )
        return f"{value:.0f}" if value == round(value) else repr(float(value))
    return str(value).strip()


def _crs(raw: RawLayer, declared: str | None) -> tuple[CRS, tuple[VectorError, ...]]:
    if raw.crs is not None and declared is None:
        return raw.crs, ()
    if declared is None:
        raise problem(
            f"{raw.source.name} does not say its coordinate reference system.",
            zh=f"{raw.source.name} 缺少坐标参考系（如 .prj）。"
            "请补充，或在区域文件中声明 declared_crs。",
            cure="Deliver it with its CRS, or declare declared_crs in the region file.",
            file=raw.source,
            field="crs",
        )
    crs = CRS.from_user_input(declared)
    if raw.crs is None or not raw.has_own_crs:
        return crs, (_declared_note(raw, declared),)
    _require_same_place(raw, raw.crs, crs)
    return raw.crs, ()


def _declared_note(raw: RawLayer, declared: str) -> VectorError:
    return problem(
        f"The CRS of {raw.source.name} is {declared} because the operator says so.",
        zh=f"{raw.source.name} 的坐标系按声明取 {declared}。",
        cure="Deliver the layer with its own CRS.",
        file=raw.source,
        field="crs",
        value=declared,
    )


def _require_same_place(raw: RawLayer, own: CRS, declared: CRS) -> None:
    west, south, east, north = shapely.total_bounds(raw.geometry)
    corners = ([west, east], [south, north])
    here = transformer(own, "EPSG:4326").transform(*corners)
    there = transformer(declared, "EPSG:4326").transform(*corners)
    if not np.allclose(here, there, rtol=0, atol=_SAME_PLACE_DEG):
        raise problem(
            f"{raw.source.name} says it is in {own.name}, the region file says "
            f"{declared.name}.",
            zh=f"{raw.source.name} 自带坐标系 {own.name}，与声明的 "
            f"{declared.name} 不符。请删除声明或修正文件。",
            cure="Drop declared_crs, or correct the file.",
            file=raw.source,
            field="crs",
            value=own.name,
            expected=declared.name,
        )


def _sift(
    sieve: Sieve, raw: RawLayer, crs: CRS, target_crs: str, *, bounds: Bounds | None
) -> NDArray[np.object_]:
    """Run every check of single parcels; return the shapes in the target CRS."""
    sift_ids(sieve)
    sift_geometry(sieve, raw)
    flat = shapely.force_2d(raw.geometry)
    sift_places(sieve, flat, crs, bounds or usual_bounds(target_crs))
    shapes = moved(flat, crs, target_crs)
    sift_moved(sieve, shapes)
    return shapes


def _areas_ha(
    geometry: NDArray[np.object_], crs: CRS, is_kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    areas = np.full(len(geometry), np.nan)
    areas[is_kept] = ellipsoid_area_ha(gpd.GeoSeries(geometry[is_kept], crs=crs))
    return areas


def _table(
    raw: RawLayer,
    ids: Sequence[str],
    shapes: NDArray[np.object_],
    target_crs: str,
    *,
    rules: ParcelRules,
) -> gpd.GeoDataFrame:
    names = [""] * len(ids)
    if rules.name_field is not None:
        column = _column(raw, rules.name_field)
        names = [_as_text(value, raw, rules.name_field) for value in column]
    own = {"parcel_id": ids, "name_zh": names, "area_ha": np.nan}
    used = [name for name in _OWN_COLUMNS if name in (rules.id_field, rules.name_field)]
    others = raw.attributes.drop(columns=used)
    others = others.rename(columns=lambda name: _other_name(str(name)))
    rows = pd.concat([pd.DataFrame(own, index=others.index), others], axis=1)
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=target_crs)


def _other_name(name: str) -> str:
    return f"source_{name}" if name in _OWN_COLUMNS else name


def _flat(raw: RawLayer) -> list[VectorError]:
    count = int(shapely.has_z(raw.geometry).sum())
    if not count:
        return []
    what = f"Heights (Z) were dropped from features of {raw.source.name}: {count}."
    zh = f"{raw.source.name} 的 {count} 个要素含高程值，已忽略。"
    return [problem(what, zh=zh, cure="Nothing to do.", file=raw.source, value=count)]


def _slivers(parcels: gpd.GeoDataFrame, raw: RawLayer) -> list[VectorError]:
    small = parcels.loc[parcels["area_ha"] < MU_HA, ["parcel_id", "area_ha"]]
    return [
        problem(
            f"Parcel {name} has {area_ha * 10_000:.0f} m2, less than 1 mu.",
            zh=f"小班 {name} 面积 {area_ha * 10_000:.0f} 平方米，不足 1 亩。",
            cure="Check that it is a parcel and not a sliver between two.",
            file=raw.source,
            item=name,
            value=f"{area_ha:.4f} ha",
        )
        for name, area_ha in small.itertuples(index=False)
    ]
