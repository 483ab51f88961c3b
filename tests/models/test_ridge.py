import numpy as np
import pytest
from sklearn.linear_model import Ridge as PeerRidge

from models.carbon import Z_90
from models.ridge import choose_penalty, fit_ridge


def test_a_line_by_hand():
    features = np.array([[0.0], [2.0], [4.0], [6.0]])
    observed = np.array([1.0, 5.0, 9.0, 13.0])  # 1 + 2 x
    fit = fit_ridge(features, observed, block=np.array([0, 0, 1, 1]), penalty=0.0)
    assert fit.centre[0] == 3.0
    assert fit.scale[0] == pytest.approx(np.sqrt(5))
    np.testing.assert_allclose(fit.beta, [7.0, 2 * np.sqrt(5)])
    np.testing.assert_allclose(fit.covariance, 0.0, atol=1e-12)  # no block disagrees
    mean, variance = fit.predict(np.array([[10.0]]))
    assert mean[0] == pytest.approx(21.0)
    assert variance[0] == pytest.approx(0.0, abs=1e-9)


def test_the_jackknife_of_a_mean_by_hand():
    # A feature that never varies leaves the intercept: block means 1 and 5.
    observed = np.array([0.0, 2.0, 5.0, 5.0])
    fit = fit_ridge(
        np.ones((4, 1)), observed, block=np.array([0, 0, 1, 1]), penalty=1.0
    )
    assert fit.beta[0] == pytest.approx(3.0)
    # without a block: 5 and 1, mean 3; (2 - 1) / 2 x (4 + 4)
    assert fit.covariance[0, 0] == pytest.approx(4.0)


def test_the_fit_is_that_of_a_trusted_peer():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(300, 4)) * [1, 10, 0.1, 3] + 5
    observed = features @ [1.0, -0.2, 8.0, 0.0] + generator.normal(size=300)
    fit = fit_ridge(features, observed, block=np.arange(300) // 10, penalty=0.3)
    standard = fit.design(features)[:, 1:]
    peer = PeerRidge(alpha=0.3 * 300).fit(standard, observed)
    np.testing.assert_allclose(fit.beta[1:], peer.coef_, rtol=1e-8)
    assert fit.beta[0] == pytest.approx(peer.intercept_, rel=1e-8)


def test_noise_gets_a_heavy_penalty_and_signal_a_light_one():
    generator = np.random.default_rng(1)
    features, folds = generator.normal(size=(60, 12)), np.arange(60) % 5
    noise = generator.normal(size=60)
    heavy, _ = choose_penalty(features, noise, folds=folds)
    light, rmse = choose_penalty(features, features[:, 0] * 5.0, folds=folds)
    assert heavy >= 0.3
    assert light <= 1e-4
    assert rmse < 0.1


def _coverage(as_one_block):
    """Share of 300 worlds whose 90 % limits hold the true mean at a place."""
    generator = np.random.default_rng(2)
    block = np.repeat(np.arange(36), 9)
    place, hits = np.array([[0.5, -1.0]]), 0
    for _ in range(300):
        # Features and errors both have a part that a whole block shares.
        features = generator.normal(size=(36, 2))[block]
        features = features + 0.5 * generator.normal(size=(324, 2))
        error = generator.normal(0, 4, 36)[block] + generator.normal(0, 8, 324)
        observed = 60 + features @ [10.0, -5.0] + error
        used = block if as_one_block else np.arange(324)
        fit = fit_ridge(features, observed, block=used, penalty=1e-6)
        mean, variance = fit.predict(place)
        hits += abs(mean[0] - 70.0) <= Z_90 * np.sqrt(variance[0])
    return hits / 300


def test_ninety_percent_limits_hold_the_truth():
    assert 0.85 <= _coverage(as_one_block=True) <= 0.95


def test_limits_that_ignore_the_blocks_do_not():
    assert _coverage(as_one_block=False) < 0.80
