"""The county's registers: parcels, emission sources, limits, and what happened."""

from collections.abc import Iterator, Mapping

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from models.twin.county import COVERS, FIRST_YEAR, LEFT, NAME_ZH, TOP, day_of
from models.twin.emissions import road_t_yr, village_t_yr, works
from models.twin.limits import redlines
from models.twin.parcels import Parcels, attributes, draw_parcels
from models.twin.stands import NEVER
from pipelines.twin.site import Site
from store.twin_tables import Cell, write_csv, write_gbk_shapefile, write_vectors

REFERENCE = "SIMULATED 模拟: made by forestsink twin make, no real works"
_GBK_COLUMNS = {
    "parcel_id": "小班号",
    "name_zh": "小班名",
    "town_zh": "乡镇",
    "land_use_zh": "地类",
    "species_zh": "优势树种",
    "origin_zh": "起源",
    "age_group_zh": "龄组",
    "closure": "郁闭度",
    "area_mu": "面积亩",
    "remark_zh": "备注",
}
"""Names of at most ten bytes in GBK, as a .dbf allows."""


def write_tables(site: Site) -> None:
    """Write parcels, sources, limits and the record of events."""
    _write_parcels(site)
    _write_sources(site)
    _write_limits(site)
    _write_events(site)
    names = [(code, english, chinese) for code, (english, chinese) in COVERS.items()]
    write_csv(site.truth / "land_cover.csv", ("code", "name", "name_zh"), names)
    kinds = [(one.code, one.name_zh, one.latin) for one in site.landscape.flora.species]
    write_csv(site.truth / "species.csv", ("code", "name_zh", "latin"), kinds)


def _write_parcels(site: Site) -> None:
    parcels = draw_parcels(site.landscape)
    columns = attributes(site.landscape, parcels)
    frame = gpd.GeoDataFrame(
        columns, geometry=parcels.geometry, crs=site.county.grid.crs
    )
    path = site.draft / "parcels.gpkg"
    write_vectors(path, {"parcels": frame}, {"parcels": f"{NAME_ZH}小班"})
    old = frame[[*_GBK_COLUMNS, "geometry"]].rename(columns=_GBK_COLUMNS)
    write_gbk_shapefile(site.draft / "parcels_gbk.shp", old)
    header = ("parcel_id", "stand", "kind")
    rows = _parcel_rows(parcels, frame["parcel_id"].tolist())
    write_csv(site.truth / "parcels.csv", header, rows)


def _parcel_rows(parcels: Parcels, ids: list[str]) -> Iterator[tuple[Cell, ...]]:
    for name, stand, kind in zip(ids, parcels.stand, parcels.kind, strict=True):
        yield name, int(stand), str(kind)


def _write_sources(site: Site) -> None:
    header = (
        "source_id",
        "name",
        "name_zh",
        "sector",
        "fuel",
        "year",
        "longitude",
        "latitude",
        "capacity_mw",
        "hours_yr",
        "factor_tco2e_mwh",
        "emission_tco2e_yr",
        "estimated",
        "reference",
    )
    write_csv(site.draft / "sources.csv", header, _works_rows(site))
    layers = {
        "points": _point_sources(site),
        "roads": _road_sources(site),
        "areas": _area_sources(site),
    }
    titles = {"points": "点源", "roads": "道路", "areas": "面源"}
    write_vectors(site.draft / "sources.gpkg", layers, titles)


def _works_rows(site: Site) -> Iterator[tuple[Cell, ...]]:
    for one in works(site.landscape):
        longitude, latitude = site.lonlat(one.x, one.y)
        has_power = one.capacity_mw > 0
        yield (
            one.source_id,
            one.name,
            one.name_zh,
            one.sector,
            one.fuel,
            FIRST_YEAR,
            round(longitude, 6),
            round(latitude, 6),
            *(
                value if has_power else ""
                for value in (one.capacity_mw, one.hours_yr, one.factor_tco2e_mwh)
            ),
            one.emission_tco2e_yr,
            1,
            REFERENCE,
        )


def _point_sources(site: Site) -> gpd.GeoDataFrame:
    found = works(site.landscape)
    rows = {
        "source_id": [one.source_id for one in found],
        "name_zh": [one.name_zh for one in found],
        "sector": [one.sector for one in found],
        "emission_tco2e_yr": [one.emission_tco2e_yr for one in found],
    }
    return _labelled(site, rows, shapely.points([(one.x, one.y) for one in found]))


def _road_sources(site: Site) -> gpd.GeoDataFrame:
    lines = site.landscape.roads or (_no_road(site),)
    rows = {
        "source_id": [f"LJ-R{n:04d}" for n in range(1, len(lines) + 1)],
        "name_zh": [f"模拟县道{n}号" for n in range(1, len(lines) + 1)],
        "sector": ["road_transport"] * len(lines),
        "emission_tco2e_yr": [road_t_yr(line) for line in lines],
    }
    return _labelled(site, rows, [shapely.linestrings(line) for line in lines])


def _no_road(site: Site) -> NDArray[np.float64]:
    """Return a track across a county too small to have two villages."""
    side = site.county.size * 10.0
    return np.array([[LEFT, TOP - side / 2], [LEFT + side, TOP - side / 2]])


def _area_sources(site: Site) -> gpd.GeoDataFrame:
    towns = site.landscape.settlements
    count = len(towns.x)
    rows = {
        "source_id": [f"LJ-A{n:04d}" for n in range(1, count + 1)],
        "name_zh": [f"模拟村{n}号" for n in range(1, count + 1)],
        "sector": ["residential"] * count,
        "emission_tco2e_yr": [village_t_yr(float(radius)) for radius in towns.radius_m],
    }
    centres = shapely.points(np.column_stack([towns.x, towns.y]))
    return _labelled(site, rows, shapely.buffer(centres, towns.radius_m, quad_segs=6))


def _write_limits(site: Site) -> None:
    areas = redlines(site.landscape)
    layers = {
        "redline": _labelled(
            site,
            {"name_zh": [one.name_zh for one in areas]},
            [one.shape for one in areas],
        ),
        "roads": _road_sources(site)[["name_zh", "simulated", "remark_zh", "geometry"]],
        "settlement": _area_sources(site)[
            ["name_zh", "simulated", "remark_zh", "geometry"]
        ],
    }
    titles = {"redline": "生态保护红线", "roads": "道路", "settlement": "居民点"}
    path = site.draft / "constraints" / "constraints.gpkg"
    write_vectors(path, layers, titles)


def _labelled(
    site: Site, rows: Mapping[str, object], shapes: object
) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(rows, geometry=shapes, crs=site.county.grid.crs)
    frame["simulated"], frame["remark_zh"] = 1, "模拟数据"
    return frame


def _write_events(site: Site) -> None:
    """Write what happened to which stand when; fires have no stand but a radius."""
    header = ("event", "date", "stand", "easting_m", "northing_m", "share", "radius_m")
    rows = sorted([*_stand_events(site), *_fire_events(site)], key=lambda row: row[:3])
    write_csv(site.truth / "events.csv", header, rows)


def _stand_events(site: Site) -> Iterator[tuple[Cell, ...]]:
    stands = site.landscape.stands
    for name, dates in (
        ("clear_cut", stands.cut),
        ("planting", stands.planted),
        ("thinning", stands.thinned),
    ):
        for stand in np.flatnonzero(dates < NEVER).tolist():
            share = float(stands.thinned_share[stand]) if name == "thinning" else 1.0
            yield (
                name,
                day_of(float(dates[stand])).isoformat(),
                stand,
                round(float(stands.x[stand]), 1),
                round(float(stands.y[stand]), 1),
                round(share, 3),
                0.0,
            )


def _fire_events(site: Site) -> Iterator[tuple[Cell, ...]]:
    for fire in site.landscape.fires:
        yield "fire", fire.day.isoformat(), -1, fire.x, fire.y, 0.85, fire.radius_m
