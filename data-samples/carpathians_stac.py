"""The scenes as a static, self-contained STAC 1.1 catalogue."""

import json
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pystac
import rasterio.warp
from carpathians_rasters import SCALE
from carpathians_source import CRS_CODE, Band, Scenes, read_bands
from numpy.typing import NDArray
from pystac.stac_io import DefaultStacIO

NOMINAL_TIME = time(9, 30, tzinfo=UTC)
NOTICE = "contains modified Copernicus Sentinel data 2015-2021"
LICENCE = (
    "https://sentinels.copernicus.eu/documents/247904/690755/Sentinel_Data_Legal_Notice"
)
EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/v2.0.0/schema.json"
    for name in ("eo", "projection", "raster")
]
CLOUD_SCL, SNOW_SCL = (8, 9, 10), (11,)
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


class _CompactStacIO(DefaultStacIO):
    """UTF-8 JSON with one-space indents: readable, and half a megabyte smaller."""

    def json_dumps(self, json_dict: dict[str, object], *_: object, **__: object) -> str:
        return json.dumps(json_dict, ensure_ascii=False, indent=1) + "\n"


def write_catalogue(scenes: Scenes, out: Path) -> None:
    """Write ``catalog.json``, ``collection.json`` and ``items/<id>.json``."""
    catalogue = pystac.Catalog(
        "forestsink-carpathians",
        "Sentinel-2 scenes of one square kilometre of the Carpathians, as a sample.",
        title="forestsink sample: Carpathians",
    )
    catalogue.set_self_href(str(out / "catalog.json"))
    collection = _collection(scenes)
    catalogue.add_child(collection)
    collection.set_self_href(str(out / "collection.json"))
    for index in range(len(scenes.days)):
        item = _item(scenes, index)
        collection.add_item(item)
        item.set_self_href(str(out / "items" / f"{item.id}.json"))
        for name, asset in _assets(scenes, item.id).items():
            item.add_asset(name, asset)
    catalogue.save(pystac.CatalogType.SELF_CONTAINED, stac_io=_CompactStacIO())


def _collection(scenes: Scenes) -> pystac.Collection:
    first, last = (_instant(scenes.days[end]) for end in (0, -1))
    collection = pystac.Collection(
        "sentinel-2-l2a-carpathians",
        "Sentinel-2 surface reflectance and scene classification of 1 km2 of beech and "
        "spruce forest in the Southern Carpathians, Romania, cut and re-encoded "
        f"from the nrt sample cube of the European Commission's JRC; {NOTICE}.",
        pystac.Extent(
            pystac.SpatialExtent([list(_bounds(scenes))]),
            pystac.TemporalExtent([[first, last]]),
        ),
        title="Sentinel-2 L2A, Carpathians 2015-2021",
        license="other",
        stac_extensions=[
            *EXTENSIONS,
            "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
        ],
        providers=_providers(),
    )
    collection.extra_fields["item_assets"] = _item_assets()
    collection.add_link(
        pystac.Link("license", LICENCE, "application/pdf", f"Copernicus: {NOTICE}")
    )
    return collection


def _providers() -> list[pystac.Provider]:
    role = pystac.ProviderRole
    return [
        pystac.Provider(
            "ESA / Copernicus",
            roles=[role.PRODUCER, role.LICENSOR],
            url="https://www.copernicus.eu",
        ),
        pystac.Provider(
            "European Commission, Joint Research Centre (nrt)",
            roles=[role.PROCESSOR],
            url="https://github.com/ec-jrc/nrt",
        ),
    ]


def _item(scenes: Scenes, index: int) -> pystac.Item:
    day, scl = scenes.days[index], scenes.scl[index]
    box = _bounds(scenes)
    item = pystac.Item(
        f"S2_{day:%Y%m%d}",
        _footprint(scenes),
        list(box),
        _instant(day),
        {
            "platform": "sentinel-2",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "gsd": 10,
            "proj:code": CRS_CODE,
            "eo:cloud_cover": _share_pct(scl, CLOUD_SCL),
            "eo:snow_cover": _share_pct(scl, SNOW_SCL),
            "forestsink:cover_of": "this cut: SCL 8, 9, 10 are cloud, SCL 11 is snow",
            "forestsink:time_of_day": "nominal",
            "forestsink:boa_add_offset": 0,
            "forestsink:quantification_value": 10000,
        },
        stac_extensions=list(EXTENSIONS),
    )
    return item


def _instant(day: date) -> datetime:
    return datetime.combine(day, NOMINAL_TIME)


def _share_pct(scl: NDArray[np.uint8], classes: tuple[int, ...]) -> float:
    return round(100 * float(np.isin(scl, classes).sum() / (scl != 0).sum()), 2)


def _assets(scenes: Scenes, item_id: str) -> dict[str, pystac.Asset]:
    assets = {}
    for name, fields in _item_assets().items():
        cell_m = fields["gsd"]
        side = scenes.scl.shape[-1] * 10 // cell_m
        extra = {key: fields[key] for key in fields if key not in _BUILT_IN}
        extra.pop("classification:classes", None)
        extra["proj:shape"] = [side, side]
        extra["proj:transform"] = list(scenes.transform(cell_m))[:6]
        assets[name] = pystac.Asset(
            f"../scenes/{item_id}/{name}.tif",
            media_type=fields["type"],
            roles=fields["roles"],
            extra_fields=extra,
        )
    return assets


_BUILT_IN = ("title", "type", "roles")


def _item_assets() -> dict[str, dict[str, object]]:
    assets = {band.name: _reflectance_asset(band) for band in read_bands()}
    assets["scl"] = {
        "title": "Scene classification of Sen2Cor",
        "type": pystac.MediaType.COG,
        "roles": ["data"],
        "gsd": 10,
        "data_type": "uint8",
        "nodata": 0,
        "bands": [{"name": "SCL"}],
        "classification:classes": [
            {"value": value, "name": name} for value, name in enumerate(SCL_CLASSES)
        ],
    }
    return assets


def _reflectance_asset(band: Band) -> dict[str, object]:
    return {
        "title": f"{band.title}, surface reflectance",
        "type": pystac.MediaType.COG,
        "roles": ["data", "reflectance"],
        "gsd": band.cell_m,
        "data_type": "uint16",
        "nodata": 0,
        "unit": "1",
        "raster:scale": SCALE,
        "raster:offset": 0,
        "bands": [
            {
                "name": band.band,
                "eo:common_name": band.name,
                "eo:center_wavelength": band.center_um,
                "eo:full_width_half_max": band.fwhm_um,
            }
        ],
    }


def _corners(scenes: Scenes) -> tuple[list[float], list[float]]:
    """Longitudes and latitudes of the scene's ring, anticlockwise from lower left."""
    side = scenes.scl.shape[-1] * 10
    left, right = scenes.left, scenes.left + side
    bottom, top = scenes.top - side, scenes.top
    xs = [left, right, right, left, left]
    ys = [bottom, bottom, top, top, bottom]
    lon, lat = rasterio.warp.transform(CRS_CODE, "OGC:CRS84", xs, ys)
    return [round(x, 6) for x in lon], [round(y, 6) for y in lat]


def _footprint(scenes: Scenes) -> dict[str, object]:
    ring = [list(point) for point in zip(*_corners(scenes), strict=True)]
    return {"type": "Polygon", "coordinates": [ring]}


def _bounds(scenes: Scenes) -> tuple[float, float, float, float]:
    lon, lat = _corners(scenes)
    return min(lon), min(lat), max(lon), max(lat)
