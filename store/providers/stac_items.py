"""One STAC item to one acquisition: its time, its place, what its pixels mean."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

import pystac
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geo.errors import InputError
from store.providers.base import Acquisition, Asset, Note

Json = Mapping[str, object]

_SHA256 = re.compile(r"1220([0-9a-f]{64})")
"""A multihash: function 0x12 (SHA-256), 0x20 bytes."""

_SENSED = re.compile(r"_S(\d{8}T\d{6})_")
"""The sensing time in the name of a Sentinel-2 datastrip."""

_SAME_PLACE = 0.5
"""Two deliveries of one acquisition overlap by more than half of the smaller."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Which asset of an item is which of our bands."""

    assets: Mapping[str, str]
    """Key of the asset by our name of the band."""
    mask: str | None


def acquired_at(item: pystac.Item) -> datetime:
    """Return the item's instant; raise ``InputError`` if it has none or no zone."""
    stated = item.properties.get("datetime")
    try:
        instant = datetime.fromisoformat(str(stated))
    except ValueError:
        instant = None
    if instant is not None and instant.tzinfo is not None:
        return instant.astimezone(UTC)
    raise InputError(
        f"The item's datetime is {stated!r}, not an instant with its zone.",
        zh=f"条目的 datetime 为 {stated!r}，缺失或没有时区，无法确定成像日期。"
        "请补充带时区的时间。",
        cure="State the acquisition as UTC, such as 2020-07-01T09:30:00Z.",
        field="datetime",
        value=stated,
    )


def place_of(item: pystac.Item) -> BaseGeometry:
    """Return the item's footprint in degrees, mended where it crosses itself."""
    if item.geometry is None:
        raise InputError(
            "The item has no geometry.",
            zh="条目没有 geometry，无法确定位置。请补充覆盖范围。",
            cure="State the footprint of the item.",
            field="geometry",
        )
    try:
        return shapely.make_valid(shape(item.geometry))
    except (ValueError, TypeError, KeyError, shapely.errors.ShapelyError) as error:
        raise InputError(
            f"The item's geometry cannot be read: {error}.",
            zh=f"条目的 geometry 无法读取：{error}。请改正覆盖范围。",
            cure="Correct the footprint of the item.",
            field="geometry",
        ) from error


def acquisition_of(
    item: pystac.Item, bands: Bands, zone: ZoneInfo, locate: Callable[[str], str]
) -> Acquisition:
    """Return what ``item`` offers of ``bands``; ``locate`` completes an href.

    Raises ``InputError`` if a band, the mask, or a stated scale and offset is missing.
    """
    wanted = dict(bands.assets)
    if bands.mask is not None:
        wanted["mask"] = bands.mask
    missing = sorted(key for key in wanted.values() if key not in item.assets)
    if missing:
        raise InputError(
            f"The item lacks the assets {missing}.",
            zh=f"条目缺少资产 {missing}。请核对区域文件中的波段名称，或重新获取该景。",
            cure="Correct the band names in the region file, or deliver the item "
            "whole.",
            field="assets",
            value=sorted(item.assets),
            expected=missing,
        )
    box = place_of(item).bounds
    acquired = acquired_at(item)
    assets = []
    for band, key in sorted(wanted.items()):
        asset = item.assets[key]
        scale, offset = (1.0, 0.0) if band == "mask" else _radiometry(item, key)
        assets.append(
            Asset(
                band=band,
                href=locate(asset.href),
                item_id=item.id,
                scale=scale,
                offset=offset,
                nodata=_nodata(asset),
                sha256=_checksum(asset),
                bbox=(box[0], box[1], box[2], box[3]),
            )
        )
    platform = str(item.properties.get("platform") or "unknown")
    day = acquired.astimezone(zone).date()
    return Acquisition(item.id, platform, acquired, day, tuple(assets))


def newest(items: list[pystac.Item]) -> tuple[list[pystac.Item], list[Note]]:
    """Leave one delivery of each acquisition, the newest, and note the others.

    Items are deliveries of one acquisition if platform, orbit, tile, datastrip and
    sensing time agree and they lie in the same place: the halves of a split datastrip
    do not, and stay.
    """
    kept: dict[tuple[str, ...], list[pystac.Item]] = {}
    notes: list[Note] = []
    for item in sorted(items, key=_age, reverse=True):
        rivals = kept.setdefault(_identity(item), [])
        newer = next((other for other in rivals if _same_place(item, other)), None)
        if newer is None:
            rivals.append(item)
            continue
        notes.append(
            {
                "kind": "duplicate",
                "item": item.id,
                "kept": newer.id,
                "message": f"{item.id} is an older processing of {newer.id}; not used.",
                "message_zh": f"{item.id} 是 {newer.id} 的旧处理版本，未使用。",
            }
        )
    notes.sort(key=lambda note: str(note["item"]))
    return [item for rivals in kept.values() for item in rivals], notes


def _same_place(one: pystac.Item, other: pystac.Item) -> bool:
    places = place_of(one), place_of(other)
    smaller = min(place.area for place in places)
    shared = places[0].intersection(places[1]).area
    return smaller == 0 or bool(shared > _SAME_PLACE * smaller)


def _identity(item: pystac.Item) -> tuple[str, ...]:
    facts = item.properties
    strip = _SENSED.search(str(facts.get("s2:datastrip_id", "")))
    orbits = ("sat:relative_orbit", "s2:relative_orbit", "sat:absolute_orbit")
    tiles = ("s2:mgrs_tile", "grid:code", "landsat:wrs_path", "landsat:wrs_row")
    return (
        str(facts.get("platform", "")),
        next((str(facts[name]) for name in orbits if name in facts), ""),
        "/".join(str(facts.get(name, "")) for name in tiles),
        strip.group(1) if strip else "",
        f"{acquired_at(item):%Y%m%dT%H%M%S}",
    )


def _age(item: pystac.Item) -> tuple[str, float, str, str, str]:
    facts = item.properties
    made = facts.get("s2:generation_time") or facts.get("processing:datetime")
    baseline = facts.get("s2:processing_baseline") or facts.get("processing:version")
    return (
        _instant(made),
        _number(baseline),
        _instant(facts.get("updated")),
        _instant(facts.get("created")),
        item.id,
    )


def _instant(stated: object) -> str:
    """Write an instant so that later ones sort later; empty if there is none."""
    try:
        instant = datetime.fromisoformat(str(stated))
    except ValueError:
        return ""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC).isoformat()


def _number(stated: object) -> float:
    try:
        return float(str(stated))
    except ValueError:
        return -math.inf


def _radiometry(item: pystac.Item, key: str) -> tuple[float, float]:
    """Return scale and offset as the metadata state them; never from a date.

    They stand in the raster extension or, in Sentinel-2 terms, as ``BOA_ADD_OFFSET``
    and ``QUANTIFICATION_VALUE``: reflectance = (DN + offset) / quantification. Where
    the item says that the offset is already in its pixels, none is left to apply.
    """
    asset = item.assets[key]
    raster = _of_raster(asset)
    boa = _of_boa(item, key)
    if raster is not None and boa is not None and not _agree(raster, boa):
        raise _radiometry_error(
            f"{key}: the raster extension says scale and offset {raster}, "
            f"BOA_ADD_OFFSET says {boa}.",
            f"资产 {key} 的两处缩放参数矛盾：raster 扩展为 {raster}，"
            f"BOA_ADD_OFFSET 为 {boa}。请改正元数据。",
        )
    found = raster or boa
    if found is None:
        raise _radiometry_error(
            f"{key}: neither scale and offset nor BOA_ADD_OFFSET are stated.",
            f"资产 {key} 未声明 scale/offset 或 BOA_ADD_OFFSET。"
            "请补充元数据（无偏移时写 0）。",
        )
    scale, offset = found
    if not (math.isfinite(scale) and math.isfinite(offset) and scale > 0):
        raise _radiometry_error(
            f"{key}: scale {scale} and offset {offset} are impossible.",
            f"资产 {key} 的 scale {scale}、offset {offset} 不合理。请改正元数据。",
        )
    if _stated(item, key, "boa_offset_applied") is True:
        return scale, 0.0
    return scale, offset


def _radiometry_error(what: str, zh: str) -> InputError:
    return InputError(
        what,
        zh=zh,
        cure="State the product's own scale and offset once; write 0 for no offset.",
        field="raster:scale, raster:offset",
    )


def _of_raster(asset: pystac.Asset) -> tuple[float, float] | None:
    fields = asset.extra_fields
    old = _first(fields.get("raster:bands"))
    for place in (fields, _first(fields.get("bands"))):
        if "raster:scale" in place or "raster:offset" in place:
            return _pair(place.get("raster:scale"), place.get("raster:offset"))
    if "scale" in old or "offset" in old:
        return _pair(old.get("scale"), old.get("offset"))
    return None


def _pair(scale: object, offset: object) -> tuple[float, float]:
    if not _is_number(scale) or not _is_number(offset):
        raise _radiometry_error(
            f"Scale is {scale!r} and offset is {offset!r}: both must be numbers.",
            f"scale 为 {scale!r}、offset 为 {offset!r}：两者都必须是数值。",
        )
    return float(cast("float", scale)), float(cast("float", offset))


def _of_boa(item: pystac.Item, key: str) -> tuple[float, float] | None:
    offset = _stated(item, key, "boa_add_offset")
    quantification = _stated(item, key, "quantification_value")
    if quantification is None:
        quantification = _stated(item, key, "boa_quantification_value")
    if offset is None:
        return None
    if not _is_number(quantification) or quantification == 0:
        raise _radiometry_error(
            f"BOA_ADD_OFFSET is {offset!r} but quantification is {quantification!r}.",
            f"BOA_ADD_OFFSET 为 {offset!r}，"
            f"但 quantification_value 为 {quantification!r}。",
        )
    unit = float(cast("float", quantification))
    scale, added = _pair(1 / unit, offset)
    return scale, added / unit


def _stated(item: pystac.Item, key: str, name: str) -> object:
    """Return a field of the asset or the item, whatever its prefix and case.

    A field may be a mapping by key of the asset.
    """
    for fields in (item.assets[key].extra_fields, item.properties):
        for field, value in sorted(fields.items()):
            if field.lower().rpartition(":")[2] == name:
                return value.get(key) if isinstance(value, Mapping) else value
    return None


def _agree(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return math.isclose(one[0], other[0], rel_tol=1e-9) and math.isclose(
        one[1], other[1], rel_tol=1e-9, abs_tol=1e-9
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _nodata(asset: pystac.Asset) -> float | None:
    for place in _places(asset):
        value = place.get("nodata")
        if value == "nan" or _is_number(value):
            return float(cast("float", value))
    return None


def _places(asset: pystac.Asset) -> Iterator[Json]:
    yield asset.extra_fields
    yield _first(asset.extra_fields.get("bands"))
    yield _first(asset.extra_fields.get("raster:bands"))


def _first(bands: object) -> Json:
    if isinstance(bands, list) and bands and isinstance(bands[0], Mapping):
        return bands[0]
    return {}


def _checksum(asset: pystac.Asset) -> str:
    stated = asset.extra_fields.get("file:checksum") or asset.extra_fields.get(
        "checksum:multihash"
    )
    match = _SHA256.fullmatch(str(stated).lower())
    return match.group(1) if match else ""
