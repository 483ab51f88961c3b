"""The two models behind a routed cell, and what they say of its errors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.correlation import Variogram
from geo.grid import Grid
from models.cover import CoverModel
from models.learning.model import LearnedModel
from models.routes import scaled_to_cells
from pipelines.context import Night
from pipelines.routed_maps import NUMBERS
from pipelines.routes import Card, card_of, load_learned
from pipelines.season import Trained, full_density
from pipelines.train import load_model, residual_variogram

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Models:
    """What a routed cell's figures come from: the region's own model, and tier 1's."""

    number: int
    """Of the route in rasters."""
    learned: LearnedModel
    card: Card
    cover: CoverModel
    density_t_ha: float

    @property
    def variogram(self) -> Variogram:
        """Of the residuals, as ``models.routes`` takes them to be, (t/ha)^2."""
        told = self.card["residual_of_cells"]
        return Variogram(
            float(told["nugget"]), float(told["sill"]), float(told["range_m"])
        )

    @property
    def shared_relative_se(self) -> float:
        """What the equations behind all plots share, relative to their biomass."""
        return float(self.card["plot_error"]["shared_relative_se"])

    @property
    def cover_root(self) -> Floats:
        """S (k + 1, k + 1) with S S' the covariance of the cover model."""
        values, vectors = np.linalg.eigh(self.cover.covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))

    def of_cells(self, sd: Singles, grid: Grid) -> Singles:
        """Return the residual sd of cells from that of what was learnt from."""
        told = self.variogram
        scaled = scaled_to_cells(
            sd.astype(np.float64),
            nugget=told.nugget,
            sill=told.sill,
            finer=self._finer(grid),
        )
        return scaled.astype(np.float32)

    def variograms(self, grid: Grid) -> dict[str, Variogram]:
        """Return how the residuals of cells go together, by either model."""
        told = self.variogram
        nugget = told.nugget * max(self._finer(grid), 1.0)
        return {
            "learned": Variogram(nugget, told.sill, told.range_m),
            "default": residual_variogram(self.cover, grid),
        }

    def _finer(self, grid: Grid) -> float:
        """How many cells go into a plot, or whatever else was learnt from."""
        return float(self.card["support_ha"]) / grid.cell_ha


def models_of(night: Night, trained: Trained) -> Models:
    """Read both models of a night whose route has one of its own."""
    key = trained.route.model
    if key is None:
        raise TypeError("Tier 1 has no model of its own.")
    return Models(
        NUMBERS[trained.route.name],
        load_learned(night, key),
        card_of(night, key),
        load_model(night, trained.model),
        full_density(night.settings.region.biomass).value,
    )


def model_digests(trained: Trained) -> list[str]:
    """Return the digests of both models, for keys."""
    if trained.route.model is None:
        raise TypeError("Tier 1 has no model of its own.")
    return [trained.model.digest, trained.route.model.digest]
