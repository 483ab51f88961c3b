"""Totals from plots: by hand, and over all samples of a small forest."""

import numpy as np
import pytest

from geo.errors import TooFewObservationsError
from models.anchor import AtPlots, Frame, anchor
from models.totals import anchored_total


def test_the_frame_by_hand():
    # p0: 3 of 4 seen ha are forest, 2 ha in all; p1: 1 of 1, 3 ha in all; p2: none.
    total = np.array([[3 * 80.0, 1 * 40.0, 0.0], [3 * 0.5, 1 * 0.3, 0.0]])
    frame = Frame.of(
        total,
        np.array([3.0, 1.0, 0.0]),
        np.array([4.0, 1.0, 2.0]),
        np.array([[2.0, 3.0, 5.0], [0.4, 0.4, 0.4]]),
    )
    assert frame.area_ha == pytest.approx(1.5 + 3.0)
    assert frame.area_se_ha == pytest.approx(np.hypot(0.3, 0.4))
    np.testing.assert_allclose(
        frame.mean, [(1.5 * 80 + 3 * 40) / 4.5, (1.5 * 0.5 + 3 * 0.3) / 4.5]
    )


def test_without_forest_there_is_no_frame():
    frame = Frame.of(np.zeros((2, 1)), np.zeros(1), np.zeros(1), np.ones((2, 1)))
    assert frame.area_ha == 0
    assert np.isnan(frame.mean).all()


def test_what_equations_share_is_in_the_error_and_no_plot_averages_it_out():
    draw = np.random.default_rng(1)
    aux = draw.uniform(20, 100, (60, 2))
    agb = 0.8 * aux[:, 0] + draw.normal(0, 10, 60)
    frame = Frame(100.0, 1.0, np.array([60.0, 60.0, 48.0]))
    plots = AtPlots(agb, aux, np.ones(60, bool), shared_se_t_ha=5.0)
    found = anchor(plots, frame)
    plain = anchored_total(agb, aux, [60.0, 60.0], area_ha=100.0, area_se_ha=1.0)
    assert found.total.total == pytest.approx(plain.total)
    assert found.total.se == pytest.approx(plain.se)
    assert found.se == pytest.approx(np.hypot(plain.se, 500.0))
    assert found.high - found.total.total == pytest.approx(1.6448536 * found.se)
    assert found.plots == 60
    assert found.flags == ()


def test_plots_elsewhere_lend_their_model_and_unseen_ones_nothing():
    draw = np.random.default_rng(2)
    aux = draw.uniform(20, 100, (50, 2))
    agb = 0.8 * aux[:, 0] + draw.normal(0, 10, 50)
    aux[:5] = np.nan
    inside = np.arange(50) < 25
    found = anchor(
        AtPlots(agb, aux, inside, 0.0), Frame(10.0, 0.0, np.array([60.0, 60.0]))
    )
    assert found.plots == 20
    assert found.total.mean.counts.second_in_area == 20
    assert "few_plots" in found.flags


def test_too_few_plots_for_the_auxiliaries_are_refused():
    aux = np.arange(6.0).reshape(3, 2)
    plots = AtPlots(np.arange(3.0), aux, np.ones(3, bool), 0.0)
    with pytest.raises(TooFewObservationsError):
        anchor(plots, Frame(1.0, 0.0, np.array([1.0, 2.0])))


def test_limits_hold_the_truth_in_about_nine_of_ten_samples():
    """A forest of 4,000 plots' worth; 300 samples of 60 by lot."""
    draw = np.random.default_rng(3)
    cover = draw.uniform(20, 100, 4000)
    ndmi = 0.004 * cover + draw.normal(0, 0.05, 4000)
    agb = 0.01 * cover**2 + draw.normal(0, 25, 4000)
    aux = np.column_stack([cover, ndmi])
    frame = Frame(40.0, 0.0, aux.mean(axis=0))
    held = 0
    for _ in range(300):
        some = draw.choice(4000, 60, replace=False)
        found = anchor(AtPlots(agb[some], aux[some], np.ones(60, bool), 0.0), frame)
        held += found.low <= 40.0 * agb.mean() <= found.high
    assert 0.85 <= held / 300 <= 0.95
