"""Where new sink forest may go first: a score and a rank for every parcel."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from config.coefficients import priority_weights
from geo.align import align
from geo.grid import Grid
from geo.layers import LAYERS
from geo.zonal import CoverageWeights, means, paint, shares
from models.priority import (
    REASONS,
    carbon_potential,
    not_plantable,
    rank_zones,
)
from pipelines.context import Night
from pipelines.emissions import EXPOSURE_FILE, Exposed
from pipelines.parcels import Parcels, read_parcel_table, read_weights
from pipelines.season import SeasonMaps, full_density
from pipelines.stocks import STOCK_FILE
from pipelines.train import read_cover
from store.catalog import Facts
from store.keys import LayerKey
from store.rasters import write_layer
from store.reference import Reference

PRIORITY_FILE = "priority.parquet"
PRIORITY_LAYER_FILE = "priority.tif"
IDLE_COVER_PCT = 20
"""Canopy cover below which land is not forest (Forest Law, art. 83)."""


def rank(
    night: Night,
    parcels: Parcels,
    season: SeasonMaps,
    stock: LayerKey,
    exposed: Exposed,
) -> LayerKey:
    """Score and rank the parcels that may be planted; say why others may not.

    What is forest is read from the reference raster, not from the night's map: forest
    that was lost since is not free land (CCER-14-001 asks for three years), and a
    meadow in a green summer is not forest.
    """
    weights = priority_weights()
    key = LayerKey.of(
        "priority",
        region=night.settings.region.name,
        period=str(season.period),
        inputs={
            "stock": stock.digest,
            "exposure": exposed.exposure.digest,
            "weights": parcels.weights.digest,
            "reference": read_cover(night).digest,
        },
        settings={"weights": weights, "idle_cover_pct": IDLE_COVER_PCT},
    )

    def build(folder: Path) -> Facts:
        table = read_parcel_table(night, parcels)
        coverage = read_weights(night, parcels)
        stocks = pd.read_parquet(night.catalog.need(stock).path(STOCK_FILE))
        near = pd.read_parquet(night.catalog.need(exposed.exposure).path(EXPOSURE_FILE))
        default = full_density(night.settings.region.biomass).value
        reference = read_cover(night)
        known = _on_grid(reference, night.grid)
        idle = shares(coverage, known < IDLE_COVER_PCT, observed=np.isfinite(known))
        cover_pct = stocks["cover_pct"].to_numpy()
        ranking = rank_zones(
            list(table["parcel_id"]),
            {
                "carbon_potential": carbon_potential(
                    cover_pct / 100 * default, default_t_ha=default
                ),
                "emission_exposure": near["exposure_tco2e_yr"].to_numpy(),
                "idle_land": idle,
            },
            weights=weights,
            excluded=not_plantable(means(coverage, known), table["area_ha"].to_numpy()),
        )
        rows = pd.DataFrame(
            {
                "parcel_id": table["parcel_id"],
                "priority_score": ranking.score,
                "priority_rank": ranking.rank,
                "priority_reason": [_said(reason) for reason in ranking.reason],
            }
        )
        rows.to_parquet(folder / PRIORITY_FILE, index=False)
        write_layer(
            folder / PRIORITY_LAYER_FILE,
            LAYERS["priority"],
            painted(coverage, ranking.score),
            night.grid,
        )
        return {
            "weights": ranking.weights,
            "missing": list(ranking.missing),
            "ranked": int((ranking.rank > 0).sum()),
        }

    return night.catalog.produce(key, build).key


def painted(coverage: CoverageWeights, values: NDArray[np.float64]) -> xr.DataArray:
    """Paint each parcel's value on the cells of which it covers half or more."""
    return xr.DataArray(paint(coverage, values)[None], dims=("band", "y", "x"))


def _on_grid(reference: Reference, grid: Grid) -> NDArray[np.float32]:
    """Return the reference raster on ``grid``; NaN where it has no value."""
    aligned = align(
        reference.values,
        reference.grid.transform,
        reference.grid.crs,
        grid,
        resampling="nearest",
        nodata=np.nan,
    )
    return np.asarray(aligned, dtype=np.float32)


def _said(reason: str) -> str:
    if not reason:
        return ""
    english, chinese = REASONS[reason]
    return f"{chinese} {english}"
