import numpy as np
import pytest

from geo.correlation import Variogram
from geo.errors import TooFewObservationsError
from models.learning.blocks import (
    choose_blocks,
    folds_for,
    given_blocks,
    practical_range,
)
from models.learning.table import PlotTable
from models.scores import block_ids


def _field(length_m, n=400, extent=20_000.0, seed=0):
    """Plots whose target, beyond one feature, varies smoothly over ``length_m``."""
    generator = np.random.default_rng(seed)
    x, y = generator.uniform(0, extent, (2, n))
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    covariance = np.exp(-apart / length_m) if length_m else np.eye(n)
    smooth = np.linalg.cholesky(covariance + 1e-9 * np.eye(n)) @ generator.normal(
        size=n
    )
    feature = generator.normal(size=n)
    return PlotTable.of({"f": feature}, 5 * feature + smooth, x=x, y=y)


def test_the_practical_range_by_hand():
    assert practical_range(Variogram(1.0, 3.0, 500.0)) == 1500.0
    assert practical_range(Variogram(1.0, 0.01, 500.0)) == 0.0
    assert practical_range(Variogram(0.0, 0.0, 0.0)) == 0.0


def test_blocks_are_as_wide_as_residuals_are_alike():
    correlated = choose_blocks(_field(600.0))
    assert correlated.reason == "variogram"
    assert 900 <= correlated.block_m <= 3600  # the truth is 1800
    independent = choose_blocks(_field(0.0))
    assert independent.block_m < correlated.block_m


def test_too_wide_a_range_leaves_ten_blocks_and_says_so():
    table = _field(20_000.0)
    blocks = choose_blocks(table)
    assert blocks.reason == "few_blocks"
    assert block_ids(table.x, table.y, block_m=blocks.block_m).max() + 1 >= 10
    assert blocks.range_m > blocks.block_m


def test_plots_in_one_place_are_too_few_blocks():
    n = 60
    table = PlotTable.of(
        {"f": np.arange(n, dtype=float)},
        np.arange(n, dtype=float) % 7,
        x=np.repeat([0.0, 90.0, 900.0], 20),
        y=np.zeros(n),
    )
    with pytest.raises(TooFewObservationsError, match="10 blocks"):
        choose_blocks(table)
    with pytest.raises(TooFewObservationsError, match="lie in 1 of"):
        given_blocks(table, 5000.0)


def test_few_plots_get_ten_folds():
    assert folds_for(100, 40) == 10
    assert folds_for(100, 8) == 8
    assert folds_for(5000, 40) == 5
