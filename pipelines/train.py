"""The reference raster and one season's composite to a cover model with its card."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo.align import align
from geo.correlation import Variogram, empirical_variogram, fit_exponential
from geo.errors import TooFewObservationsError
from geo.grid import Grid
from geo.layers import REFLECTANCE
from geo.period import Period
from models.cover import CoverModel
from models.features import FEATURE_NAMES, features_of_table
from models.training import CoverTable, Recipe, train_cover
from pipelines.composite import COMPOSITE_FILE
from pipelines.context import Night, TileKeys
from pipelines.sources import roots_of
from pipelines.stored import digests, region_band
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey
from store.reference import Reference, read_reference

BAND_NAMES = tuple(band.name for band in REFLECTANCE)
COVER_RANGE = (0.0, 100.0)
MAX_SAMPLES = 40_000
"""Reference cells that are learnt from; more make no model better."""


def read_cover(night: Night) -> Reference:
    """Read the region's reference raster of tree cover, in per cent."""
    settings = night.settings
    return read_reference(
        settings.data_root / settings.region.model.tree_cover,
        roots=roots_of(settings),
        valid_range=COVER_RANGE,
    )


def sample_reference(night: Night, composite: TileKeys, period: Period) -> LayerKey:
    """Average a composite over the cells of the reference raster; keep the table."""
    reference = read_cover(night)
    key = LayerKey.of(
        "sample",
        region=night.settings.region.name,
        period=str(period),
        inputs={"composite": digests(composite), "reference": reference.digest},
        settings={"most": MAX_SAMPLES},
    )

    def build(folder: Path) -> Facts:
        chosen = _chosen(reference, night.grid)
        columns = [
            _on_reference(night, composite, index, reference.grid)[chosen]
            for index in range(1, len(BAND_NAMES) + 1)
        ]
        rows, across = np.divmod(chosen, reference.grid.width)
        table: dict[str, NDArray[np.generic]] = {
            "bands": np.column_stack(columns),
            "cover_pct": reference.values.reshape(-1)[chosen],
            "x": reference.grid.xs()[across],
            "y": reference.grid.ys()[rows],
        }
        write_arrays(folder / "sample.npz", table)
        return {"cells": len(chosen)}

    return night.catalog.produce(key, build).key


def train_model(night: Night, sample: LayerKey) -> LayerKey:
    """Train the cover model and keep it with its card, or raise ``ModelError``."""
    model = night.settings.region.model
    key = LayerKey.of(
        "cover-model",
        region=night.settings.region.name,
        period=sample.period,
        inputs={"sample": sample.digest},
        settings=model.model_dump(mode="json", exclude={"tree_cover"}),
    )

    def build(folder: Path) -> Facts:
        held = read_arrays(night.catalog.need(sample).path("sample.npz"))
        table = CoverTable(
            FEATURE_NAMES,
            features_of_table(held["bands"], BAND_NAMES),
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


def _chosen(reference: Reference, grid: Grid) -> NDArray[np.int64]:
    """Return the reference cells to learn from: known, and thinned to even steps."""
    known = np.flatnonzero(np.isfinite(reference.values.reshape(-1)))
    if len(known) == 0:
        raise TooFewObservationsError(
            f"The reference raster has no value on {grid}.",
            zh="参考栅格在本区域内没有有效值，请检查其范围。",
            cure="Check the reference raster's place and nodata value.",
        )
    count = min(len(known), MAX_SAMPLES)
    return known[np.linspace(0, len(known) - 1, count).round().astype(np.int64)]


def _on_reference(
    night: Night, composite: TileKeys, index: int, grid: Grid
) -> NDArray[np.float32]:
    band = region_band(night, composite, COMPOSITE_FILE, index)
    aligned = align(
        band,
        night.grid.transform,
        night.grid.crs,
        grid,
        resampling="average",
        nodata=np.nan,
    )
    return np.asarray(aligned, dtype=np.float32).reshape(-1)
