import numpy as np
import pytest

from models.learning.recipe import Recipe
from models.learning.table import PlotTable, Target
from models.learning.training import train

NAMES = ("h95", "ndvi", "vv", "slope", "noise")
TARGET = Target("agb_t_ha", "t/ha", (0.0, 1200.0))
QUICK = Recipe(TARGET, candidates=("ridge", "gaussian_process"))


def simulated(n=240, seed=3, extent=20_000.0):
    """Plots in a forest of stands: biomass is a power of height, seen with noise."""
    generator = np.random.default_rng(seed)
    x, y = generator.uniform(0, extent, (2, n))
    height = 18 + 6 * np.sin(x / 3000) * np.cos(y / 2500) + generator.normal(0, 3, n)
    height = np.maximum(height, 2.0)
    dense = generator.uniform(0.5, 1.0, n)
    biomass = 0.9 * height**1.7 * dense * np.exp(generator.normal(0, 0.15, n))
    columns = {
        "h95": height + generator.normal(0, 0.5, n),
        "ndvi": 0.4 + 0.5 * dense + generator.normal(0, 0.03, n),
        "vv": -14 + 0.05 * biomass**0.7 + generator.normal(0, 0.6, n),
        "slope": generator.uniform(0, 35, n),
        "noise": generator.normal(0, 1, n),
    }
    return PlotTable.of(columns, biomass, x=x, y=y)


@pytest.fixture(scope="session")
def plots():
    return simulated()


@pytest.fixture(scope="session")
def trained(plots):
    return train(plots, QUICK)


@pytest.fixture(scope="session")
def others():
    """Plots of the same forest that no model has seen."""
    return simulated(n=4000, seed=11)
