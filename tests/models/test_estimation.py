"""Regression estimates of a region: as printed, by hand, then what must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import TableError, TooFewObservationsError
from models.estimates import student
from models.estimation import Sample, fit, plain_mean, regression
from models.targets import Target


def columns(*values):
    return np.array(values, float).reshape(-1, 1)


LIDAR = Sample(
    np.array([30.0, 48, 61, 85, 96, 118]), columns(4, 6, 8, 10, 12, 14), names=("x",)
)
HAND = Sample(np.array([0.0, 2, 2, 4]), columns(0, 1, 2, 3))


def test_t21_as_printed():
    model = fit(LIDAR)
    np.testing.assert_allclose(model.coefficients(), [-5.171429, 8.685714], atol=5e-7)
    found = regression(model, Target.known([9.5]))
    assert found.estimate == pytest.approx(77.342857, abs=5e-7)
    assert found.g_variance == pytest.approx(1.069899, abs=5e-7)
    assert found.ext_variance == pytest.approx(1.169524, abs=5e-7)
    assert found.se == pytest.approx(1.03436, abs=5e-6)
    assert np.sqrt(found.ext_variance) == pytest.approx(1.08145, abs=5e-6)
    plain = plain_mean(LIDAR)
    assert (plain.estimate, plain.se) == pytest.approx((73.0, 13.3116), abs=5e-5)


def test_both_variances_by_hand():
    """Slope 6/5, intercept 0.2, residuals -0.2 0.6 -0.6 0.2, g 0.4 0.8 1.2 1.6."""
    model = fit(HAND)
    np.testing.assert_allclose(model.coefficients(), [0.2, 1.2])
    np.testing.assert_allclose(model.residual, [-0.2, 0.6, -0.6, 0.2])
    target = Target.known([2.0])
    np.testing.assert_allclose(model.g_weights(target), [0.4, 0.8, 1.2, 1.6])
    found = regression(model, target)
    assert found.estimate == pytest.approx(2.6)
    assert found.ext_variance == pytest.approx(0.8 / 3 / 4)
    assert found.g_variance == pytest.approx(0.8576 / 16)
    assert (found.degrees, found.counts.second, found.counts.first) == (2, 4, None)
    assert model.r2() == pytest.approx(1 - 0.8 / 8)


def test_a_sampled_first_phase_adds_its_variance_by_hand():
    """The mean of 0..4 is 2 with variance 2.5/5; the slope squared is 1.44."""
    target = Target.first_phase(columns(0, 1, 2, 3, 4))
    found = regression(fit(HAND), target)
    assert found.estimate == pytest.approx(2.6)
    assert found.ext_variance == pytest.approx(0.8 / 12 + 0.72)
    assert found.g_variance == pytest.approx(0.0536 + 0.72)
    assert found.counts.first == 5


def test_limits_are_those_of_student():
    found = regression(fit(HAND), Target.known([2.0]))
    assert student(2, 0.9) == pytest.approx(2.919986)  # tables of t, 5 % on each side
    low, high = found.limits(found.g_variance)
    half = 2.919986 * np.sqrt(0.0536)
    assert (low, high) == pytest.approx((2.6 - half, 2.6 + half), abs=1e-5)
    assert found.limits(None) is None


def test_clusters_by_hand():
    """Clusters {1, 3} and {6}: mean 10/3, (M/Mbar)(y - mean) = -16/9 and 16/9."""
    sample = Sample(np.array([1.0, 3, 6]), columns(0, 1, 2), np.array([7, 7, 9]))
    found = plain_mean(sample)
    assert found.estimate == pytest.approx(10 / 3)
    assert found.variance == pytest.approx(256 / 81)
    assert (found.counts.second, found.degrees) == (2, 1)


def test_clusters_as_the_report_writes_them():
    """Equations 63-67, each sum written out."""
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(8), [1, 2, 3, 4, 1, 2, 3, 4])
    aux = rng.normal(size=(20, 2))
    y = 3 + aux @ [2.0, -1] + rng.normal(size=20)
    one = rng.integers(0, 12, 60)
    first = rng.normal(size=(60, 2))
    found = regression(
        fit(Sample(y, aux, cluster)), Target.first_phase(first, cluster=one)
    )
    m, z, yc = [], [], []
    for name in range(8):
        rows = cluster == name
        m.append(rows.sum())
        z.append(np.append(1, aux[rows].mean(axis=0)))
        yc.append(y[rows].mean())
    inverse = np.linalg.inv(
        sum(k * np.outer(v, v) for k, v in zip(m, z, strict=True)) / 8
    )
    beta = inverse @ sum(k * v * u for k, v, u in zip(m, z, yc, strict=True)) / 8
    residual = [u - v @ beta for v, u in zip(z, yc, strict=True)]
    middle = sum(
        k**2 * r**2 * np.outer(v, v) for k, r, v in zip(m, residual, z, strict=True)
    )
    covariance = inverse @ (middle / 64) @ inverse
    m1 = np.array([(one == name).sum() for name in range(12)])
    z1 = np.array([first[one == name].mean(axis=0) for name in range(12)])
    mean = (m1[:, None] * z1).sum(axis=0) / 60
    scatter = sum(
        (k / 5) ** 2 * np.outer(v - mean, v - mean) for k, v in zip(m1, z1, strict=True)
    )
    of_first = beta[1:] @ (scatter / (12 * 11)) @ beta[1:]
    target = np.append(1, mean)
    assert found.estimate == pytest.approx(target @ beta)
    assert found.g_variance == pytest.approx(target @ covariance @ target + of_first)
    external = sum((k / 2.5) ** 2 * r**2 for k, r in zip(m, residual, strict=True)) / 56
    assert found.ext_variance == pytest.approx(external + of_first)


def test_the_g_variance_is_the_sandwich_of_white():
    """White (1980), doi:10.2307/1912934, HC0 of the prediction at the target."""
    rng = np.random.default_rng(5)
    aux = rng.normal(size=(30, 3))
    y = aux @ [1.0, 2, 3] + rng.normal(size=30)
    target = rng.normal(size=3)
    found = regression(fit(Sample(y, aux)), Target.known(target))
    x = np.column_stack([np.ones(30), aux])
    hat = np.linalg.pinv(x)
    residual = y - x @ hat @ y
    z = np.append(1, target) @ hat
    assert found.g_variance == pytest.approx((z**2 * residual**2).sum())


SAMPLES = st.builds(
    lambda seed, n, k, clustered: (np.random.default_rng(seed), n, k, clustered),
    st.integers(0, 2**32 - 1),
    st.integers(12, 40),
    st.integers(1, 4),
    st.booleans(),
)


def drawn(rng, n, k, clustered):
    aux = rng.normal(rng.uniform(-100, 100), 10.0 ** rng.uniform(-2, 3), (n, k))
    y = rng.normal(50, 20, n)
    cluster = np.arange(n) // 2 + 1 if clustered and n >= 2 * k + 8 else None
    return Sample(y, aux, cluster), Target.known(rng.normal(aux.mean(), aux.std(), k))


@given(SAMPLES)
@settings(max_examples=60, deadline=None)
def test_g_weights_are_calibrated(case):
    sample, target = drawn(*case)
    model = fit(sample)
    units = model.units
    weights = units.plots * model.g_weights(target) / len(units)
    assert weights.sum() == pytest.approx(1, rel=1e-9)
    np.testing.assert_allclose(
        weights @ units.aux, target.mean, rtol=1e-7, atol=1e-7 * np.abs(units.aux).max()
    )
    found = regression(model, target)
    assert weights @ units.y == pytest.approx(found.estimate, rel=1e-7, abs=1e-6)
    by_weights = (weights**2 * model.residual**2).sum()
    assert found.g_variance == pytest.approx(by_weights, rel=1e-7)


@given(SAMPLES)
@settings(max_examples=40, deadline=None)
def test_the_order_of_plots_does_not_matter(case):
    sample, target = drawn(*case)
    order = case[0].permutation(sample.y.size)
    cluster = None if sample.cluster is None else sample.cluster[order]
    turned = Sample(sample.y[order], sample.aux[order], cluster)
    here, there = (regression(fit(one), target) for one in (sample, turned))
    assert here.estimate == pytest.approx(there.estimate, rel=1e-8, abs=1e-8)
    assert here.g_variance == pytest.approx(there.g_variance, rel=1e-7)
    assert here.ext_variance == pytest.approx(there.ext_variance, rel=1e-7)


@given(SAMPLES)
@settings(max_examples=40, deadline=None)
def test_a_linear_truth_is_found_without_error(case):
    sample, target = drawn(*case)
    slope = case[0].normal(size=sample.k)
    y = 7 + sample.aux @ slope
    found = regression(fit(Sample(y, sample.aux, sample.cluster)), target)
    scale = np.abs(y).max() + np.abs(target.mean @ slope)
    assert found.estimate == pytest.approx(7 + target.mean @ slope, abs=1e-8 * scale)
    assert np.sqrt(found.g_variance) <= 1e-8 * scale
    assert np.sqrt(found.ext_variance) <= 1e-8 * scale


@given(SAMPLES)
@settings(max_examples=40, deadline=None)
def test_units_of_measurement_do_not_matter(case):
    sample, target = drawn(*case)
    factor = 10.0 ** case[0].uniform(-3, 3, sample.k)
    rescaled = Sample(10 * sample.y, 5 + sample.aux * factor, sample.cluster)
    here = regression(fit(sample), target)
    there = regression(fit(rescaled), Target.known(5 + target.mean * factor))
    assert there.estimate == pytest.approx(10 * here.estimate, rel=1e-6, abs=1e-5)
    assert there.g_variance == pytest.approx(100 * here.g_variance, rel=1e-5)


def test_a_first_phase_that_is_the_sample_gives_the_plain_mean():
    """Nothing is known beyond the plots, so nothing is gained: to the last digit."""
    found = regression(fit(LIDAR), Target.first_phase(LIDAR.aux))
    plain = plain_mean(LIDAR)
    assert found.estimate == pytest.approx(plain.estimate)
    assert found.ext_variance == pytest.approx(plain.variance)


def test_an_estimate_at_the_mean_of_the_plots_is_their_mean():
    found = regression(fit(LIDAR), Target.known([9.0]))
    assert found.estimate == pytest.approx(73.0)
    assert found.g_variance == pytest.approx(found.ext_variance * 5 / 6)


def test_clusters_of_one_plot_are_plots():
    single = Sample(LIDAR.y, LIDAR.aux, np.arange(6))
    here = regression(fit(LIDAR), Target.known([9.5]))
    assert regression(fit(single), Target.known([9.5])) == here


def test_a_census_weighs_units_by_size():
    target = Target.census(columns(1, 5), size=np.array([3.0, 1]))
    np.testing.assert_array_equal(target.mean, [2.0])
    assert target.units is None
    assert not target.covariance.any()


def test_a_weight_of_zero_is_a_plot_outside_the_forest():
    weighted = Target.first_phase(columns(0, 2, 9), weight=np.array([1.0, 1, 0]))
    plain = Target.first_phase(columns(0, 2))
    assert (weighted.mean, weighted.covariance) == (plain.mean, plain.covariance)
    assert weighted.units == 2


def test_coverage_of_the_limits_on_a_population_that_is_known():
    """Curved, with errors that grow: 90 % limits hold it in 85-95 % of samples.

    In two phases they only do so with the variance of the first phase in them.
    """
    rng = np.random.default_rng(20)
    x = rng.gamma(4, 3, 20_000)
    y = 10 + 7 * x + 0.15 * x**2 + (4 + x) * rng.normal(size=x.size)
    known = Target.known([x.mean()])
    hits = np.zeros((500, 4), bool)
    for row in hits:
        first = rng.choice(x.size, 200, replace=False)
        second = first[:80]
        model = fit(Sample(y[second], columns(*x[second])))
        census = regression(model, known)
        sampled = regression(model, Target.first_phase(columns(*x[first])))
        blind = regression(model, Target.known([x[first].mean()]))
        row[:] = [
            low <= y.mean() <= high
            for low, high in (
                census.limits(census.g_variance),
                census.limits(census.ext_variance),
                sampled.limits(sampled.g_variance),
                blind.limits(blind.g_variance),
            )
        ]
    share = hits.mean(axis=0)
    assert ((share[:3] >= 0.85) & (share[:3] <= 0.95)).all(), share
    assert share[3] < 0.75


def test_too_few_plots_for_the_auxiliaries():
    sample = Sample(np.arange(3.0), columns(1, 2, 4))
    with pytest.raises(TooFewObservationsError, match="1 auxiliaries needs at least 4"):
        fit(sample)
    clusters = Sample(np.arange(6.0), LIDAR.aux, np.array([1, 1, 2, 2, 3, 3]))
    with pytest.raises(TooFewObservationsError, match="at least 4 clusters, have 3"):
        fit(clusters)
    with pytest.raises(TooFewObservationsError, match="at least 2 units, have 1"):
        plain_mean(Sample(np.ones(1), columns(1)))
    with pytest.raises(TooFewObservationsError, match="at least 2 units, have 1"):
        Target.first_phase(columns(1))


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (np.full(6, 0.1), "b has the same value in all 6"),
        (3 - 2 * LIDAR.aux[:, 0], "b follows exactly from a"),
        (np.zeros(6), "b has the same value in all 6"),
    ],
)
def test_an_auxiliary_that_explains_nothing_is_named(second, what):
    aux = np.column_stack([LIDAR.aux, second])
    with pytest.raises(TableError) as caught:
        fit(Sample(LIDAR.y, aux, names=("a", "b")))
    assert what in caught.value.what
    assert caught.value.where["field"] == "b"
    assert caught.value.zh
    assert caught.value.cure


def test_large_numbers_with_small_spread_are_no_constant():
    aux = 4e6 + LIDAR.aux  # northings in metres
    found = regression(fit(Sample(LIDAR.y, aux)), Target.known([4e6 + 9.5]))
    assert found.estimate == pytest.approx(77.342857, abs=1e-5)


def test_nan_is_named_and_never_averaged():
    with pytest.raises(TableError, match="x of plot 2 is nan"):
        Sample(np.arange(4.0), columns(1, np.nan, 2, 3), names=("x",))
    with pytest.raises(TableError, match="y of plot 1 is inf"):
        Sample(np.array([np.inf, 1]), columns(1, 2))
    with pytest.raises(TableError, match=r"shape \(3, 1\)"):
        Sample(np.arange(4.0), columns(1, 2, 3))


def test_a_target_beyond_the_plots_is_flagged():
    model = fit(LIDAR)
    assert "outside_range" in regression(model, Target.known([15.0])).flags
    assert "outside_range" not in regression(model, Target.known([14.0])).flags


def test_sizes_must_add_up_to_something():
    with pytest.raises(TableError, match="add up to 0"):
        Target.census(columns(1, 2), size=np.zeros(2))
