import numpy as np
import pytest

from models.learning.scales import back, onto, slope, smear_of, usable_scales


def test_scales_that_a_target_allows():
    assert usable_scales(np.array([1.0, 2.0])) == ("plain", "root", "log")
    assert usable_scales(np.array([0.0, 2.0])) == ("plain", "root")
    assert usable_scales(np.array([-1.0, 2.0])) == ("plain",)


def test_there_and_back_by_hand():
    observed = np.array([4.0, 9.0])
    assert onto("root", observed).tolist() == [2.0, 3.0]
    assert back("root", np.array([2.0, -1.0]), 0.25).tolist() == [4.25, 0.25]
    assert back("log", np.log(observed), 1.1) == pytest.approx([4.4, 9.9])
    assert back("plain", observed, 0.0).tolist() == [4.0, 9.0]
    assert slope("root", np.array([2.0, -1.0]), 0.25).tolist() == [4.0, 1.0]
    assert slope("log", np.log(observed), 1.1) == pytest.approx([4.4, 9.9])


@pytest.mark.parametrize("scale", ["root", "log"])
def test_the_way_back_has_no_bias(scale):
    generator = np.random.default_rng(0)
    value = generator.uniform(3, 4, 200_000)
    noise = generator.normal(0, 0.5, value.size)
    seen = (value + noise) ** 2 if scale == "root" else np.exp(value + noise)
    predicted = back(scale, value, smear_of(scale, noise))
    assert predicted.mean() == pytest.approx(seen.mean(), rel=0.005)
    naive = back(scale, value, 0.0 if scale == "root" else 1.0)
    assert naive.mean() < 0.99 * seen.mean()


def test_a_wild_logarithm_stays_a_number():
    assert np.isfinite(back("log", np.array([1e6, -1e6]), 1.0)).all()
