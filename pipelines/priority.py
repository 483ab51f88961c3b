"""Where new sink forest may go first: a score and a rank for every parcel."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from config.coefficients import priority_weights
from geo.align import sample, source_of_grid, window
from geo.grid import Grid, Tile
from geo.zonal import means, shares, topmost
from models.priority import (
    REASONS,
    carbon_potential,
    not_plantable,
    rank_zones,
)
from pipelines.context import Night, TileKeys, each, each_tile
from pipelines.emissions import EXPOSURE_FILE, Exposed
from pipelines.parcels import (
    Group,
    Parcels,
    group_rows,
    read_parcel_table,
    read_weights,
    stacked,
)
from pipelines.season import SeasonMaps, full_density
from pipelines.stocks import STOCK_FILE
from pipelines.stored import pieces, tiles_of
from pipelines.train import read_cover
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.keys import LayerKey, digest_of
from store.rasters import write_layer
from store.reference import Reference

PRIORITY_FILE = "priority.parquet"
PRIORITY_LAYER_FILE = "priority.tif"
LAND_FILE = "land.npz"
IDLE_COVER_PCT = 20
"""Canopy cover below which land is not forest (Forest Law, art. 83)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Keys of the parcels' ranks and of the map of their scores."""

    table: LayerKey
    layer: TileKeys


def rank(
    night: Night,
    parcels: Parcels,
    season: SeasonMaps,
    stock: LayerKey,
    exposed: Exposed,
) -> Ranked:
    """Score and rank the parcels that may be planted; say why others may not.

    What is forest is read from the reference raster, not from the night's map: forest
    that was lost since is not free land (CCER-14-001 asks for three years), and a
    meadow in a green summer is not forest.
    """
    weights = priority_weights()
    land = _land(night, parcels)
    key = LayerKey.of(
        "priority",
        region=night.settings.region.name,
        period=night.label(season.period),
        inputs={
            "stock": stock.digest,
            "exposure": exposed.exposure.digest,
            "land": [part.digest for part in land],
        },
        settings={"weights": weights},
    )

    def build(folder: Path) -> Facts:
        table = read_parcel_table(night, parcels)
        stocks = pd.read_parquet(night.catalog.need(stock).path(STOCK_FILE))
        near = pd.read_parquet(night.catalog.need(exposed.exposure).path(EXPOSURE_FILE))
        default = full_density(night.settings.region.biomass).value
        held = [read_arrays(night.catalog.need(one).path(LAND_FILE)) for one in land]
        idle, known = (
            stacked(night, parcels, [part[name] for part in held])
            for name in ("idle", "cover_pct")
        )
        ranking = rank_zones(
            list(table["parcel_id"]),
            {
                "carbon_potential": carbon_potential(
                    stocks["cover_pct"].to_numpy() / 100 * default, default_t_ha=default
                ),
                "emission_exposure": near["exposure_tco2e_yr"].to_numpy(),
                "idle_land": idle,
            },
            weights=weights,
            excluded=not_plantable(known, table["area_ha"].to_numpy()),
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
        return {
            "weights": ranking.weights,
            "missing": list(ranking.missing),
            "ranked": int((ranking.rank > 0).sum()),
        }

    made = night.catalog.produce(key, build).key
    return Ranked(made, _paint(night, parcels, made))


def _land(night: Night, parcels: Parcels) -> list[LayerKey]:
    """Find the mean cover and the idle share of each parcel in the reference raster."""
    reference = read_cover(night)

    def work(group: Group) -> LayerKey:
        key = LayerKey.of(
            "land",
            region=night.settings.region.name,
            period="all",
            tile=group.tile,
            inputs={
                "coverage": group.coverage.digest,
                "reference": reference.digest,
            },
            settings={"idle_cover_pct": IDLE_COVER_PCT},
        )

        def build(folder: Path) -> Facts:
            coverage = read_weights(night, group)
            known = _on_grid(reference, coverage.grid)
            seen = np.isfinite(known)
            idle = shares(coverage, known < IDLE_COVER_PCT, observed=seen)
            columns = {"idle": idle, "cover_pct": means(coverage, known)}
            write_arrays(folder / LAND_FILE, columns)
            return {}

        return night.catalog.produce(key, build).key

    return each(night, "land", parcels.groups, work)


def _paint(night: Night, parcels: Parcels, ranked: LayerKey) -> TileKeys:
    """Paint each parcel's score on the cells of which it covers half or more."""
    path = night.catalog.need(ranked).path(PRIORITY_FILE)
    score = pd.read_parquet(path)["priority_score"].to_numpy(dtype=np.float64)
    rows = group_rows(night, parcels)
    reached = [set(tiles_of(night.tiles, group.window)) for group in parcels.groups]

    def work(tile: Tile) -> LayerKey:
        near = [number for number, tiles in enumerate(reached) if tile.name in tiles]
        scores = [score[rows[number]].round(6) for number in near]
        key = LayerKey.of(
            "priority-map",
            region=night.settings.region.name,
            period=ranked.period,
            tile=tile.name,
            inputs={
                "coverage": [parcels.groups[number].coverage.digest for number in near],
                "scores": digest_of([[str(one) for one in part] for part in scores]),
            },
            settings={"grid": repr(tile.grid)},
        )
        groups = [(parcels.groups[number], rows[number]) for number in near]
        build = partial(_build_map, night, tile, groups, score)
        return night.catalog.produce(key, build).key

    return each_tile(night, "priority", work)


def _build_map(
    night: Night,
    tile: Tile,
    groups: list[tuple[Group, NDArray[np.int64]]],
    score: Floats,
    folder: Path,
) -> Facts:
    top = np.full(tile.grid.shape, -1, np.int64)
    for group, rows in groups:
        numbers = np.append(rows, -1)
        weights = read_weights(night, group)
        for piece in pieces([tile], group.window):
            place = piece.place
            shape = (
                place[0].stop - place[0].start,
                place[1].stop - place[1].start,
            )
            found = topmost(weights, shape, row=piece.row, column=piece.column)
            part = top[piece.rows, piece.columns]
            np.maximum(part, numbers[found], out=part)
    painted = np.append(score, np.nan)[top].astype(np.float32)
    write_layer(
        folder / PRIORITY_LAYER_FILE,
        night.layer("priority"),
        xr.DataArray(painted[None], dims=("band", "y", "x")),
        tile.grid,
    )
    return {}


def _on_grid(reference: Reference, grid: Grid) -> NDArray[np.float32]:
    """Return the reference raster on ``grid``; NaN where it has no value."""
    source = source_of_grid(reference.grid)
    there = window(grid, source)
    if there is None:
        return np.full(grid.shape, np.nan, np.float32)
    values = reference.read(*there)
    corner = there[0].start, there[1].start
    found = sample(values, corner, source, grid, method="nearest", nodata=np.nan)
    return np.asarray(found, dtype=np.float32)


def _said(reason: str) -> str:
    if not reason:
        return ""
    english, chinese = REASONS[reason]
    return f"{chinese} {english}"
