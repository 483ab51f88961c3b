"""What parcels hold where a region's own model speaks, and tier 1 for the rest."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.correlation import alike_variance, parcel_variance
from geo.coverage import CoverageWeights
from geo.together import PartTerms, block_of, region_variance
from geo.zonal import StripSums
from models.change import baseline_class
from models.features import feature_values, features_from
from models.routes import Routed, RoutePart, estimate_routed
from models.stands import along_stands, widened_by
from models.status import StatusRules
from models.stocks import Stocks, season_sd
from pipelines.context import Night, TileKeys, each
from pipelines.cover import COVER, COVER_FILE
from pipelines.parcels import Group, Parcels, read_parcel_table, read_weights, stacked
from pipelines.routed_maps import LEARNED_FILE
from pipelines.routed_models import Models, model_digests, models_of
from pipelines.routed_noise import routed_noise
from pipelines.season import (
    SeasonMaps,
    Trained,
    factors_of,
    full_density,
    harmonised_piece,
)
from pipelines.stand_lines import share_kept_out, sum_scatter
from pipelines.stocks import (
    SUMS_FILE,
    Arrays,
    areas_of,
    change_rules,
    noise_of,
    season_noise,
    told_coefficients,
    write_stocks,
)
from pipelines.stored import Piece, digests, pieces, read_piece, tiles_of
from pipelines.train import read_cover, residual_variogram
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.keys import LayerKey

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

KEPT_OUT = "scatter_kept_out_of_parcels"
"""Fact of a night's stocks: s of ``models.stands``."""
WIDENED = "residual_sd_widened_by"
"""Fact: the median factor that s put on the residual sd of parcels by the model."""
HELD_CELLS = 2**18
"""Cells whose features and shared errors are held at a time."""
FIXED = ("mean", "season", "cover", "season_default", "inside", "all_cover")
"""What is summed over parcels before loadings and features: by the model, by tier 1,
and over all cells that were seen."""


def measure_routed(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    season: SeasonMaps,
    reference: SeasonMaps,
) -> LayerKey:
    """Estimate the stock of every parcel and of the region by the model's route.

    As ``pipelines.stocks.measure_stocks``; cells that the model cannot speak for go by
    tier 1, with its errors.
    """
    noises = (
        routed_noise(night, season, reference),
        season_noise(night, season, reference),
    )
    parts = _sum_routes(night, parcels, trained, season, noises)
    scatter = sum_scatter(night, parcels, trained, season)
    key = LayerKey.of(
        "stock",
        region=night.settings.region.name,
        period=night.label(season.period),
        inputs={
            "parcels": parcels.parcels.digest,
            "parts": [part.digest for part in parts],
            "scatter": [part.digest for part in scatter],
            "models": model_digests(trained),
        },
        settings={
            "route": trained.route.name,
            "min_domain_pct": night.settings.region.biomass.min_domain_pct,
            "coefficients": told_coefficients(night),
        },
    )

    def build(folder: Path) -> Facts:
        along = share_kept_out(night, parcels, scatter)
        stocks, widened = _stocks(night, parcels, trained, parts, along)
        counts = write_stocks(folder, stocks)
        return {**counts, KEPT_OUT: along, WIDENED: widened}

    return night.catalog.produce(key, build).key


def _sum_routes(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    season: SeasonMaps,
    noises: tuple[TileKeys, TileKeys],
) -> list[LayerKey]:
    def work(group: Group) -> LayerKey:
        near = tiles_of(night.tiles, group.window)
        made = {
            "learned": season.learned,
            "composite": season.composite,
            "shifts": season.shifts,
            "cover": season.cover,
            "noise": noises[0],
            "noise_default": noises[1],
        }
        key = LayerKey.of(
            "route-sums",
            region=night.settings.region.name,
            period=night.label(season.period),
            tile=group.tile,
            inputs={
                "coverage": group.coverage.digest,
                "models": model_digests(trained),
            }
            | {name: digests(keys, near) for name, keys in made.items()},
            settings={
                "min_observed_pct": night.settings.region.change.min_observed_pct,
                "block": block_of(night.grid),
                "route": trained.route.name,
                "density": full_density(night.settings.region.biomass).value,
            },
        )
        build = partial(_build_sums, night, group, trained, season, noises)
        return night.catalog.produce(key, build).key

    return each(night, "stock", parcels.groups, work)


def _build_sums(
    night: Night,
    group: Group,
    trained: Trained,
    season: SeasonMaps,
    noises: tuple[TileKeys, TileKeys],
    folder: Path,
) -> Facts:
    models, weights = models_of(night, trained), read_weights(night, group)
    rank = models.learned.shared_errors
    count = len(FIXED) + rank + len(features_from(night.bands))
    added = StripSums(weights, bands=count)
    # Residual sd of each cell by the model, and by tier 1; NaN where it went otherwise.
    sd = np.full((2, *weights.grid.shape), np.nan, np.float32)
    for whole in pieces(night.tiles, group.window):
        for piece in _narrow(whole):
            summed, own = _cells(night, models, season, noises, piece)
            added.add(summed, row=piece.row, column=piece.column)
            sd[(slice(None), *piece.place)] = own
    total, seen = added.result
    mean = np.full(total.shape, np.nan)
    np.divide(total, seen, out=mean, where=seen > 0)
    place = {name: number for number, name in enumerate(FIXED)}
    observed = np.zeros(len(weights.polygon_ha))
    area = seen[place["all_cover"]]
    np.divide(area, weights.polygon_ha, out=observed, where=weights.polygon_ha > 0)
    share = np.zeros(len(observed))
    np.divide(seen[place["mean"]], area, out=share, where=area > 0)
    columns: Arrays = {
        **{name: mean[number] for name, number in place.items()},
        "loadings": mean[len(FIXED) : len(FIXED) + rank].T,
        "features": mean[len(FIXED) + rank :].T,
        "share": share,
        "observed_pct": 100 * np.minimum(observed, 1.0),
    }
    columns |= _residuals(night, models, group, (weights, sd), columns)
    write_arrays(folder / SUMS_FILE, columns)
    return {}


def _cells(
    night: Night,
    models: Models,
    season: SeasonMaps,
    noises: tuple[TileKeys, TileKeys],
    piece: Piece,
) -> tuple[Singles, Singles]:
    """Return what is summed of a piece (bands, y, x), and residual sd (2, y, x)."""
    mean, sd, inside, route = read_piece(
        night, season.learned, LEARNED_FILE, piece, (1, 2, 3, 4)
    )
    cover = read_piece(night, season.cover, COVER_FILE, piece, (COVER,))[0]
    features = feature_values(harmonised_piece(night, season, piece), night.bands)
    mine = route == models.number
    rest = np.isfinite(route) & ~mine
    classes = baseline_class(cover, change_rules(night))
    off, off_default = (
        season_sd(noise_of(night, keys[piece.tile.name]), classes) for keys in noises
    )
    names = features_from(night.bands)
    columns = [names.index(name) for name in models.learned.names]
    loadings = np.full((models.learned.shared_errors, *route.shape), np.nan, np.float32)
    if mine.any():
        loadings[:, mine] = models.learned.loadings(features[columns][:, mine])
    own = np.sqrt(np.maximum(sd**2 - (loadings**2).sum(axis=0), 0.0))
    default = float(np.sqrt(residual_variogram(models.cover, night.grid).variance))
    default *= models.density_t_ha / 100
    summed = [
        *(np.where(mine, values, np.nan) for values in (mean, off)),
        *(np.where(rest, values, np.nan) for values in (cover, off_default)),
        inside,
        np.where(np.isfinite(route), cover, np.nan),
        *loadings,
        *np.where(rest, features, np.nan),
    ]
    residual = [np.where(mine, own, np.nan), np.where(rest, default, np.nan)]
    return np.stack(summed).astype(np.float32), np.stack(residual).astype(np.float32)


def _narrow(piece: Piece) -> Iterator[Piece]:
    """Cut a piece into strips that fit the memory with all their bands."""
    width = piece.columns.stop - piece.columns.start
    step = max(HELD_CELLS // width, 1)
    for start in range(piece.rows.start, piece.rows.stop, step):
        stop = min(start + step, piece.rows.stop)
        down = piece.row + start - piece.rows.start
        yield replace(piece, rows=slice(start, stop), row=down)


def _residuals(
    night: Night,
    models: Models,
    group: Group,
    held: tuple[CoverageWeights, Singles],
    columns: Arrays,
) -> Arrays:
    """Return each parcel's residual variance by route, and the region's terms."""
    weights, sd = held
    observed_pct = np.asarray(columns["observed_pct"], np.float64)
    shown = observed_pct >= night.settings.region.change.min_observed_pct
    place = (group.window.row, group.window.column)
    found: Arrays = {}
    for number, (name, variogram) in enumerate(models.variograms(night.grid).items()):
        cells = sd[number]
        if name == "learned":
            cells = models.of_cells(cells, night.grid)
            found["alike"] = alike_variance(weights, cells, variogram)
        found[f"residual_{name}"] = parcel_variance(weights, cells, variogram)
        terms = PartTerms.of(
            weights.only(shown), cells, place=place, block=block_of(night.grid)
        )
        found[f"placed_{name}"] = terms.placed
        found[f"place_{name}"] = np.array(
            [terms.row, terms.column, terms.own, terms.area], np.float64
        )
    return found


def _stocks(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    parts: list[LayerKey],
    along: float,
) -> tuple[Stocks, float]:
    """Put the groups together; return by how much ``along`` widened, too."""
    held = [read_arrays(night.catalog.need(key).path(SUMS_FILE)) for key in parts]
    models = models_of(night, trained)

    def of(name: str) -> NDArray[Any]:
        return stacked(night, parcels, [part[name] for part in held])

    regions = {
        name: region_variance(
            [_terms(part, name) for part in held], night.grid, variogram
        )
        for name, variogram in models.variograms(night.grid).items()
    }
    factors = factors_of(night.settings.region.biomass)[0]
    per_pct = models.density_t_ha / 100
    share, by_distance = of("share"), of("residual_learned")
    residual = along_stands(by_distance, of("alike"), along)
    learned = RoutePart(
        share,
        of("mean"),
        residual,
        of("loadings"),
        of("season"),
        "allometry",
        models.shared_relative_se,
        regions["learned"],
    )
    default = RoutePart(
        np.where(np.isfinite(of("all_cover")), 1.0 - share, 0.0),
        of("cover") * per_pct,
        of("residual_default"),
        models.cover.design(of("features")) @ models.cover_root * per_pct,
        of("season_default") * per_pct,
        "default_agbd",
        float(factors.agbd_t_ha.relative),
        regions["default"],
    )
    known = Routed(
        areas_of(read_parcel_table(night, parcels)),
        of("observed_pct"),
        100 * of("inside"),
        of("all_cover"),
        trained.route.name,
        (learned, default),
    )
    rules = StatusRules(
        least_area_ha=read_cover(night).grid.cell_ha,
        min_observed_pct=night.settings.region.change.min_observed_pct,
        min_domain_pct=night.settings.region.biomass.min_domain_pct,
    )
    stocks = estimate_routed(known, factors, rules)
    return stocks, widened_by(by_distance, residual)


def _terms(held: dict[str, NDArray[Any]], name: str) -> PartTerms:
    row, column, own, area = (float(number) for number in held[f"place_{name}"])
    placed = np.asarray(held[f"placed_{name}"], np.float64)
    return PartTerms(placed, int(row), int(column), own, area)
