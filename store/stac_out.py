"""The night as a static STAC 1.1 catalogue: items, units, digests, relative links."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from pathlib import Path

import pystac
import rasterio
from pyproj import CRS
from pystac.extensions.projection import ProjectionExtension
from rasterio.warp import transform_geom
from shapely.geometry import mapping, shape

from geo.grid import Grid
from geo.layers import LAYERS, Band
from geo.period import Period
from store.files import write_json, writing
from store.record import LayerUse, NightRecord
from store.stac_check import SHA256_MULTIHASH, validate

__all__ = ["items_for_night", "validate"]

RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
MEDIA = {
    ".tif": COG,
    ".gpkg": "application/geopackage+sqlite3",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".html": "text/html",
    ".json": "application/json",
    ".qml": "application/xml",
    ".qgs": "application/xml",
    ".vrt": "application/xml",
}
ROLES = {".png": "overview", ".html": "metadata", ".qml": "metadata"}

LICENCES = "licences.txt"
"""The sources and licences as a file, because a catalogue must link to one."""


def items_for_night(record: NightRecord, folder: Path, grid: Grid) -> tuple[str, ...]:
    """Write ``catalog.json``, ``collection.json`` and ``items/*.json`` into ``folder``.

    Each layer and period of ``record.layers`` becomes an item whose assets are its
    files, which must be in ``folder``; bands are read from the rasters themselves.
    Links are relative, there is no time of writing: same night, same bytes. Days are
    written as UTC days; an item ends in the last second of its last day. Returns the
    names of the files written, below ``folder``.
    """
    items = [
        _item(record, folder, grid, list(uses))
        for _, uses in groupby(
            sorted(record.layers, key=lambda u: (u.layer, u.period, u.file)),
            key=lambda use: (use.layer, use.period),
        )
    ]
    documents = {
        **{f"items/{item.id}.json": _linked(item) for item in items},
        "collection.json": _collection(record, grid, items),
        "catalog.json": _catalog(record),
    }
    with writing(folder / LICENCES) as temporary:
        lines = "".join(f"{source}\n" for source in record.sources)
        temporary.write_text(lines, encoding="utf-8", newline="\n")
    for name, content in documents.items():
        write_json(folder / name, content)
    return (LICENCES, *documents)


def _item(
    record: NightRecord,
    folder: Path,
    grid: Grid,
    uses: Sequence[LayerUse],
) -> pystac.Item:
    layer, period = uses[0].layer, uses[0].period
    start, end = span(period, record)
    footprint = geographic(grid)
    item = pystac.Item(
        id=f"{record.region}-{layer}-{period}",
        geometry=footprint,
        bbox=_bbox(footprint),
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        properties=_properties(record, layer),
        stac_extensions=[PROCESSING, FILE],
        collection=_collection_id(record),
    )
    for use in uses:
        item.add_asset(_asset_key(use.file), _asset(use, folder, item))
    return item


def _asset_key(file: str) -> str:
    return re.sub(r"[^0-9A-Za-z_-]+", "_", Path(file).name)


def _asset(use: LayerUse, folder: Path, item: pystac.Item) -> pystac.Asset:
    file = folder / use.file
    asset = pystac.Asset(
        href=f"../{use.file}",
        media_type=MEDIA.get(file.suffix, "application/octet-stream"),
        roles=[ROLES.get(file.suffix, "data")],
        extra_fields={
            "file:size": file.stat().st_size,
            "file:checksum": SHA256_MULTIHASH + use.sha256,
        },
    )
    asset.set_owner(item)
    if file.suffix == ".tif":
        _describe_raster(asset, file, item)
    return asset


def _describe_raster(asset: pystac.Asset, file: Path, item: pystac.Item) -> None:
    """Add what the raster's own header says: where it lies, and what its bands are."""
    with rasterio.open(file) as raster:
        projection = ProjectionExtension.ext(asset, add_if_missing=True)
        projection.apply(
            code=_code(raster.crs.to_wkt()),
            shape=list(raster.shape),
            transform=[float(number) for number in list(raster.transform)[:6]],
            bbox=[float(edge) for edge in raster.bounds],
        )
        if projection.code is None:
            projection.wkt2 = CRS.from_wkt(raster.crs.to_wkt()).to_wkt("WKT2_2019")
        bands = [
            _band(raster, number, item.properties["forestsink:layer"])
            for number in raster.indexes
        ]
    asset.extra_fields["bands"] = bands
    used = {RASTER}
    if any("classification:classes" in band for band in bands):
        used.add(CLASSIFICATION)
    item.stac_extensions = sorted({*item.stac_extensions, *used})


def _code(wkt: str) -> str | None:
    authority = CRS.from_wkt(wkt).to_authority()
    return ":".join(authority) if authority else None


def _band(raster: rasterio.DatasetReader, number: int, layer: str) -> dict[str, object]:
    name = raster.descriptions[number - 1] or f"band_{number}"
    known = _known_band(layer, name)
    nodata = raster.nodatavals[number - 1]
    band: dict[str, object] = {
        "name": name,
        "data_type": raster.dtypes[number - 1],
        "raster:scale": float(raster.scales[number - 1]),
        "raster:offset": float(raster.offsets[number - 1]),
        "raster:sampling": "area",
        "raster:spatial_resolution": float(raster.res[0]),
    }
    if nodata is not None:
        band["nodata"] = "nan" if math.isnan(nodata) else float(nodata)
    unit = raster.units[number - 1] or (known.unit if known else None)
    if unit:
        band["unit"] = unit
    if known is not None:
        band["description"] = f"{known.title} ({known.title_zh})"
    if known is not None and known.classes:
        band["classification:classes"] = [
            {
                "value": value,
                "name": re.sub(r"[^0-9A-Za-z]+", "_", title),
                "title": f"{title} {title_zh}",
                "description": title,
                "color_hint": colour.lstrip("#").upper(),
            }
            for value, colour, title, title_zh in known.classes
        ]
    return band


def _known_band(layer: str, name: str) -> Band | None:
    bands = LAYERS[layer].bands if layer in LAYERS else ()
    return next((band for band in bands if band.name == name), None)


def _properties(record: NightRecord, layer: str) -> dict[str, object]:
    known = LAYERS.get(layer)
    title = f"{known.title} {known.title_zh}" if known else layer
    return {
        "title": title,
        "forestsink:layer": layer,
        "forestsink:region": record.region,
        "forestsink:night": f"{record.night:%Y-%m-%d}",
        "forestsink:run_id": record.run_id,
        "forestsink:status": record.status,
        "forestsink:observed_pct": record.observed_pct,
        "forestsink:simulated": list(record.simulated),
        "processing:level": "L4",
        "processing:lineage": (
            f"forestsink run {record.run_id} of {len(record.scenes)} scenes; "
            "inputs, scores and coefficients are in the report of the night."
        ),
        "processing:software": dict(sorted(record.versions.items())),
    }


def span(period: str, record: NightRecord) -> tuple[datetime, datetime]:
    """Return the first and the last second of a period as it is written in keys.

    Two periods joined by anything span both; a period without days is the season's,
    and a season without days is the night itself.
    """
    for text in (period, record.season):
        found = [Period.parse(days) for days in re.findall(r"\d{8}-\d{8}", text)]
        if found:
            first = min(each.start for each in found)
            last = max(each.stop for each in found) - timedelta(days=1)
            break
    else:
        first = last = record.night
    return (
        datetime.combine(first, time(), UTC),
        datetime.combine(last, time(23, 59, 59), UTC),
    )


def geographic(grid: Grid) -> dict[str, object]:
    """Return the outline of ``grid`` in longitude and latitude (EPSG:4326).

    Its sides get extra points, because a straight side is curved there.
    """
    left, bottom, right, top = grid.bounds
    steps = [number / 8 for number in range(8)]
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    ring = [
        (x0 + step * (x1 - x0), y0 + step * (y1 - y0))
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True)
        for step in steps
    ]
    outline = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    found: dict[str, object] = transform_geom(
        grid.crs, "EPSG:4326", outline, precision=7
    )
    return dict(mapping(shape(found)))


def _bbox(geometry: dict[str, object]) -> list[float]:
    return [round(float(edge), 7) for edge in shape(geometry).bounds]


def _collection_id(record: NightRecord) -> str:
    return f"{record.region}-{record.night:%Y%m%d}"


def _links(*links: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"rel": rel, "href": href, "type": kind} for rel, href, kind in links]


_JSON, _GEOJSON = "application/json", "application/geo+json"
_TEXT = "text/plain"


def _linked(item: pystac.Item) -> dict[str, object]:
    content: dict[str, object] = item.to_dict(include_self_link=False)
    content["links"] = _links(
        ("root", "../catalog.json", _JSON),
        ("parent", "../collection.json", _JSON),
        ("collection", "../collection.json", _JSON),
        ("license", f"../{LICENCES}", _TEXT),
    )
    return content


def _collection(
    record: NightRecord, grid: Grid, items: Sequence[pystac.Item]
) -> dict[str, object]:
    spans = [span(period, record) for period in _periods(record)]
    collection = pystac.Collection(
        id=_collection_id(record),
        title=f"{record.title_zh} {record.title} {record.night:%Y-%m-%d}",
        description=_description(record),
        license="other",
        extent=pystac.Extent(
            pystac.SpatialExtent([_bbox(geographic(grid))]),
            pystac.TemporalExtent(
                [[min(start for start, _ in spans), max(end for _, end in spans)]]
            ),
        ),
        keywords=["forest", "carbon sink", "biomass", "森林碳汇"],
        providers=[
            pystac.Provider(source, roles=[_LICENSOR]) for source in record.sources
        ],
        extra_fields={
            "forestsink:run_id": record.run_id,
            "forestsink:status": record.status,
            "forestsink:observed_pct": record.observed_pct,
            "forestsink:simulated": list(record.simulated),
            "forestsink:inputs": dict(sorted(record.inputs.items())),
        },
    )
    content: dict[str, object] = collection.to_dict(include_self_link=False)
    content["links"] = _links(
        ("root", "./catalog.json", _JSON),
        ("parent", "./catalog.json", _JSON),
        ("license", f"./{LICENCES}", _TEXT),
        *(("item", f"./items/{item.id}.json", _GEOJSON) for item in items),
    )
    return content


def _periods(record: NightRecord) -> set[str]:
    return {use.period for use in record.layers} or {record.season}


_LICENSOR = pystac.ProviderRole.LICENSOR


def _description(record: NightRecord) -> str:
    lines = [
        f"Forest carbon sink layers of the night {record.night:%Y-%m-%d}: "
        f"{record.status}, {record.observed_pct:.1f} % observed.",
        *(f"Simulated: {what}." for what in record.simulated),
        *(f"Source: {source}." for source in record.sources),
    ]
    return "\n\n".join(lines)


def _catalog(record: NightRecord) -> dict[str, object]:
    catalog = pystac.Catalog(
        id=f"forestsink-{_collection_id(record)}",
        title=f"{record.title_zh} {record.title}",
        description=_description(record),
    )
    content: dict[str, object] = catalog.to_dict(include_self_link=False)
    content["links"] = _links(
        ("root", "./catalog.json", _JSON), ("child", "./collection.json", _JSON)
    )
    return content
