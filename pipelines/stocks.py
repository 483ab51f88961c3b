"""What every parcel holds, and the region in total, each with its error budget."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from config.coefficients import find
from geo.areas import area_se_ha
from geo.correlation import parcel_variance
from geo.errors import TooFewObservationsError
from geo.grid import Tile
from geo.together import PartTerms, block_of, region_variance
from geo.zonal import StripSums
from models.biomass import ParcelCover, RegionBudget, SharedModel
from models.change import ChangeRules, DifferenceNoise, baseline_class, learn_noise
from models.features import feature_values, features_from
from models.status import StatusRules
from models.stocks import (
    Known,
    ParcelAreas,
    Stocks,
    StockTerms,
    estimate_stocks,
    season_sd,
)
from pipelines.context import Night, TileKeys, each, each_tile
from pipelines.cover import COVER, COVER_FILE, IN_DOMAIN
from pipelines.parcels import (
    Group,
    Parcels,
    read_parcel_table,
    read_weights,
    stacked,
)
from pipelines.season import (
    SeasonMaps,
    Trained,
    factors_of,
    harmonised_piece,
    pair_of,
)
from pipelines.stored import digests, pieces, read_piece, tiles_of
from pipelines.train import load_model, read_cover, residual_variogram
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey

POSITION_SE = "boundary_position_se"
STOCK_FILE = "stock.parquet"
TOTALS_FILE = "totals.json"
SUMS_FILE = "sums.npz"
NOISE_CELLS = 2**20
"""Cells of a tile that its noise is learnt from; more change no digit that matters."""

Arrays = dict[str, NDArray[np.generic]]


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
    features = sum_features(night, parcels, season)
    noise = season_noise(night, season, reference)
    parts = _sum_cover(night, parcels, trained, season, noise)
    key = LayerKey.of(
        "stock",
        region=night.settings.region.name,
        period=night.label(season.period),
        inputs={
            "parcels": parcels.parcels.digest,
            "parts": [part.digest for part in parts],
            "features": [part.digest for part in features],
            "model": trained.model.digest,
        },
        settings={
            "min_domain_pct": night.settings.region.biomass.min_domain_pct,
            "coefficients": told_coefficients(night),
        },
    )

    def build(folder: Path) -> Facts:
        stocks = _stocks(night, parcels, trained, parts, features)
        return write_stocks(folder, stocks)

    return night.catalog.produce(key, build).key


def write_stocks(folder: Path, stocks: Stocks) -> Facts:
    """Write a night's stocks and totals; return how many parcels have which status."""
    stocks.table.to_parquet(folder / STOCK_FILE, index=False)
    totals = {name: asdict(total) for name, total in stocks.totals.items()}
    write_json(folder / TOTALS_FILE, totals)
    counts = stocks.table["status"].value_counts()
    return {str(name): int(count) for name, count in sorted(counts.items())}


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


def sum_features(night: Night, parcels: Parcels, season: SeasonMaps) -> list[LayerKey]:
    """Add up the features of a season over every parcel, group by group."""

    def work(group: Group) -> LayerKey:
        near = tiles_of(night.tiles, group.window)
        key = LayerKey.of(
            "feature-sums",
            region=night.settings.region.name,
            period=night.label(season.period),
            tile=group.tile,
            inputs={
                "coverage": group.coverage.digest,
                "composite": digests(season.composite, near),
                "shifts": digests(season.shifts, near),
            },
            settings={"bands": night.bands},
        )
        build = partial(_build_features, night, group, season)
        return night.catalog.produce(key, build).key

    return each(night, "parcels", parcels.groups, work)


def mean_design(
    night: Night, parcels: Parcels, model: LayerKey, features: Sequence[LayerKey]
) -> NDArray[np.float64]:
    """Return the mean design row of each parcel: its mean features, standardised."""
    held = [read_arrays(night.catalog.need(key).path(SUMS_FILE)) for key in features]
    total = stacked(night, parcels, [part["total"] for part in held])
    observed = stacked(night, parcels, [part["observed"] for part in held])
    mean = np.full(total.shape, np.nan)
    np.divide(total, observed, out=mean, where=observed > 0)
    return load_model(night, model).design(mean)


def read_totals(night: Night, key: LayerKey) -> dict[str, RegionBudget]:
    """Read the region's totals by quantity; empty when nothing was observed."""
    text = night.catalog.need(key).path(TOTALS_FILE).read_text(encoding="utf-8")
    content = json.loads(text)
    return {name: RegionBudget(**total) for name, total in content.items()}


def write_part(path: Path, columns: Arrays, terms: PartTerms) -> None:
    """Keep what was found of the parcels of a group, and its part of the region's."""
    place = np.array([terms.row, terms.column, terms.own, terms.area], np.float64)
    write_arrays(path, {**columns, "placed": terms.placed, "place": place})


def read_terms(held: Arrays) -> PartTerms:
    """Read back the part of the region's error."""
    row, column, own, area = (float(number) for number in held["place"])
    placed = np.asarray(held["placed"], np.float64)
    return PartTerms(placed, int(row), int(column), own, area)


def _build_features(
    night: Night, group: Group, season: SeasonMaps, folder: Path
) -> Facts:
    weights = read_weights(night, group)
    names = features_from(night.bands)
    added = StripSums(weights, bands=len(names))
    for piece in pieces(night.tiles, group.window):
        features = feature_values(harmonised_piece(night, season, piece), night.bands)
        added.add(features, row=piece.row, column=piece.column)
    total, observed = added.result
    write_arrays(folder / SUMS_FILE, {"total": total.T, "observed": observed.T})
    return {}


def season_noise(night: Night, season: SeasonMaps, reference: SeasonMaps) -> TileKeys:
    """Learn, tile by tile, how far each class of cells looks off from the training."""

    def work(tile: Tile) -> LayerKey:
        key = LayerKey.of(
            "season-noise",
            region=night.settings.region.name,
            period=night.label(season.period),
            tile=tile.name,
            inputs={
                "cover": season.cover[tile.name].digest,
                "reference": reference.cover[tile.name].digest,
            },
            settings={"rules": asdict(change_rules(night))},
        )

        def build(folder: Path) -> Facts:
            noise = None
            if season.cover[tile.name] != reference.cover[tile.name]:
                pair = pair_of(night, reference, season, tile)
                try:
                    some = pair.thinned(NOISE_CELLS)
                    noise = learn_noise(some, change_rules(night)).cover
                except TooFewObservationsError:
                    noise = None  # next to nothing was seen of both: no class to tell
            record = None if noise is None else noise.record()
            write_json(folder / "noise.json", {"noise": record})
            return {"noise": record}

        return night.catalog.produce(key, build).key

    return each_tile(night, "season", work)


def noise_of(night: Night, key: LayerKey) -> DifferenceNoise | None:
    """Return the noise of a tile's season; None where it is the training season."""
    record = night.catalog.need(key).facts["noise"]
    return DifferenceNoise.from_record(record) if isinstance(record, dict) else None


def _sum_cover(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    season: SeasonMaps,
    noise: TileKeys,
) -> list[LayerKey]:
    def work(group: Group) -> LayerKey:
        near = tiles_of(night.tiles, group.window)
        key = LayerKey.of(
            "stock-sums",
            region=night.settings.region.name,
            period=night.label(season.period),
            tile=group.tile,
            inputs={
                "coverage": group.coverage.digest,
                "cover": digests(season.cover, near),
                "noise": digests(noise, near),
                "model": trained.model.digest,
            },
            settings={
                "min_observed_pct": night.settings.region.change.min_observed_pct,
                "block": block_of(night.grid),
            },
        )
        build = partial(_build_sums, night, group, trained, season, noise)
        return night.catalog.produce(key, build).key

    return each(night, "stock", parcels.groups, work)


def _build_sums(
    night: Night,
    group: Group,
    trained: Trained,
    season: SeasonMaps,
    noise: TileKeys,
    folder: Path,
) -> Facts:
    weights = read_weights(night, group)
    added = StripSums(weights, bands=3)
    observed = np.zeros(weights.grid.shape, dtype=bool)
    rules = change_rules(night)
    for piece in pieces(night.tiles, group.window):
        cover, inside = read_piece(
            night, season.cover, COVER_FILE, piece, (COVER, IN_DOMAIN)
        )
        # By this season's cover alone: a cell that the training season did not see has
        # the error of its class like any other.
        off = season_sd(
            noise_of(night, noise[piece.tile.name]), baseline_class(cover, rules)
        )
        added.add(np.stack([cover, inside, off]), row=piece.row, column=piece.column)
        observed[piece.place] = np.isfinite(cover)
    total, seen = added.result
    mean = np.full(total.shape, np.nan)
    np.divide(total, seen, out=mean, where=seen > 0)
    variogram = residual_variogram(load_model(night, trained.model), night.grid)
    sd = float(np.sqrt(variogram.variance))
    share = np.zeros(len(weights.polygon_ha))
    np.divide(seen[0], weights.polygon_ha, out=share, where=weights.polygon_ha > 0)
    share = np.minimum(share, 1.0)
    shown = 100 * share >= rules.min_observed_pct
    columns: Arrays = {
        "cover_pct": mean[0],
        "domain_pct": 100 * mean[1],
        "season": mean[2] ** 2,
        "observed_pct": 100 * share,
        "residual": parcel_variance(weights, sd, variogram, observed=observed),
    }
    terms = PartTerms.of(
        weights.only(shown),
        sd,
        observed=observed,
        place=(group.window.row, group.window.column),
        block=block_of(night.grid),
    )
    write_part(folder / SUMS_FILE, columns, terms)
    return {}


def _stocks(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    parts: list[LayerKey],
    features: list[LayerKey],
) -> Stocks:
    held = [read_arrays(night.catalog.need(key).path(SUMS_FILE)) for key in parts]
    found = {
        name: stacked(night, parcels, [part[name] for part in held])
        for name in ("cover_pct", "domain_pct", "season", "observed_pct", "residual")
    }
    model = load_model(night, trained.model)
    design = mean_design(night, parcels, trained.model, features)
    areas = areas_of(read_parcel_table(night, parcels))
    cover = ParcelCover(
        parcel_id=areas.parcel_id,
        area_ha=areas.area_ha,
        area_se_ha=areas.area_se_ha,
        cover_pct=found["cover_pct"],
        residual=found["residual"],
        model=model.variance(design),
        season=found["season"],
    )
    region = region_variance(
        [read_terms(part) for part in held],
        night.grid,
        residual_variogram(model, night.grid),
    )
    terms = StockTerms(
        SharedModel(design, model.covariance),
        factors_of(night.settings.region.biomass)[0],
        StatusRules(
            least_area_ha=read_cover(night).grid.cell_ha,
            min_observed_pct=night.settings.region.change.min_observed_pct,
            min_domain_pct=night.settings.region.biomass.min_domain_pct,
        ),
    )
    known = Known(cover, found["observed_pct"], found["domain_pct"])
    return estimate_stocks(known, terms, region)
