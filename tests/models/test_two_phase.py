"""Canopy heights calibrated by plots: by hand, and what a second phase owes to it."""

from dataclasses import replace

import numpy as np
import pytest

from geo.errors import ModelError, TooFewObservationsError
from models.learning.recipe import Recipe
from models.learning.table import PlotTable, Target
from models.learning.training import train
from models.two_phase import FEWEST, FirstPhase

RECIPE = Recipe(
    Target("agb_t_ha", "t/ha", (0.0, 1200.0)), block_m=500.0, candidates=("ridge",)
)


def plots(n, seed=0, noise=20.0):
    """Plots a kilometre apart under a canopy: 4 t/ha a metre and 0.2 its square."""
    draw = np.random.default_rng(seed)
    height = draw.uniform(2, 22, n)
    metrics = np.column_stack([height, height**2 + 9.0])
    agb = metrics @ [4.0, 0.2] + draw.normal(0, noise, n)
    return metrics, agb, 1000.0 * np.arange(n), np.zeros(n)


def test_without_scatter_the_weights_come_back():
    metrics, agb, x, y = plots(20, noise=0.0)
    first = FirstPhase.fit(metrics, agb, x, y)
    np.testing.assert_allclose(first.beta, [4.0, 0.2], rtol=1e-6)
    np.testing.assert_allclose(first.root, 0.0, atol=1e-6)
    np.testing.assert_allclose(first.unseen, agb, rtol=1e-6)


def test_bare_ground_holds_nothing_and_higher_never_less():
    """Biomass that falls with height has a weight of nought, not a negative one."""
    metrics, agb, x, y = plots(30)
    first = FirstPhase.fit(metrics, 300 - agb, x, y)
    assert (first.beta >= 0).all()
    bare = first.targets(np.zeros((4, 2)), seed=0)
    assert bare.mean.tolist() == [0.0] * 4
    assert (bare.loadings == 0).all()


def test_two_heights_by_hand():
    """One metric says nothing: b = sum(y) / sum(h) = 60 / 12, not sum(hy) / sum(hh)."""
    height = np.tile([2.0, 10.0], 10)
    metrics = np.column_stack([height, np.zeros(20)])
    agb = np.tile([20.0, 40.0], 10)
    first = FirstPhase.fit(metrics, agb, 1000.0 * np.arange(20), np.zeros(20))
    assert first.beta[0] == pytest.approx(5.0)


def test_all_plots_together_hold_what_the_fit_says():
    """Whatever the shape: here biomass has an intercept, which heights cannot have."""
    metrics, agb, x, y = plots(60)
    agb = np.maximum(agb + 40.0, 0.0)
    metrics[0], agb[0] = 0.0, 0.0
    first = FirstPhase.fit(metrics, agb, x, y)
    assert (metrics @ first.beta).sum() == pytest.approx(agb.sum(), rel=1e-6)


def test_targets_by_hand():
    metrics, agb, x, y = plots(40)
    first = FirstPhase.fit(metrics, agb, x, y)
    found = first.targets(metrics[:3], seed=1)
    np.testing.assert_allclose(found.mean, metrics[:3] @ first.beta)
    covariance = first.root @ first.root.T
    np.testing.assert_allclose(
        (found.loadings**2).sum(axis=1),
        np.einsum("ni,ij,nj->n", metrics[:3], covariance, metrics[:3]),
    )
    again = first.targets(metrics[:3], seed=1)
    np.testing.assert_array_equal(again.scatter, found.scatter)
    other = first.targets(metrics[:3], seed=2)
    assert (other.scatter != found.scatter).all()


def test_scatter_is_as_large_as_the_errors_in_unseen_blocks():
    metrics, agb, x, y = plots(200)
    first = FirstPhase.fit(metrics, agb, x, y)
    drawn = first.targets(np.tile(metrics, (20, 1)), seed=0).scatter
    assert np.sqrt(np.mean(drawn**2)) == pytest.approx(first.scores.rmse, rel=0.1)


def test_the_jackknife_is_near_the_spread_of_many_calibrations():
    """Standard errors of the mean target against 200 samples of 60 plots."""
    cells = plots(500, seed=99)[0].mean(axis=0)
    told, means = [], []
    for seed in range(200):
        first = FirstPhase.fit(*plots(60, seed=seed))
        means.append(float(cells @ first.beta))
        told.append(float(np.sqrt(((cells @ first.root) ** 2).sum())))
    assert np.mean(told) == pytest.approx(np.std(means), rel=0.15)


@pytest.mark.parametrize("n", [0, 3, FEWEST - 1])
def test_m01_too_few_plots_under_the_heights(n):
    with pytest.raises(TooFewObservationsError, match=f"{n} plots lie under") as caught:
        FirstPhase.fit(*plots(n))
    assert "样地" in caught.value.zh


def test_plots_in_one_corner_are_too_few():
    metrics, agb, x, y = plots(40)
    with pytest.raises(TooFewObservationsError, match=r"in 1 squares"):
        FirstPhase.fit(metrics, agb, x / 1e6, y)


@pytest.fixture(scope="module")
def cells():
    """Cells under heights, with one feature that follows the height and one not."""
    first = FirstPhase.fit(*plots(40, seed=4))
    draw = np.random.default_rng(5)
    n = 300
    height = draw.uniform(2, 22, n)
    targets = first.targets(np.column_stack([height, height**2 + 9.0]), seed=0)
    columns = {"a": height + draw.normal(0, 2, n), "b": draw.normal(0, 1, n)}
    x, y = draw.uniform(0, 8000, (2, n))
    ids = tuple(f"c{number}" for number in range(n))
    return PlotTable.of(columns, targets.mean, x=x, y=y, ids=ids), targets


def test_the_second_phase_carries_the_error_of_the_first(cells):
    table, targets = cells
    alone, both = train(table, RECIPE), train(table, RECIPE, targets)
    features = table.features[:, [table.names.index(n) for n in both.model.names]].T
    np.testing.assert_allclose(  # what is learnt is the same
        both.model.predict(features).mean, alone.model.predict(features).mean, rtol=1e-4
    )
    own = alone.model.loadings(features).astype(np.float64)
    whole = both.model.loadings(features).astype(np.float64)
    # Of the mean of all cells: that of the targets, moved all at once.
    factor = np.median(both.model.spread.factor)
    moved = targets.loadings.mean(axis=0) * factor
    expected = (whole.mean(axis=1) ** 2).sum()
    assert expected == pytest.approx(
        (moved**2).sum() + (own.mean(axis=1) ** 2).sum(), rel=0.35
    )
    assert expected > 0.6 * (moved**2).sum()
    assert (
        both.model.predict(features).sd > alone.model.predict(features).sd
    ).mean() > 0.95


def test_it_is_judged_against_targets_that_scatter_as_plots_do(cells):
    table, targets = cells
    alone, both = train(table, RECIPE), train(table, RECIPE, targets)
    scatter = np.sqrt(np.mean(targets.scatter**2))
    unseen = alone.card["scores"]["blocked"]["rmse"]
    judged = both.card["scores"]["blocked"]["rmse"]
    assert judged == pytest.approx(np.hypot(unseen, scatter), rel=0.15)
    assert 0.85 <= both.card["intervals"]["coverage_90"] <= 0.95
    # How errors go together is told by the second phase, not by independent draws.
    for name in ("nugget", "sill", "range_m"):
        assert both.card["residual"][name] == alone.card["residual"][name]


def test_the_order_of_cells_changes_nothing(cells):
    table, targets = cells
    order = np.random.default_rng(8).permutation(len(table.ids))
    told = train(table, RECIPE, targets).card
    turned = train(table.take(order), RECIPE, targets.take(order)).card
    assert turned == told


def test_a_model_that_does_not_know_its_own_error_cannot_carry_another_s(cells):
    table, targets = cells
    trees = replace(RECIPE, candidates=("extra_trees",))
    with pytest.raises(ModelError, match="cannot carry"):
        train(table, trees, targets)


def test_calibrations_of_many_samples_are_right_on_average():
    """80 plots at a time from a stand whose biomass levels off and scatters with it.

    A line through the origin by plain least squares is 3 % too low and more: tall
    plots, whose biomass is below the line, weigh most.
    """
    draw = np.random.default_rng(5)
    height = draw.gamma(4.0, 2.5, 20_000)
    metrics = np.column_stack([height, height**2])
    expected = 240 * (1 - np.exp(-height / 12))
    agb = expected * draw.lognormal(-0.08, 0.4, height.size)
    found, plain = [], []
    for _ in range(100):
        some = draw.choice(height.size, 80, replace=False)
        place = 1000.0 * np.arange(80)
        first = FirstPhase.fit(metrics[some], agb[some], place, np.zeros(80))
        found.append(float(metrics.mean(axis=0) @ first.beta) / agb.mean() - 1)
        least = np.linalg.lstsq(metrics[some, :1], agb[some])[0]
        plain.append(float(height.mean() * least[0]) / agb.mean() - 1)
    assert abs(np.mean(found)) < 0.015
    assert np.mean(plain) < -0.03
