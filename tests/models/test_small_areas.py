"""Estimates of one area among others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.estimation import Sample, fit, plain_mean, regression
from models.small_areas import MIN_EXTENDED, estimate_area, synthetic
from models.targets import Target

HAND = Sample(np.array([0.0, 2, 2, 4]), np.arange(4.0).reshape(-1, 1))
LAST_TWO = np.array([False, False, True, True])


def by_method(found):
    return {one.method: one for one in (found.chosen, *found.others)}


def test_small_area_by_hand():
    """Residuals inside -0.6 and 0.2: mean -0.2, variance of it 0.16; see HAND's fit."""
    found = by_method(estimate_area(HAND, LAST_TWO, Target.known([2.0])))
    corrected = found["small_area"]
    assert corrected.estimate == pytest.approx(2.6 - 0.2)
    assert corrected.g_variance == pytest.approx(0.0536 + 0.16)
    assert corrected.ext_variance == pytest.approx(0.16)
    assert corrected.degrees == 1
    assert corrected.counts.second_in_area == 2
    alone = found["synthetic"]
    assert (alone.estimate, alone.g_variance) == pytest.approx((2.6, 0.0536))
    assert alone.ext_variance is None
    assert alone.degrees == 2
    assert (found["plain_mean"].estimate, found["plain_mean"].variance) == (3.0, 1.0)


def test_pseudo_small_area_by_hand():
    """Five first-phase plots inside: 0.72 more, and the spread of y for 2/5 of it."""
    target = Target.first_phase(np.arange(5.0).reshape(-1, 1))
    found = by_method(estimate_area(HAND, LAST_TWO, target))["small_area"]
    assert found.estimate == pytest.approx(2.4)
    assert found.g_variance == pytest.approx(0.0536 + 0.16 + 0.72)
    assert found.ext_variance == pytest.approx(0.6 * 0.16 + 0.4 * 1.0)
    assert found.counts.first_in_area == 5


def test_extended_by_hand():
    """y is 2 x, and 7 more inside: no residual is left, and 0.25 gives 7.5."""
    y = np.array([0.0, 2, 1, 7, 9, 8])
    aux = np.array([0.0, 1, 0.5, 0, 1, 0.5]).reshape(-1, 1)
    inside = np.arange(6) >= 3
    found = by_method(estimate_area(Sample(y, aux), inside, Target.known([0.25])))
    extended = found["extended_synthetic"]
    assert extended.estimate == pytest.approx(7.5)
    assert extended.g_variance == pytest.approx(0.0, abs=1e-20)
    assert extended.degrees == 2


def drawn(seed, inside_count):
    rng = np.random.default_rng(seed)
    aux = rng.normal(20, 5, (40, 2))
    inside = np.arange(40) < inside_count
    y = 3 + aux @ [2.0, 1] + 5 * inside + rng.normal(0, 3, 40)
    return Sample(y, aux), inside, Target.known(rng.normal(20, 2, 2))


@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
@settings(max_examples=40, deadline=None)
def test_the_extended_estimate_is_the_synthetic_one_of_the_marked_model(seed, count):
    sample, inside, target = drawn(seed, count)
    found = by_method(estimate_area(sample, inside, target))["extended_synthetic"]
    x = np.column_stack([np.ones(40), sample.aux, inside])
    beta = np.linalg.lstsq(x, sample.y, rcond=None)[0]
    residual = sample.y - x @ beta
    assert residual[inside].mean() == pytest.approx(0, abs=1e-9)
    z = np.append(np.append(1, target.mean), 1)
    assert found.estimate == pytest.approx(z @ beta)
    weights = z @ np.linalg.pinv(x)
    assert found.g_variance == pytest.approx((weights**2 * residual**2).sum())
    inner = residual[inside]
    assert found.ext_variance == pytest.approx(inner.var(ddof=1) / count)


@given(st.integers(0, 2**32 - 1), st.floats(-1e3, 1e3))
@settings(max_examples=30, deadline=None)
def test_a_shift_inside_moves_all_but_the_synthetic_estimate_by_it(seed, shift):
    sample, inside, target = drawn(seed, 12)
    moved = Sample(sample.y + shift * inside, sample.aux)
    here = by_method(estimate_area(sample, inside, target))
    there = by_method(estimate_area(moved, inside, target))
    one = "extended_synthetic"
    assert there[one].estimate - here[one].estimate == pytest.approx(shift, abs=1e-6)
    assert there[one].g_variance == pytest.approx(here[one].g_variance, rel=1e-5)


@pytest.mark.parametrize(
    ("count", "method", "flags"),
    [
        (0, "synthetic", {"synthetic_only"}),
        (1, "synthetic", {"one_plot"}),
        (2, "small_area", {"few_plots"}),
        (MIN_EXTENDED - 1, "small_area", {"few_plots"}),
        (MIN_EXTENDED, "extended_synthetic", set()),
        (40, "regression", set()),
    ],
)
def test_what_is_chosen_and_what_is_said(count, method, flags):
    sample, inside, target = drawn(1, count)
    found = estimate_area(sample, inside, target)
    assert found.chosen.method == method
    assert set(found.chosen.flags) - {"outside_range"} == flags
    assert found.chosen.counts.second_in_area == count
    assert np.isfinite(found.chosen.variance)


def test_all_plots_inside_is_the_regression_estimate():
    sample, inside, target = drawn(1, 40)
    found = estimate_area(sample, inside, target)
    plain = regression(fit(sample), target)
    assert (found.chosen.estimate, found.chosen.variance) == (
        plain.estimate,
        plain.variance,
    )
    assert found.others[0].estimate == plain_mean(sample).estimate


def test_an_area_that_an_auxiliary_marks_has_no_extended_estimate():
    """As with a class that occurs nowhere else: the indicator would be twice there."""
    sample, inside, target = drawn(2, 10)
    marked = sample.with_indicator(inside)
    found = estimate_area(marked, inside, target.extended())
    assert found.chosen.method == "small_area"
    assert "no_extension" in found.chosen.flags
    assert "extended_synthetic" not in by_method(found)


def test_clusters_across_the_border_count_with_the_plots_inside():
    rng = np.random.default_rng(4)
    cluster = np.arange(40) // 4
    aux = rng.normal(size=(40, 1))
    sample = Sample(aux[:, 0] + rng.normal(size=40), aux, cluster)
    inside = np.arange(40) < 14
    found = by_method(estimate_area(sample, inside, Target.known([0.0])))
    corrected = found["small_area"]
    assert corrected.counts.second_in_area == 4
    assert corrected.degrees == 3
    model = fit(sample)
    plots = np.array([4, 4, 4, 2])
    residual = np.array(
        [
            (sample.y - model.predict(aux))[inside & (cluster == name)].mean()
            for name in range(4)
        ]
    )
    mean = (plots * residual).sum() / 14
    spread = ((plots / 3.5) ** 2 * (residual - mean) ** 2).sum() / 12
    assert corrected.estimate == pytest.approx(
        model.predict(np.zeros((1, 1)))[0] + mean
    )
    base = synthetic(model, Target.known([0.0]), level=0.9).g_variance
    assert corrected.g_variance == pytest.approx(base + spread)


def test_the_extended_estimate_is_for_clusters_inside_or_outside_whole():
    sample, _, target = drawn(3, 24)
    paired = Sample(sample.y, sample.aux, np.arange(40) // 2)
    whole = estimate_area(paired, np.arange(40) < 24, target)
    crossed = estimate_area(paired, np.arange(40) < 25, target)
    assert whole.chosen.method == "extended_synthetic"
    assert crossed.chosen.method == "small_area"


def test_coverage_in_an_area_that_departs_from_the_model():
    """The corrected limits hold the truth; those of the model alone hardly ever do."""
    rng = np.random.default_rng(9)
    x = rng.gamma(4, 3, (5_000, 1))
    here = rng.random(5_000) < 0.2
    y = 10 + 7 * x[:, 0] + 12 * here + (4 + x[:, 0]) * rng.normal(size=5_000)
    target = Target.known(x[here].mean(axis=0))
    hits = {"chosen": [], "synthetic": []}
    for _ in range(300):
        rows = rng.choice(5_000, 60, replace=False)
        found = estimate_area(Sample(y[rows], x[rows]), here[rows], target)
        for name, one in (
            ("chosen", found.chosen),
            ("synthetic", by_method(found)["synthetic"]),
        ):
            low, high = one.limits(one.variance)
            hits[name].append(low <= y[here].mean() <= high)
    assert 0.84 <= np.mean(hits["chosen"]) <= 0.96
    assert np.mean(hits["synthetic"]) < 0.5
