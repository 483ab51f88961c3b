"""The parcel layer, checked, and how much of every cell each parcel covers."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd

from geo.zonal import CoverageWeights, coverage_weights, from_arrays, to_arrays
from pipelines.context import Night
from pipelines.sources import attention_of, roots_of, set_aside
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.exports import write_geoparquet
from store.keys import LayerKey
from store.record import Attention
from store.vectors import ParcelLayer, ParcelRules, read_parcels

PARCELS_FILE = "parcels.parquet"
WEIGHTS_FILE = "coverage.npz"


@dataclass(frozen=True, slots=True)
class Parcels:
    """Keys of the checked parcels and of their coverage, and what was left out."""

    parcels: LayerKey
    weights: LayerKey
    attentions: tuple[Attention, ...]


def load_parcels(night: Night) -> Parcels:
    """Check the parcel layer and compute its coverage of the grid, once.

    Raises
    ------
    VectorError
        The layer as a whole cannot be trusted.
    """
    layer = _read(night)
    rejected = [set_aside(night.settings, error) for error in layer.rejected]
    doubtful = [attention_of(error, left_out=False) for error in layer.warnings]
    key = LayerKey.of(
        "parcels",
        region=night.settings.region.name,
        period="all",
        inputs={"parcels": layer.digest},
        settings=night.settings.region.parcels.model_dump(mode="json")
        | {"crs": night.grid.crs},
    )

    def build(folder: Path) -> Facts:
        write_geoparquet(folder / PARCELS_FILE, layer.parcels)
        return {"parcels": len(layer.parcels), "rejected": len(layer.rejected)}

    parcels = night.catalog.produce(key, build).key
    weights = _weights(night, parcels)
    return Parcels(parcels, weights, tuple(rejected + doubtful))


def read_parcel_table(night: Night, parcels: Parcels) -> gpd.GeoDataFrame:
    """Read the checked parcels, in the order of their ids."""
    return gpd.read_parquet(night.catalog.need(parcels.parcels).path(PARCELS_FILE))


def read_weights(night: Night, parcels: Parcels) -> CoverageWeights:
    """Read the coverage of the region's grid, rows in the order of the parcels."""
    path = night.catalog.need(parcels.weights).path(WEIGHTS_FILE)
    return from_arrays(read_arrays(path))


def _read(night: Night) -> ParcelLayer:
    settings = night.settings
    told = settings.region.parcels
    rules = ParcelRules(
        id_field=told.id_field,
        name_field=told.name_field,
        layer=told.layer,
        declared_crs=told.declared_crs,
        encoding=told.encoding,
    )
    return read_parcels(
        settings.data_root / told.path,
        roots=roots_of(settings),
        target_crs=night.grid.crs,
        rules=rules,
    )


def _weights(night: Night, parcels: LayerKey) -> LayerKey:
    key = LayerKey.of(
        "coverage",
        region=night.settings.region.name,
        period="all",
        inputs={"parcels": parcels.digest},
        settings={"grid": repr(night.grid)},
    )

    def build(folder: Path) -> Facts:
        path = night.catalog.need(parcels).path(PARCELS_FILE)
        weights = coverage_weights(gpd.read_parquet(path), night.grid)
        write_arrays(folder / WEIGHTS_FILE, to_arrays(weights))
        return {"parcels": len(weights.parcel_ids), "shares": weights.share_count}

    return night.catalog.produce(key, build).key
