import pytest

from config.coefficients import load
from geo.errors import TooFewObservationsError
from models.sampling import (
    DiscountClass,
    Stratum,
    change_uncertainty,
    conservative,
    discount_share,
    sample_size,
    stratified_mean,
    t_90,
)


@pytest.fixture(scope="module")
def classes():
    rows = [one for one in load("sampling") if one.species_or_zone == "artool14"]
    return [DiscountClass(max(r.bounds[0], 0.0), r.bounds[1], r.value) for r in rows]


def test_t12_uncertainty_of_a_mean():
    mean, uncertainty = stratified_mean([Stratum(1.0, 45.328, 12.776, 34)])
    assert mean == 45.328
    assert t_90(33) == pytest.approx(1.69236, abs=5e-6)
    sem = 12.776 / 34**0.5
    assert sem == pytest.approx(2.1911, abs=5e-5)
    assert uncertainty == pytest.approx(0.0818, abs=5e-5)


@pytest.mark.parametrize(
    ("half_width", "expected"),
    [(6, 60), (9, 57.75), (11, 54.5), (15, 48.75), (20, 40)],
)
def test_t13_discount(classes, half_width, expected):
    assert conservative(60, half_width / 60, classes) == pytest.approx(expected)


def test_edges_belong_to_the_class_below(classes):
    shares = [discount_share(u, classes) for u in (0.0, 0.1, 0.15, 0.2, 0.3, 0.31)]
    assert shares == [0, 0, 0.25, 0.5, 0.75, 1.0]
    with pytest.raises(ValueError, match="No class"):
        discount_share(0.05, classes[1:])


def test_t14_change_between_two_inventories():
    change = change_uncertainty(1000, 0.12, 2600, 0.09)
    assert change == pytest.approx(0.164360, abs=5e-7)


def test_t27_sample_size():
    one = sample_size([20_000], [30], half_width_t_ha=8, t=1.645)
    assert one.exact == pytest.approx(37.98, abs=5e-3)
    assert one.by_stratum == (38,)
    two = sample_size([12_000, 8_000], [25, 40], half_width_t_ha=8, t=1.645)
    assert two.exact == pytest.approx(40.55, abs=5e-3)
    assert two.by_stratum == (20, 21)


def test_strata_weigh_by_area():
    strata = [Stratum(30.0, 100.0, 10.0, 5), Stratum(10.0, 20.0, 10.0, 5)]
    mean, uncertainty = stratified_mean(strata)
    assert mean == pytest.approx(80.0)
    sem = (0.75**2 * 100 / 5 + 0.25**2 * 100 / 5) ** 0.5
    assert uncertainty == pytest.approx(t_90(8) * sem / 80)
    with pytest.raises(TooFewObservationsError, match="2 plots in 2 strata"):
        stratified_mean([Stratum(1, 1, 1, 1), Stratum(1, 1, 1, 1)])
