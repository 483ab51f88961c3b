"""One season of a region: from its scenes to tree cover and biomass, as keys."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from config.coefficients import Coefficient, find
from config.settings import BiomassSettings
from geo.grid import Tile
from geo.period import Period
from models.biomass import CarbonFactors, Factor, tier1_agbd
from models.change import SeasonPair
from pipelines.composite import COMPOSITE_FILE, build_composite
from pipelines.context import Night, TileKeys, each_tile
from pipelines.cover import (
    COVER,
    COVER_FILE,
    NDMI,
    harmonise,
    map_cover,
    shifted,
    shifts_of,
)
from pipelines.ingest import Ingested
from pipelines.routed_maps import AGBD_FILE, map_routes
from pipelines.routes import TIER1, Route
from pipelines.stored import Piece, read_piece
from pipelines.train import load_model, sample_reference
from store.catalog import Facts
from store.keys import LayerKey
from store.rasters import open_layer, read_window, write_layer


@dataclass(frozen=True, slots=True)
class Trained:
    """The model of cover, the table of the season that it was trained on, the route."""

    model: LayerKey
    sample: TileKeys
    route: Route = TIER1


@dataclass(frozen=True, slots=True)
class SeasonMaps:
    """Keys of a season's layers; ``learned`` and ``route`` by a model's route only."""

    period: Period
    composite: TileKeys
    sample: TileKeys
    shifts: TileKeys
    cover: TileKeys
    agbd: TileKeys
    learned: TileKeys = field(default_factory=dict)
    route: TileKeys = field(default_factory=dict)


def map_season(
    night: Night, ingested: Ingested, period: Period, trained: Trained
) -> SeasonMaps:
    """Build a season's composite, bring it to the training's look, map cover, AGBD."""
    composite = build_composite(night, ingested, period)
    sample = sample_reference(night, composite, period)
    shifts = harmonise(night, sample, trained.sample)
    cover = map_cover(night, composite, trained.model, shifts)
    agbd = _map_agbd(night, cover, trained.model)
    tier1 = SeasonMaps(period, composite, sample, shifts, cover, agbd)
    if trained.route.model is None:
        return tier1
    routed = map_routes(
        night,
        trained.route,
        {"composite": composite, "shifts": shifts, "cover": cover, "agbd": agbd},
    )
    return replace(tier1, agbd=routed.agbd, learned=routed.learned, route=routed.route)


def harmonised_piece(
    night: Night, season: SeasonMaps, piece: Piece
) -> NDArray[np.float32]:
    """Read a piece of a season's composite, shifted to the training's look."""
    bands = range(1, len(night.bands) + 1)
    values = read_piece(night, season.composite, COMPOSITE_FILE, piece, bands)
    shifts = shifts_of(night, season.shifts[piece.tile.name])
    return shifted(values, night.bands, shifts)


def full_density(settings: BiomassSettings) -> Coefficient:
    """Return the biomass density of full tree cover in the region's zone."""
    return find("default_agbd", settings.zone)


def factors_of(settings: BiomassSettings) -> tuple[CarbonFactors, list[Coefficient]]:
    """Return the coefficients of the region's zone, as factors and as rows."""
    agbd = full_density(settings)
    roots = find("root_shoot", settings.root_shoot, at=agbd.value)
    roots_se = find("root_shoot_relative_se")
    fraction = find("carbon_fraction")
    fraction_se = find("carbon_fraction_se")
    factors = CarbonFactors(
        Factor(agbd.value, agbd.se or 0.0),
        Factor(roots.value, roots.value * roots_se.value),
        Factor(fraction.value, fraction_se.value),
    )
    return factors, [agbd, roots, roots_se, fraction, fraction_se]


def pair_of(
    night: Night, before: SeasonMaps, after: SeasonMaps, tile: Tile
) -> SeasonPair:
    """Read cover and moisture index of two seasons, cell by cell of a tile."""
    whole = slice(0, tile.grid.height), slice(0, tile.grid.width)
    read = [
        read_window(
            night.catalog.need(season.cover[tile.name]).path(COVER_FILE),
            (COVER, NDMI),
            *whole,
        ).reshape(2, -1)
        for season in (before, after)
    ]
    return SeasonPair(read[0][0], read[1][0], read[0][1], read[1][1])


def _map_agbd(night: Night, cover: TileKeys, model: LayerKey) -> TileKeys:
    density = full_density(night.settings.region.biomass)

    def work(tile: Tile) -> LayerKey:
        source = cover[tile.name]
        key = LayerKey.of(
            "agbd",
            region=night.settings.region.name,
            period=source.period,
            tile=tile.name,
            inputs={"cover": source.digest},
            settings={
                "method": "tier1",
                "agbd": [density.value, density.se],
            },
        )
        build = partial(_build_agbd, night, tile, source, model)
        return night.catalog.produce(key, build).key

    return each_tile(night, "biomass", work)


def _build_agbd(
    night: Night, tile: Tile, source: LayerKey, model: LayerKey, folder: Path
) -> Facts:
    density = full_density(night.settings.region.biomass)
    residual_sd = load_model(night, model).residual_sd_pct
    opened = open_layer(
        night.catalog.need(source).path(COVER_FILE),
        night.layer("cover"),
        tile.grid,
        chunk_cells=night.chunk_cells(64),
    )
    cover_pct = opened.sel(band="cover_pct", drop=True)
    sd = opened.sel(band="cover_sd_pct", drop=True)
    agbd, agbd_sd = tier1_agbd(
        cover_pct,
        (sd**2 + residual_sd**2) ** 0.5,
        density.value,
        density.se or 0.0,
    )
    inside = opened.sel(band="in_domain", drop=True)
    values = xr.concat(
        [agbd, agbd_sd, inside], dim="band", coords="minimal", compat="override"
    )
    write_layer(
        folder / AGBD_FILE,
        night.layer("agbd"),
        values.transpose("band", "y", "x"),
        tile.grid,
        tags={"METHOD": "tier1", "UNIT": "t dry matter/ha"},
    )
    return {}
