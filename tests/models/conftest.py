from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

from models.cover import CoverModel
from models.features import feature_stack
from models.training import CoverTable, Recipe, TrainedCover, train_cover

SIX_BANDS = ("blue", "green", "red", "nir", "nir08", "swir16")
"""The bands of a sensor without red edge: what a region may have of ``REFLECTANCE``."""


@dataclass(frozen=True)
class Forest:
    """A simulated square kilometre: 50 x 50 cells of 20 m with a known cover."""

    composite: xr.DataArray
    stack: xr.DataArray
    cover: xr.DataArray
    table: CoverTable
    trained: TrainedCover

    @property
    def model(self) -> CoverModel:
        return self.trained.model

    @property
    def band_names(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.composite["band"].to_numpy())


@pytest.fixture(scope="session")
def forest() -> Forest:
    generator = np.random.default_rng(5)
    size, stand = 50, np.arange(50) // 5
    stands = generator.uniform(0, 100, (10, 10))[stand][:, stand]
    cover = np.clip(stands + generator.normal(0, 8, (size, size)), 0, 100)
    share = cover / 100
    meadow = np.array([0.04, 0.08, 0.07, 0.30, 0.32, 0.25])
    wood = np.array([0.02, 0.04, 0.02, 0.28, 0.32, 0.13])
    mixed = meadow + share[..., None] * (wood - meadow)
    bands = mixed + generator.normal(0, 0.006, mixed.shape)
    places = {
        "y": 5000.0 - 20 * np.arange(size) - 10,
        "x": 20.0 * np.arange(size) + 10,
    }
    composite = xr.DataArray(
        np.moveaxis(bands, -1, 0).astype(np.float32),
        dims=("band", "y", "x"),
        coords={"band": list(SIX_BANDS), **places},
    )
    reference = xr.DataArray(cover, dims=("y", "x"), coords=places)
    stack = feature_stack(composite)
    table = CoverTable.from_maps(stack, reference)
    trained = train_cover(table, Recipe(block_m=200))
    return Forest(composite, stack, reference, table, trained)
