"""The simulated scenes as a static STAC catalogue, as a data hub would deliver them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from geo.grid import Grid
from store.files import sha256_file, write_json

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
COLLECTION = "sentinel-2-l2a-simulated"
TITLE = "Simulated Sentinel-2 L2A of the county of Linjiang 模拟影像"
SIMULATED = (
    "SIMULATED reflectance and scene classification of a county that does not exist; "
    "no satellite took it. 模拟影像：由程序生成，非卫星获取，县域亦为虚构。"
)
QUANTIFICATION = 10_000
EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in (
        "eo/v2.0.0",
        "projection/v2.0.0",
        "raster/v2.0.0",
        "file/v2.1.0",
        "sat/v1.0.0",
    )
]
SCL_CLASSES = (
    "no_data",
    "saturated_or_defective",
    "dark_area",
    "cloud_shadow",
    "vegetation",
    "not_vegetated",
    "water",
    "unclassified",
    "cloud_medium_probability",
    "cloud_high_probability",
    "thin_cirrus",
    "snow_or_ice",
)

Json = dict[str, object]
Ring = Sequence[tuple[float, float]]
"""Longitude and latitude, closed."""


@dataclass(frozen=True, slots=True)
class Item:
    """What an item says of itself."""

    item_id: str
    sensed: datetime
    made: datetime
    platform: str
    orbit: int
    tile: str
    baseline: str
    datastrip: str
    add_offset: int
    cloud_pct: float
    sun_zenith_deg: float
    sun_azimuth_deg: float
    ring: Ring


def scene_folder(root: Path, item_id: str) -> Path:
    return root / "scenes" / item_id


def write_item(
    root: Path, item: Item, grids: Mapping[str, Grid], bands: Mapping[str, str]
) -> None:
    """Write ``items/<id>.json``, with the checksums of the files that are there.

    Parameters
    ----------
    grids
        The grid of each asset by its key; ``scl`` is the mask.
    bands
        Sentinel-2's name of a band by the key of its asset.
    """
    content: Json = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": EXTENSIONS,
        "id": item.item_id,
        "collection": COLLECTION,
        "geometry": {"type": "Polygon", "coordinates": [_rounded(item.ring)]},
        "bbox": _box(item.ring),
        "properties": _properties(item, next(iter(grids.values())).crs),
        "links": [
            {"rel": "root", "href": "../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../collection.json", "type": "application/json"},
            {
                "rel": "collection",
                "href": "../collection.json",
                "type": "application/json",
            },
        ],
        "assets": {
            key: _asset(root, item, key, grid, bands.get(key, ""))
            for key, grid in grids.items()
        },
    }
    write_json(root / "items" / f"{item.item_id}.json", content)


def write_catalogue(root: Path, items: Sequence[Item]) -> None:
    """Write ``catalog.json`` and ``collection.json`` over the items."""
    link = {"rel": "root", "href": "./catalog.json", "type": "application/json"}
    catalogue: Json = {
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": "forestsink-twin",
        "title": "forestsink: simulated county 临江县（模拟）",
        "description": SIMULATED,
        "links": [
            link,
            {"rel": "child", "href": "./collection.json", "type": "application/json"},
        ],
    }
    boxes = [_box(item.ring) for item in items]
    times = sorted(item.sensed for item in items)
    collection: Json = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": COLLECTION,
        "title": TITLE,
        "description": SIMULATED,
        "license": "Apache-2.0",
        "keywords": ["simulated", "模拟"],
        "extent": {
            "spatial": {"bbox": [_hull(boxes)]},
            "temporal": {"interval": [[_utc(times[0]), _utc(times[-1])]]},
        },
        "links": [
            link,
            {"rel": "parent", "href": "./catalog.json", "type": "application/json"},
            *(
                {
                    "rel": "item",
                    "href": f"./items/{item.item_id}.json",
                    "type": "application/geo+json",
                }
                for item in items
            ),
        ],
    }
    write_json(root / "collection.json", collection)
    write_json(root / "catalog.json", catalogue)


def _properties(item: Item, crs: str) -> Json:
    return {
        "datetime": _utc(item.sensed),
        "created": _utc(item.made),
        "updated": _utc(item.made),
        "title": f"{item.item_id} 模拟 simulated",
        "description": SIMULATED,
        "forestsink:simulated": True,
        "platform": item.platform,
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": 10,
        "proj:code": crs,
        "eo:cloud_cover": item.cloud_pct,
        "sat:relative_orbit": item.orbit,
        "view:sun_elevation": round(90 - item.sun_zenith_deg, 3),
        "view:sun_azimuth": item.sun_azimuth_deg,
        "s2:mgrs_tile": item.tile,
        "s2:datastrip_id": item.datastrip,
        "s2:generation_time": _utc(item.made),
        "s2:processing_baseline": item.baseline,
    }


def _asset(root: Path, item: Item, key: str, grid: Grid, band: str) -> Json:
    path = scene_folder(root, item.item_id) / f"{key}.tif"
    content: Json = {
        "href": f"../scenes/{item.item_id}/{key}.tif",
        "type": COG,
        "gsd": int(grid.cell_m),
        "nodata": 0,
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
        "file:checksum": f"1220{sha256_file(path)}",
        "file:size": path.stat().st_size,
    }
    if key == "scl":
        return content | {
            "title": "Scene classification, simulated 模拟",
            "roles": ["data"],
            "data_type": "uint8",
            "bands": [{"name": "SCL"}],
            "classification:classes": [
                {"value": value, "name": name} for value, name in enumerate(SCL_CLASSES)
            ],
        }
    return content | {
        "title": f"{band}, simulated surface reflectance 模拟",
        "roles": ["data", "reflectance"],
        "data_type": "uint16",
        "unit": "1",
        "raster:scale": 1 / QUANTIFICATION,
        "raster:offset": item.add_offset / QUANTIFICATION,
        "bands": [{"name": band}],
    }


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}Z"


def _rounded(ring: Ring) -> list[list[float]]:
    return [[round(x, 6), round(y, 6)] for x, y in ring]


def _box(ring: Ring) -> list[float]:
    xs, ys = zip(*_rounded(ring), strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def _hull(boxes: Sequence[list[float]]) -> list[float]:
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]
