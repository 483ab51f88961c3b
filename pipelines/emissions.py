"""Emissions of the night: each source counted once, spread out, and what is exposed."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from config.siting_tables import emission_factors
from geo.exposure import exposure_at, nearest_feature
from geo.grid import Tile
from geo.zonal import StripSums
from pipelines.context import Night, TileKeys, each, each_tile
from pipelines.parcels import (
    Group,
    Parcels,
    read_parcel_table,
    read_weights,
    stacked,
)
from pipelines.siting_sources import (
    RegionSources,
    direct_sources,
    kernel_of,
    outdated,
    read_region_sources,
    region_exposure,
    spread,
    year_for,
)
from pipelines.sources import attention_of, set_aside
from pipelines.stored import digests, pieces, read_piece, tiles_of
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.exports import write_geoparquet
from store.keys import LayerKey, digest_of
from store.qgis import SOURCE_COLUMNS
from store.rasters import write_layer
from store.record import Attention

SOURCES_FILE = "sources.parquet"
EXPOSURE_FILE = "exposure.parquet"
EXPOSURE_LAYER_FILE = "exposure.tif"
SUMS_FILE = "sums.npz"
MOST_NAMED = 5
"""Sources that one sentence names; more are counted."""
_POINTS, _LINES = ("Point", "MultiPoint"), ("LineString", "MultiLineString")
_SHOWN_AS = {
    "co2e_t_yr": "emission_tco2e_yr",
    "se_t_yr": "emission_se_tco2e_yr",
    "is_estimated": "estimated",
}


@dataclass(frozen=True, slots=True)
class Exposed:
    """Keys of the sources, of parcels' exposure and of its map; what was left out."""

    sources: LayerKey
    exposure: LayerKey
    layer: TileKeys
    year: int
    """Of the figures: the last there are up to the night's own year."""
    attentions: tuple[Attention, ...]


def expose(night: Night, parcels: Parcels) -> Exposed:
    """Spread the direct emissions of all sources; tell what every parcel receives.

    The figures are of the last year up to the night's that has any.

    Raises
    ------
    TableError
        No source is usable.
    """
    found = read_region_sources(night.settings)
    year = year_for(found, night.night.year)
    told = night.settings.region.siting
    attentions = [set_aside(night.settings, error) for error in found.rejected]
    attentions += [attention_of(error, left_out=False) for error in found.doubts]
    attentions += _outdated(found, year, told.exposure.carry_years)
    counted = _count(night, found, year)
    layer = _map(night, counted)
    exposure = _at_parcels(night, parcels, counted, layer)
    return Exposed(counted, exposure, layer, year, tuple(attentions))


def read_sources(night: Night, counted: LayerKey) -> gpd.GeoDataFrame:
    """Read the direct sources that count, in the grid's CRS."""
    return gpd.read_parquet(night.catalog.need(counted).path(SOURCES_FILE))


def source_points(direct: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the sources as points, those of lines and areas within them."""
    kinds = np.asarray(direct.geom_type)
    shape = np.select(
        [np.isin(kinds, _POINTS), np.isin(kinds, _LINES)], ["point", "line"], "area"
    )
    points = direct.geometry.representative_point().to_crs("EPSG:4326")
    table = direct.rename(columns=_SHOWN_AS).assign(shape=shape)
    names = [column.name for column in SOURCE_COLUMNS]
    return gpd.GeoDataFrame(table[names], geometry=points.array, crs=points.crs)


def _outdated(found: RegionSources, year: int, carry_years: int) -> list[Attention]:
    """Say which sources are left out because all their figures are older."""
    old = outdated(found, year, carry_years=carry_years)
    if not old:
        return []
    named = ", ".join(old[:MOST_NAMED]) + (", ..." if len(old) > MOST_NAMED else "")
    return [
        Attention(
            subject="emission sources",
            code="table",
            message=f"{len(old)} emission sources have no figure for {year} and do "
            f"not count: {named}.",
            message_zh=f"{len(old)} 个排放源没有 {year} 年的数据，未计入：{named}。",
            cure="Bring their figures up to date, or let older ones stand in: "
            "carry_years under [siting.exposure].",
            left_out=False,
        )
    ]


def _count(night: Night, found: RegionSources, year: int) -> LayerKey:
    region = night.settings.region
    key = LayerKey.of(
        "emission-sources",
        region=region.name,
        period=str(year),
        inputs=dict(sorted(found.digests.items())),
        settings={
            "files": [one.model_dump(mode="json") for one in region.source_files],
            "carry_years": region.siting.exposure.carry_years,
            "crs": region.grid.crs,
            "factors": digest_of(
                [asdict(factor) for _, factor in sorted(emission_factors().items())]
            ),
        },
    )

    def build(folder: Path) -> Facts:
        carry_years = region.siting.exposure.carry_years
        sources = direct_sources(found, year=year, carry_years=carry_years)
        write_geoparquet(folder / SOURCES_FILE, sources)
        return {
            "sources": len(sources),
            "emission_tco2e_yr": float(sources["co2e_t_yr"].sum()),
            "estimated": int(sources["is_estimated"].sum()),
            "notes": list(found.notes),
        }

    return night.catalog.produce(key, build).key


def _map(night: Night, counted: LayerKey) -> TileKeys:
    told = night.settings.region.siting.exposure

    def work(tile: Tile) -> LayerKey:
        key = LayerKey.of(
            "exposure-map",
            region=night.settings.region.name,
            period=counted.period,
            tile=tile.name,
            inputs={"sources": counted.digest},
            settings=told.model_dump(mode="json") | {"grid": repr(tile.grid)},
        )

        def build(folder: Path) -> Facts:
            direct = read_sources(night, counted)
            values = region_exposure(direct, night.grid, told, on=tile.grid)
            write_layer(
                folder / EXPOSURE_LAYER_FILE,
                night.layer("exposure"),
                xr.DataArray(values[None], dims=("band", "y", "x")),
                tile.grid,
                tags={
                    "YEAR": counted.period,
                    "KERNEL": told.kernel,
                    "LENGTH_KM": f"{told.length_km:g}",
                    "CUTOFF_KM": f"{told.cutoff_km:g}",
                },
            )
            return {}

        return night.catalog.produce(key, build).key

    return each_tile(night, "exposure", work)


def _at_parcels(
    night: Night, parcels: Parcels, counted: LayerKey, layer: TileKeys
) -> LayerKey:
    """Take the mean of the map over every parcel, and the way to its nearest source."""

    def work(group: Group) -> LayerKey:
        near = tiles_of(night.tiles, group.window)
        key = LayerKey.of(
            "exposure-sums",
            region=night.settings.region.name,
            period=counted.period,
            tile=group.tile,
            inputs={
                "coverage": group.coverage.digest,
                "exposure": digests(layer, near),
            },
            settings={},
        )
        return night.catalog.produce(key, partial(_sum, night, group, layer)).key

    sums = each(night, "", parcels.groups, work)
    key = LayerKey.of(
        "exposure",
        region=night.settings.region.name,
        period=counted.period,
        inputs={
            "sources": counted.digest,
            "parcels": parcels.parcels.digest,
            "sums": [part.digest for part in sums],
        },
        settings={},
    )

    def build(folder: Path) -> Facts:
        held = [read_arrays(night.catalog.need(part).path(SUMS_FILE)) for part in sums]
        mean = stacked(night, parcels, [part["mean"] for part in held])
        table = _table(night, parcels, read_sources(night, counted), mean)
        table.to_parquet(folder / EXPOSURE_FILE, index=False)
        return {}

    return night.catalog.produce(key, build).key


def _sum(night: Night, group: Group, layer: TileKeys, folder: Path) -> Facts:
    added = StripSums(read_weights(night, group), bands=1)
    for piece in pieces(night.tiles, group.window):
        values = read_piece(night, layer, EXPOSURE_LAYER_FILE, piece, (1,))
        added.add(values, row=piece.row, column=piece.column)
    total, seen = added.result
    mean = np.full(total.shape, np.nan)
    np.divide(total, seen, out=mean, where=seen > 0)
    write_arrays(folder / SUMS_FILE, {"mean": mean[0]})
    return {}


def _table(
    night: Night,
    parcels: Parcels,
    sources: gpd.GeoDataFrame,
    mean: NDArray[np.float64],
) -> pd.DataFrame:
    table = read_parcel_table(night, parcels)
    inside = table.geometry.representative_point()
    xs, ys = inside.x.to_numpy(), inside.y.to_numpy()
    beyond = np.isnan(mean)  # no cell of the grid: there is no map to take it from
    if beyond.any():
        told = night.settings.region.siting.exposure
        at = spread(sources, night.grid, told)
        mean = mean.copy()
        mean[beyond] = exposure_at(xs[beyond], ys[beyond], at, kernel_of(told))
    shapes = np.asarray(sources.geometry.array, object)
    _, distance_m = nearest_feature(xs, ys, shapes)
    return pd.DataFrame(
        {
            "parcel_id": table["parcel_id"],
            "exposure_tco2e_yr": mean,
            "nearest_source_km": distance_m / 1000,
        }
    )
