"""What every parcel holds, and the region in total, each with its error budget."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from config.coefficients import find
from geo.areas import area_se_ha
from geo.zonal import CoverageWeights, StripSums
from models.biomass import RegionBudget, SharedModel
from models.change import ChangeRules, baseline_class, learn_noise
from models.cover import CoverModel
from models.features import FEATURE_NAMES, feature_stack
from models.status import StatusRules
from models.stocks import (
    CoverMaps,
    ParcelAreas,
    Stocks,
    StockTerms,
    estimate_stocks,
    parcel_cover,
    season_sd_map,
)
from pipelines.context import Night
from pipelines.cover import COVER, COVER_FILE, IN_DOMAIN
from pipelines.parcels import Parcels, read_parcel_table, read_weights
from pipelines.season import (
    SeasonMaps,
    Trained,
    factors_of,
    harmonised_rows,
    pair_of,
)
from pipelines.stored import digests, region_band
from pipelines.train import load_model, read_cover, residual_variogram
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey

STRIP = 512
"""Rows that are read at a time."""

POSITION_SE = "boundary_position_se"
STOCK_FILE = "stock.parquet"
TOTALS_FILE = "totals.json"


def measure_stocks(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    season: SeasonMaps,
    reference: SeasonMaps,
) -> LayerKey:
    """Estimate the stock of every parcel and of the region.

    ``reference`` is the training season: by how much a whole class of cells looks
    different from it is the season's own error.
    """
    key = LayerKey.of(
        "stock",
        region=night.settings.region.name,
        period=str(season.period),
        inputs={
            "parcels": parcels.parcels.digest,
            "weights": parcels.weights.digest,
            "model": trained.model.digest,
            "cover": digests(season.cover),
            "reference": digests(reference.cover),
        },
        settings={
            "rules": asdict(change_rules(night)),
            "min_domain_pct": night.settings.region.biomass.min_domain_pct,
            "coefficients": told_coefficients(night),
        },
    )

    def build(folder: Path) -> Facts:
        stocks = _stocks(night, parcels, trained, season, reference)
        stocks.table.to_parquet(folder / STOCK_FILE, index=False)
        totals = {name: asdict(total) for name, total in stocks.totals.items()}
        write_json(folder / TOTALS_FILE, totals)
        counts = stocks.table["status"].value_counts()
        return {str(name): int(count) for name, count in sorted(counts.items())}

    return night.catalog.produce(key, build).key


def told_coefficients(night: Night) -> list[dict[str, object]]:
    """Return every coefficient row behind stocks and their change, for their keys."""
    rows = factors_of(night.settings.region.biomass)[1]
    return [row.model_dump(mode="json") for row in [*rows, find(POSITION_SE)]]


def areas_of(table: gpd.GeoDataFrame) -> ParcelAreas:
    """Return the parcels' areas with the error that their vertices' error makes."""
    return ParcelAreas(
        tuple(table["parcel_id"]),
        table["area_ha"].to_numpy(),
        area_se_ha(table.geometry, position_se_m=find(POSITION_SE).value),
    )


def change_rules(night: Night) -> ChangeRules:
    """Return what the region counts as change."""
    told = night.settings.region.change
    return ChangeRules(
        max_growth_t_ha_yr=find("max_growth").value,
        alpha=told.alpha,
        loss_area_pct=told.loss_area_pct,
        min_observed_pct=told.min_observed_pct,
    )


def mean_design(
    night: Night, season: SeasonMaps, weights: CoverageWeights, model: CoverModel
) -> NDArray[np.float64]:
    """Return the mean design row of each parcel: its mean features, standardised.

    Read strip by strip, always the same strips, so that sums add in one order.
    """
    added = StripSums(weights, bands=len(FEATURE_NAMES))
    for row, column, features in _feature_strips(night, season):
        added.add(features, row=row, column=column)
    total, observed = (sums.T for sums in added.result)
    mean = np.full(total.shape, np.nan)
    np.divide(total, observed, out=mean, where=observed > 0)
    return model.design(mean)


def read_totals(night: Night, key: LayerKey) -> dict[str, RegionBudget]:
    """Read the region's totals by quantity; empty when nothing was observed."""
    text = night.catalog.need(key).path(TOTALS_FILE).read_text(encoding="utf-8")
    content = json.loads(text)
    return {name: RegionBudget(**total) for name, total in content.items()}


def _feature_strips(
    night: Night, season: SeasonMaps
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Yield first row, first column and features ``(feature, y, x)`` of each strip."""
    for tile in night.tiles:
        for start in range(0, tile.grid.height, STRIP):
            rows = slice(start, min(start + STRIP, tile.grid.height))
            bands = harmonised_rows(night, season, tile, rows)
            yield tile.row + start, tile.column, feature_stack(bands).to_numpy()


def _stocks(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    season: SeasonMaps,
    reference: SeasonMaps,
) -> Stocks:
    table = read_parcel_table(night, parcels)
    weights = read_weights(night, parcels)
    model = load_model(night, trained.model)
    variogram = residual_variogram(model, night.grid)
    design = mean_design(night, season, weights, model)
    maps = CoverMaps(
        region_band(night, season.cover, COVER_FILE, COVER),
        region_band(night, season.cover, COVER_FILE, IN_DOMAIN),
        _season_error(night, season, reference),
    )
    known = parcel_cover(
        areas_of(table), weights, maps, model.variance(design), variogram
    )
    terms = StockTerms(
        SharedModel(design, model.covariance),
        factors_of(night.settings.region.biomass)[0],
        StatusRules(
            least_area_ha=read_cover(night).grid.cell_ha,
            min_observed_pct=night.settings.region.change.min_observed_pct,
            min_domain_pct=night.settings.region.biomass.min_domain_pct,
        ),
        variogram,
    )
    return estimate_stocks(known, weights, maps, terms)


def _season_error(
    night: Night, season: SeasonMaps, reference: SeasonMaps
) -> NDArray[np.float64]:
    rules = change_rules(night)
    pair = pair_of(night, reference, season)
    # By this season's cover alone: a cell that the training season did not see has the
    # error of its class like any other.
    strata = baseline_class(pair.cover_b, rules)
    is_reference = season.cover == reference.cover
    if is_reference or pair.is_observed.sum() < rules.min_cells:
        noise = None
    else:
        noise = learn_noise(pair, rules).cover
    return season_sd_map(noise, strata, night.grid.shape)
