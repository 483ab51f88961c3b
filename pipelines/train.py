"""The reference raster and one season's composite to a cover model with its card."""

import json
import math
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo.align import averages_at, centres_on, source_of_grid, window
from geo.correlation import Variogram, empirical_variogram, fit_exponential
from geo.errors import TooFewObservationsError
from geo.grid import Grid, Tile
from geo.period import Period
from models.cover import CoverModel
from models.features import features_from, features_of_table
from models.training import CoverTable, Recipe, train_cover
from pipelines.composite import COMPOSITE_FILE
from pipelines.context import Night, TileKeys, each_tile
from pipelines.sources import roots_of
from pipelines.stored import digests
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey
from store.rasters import read_window
from store.reference import Reference, read_reference

COVER_RANGE = (0.0, 100.0)
MAX_SAMPLES = 40_000
"""Reference cells that are learnt from; more make no model better."""
TILE_SAMPLES = 4_000
"""Reference cells of one tile at least, so that each can be tied to other seasons."""
MIN_PATCHES = 40
"""Patches that the sample of a tile is spread over."""
SAMPLE_FILE = "sample.npz"


def read_cover(night: Night) -> Reference:
    """Read the region's reference raster of tree cover, in per cent."""
    settings = night.settings
    return read_reference(
        settings.data_root / settings.region.model.tree_cover,
        roots=roots_of(settings),
        valid_range=COVER_RANGE,
    )


def sample_reference(night: Night, composite: TileKeys, period: Period) -> TileKeys:
    """Average a composite over cells of the reference raster, tile by tile.

    Of a large tile some patches as wide as a block of cross-validation, evenly spread:
    neighbours tell how far errors go together, which scattered cells could not.
    """
    reference = read_cover(night)
    block_m = night.settings.region.model.block_m

    def work(tile: Tile) -> LayerKey:
        key = LayerKey.of(
            "sample",
            region=night.settings.region.name,
            period=night.label(period),
            tile=tile.name,
            inputs={
                "composite": composite[tile.name].digest,
                "reference": reference.digest,
            },
            settings={"most": _most(night), "block_m": block_m},
        )
        build = partial(_sample, night, tile, composite[tile.name], reference)
        return night.catalog.produce(key, build).key

    return each_tile(night, "sample", work)


def train_model(night: Night, sample: TileKeys) -> LayerKey:
    """Train the cover model and keep it with its card, or raise ``ModelError``."""
    model = night.settings.region.model
    key = LayerKey.of(
        "cover-model",
        region=night.settings.region.name,
        period=next(iter(sample.values())).period,
        inputs={"sample": digests(sample)},
        settings=model.model_dump(mode="json", exclude={"tree_cover"}),
    )

    def build(folder: Path) -> Facts:
        held = read_sample(night, list(sample.values()))
        if not len(held["cover_pct"]):
            raise TooFewObservationsError(
                f"The reference raster has no value on {night.grid}.",
                zh="参考栅格在本区域内没有有效值，请检查其范围。",
                cure="Check the reference raster's place and nodata value.",
            )
        table = CoverTable(
            features_from(night.bands),
            features_of_table(held["bands"], night.bands),
            held["cover_pct"],
            held["x"],
            held["y"],
        )
        trained = train_cover(table, Recipe(model.block_m, folds=model.folds))
        empirical = empirical_variogram(
            trained.x,
            trained.y,
            trained.residual_pct,
            max_distance_m=3 * model.block_m,
            bins=15,
        )
        fitted = fit_exponential(empirical)
        write_arrays(folder / "model.npz", trained.model.to_arrays())
        cell_m = read_cover(night).grid.cell_m
        card = trained.model.card | {
            "variogram": {
                "nugget_pct2": fitted.nugget,
                "sill_pct2": fitted.sill,
                "range_m": fitted.range_m,
                "cell_m": cell_m,
            },
            "year": model.year,
        }
        write_json(folder / "card.json", card)
        return {"cells": len(held["cover_pct"])}

    return night.catalog.produce(key, build).key


def read_sample(night: Night, keys: list[LayerKey]) -> dict[str, NDArray[np.float64]]:
    """Read the reference cells of some tiles, one after another."""
    held = [read_arrays(night.catalog.need(key).path(SAMPLE_FILE)) for key in keys]
    return {name: np.concatenate([part[name] for part in held]) for name in held[0]}


def load_model(night: Night, key: LayerKey) -> CoverModel:
    """Read a model back; raise ``ModelError`` if it is not the one that was trained."""
    artefact = night.catalog.need(key)
    card = json.loads(artefact.path("card.json").read_text(encoding="utf-8"))
    return CoverModel.from_arrays(read_arrays(artefact.path("model.npz")), card)


def residual_variogram(model: CoverModel, grid: Grid) -> Variogram:
    """Return the residual variogram for the cells of ``grid``.

    The nugget was measured on the reference's larger cells; cells that are n times
    smaller in area get n times the nugget, so that their mean over one reference cell
    errs as the reference cell does.
    """
    told = model.card["variogram"]
    if not isinstance(told, dict):
        raise TypeError("The model's card has no variogram.")
    finer = max((float(told["cell_m"]) / grid.cell_m) ** 2, 1.0)
    return Variogram(
        float(told["nugget_pct2"]) * finer,
        float(told["sill_pct2"]),
        float(told["range_m"]),
    )


def _most(night: Night) -> int:
    """Return how many reference cells a tile gives."""
    return max(MAX_SAMPLES // len(night.tiles), TILE_SAMPLES)


def _sample(
    night: Night, tile: Tile, composite: LayerKey, reference: Reference, folder: Path
) -> Facts:
    part, values = _part_on(night, tile, reference)
    chosen = np.flatnonzero(np.isfinite(values.reshape(-1)))
    block_cells = max(round(night.settings.region.model.block_m / part.cell_m), 1)
    # Some dozens of patches at least, however wide a block is: one says little.
    side = min(block_cells, max(math.isqrt(_most(night) // MIN_PATCHES), 1))
    chosen = in_patches(chosen, part, side, most=_most(night))
    path = night.catalog.need(composite).path(COMPOSITE_FILE)
    whole = slice(0, tile.grid.height), slice(0, tile.grid.width)
    bands = read_window(path, range(1, len(night.bands) + 1), *whole)
    averages = averages_at(bands, source_of_grid(tile.grid), part, chosen)
    rows, across = np.divmod(chosen, part.width)
    table: dict[str, NDArray[np.generic]] = {
        "bands": averages.T.astype(np.float32),
        "cover_pct": values.reshape(-1)[chosen],
        "x": part.xs()[across],
        "y": part.ys()[rows],
    }
    write_arrays(folder / SAMPLE_FILE, table)
    return {"cells": len(chosen)}


def _part_on(
    night: Night, tile: Tile, reference: Reference
) -> tuple[Grid, NDArray[np.float32]]:
    """Return the reference cells of a tile; those that a border cuts have no value."""
    source = reference.grid
    there = window(tile.grid, source_of_grid(source))
    if there is None:
        nothing = source.window(slice(0, 1), slice(0, 1))
        return nothing, np.full((1, 1), np.nan, np.float32)
    part, values = source.window(*there), reference.read(*there)
    across, down = centres_on(part, tile.grid)
    margin = 0.75 * source.cell_m / tile.grid.cell_m
    inside = np.ones(part.shape, dtype=bool)
    for place, first, count, whole in (
        (down, tile.row, tile.grid.height, night.grid.height),
        (across, tile.column, tile.grid.width, night.grid.width),
    ):
        # At the edge of the region no neighbour has the rest of the cell.
        if first > 0:
            inside &= place >= margin
        if first + count < whole:
            inside &= place <= count - margin
    values[~inside] = np.nan
    return part, values


def in_patches(
    cells: NDArray[np.int64], grid: Grid, side: int, *, most: int
) -> NDArray[np.int64]:
    """Return at most about ``most`` cells, in squares of ``side`` cells, evenly taken.

    All of them where there are no more than that.
    """
    if len(cells) <= most:
        return cells
    row, column = np.divmod(cells, grid.width)
    patch = row // side * -(-grid.width // side) + column // side
    there, size = np.unique(patch, return_counts=True)
    count = max(int(most / size.mean()), 1)
    taken = there[np.linspace(0, len(there) - 1, count).round().astype(np.int64)]
    return cells[np.isin(patch, taken)]
