"""What all cells of a model share of its error."""

from dataclasses import replace

import numpy as np

from models.learning.boosting import BoostingCandidate
from models.learning.recipe import Recipe
from models.learning.training import train
from tests.models.learning.conftest import TARGET, simulated


def test_shared_and_own_error_make_the_interval(trained, others):
    """sd^2 is the shared part and the residual, both widened alike."""
    model = trained.model
    columns = [others.names.index(name) for name in model.names]
    features = others.features[:, columns].T
    found, shared = model.predict(features), model.loadings(features)
    assert shared.shape == (model.shared_errors, features.shape[1])
    squared = (shared.astype(np.float64) ** 2).sum(axis=0)
    rest = found.sd.astype(np.float64) ** 2 - squared
    assert (rest > 0).all()
    # What is left is the spread without the fit's own variance.
    bare = model.spread.sd(found.mean.astype(np.float64), np.zeros(rest.size))
    np.testing.assert_allclose(np.sqrt(rest), bare, rtol=1e-3)


def test_a_cell_without_a_feature_has_none(trained):
    features = simulated(n=20, seed=5).features.T[:, :6].copy()
    names = trained.model.names
    features = features[[simulated(n=20, seed=5).names.index(name) for name in names]]
    features[1, 2] = np.nan
    shared = trained.model.loadings(features)
    assert np.isnan(shared[:, 2]).all()
    assert np.isfinite(np.delete(shared, 2, axis=1)).all()
    whole = trained.model.loadings(features[:, :1])
    np.testing.assert_array_equal(shared[:, :1], whole)


def test_trees_share_the_error_of_their_mean_residual():
    plots = simulated(n=120)
    trained = train(plots, Recipe(TARGET, block_m=2500.0, candidates=("ridge",)))
    mean_se = trained.card["residual"]["mean_se"]
    figures = trained.figures
    error = figures.observed - figures.predicted
    # Blocks lie apart: about that of a mean of as many independent errors, or more.
    assert mean_se > 0.5 * error.std() / np.sqrt(error.size)
    assert mean_se < error.std()
    columns = trained.model.standard.columns(plots.features.T)
    boosted = BoostingCandidate().refit(
        _rows(columns, plots.observed), {"trees": 40}, seed=0
    )
    model = replace(trained.model, fitted=boosted)
    assert model.shared_errors == 1
    shared = model.loadings(plots.features.T)
    mean, _ = boosted.predict(model.standard.columns(plots.features[:, model.order].T))
    np.testing.assert_allclose(shared[0], mean_se * model.spread.widening(mean), 1e-5)


def _rows(columns, observed):
    from models.learning.candidates import Rows

    return Rows(
        columns, observed, np.arange(observed.size) % 4, np.arange(observed.size)
    )
