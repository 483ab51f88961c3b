import numpy as np
import pytest

from models.carbon import Z_90
from models.learning.spread import (
    Spread,
    coverage_by_third,
    cross_fitted_sd,
    thirds,
)


def test_thirds_by_hand():
    assert thirds(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).tolist() == [
        0,
        0,
        1,
        1,
        2,
        2,
    ]
    covered = coverage_by_third(
        np.arange(6.0), np.ones(6), np.array([0.0, 10, 2, 3, 13, 14])
    )
    assert covered == [0.5, 1.0, 0.0]


def test_ninety_per_cent_of_what_it_learnt_from_is_inside():
    generator = np.random.default_rng(0)
    mean = generator.uniform(0, 100, 99)
    observed = mean + generator.normal(0, 7, 99)
    spread = Spread.fit(mean, np.zeros(99), observed)
    inside = np.abs(observed - mean) <= Z_90 * spread.sd(mean, np.zeros(99))
    # The conformal rank of 99 is 90; ties at the very edge may fall either way.
    assert 0.87 <= inside.mean() <= 0.95


@pytest.mark.parametrize("kind", ["even", "growing", "heavy"])
def test_new_observations_are_covered_in_every_third(kind):
    generator = np.random.default_rng(2)

    def draw(n):
        mean = generator.gamma(3, 40, n)
        noise = {
            "even": generator.normal(0, 30, n),
            "growing": generator.normal(0, 1, n) * (5 + 0.25 * mean),
            "heavy": generator.standard_t(3, n) * (10 + 0.1 * mean),
        }[kind]
        return mean, np.full(n, 25.0), mean + noise

    mean, own, observed = draw(600)
    spread = Spread.fit(mean, own, observed)
    mean, own, observed = draw(30_000)
    shares = coverage_by_third(mean, spread.sd(mean, own), observed)
    assert all(0.85 <= share <= 0.95 for share in shares)


def test_honest_coverage_uses_other_folds():
    generator = np.random.default_rng(5)
    mean = generator.uniform(0, 100, 200)
    observed = mean + generator.normal(0, 1, 200)
    folds = np.arange(200) % 5
    observed[folds == 3] += 50  # a fold unlike the others is not covered
    sd = cross_fitted_sd(mean, np.zeros(200), observed, folds)
    outside = np.abs(observed - mean) > Z_90 * sd
    assert outside[folds == 3].all()


def test_numbers_come_back_and_wrong_ones_are_refused():
    mean = np.arange(60.0)
    spread = Spread.fit(mean, np.ones(60), mean + np.sin(mean))
    again = Spread.from_array(spread.to_array())
    np.testing.assert_array_equal(again.sd(mean, mean), spread.sd(mean, mean))
    for wrong in (np.ones(3), np.ones(7), np.array([1, 0, 0, -1, 0, 1.0])):
        with pytest.raises(ValueError, match="spread"):
            Spread.from_array(wrong)


def test_predictions_that_are_all_the_same_have_one_spread():
    spread = Spread.fit(np.full(40, 5.0), np.zeros(40), 5 + np.sin(np.arange(40.0)))
    sd = spread.sd(np.array([5.0, 5.0]), np.zeros(2))
    assert sd[0] == sd[1] > 0
