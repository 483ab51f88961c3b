import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import SettingsError
from geo.kernels import Kernel, WindRose

EVEN = WindRose((0.125,) * 8)


def at(kernel, distance):
    return float(kernel.radial(np.array([distance]))[0])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("exponential", np.exp(-2)), ("gaussian", np.exp(-2)), ("inverse", 1 / 9)],
)
def test_two_lengths_by_hand(shape, expected):
    kernel = Kernel(shape, length_m=10.0, cutoff_m=1000.0)
    assert at(kernel, 20.0) == pytest.approx(expected, rel=1e-12)
    assert at(kernel, 0.0) == 1.0


def test_the_taper_ends_at_the_cutoff_and_is_half_in_its_middle():
    plain = Kernel(length_m=1e9, cutoff_m=100.0, taper=0)
    faded = Kernel(length_m=1e9, cutoff_m=100.0, taper=0.1)
    assert at(faded, 90.0) == pytest.approx(1.0, abs=1e-6)
    assert at(faded, 95.0) == pytest.approx(0.5, abs=1e-6)
    assert at(faded, 100.0) == 0.0
    assert (at(plain, 100.0), at(plain, 100.1)) == (pytest.approx(1.0), 0.0)


def test_wind_from_the_west_takes_it_east():
    west = WindRose((0, 0, 0, 0, 0, 0, 1, 0))
    east_m, north_m = np.array([1.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    factor = west.factor(east_m, north_m)
    assert factor[0] == pytest.approx(8 * 2 / 3)  # B-spline: 1/6, 2/3, 1/6
    assert factor[1:].tolist() == [0.0, 0.0]


def test_half_the_wind_from_next_door_counts_a_sixth():
    west = WindRose((0, 0, 0, 0, 0, 0, 1, 0))
    towards = np.radians(45.0)  # wind from the south-west would do that
    assert west.factor(np.sin(towards), np.cos(towards)) == pytest.approx(8 / 6)


def test_an_even_rose_changes_nothing():
    east_m, north_m = np.random.default_rng(1).normal(0, 5e4, (2, 200))
    windy = Kernel(wind=EVEN).weight(east_m, north_m)
    np.testing.assert_allclose(windy, Kernel().weight(east_m, north_m), rtol=1e-12)


@given(
    st.lists(st.floats(0, 1), min_size=16, max_size=16).filter(lambda s: sum(s) > 0.1),
    st.floats(0, 0.5),
)
def test_a_rose_is_never_negative_and_keeps_the_mean(raw, calm):
    shares = tuple(value / sum(raw) * (1 - calm) for value in raw)
    turn = np.arange(3600) * 2 * np.pi / 3600
    factor = WindRose(shares, calm).factor(np.sin(turn), np.cos(turn))
    assert factor.min() >= -1e-12
    assert factor.mean() == pytest.approx(1, rel=1e-6)


def test_the_wind_does_not_matter_at_the_source():
    storm = Kernel(wind=WindRose((1, 0, 0, 0, 0, 0, 0, 0)))
    assert storm.weight(np.zeros(1), np.zeros(1))[0] == 1.0


@pytest.mark.parametrize(
    ("shares", "hint"),
    [
        ((0.25,) * 4, "got 4"),
        ((0.125,) * 7 + (-0.1,), "add up to"),
        ((0.1,) * 8, "add up to 0.8"),
        ((12.5,) * 8, "per cent"),
    ],
)
def test_a_rose_that_is_none(shares, hint):
    with pytest.raises(SettingsError, match=hint) as error:
        WindRose(shares)
    assert "风玫瑰" in error.value.zh


@pytest.mark.parametrize(
    "wrong", [{"length_m": 0}, {"cutoff_m": -1}, {"shape": "cubic"}, {"taper": 2}]
)
def test_a_kernel_that_is_none(wrong):
    with pytest.raises(SettingsError, match="kernel"):
        Kernel(**wrong)
