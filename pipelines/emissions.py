"""Emission sources: read, checked, and how much of them reaches each place."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from pyproj import CRS

from geo.errors import TableError
from geo.grid import Tile
from geo.nearby import Sources, exposure, grid_exposure, nearest
from pipelines.context import Night, TileKeys, each_tile
from pipelines.parcels import Parcels, read_parcel_table
from pipelines.sources import roots_of, set_aside
from store.catalog import Facts
from store.exports import write_geoparquet
from store.headers import ColumnRule
from store.keys import LayerKey
from store.rasters import write_layer
from store.record import Attention
from store.tables import Table, read_table

SOURCES_FILE = "sources.parquet"
EXPOSURE_FILE = "exposure.parquet"
EXPOSURE_LAYER_FILE = "exposure.tif"

COLUMNS = (
    ColumnRule("source_id", "text", required=True),
    ColumnRule("name", "text", required=True),
    ColumnRule("name_zh", "text"),
    ColumnRule("sector", "text", required=True),
    ColumnRule("year", "year", required=True),
    ColumnRule("longitude", "number", unit="degree", required=True, low=-180, high=180),
    ColumnRule("latitude", "number", unit="degree", required=True, low=-90, high=90),
    ColumnRule("emission_tco2e_yr", "number", unit="t CO2e/yr", required=True, low=0),
    ColumnRule("estimated", "flag", required=True),
)
"""What a table of sources must say; other columns are kept as they are."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """Keys of sources and parcels' exposure, and of its map; what was left out."""

    exposure: LayerKey
    layer: TileKeys
    attentions: tuple[Attention, ...]


def expose(night: Night, parcels: Parcels) -> Exposed:
    """Compute the distance-weighted emissions on the grid and at every parcel."""
    table = _read(night)
    rejected = tuple(set_aside(night.settings, error) for error in table.rejected)
    told = night.settings.region.sources
    key = LayerKey.of(
        "exposure",
        region=night.settings.region.name,
        period="all",
        inputs={"sources": table.digest, "parcels": parcels.parcels.digest},
        settings=told.model_dump(mode="json"),
    )

    def build(folder: Path) -> Facts:
        sources = _points(table)
        write_geoparquet(folder / SOURCES_FILE, sources)
        _parcel_exposure(night, parcels, sources).to_parquet(
            folder / EXPOSURE_FILE, index=False
        )
        return {
            "sources": len(sources),
            "emission_tco2e_yr": float(sources["emission_tco2e_yr"].sum()),
            "estimated": int(sources["estimated"].sum()),
            "notes": list(table.notes),
        }

    made = night.catalog.produce(key, build).key
    return Exposed(made, _map(night, made, table.digest), rejected)


def _map(night: Night, exposed: LayerKey, sources: str) -> TileKeys:
    told = night.settings.region.sources

    def work(tile: Tile) -> LayerKey:
        key = LayerKey.of(
            "exposure-map",
            region=night.settings.region.name,
            period="all",
            tile=tile.name,
            inputs={"sources": sources},
            settings=told.model_dump(mode="json") | {"grid": repr(tile.grid)},
        )

        def build(folder: Path) -> Facts:
            points = gpd.read_parquet(night.catalog.need(exposed).path(SOURCES_FILE))
            write_layer(
                folder / EXPOSURE_LAYER_FILE,
                night.layer("exposure"),
                _grid_exposure(night, tile, points),
                tile.grid,
                tags={
                    "DECAY_KM": f"{told.decay_km:g}",
                    "CUTOFF_KM": f"{told.cutoff_km:g}",
                },
            )
            return {}

        return night.catalog.produce(key, build).key

    return each_tile(night, "exposure", work)


def _read(night: Night) -> Table:
    told = night.settings.region.sources
    table = read_table(
        night.settings.data_root / told.path,
        roots=roots_of(night.settings),
        columns=COLUMNS,
        key=("source_id", "year"),
    )
    if table.rows.empty:
        raise TableError(
            f"{told.path} has no usable emission source.",
            zh=f"排放源表 {told.path} 中没有可用的行，请更正后重新运行。",
            cure="Correct the rows that were set aside.",
            file=told.path,
        )
    return table


def _points(table: Table) -> gpd.GeoDataFrame:
    rows = table.rows.sort_values(["source_id", "year"], ignore_index=True)
    points = gpd.points_from_xy(rows["longitude"], rows["latitude"])
    return gpd.GeoDataFrame(rows, geometry=points, crs="EPSG:4326")


def _parcel_exposure(
    night: Night, parcels: Parcels, sources: gpd.GeoDataFrame
) -> pd.DataFrame:
    table = read_parcel_table(night, parcels)
    inside = table.geometry.representative_point().to_crs("EPSG:4326")
    told = night.settings.region.sources
    at = Sources(
        sources.geometry.x.to_numpy(),
        sources.geometry.y.to_numpy(),
        sources["emission_tco2e_yr"].to_numpy(),
    )
    xs, ys = inside.x.to_numpy(), inside.y.to_numpy()
    geod = CRS("EPSG:4326").get_geod()
    _, distance_m = nearest(xs, ys, at, geod=geod)
    return pd.DataFrame(
        {
            "parcel_id": table["parcel_id"],
            "exposure_tco2e_yr": exposure(
                xs,
                ys,
                at,
                length_m=told.decay_km * 1000,
                cutoff_m=told.cutoff_km * 1000,
                geod=geod,
            ),
            "nearest_source_km": distance_m / 1000,
        }
    )


def _grid_exposure(night: Night, tile: Tile, sources: gpd.GeoDataFrame) -> xr.DataArray:
    told = night.settings.region.sources
    there = sources.to_crs(night.grid.crs).geometry
    at = Sources(
        there.x.to_numpy(),
        there.y.to_numpy(),
        sources["emission_tco2e_yr"].to_numpy(dtype=np.float64),
    )
    values = grid_exposure(
        tile.grid,
        at,
        length_m=told.decay_km * 1000,
        cutoff_m=told.cutoff_km * 1000,
    )
    return xr.DataArray(values[None], dims=("band", "y", "x"))
