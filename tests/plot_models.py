"""A model of a region that was promoted, made up from what a night shows."""

from pathlib import Path

import numpy as np
import rasterio

from models.features import feature_values, features_from
from models.learning.recipe import Recipe
from models.learning.table import PlotTable, Target
from models.learning.training import train
from store.model_files import card_digest, write_model
from store.model_shelf import promote, shelve

PLOT_HA = 0.04
TOP_T_HA = 200.0
"""Density that the made-up plots have at full cover."""


def read(path: Path) -> np.ndarray:
    """Return all bands of a published layer in their units, NaN where no value."""
    with rasterio.open(path) as source:
        values = source.read(masked=True).astype(np.float64).filled(np.nan)
        return values * np.array(source.scales)[:, None, None]


def plots_of(settings, folder: Path, count: int) -> PlotTable:
    """Take cells of forest as plots: biomass by their cover, and a seeded scatter."""
    (composite,) = (folder / "layers").glob("composite_*0601-*.tif")
    (cover,) = (folder / "layers").glob("cover_*.tif")
    bands = settings.region.bands
    reflectance = read(composite)[: len(bands)].astype(np.float32)
    features = feature_values(reflectance, bands).reshape(len(features_from(bands)), -1)
    known = read(cover)[0].reshape(-1)
    draw = np.random.default_rng(11)
    forest = np.flatnonzero((known > 30) & np.isfinite(features).all(axis=0))
    cells = np.sort(draw.choice(forest, count, replace=False))
    row, column = np.divmod(cells, settings.region.grid.width)
    agb = TOP_T_HA * (known[cells] / 100) ** 2 + draw.normal(0, 15, count)
    columns = dict(zip(features_from(bands), features[:, cells], strict=True))
    cell_m = settings.region.grid.cell_m
    return PlotTable.of(
        {name: values.astype(np.float64) for name, values in columns.items()},
        np.maximum(agb, 0.0),
        x=settings.region.grid.left + (column + 0.5) * cell_m,
        y=settings.region.grid.top - (row + 0.5) * cell_m,
    )


def trained_on(settings, folder: Path, count: int = 150):
    """Train a ridge on made-up plots of a finished night."""
    recipe = Recipe(
        Target("agb_t_ha", "t/ha", (0.0, 1200.0)), block_m=150, candidates=("ridge",)
    )
    return train(plots_of(settings, folder, count), recipe)


def shelved(settings, trained, *, looks_like: str, route: str = "plots", **more):
    """Keep a model as training a region would, and promote it; return its folder.

    ``more`` goes into its card; None takes a field out.
    """
    card = trained.card | {
        "route": route,
        "support_ha": PLOT_HA,
        "residual_of_cells": {"nugget": 40.0, "sill": 200.0, "range_m": 60.0},
        "source": {"region": settings.region.name, "equations_not_confirmed": []},
        "plots": {"listed": 150, "year": 2020},
        "plot_error": {"shared_relative_se": 0.1},
        "imagery": {"season": looks_like, "looks_like": looks_like},
        "region": {"domain_share": 1.0},
        "gate": [],
        "promoted": True,
    }
    card = {name: value for name, value in (card | more).items() if value is not None}
    digest = card_digest(card)
    shelf = settings.home / "models" / settings.region.name
    folder = shelve(
        shelf, digest, lambda f: write_model(f, trained.model.to_arrays(), card)
    )
    promote(folder, digest, route)
    return folder
