"""Two seasons against each other: map, every parcel's verdict, the region's sink."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.correlation import Variogram, parcel_variance
from geo.errors import TooFewObservationsError
from geo.grid import Tile
from geo.together import PartTerms, block_of, region_variance
from geo.zonal import StripSums
from models.change import (
    SUMMED,
    change_sums,
    learn_noise,
    moved_cells,
)
from models.changes import (
    VERDICT_CODES,
    Changes,
    ChangeTerms,
    Summed,
    change_bands,
    measure_changes,
    noise_pairs,
    noise_variogram,
    typical,
)
from models.cover import CoverModel
from models.harmonise import harmonisation_error_pct
from pipelines.context import Night, TileKeys, each, each_tile
from pipelines.cover import shifts_of
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
    full_density,
    pair_of,
)
from pipelines.stocks import (
    NOISE_CELLS,
    SUMS_FILE,
    areas_of,
    change_rules,
    mean_design,
    read_terms,
    sum_features,
    told_coefficients,
    write_part,
)
from pipelines.stored import digests, pieces, read_piece, tiles_of
from pipelines.train import load_model, read_sample
from store.arrays import read_arrays
from store.catalog import Facts
from store.keys import LayerKey
from store.rasters import write_layer

Floats = NDArray[np.float64]
Bands = NDArray[np.float32]

CHANGE_FILE = "change.parquet"
REGION_FILE = "region.parquet"
MOVED_FILE = "moved.tif"
CHANGE_LAYER_FILE = "agbd_change.tif"
DELTA, SD, SEASON_SD, LOST = (1, 2, 3, 4)
"""Bands of the layer of moves, as rasterio counts them."""


def map_change(
    night: Night, trained: Trained, before: SeasonMaps, after: SeasonMaps
) -> TileKeys:
    """Compare two seasons cell by cell, each tile by the noise of its own cells.

    The facts of a tile say ``measured``: false, with the reason, when its two seasons
    share too few cells to tell change from noise. Then no cell has a verdict.
    """

    def work(tile: Tile) -> LayerKey:
        key = LayerKey.of(
            "agbd_change",
            region=night.settings.region.name,
            period=f"{night.label(before.period)}-{night.label(after.period)}",
            tile=tile.name,
            inputs={
                "model": trained.model.digest,
                "before": before.cover[tile.name].digest,
                "after": after.cover[tile.name].digest,
            },
            settings={
                "rules": asdict(change_rules(night)),
                "density": full_density(night.settings.region.biomass).value,
                "cover_pct": night.settings.region.model.reference_cover_pct,
            },
        )
        build = partial(_build_tile, night, trained, before, after, tile)
        return night.catalog.produce(key, build).key

    return each_tile(night, "change", work)


def measure_change(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    seasons: tuple[SeasonMaps, SeasonMaps],
    changed: TileKeys,
) -> LayerKey:
    """Say of every parcel whether it changed between two seasons.

    The facts say ``measured``: false, with the reason, when no tile could be compared.
    Then no parcel has a verdict.
    """
    before, after = seasons
    period = f"{night.label(before.period)}-{night.label(after.period)}"
    parts = _sum_change(night, parcels, period, changed)
    features = [sum_features(night, parcels, season) for season in seasons]
    key = LayerKey.of(
        "change",
        region=night.settings.region.name,
        period=period,
        inputs={
            "parcels": parcels.parcels.digest,
            "parts": [part.digest for part in parts],
            "features": [[part.digest for part in each_of] for each_of in features],
            "model": trained.model.digest,
        },
        settings={
            "rules": asdict(change_rules(night)),
            "coefficients": told_coefficients(night),
        },
    )

    def build(folder: Path) -> Facts:
        tiles = {name: night.catalog.need(tile).facts for name, tile in changed.items()}
        measured = [facts for facts in tiles.values() if facts["measured"]]
        if not measured:
            one = next(iter(tiles.values()))
            told = {name: one[name] for name in ("reason", "reason_zh")}
            _write(folder, Changes(pd.DataFrame(), pd.DataFrame()))
            return {"measured": False, **told}
        years = (after.period.start - before.period.start).days / 365.25
        designs = (
            mean_design(night, parcels, trained.model, features[0]),
            mean_design(night, parcels, trained.model, features[1]),
        )
        found = _changes(night, parcels, trained, parts, (*designs, years))
        _write(folder, found)
        return {"measured": True, "tiles": tiles}

    return night.catalog.produce(key, build).key


def read_changes(night: Night, key: LayerKey) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the parcels' rows and the region's row."""
    artefact = night.catalog.need(key)
    return (
        pd.read_parquet(artefact.path(CHANGE_FILE)),
        pd.read_parquet(artefact.path(REGION_FILE)),
    )


def _build_tile(
    night: Night,
    trained: Trained,
    before: SeasonMaps,
    after: SeasonMaps,
    tile: Tile,
    folder: Path,
) -> Facts:
    model = load_model(night, trained.model)
    rules = change_rules(night)
    try:
        floor = (
            _harmonisation_error(night, model, before, tile),
            _harmonisation_error(night, model, after, tile),
        )
        pair = pair_of(night, before, after, tile)
        some = pair.thinned(NOISE_CELLS)
        noise = learn_noise(some, rules, floor_pct=float(np.hypot(*floor)))
    except TooFewObservationsError as error:
        _write_unknown(night, tile, folder)
        return {"measured": False, "reason": error.what, "reason_zh": error.zh}
    moved = moved_cells(pair, noise, rules).reshape(-1, *tile.grid.shape)
    density = full_density(night.settings.region.biomass).value
    _write_layers(night, tile, folder, moved, change_bands(moved, density))
    variogram = noise_variogram(noise_pairs(moved, tile.grid))
    return {
        "measured": True,
        "cover_noise": noise.cover.record(),
        "ndmi_noise": noise.ndmi.record(),
        "variogram": asdict(variogram),
    }


def _harmonisation_error(
    night: Night, model: CoverModel, season: SeasonMaps, tile: Tile
) -> float:
    key = season.shifts[tile.name]
    shifts = shifts_of(night, key)
    if shifts is None:
        facts = night.catalog.need(key).facts
        raise TooFewObservationsError(
            str(facts["reason"]), zh=str(facts["reason_zh"]), cure="Wait for scenes."
        )
    whole = key.tile != tile.name
    samples = list(season.sample.values()) if whole else [season.sample[tile.name]]
    held = read_sample(night, samples)
    threshold = night.settings.region.model.reference_cover_pct
    bands = xr.DataArray(
        held["bands"][held["cover_pct"] >= threshold].T[:, None, :],
        dims=("band", "y", "x"),
        coords={"band": list(night.bands)},
    )
    return harmonisation_error_pct(model, shifts.apply(bands), shifts)


def _write_unknown(night: Night, tile: Tile, folder: Path) -> None:
    empty = np.full((4, *tile.grid.shape), np.nan, np.float32)
    change = empty[:3].copy()
    change[2] = VERDICT_CODES["not_observed"]
    _write_layers(night, tile, folder, empty, change)


def _write_layers(
    night: Night, tile: Tile, folder: Path, moved: Bands, change: Bands
) -> None:
    both = ((MOVED_FILE, "moved", moved), (CHANGE_LAYER_FILE, "agbd_change", change))
    for file, layer, bands in both:
        values = xr.DataArray(bands, dims=("band", "y", "x"))
        write_layer(folder / file, night.layer(layer), values, tile.grid)


def _sum_change(
    night: Night, parcels: Parcels, period: str, changed: TileKeys
) -> list[LayerKey]:
    def work(group: Group) -> LayerKey:
        near = tiles_of(night.tiles, group.window)
        key = LayerKey.of(
            "change-sums",
            region=night.settings.region.name,
            period=period,
            tile=group.tile,
            inputs={
                "coverage": group.coverage.digest,
                "changed": digests(changed, near),
            },
            settings={
                "min_observed_pct": night.settings.region.change.min_observed_pct,
                "block": block_of(night.grid),
            },
        )
        build = partial(_build_sums, night, group, changed)
        return night.catalog.produce(key, build).key

    return each(night, "change of parcels", parcels.groups, work)


def _build_sums(night: Night, group: Group, changed: TileKeys, folder: Path) -> Facts:
    weights = read_weights(night, group)
    added = StripSums(weights, bands=len(SUMMED))
    sd = np.full(weights.grid.shape, np.nan, np.float32)
    for piece in pieces(night.tiles, group.window):
        bands = (DELTA, SEASON_SD, LOST, SD)
        moved = read_piece(night, changed, MOVED_FILE, piece, bands)
        added.add(moved[:3], row=piece.row, column=piece.column)
        sd[piece.place] = moved[3]
    sums = change_sums(added)
    variogram = _variogram_of(night, changed[group.tile])
    seen = np.zeros(len(sums))
    area = weights.polygon_ha
    np.divide(sums["observed"].to_numpy(), area, out=seen, where=area > 0)
    shown = 100 * seen >= night.settings.region.change.min_observed_pct
    columns = {str(name): sums[name].to_numpy() for name in sums}
    columns |= {
        "residual": parcel_variance(weights, sd, variogram),
        "polygon_ha": weights.polygon_ha,
    }
    terms = PartTerms.of(
        weights.only(shown),
        sd,
        place=(group.window.row, group.window.column),
        block=block_of(night.grid),
    )
    write_part(folder / SUMS_FILE, columns, terms)
    return {"variogram": asdict(variogram)}


def _variogram_of(night: Night, tile: LayerKey) -> Variogram:
    facts = night.catalog.need(tile).facts
    told = facts.get("variogram")
    return Variogram(**told) if isinstance(told, dict) else noise_variogram(None)


def _changes(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    parts: list[LayerKey],
    moved: tuple[Floats, Floats, float],
) -> Changes:
    held = [read_arrays(night.catalog.need(key).path(SUMS_FILE)) for key in parts]
    names = ("observed", *SUMMED, "residual", "polygon_ha")
    found = {
        name: stacked(night, parcels, [part[name] for part in held]) for name in names
    }
    terms = ChangeTerms(
        before=moved[0],
        after=moved[1],
        model=load_model(night, trained.model),
        factors=factors_of(night.settings.region.biomass)[0],
        rules=change_rules(night),
        years=moved[2],
    )
    areas = areas_of(read_parcel_table(night, parcels))
    variograms = [_variogram_of(night, part) for part in parts]
    return measure_changes(
        Summed(
            pd.DataFrame({name: found[name] for name in ("observed", *SUMMED)}),
            found["residual"],
            found["polygon_ha"],
        ),
        terms,
        (areas.area_ha, areas.area_se_ha),
        region_variance(
            [read_terms(part) for part in held], night.grid, typical(variograms)
        ),
    )


def _write(folder: Path, changes: Changes) -> None:
    changes.table.to_parquet(folder / CHANGE_FILE, index=False)
    changes.region.to_parquet(folder / REGION_FILE, index=False)
