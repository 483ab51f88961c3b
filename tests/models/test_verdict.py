from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm

from geo.layers import VERDICTS
from models.biomass import CarbonFactors, Factor
from models.change import ChangeRules
from models.verdict import (
    IMPLAUSIBLE_GAIN,
    ParcelNoise,
    Stand,
    adjusted_p,
    judge,
    parcel_change,
)

RULES = ChangeRules(max_growth_t_ha_yr=6.0)
FACTORS = CarbonFactors(Factor(100.0, 20.0), Factor(0.25, 0.05), Factor(0.5, 0.02))
SEASON_SD = (30.0, 10.0, 1.0)
"""What open land, sparse and closed stands share of the season's error, %."""


def sums(observed, moved, lost=None, mix=(0, 0, 1)):
    observed = np.asarray(observed, dtype=np.float64)
    lost = np.zeros(observed.size) if lost is None else lost
    season = observed * np.dot(mix, SEASON_SD)
    return pd.DataFrame(
        {"observed": observed, "moved": moved, "season": season, "lost": lost}
    )


def noise(residual, model=0.0):
    residual = np.atleast_1d(np.asarray(residual, dtype=np.float64))
    return ParcelNoise(residual, np.full(residual.shape, float(model)))


def change(delta, se, *, loss_pct=0.0, observed_pct=100.0):
    n = len(delta)
    return pd.DataFrame(
        {
            "observed_pct": np.broadcast_to(observed_pct, n).astype(float),
            "delta_pct": np.asarray(delta, dtype=np.float64),
            "se_pct": np.broadcast_to(se, n).astype(float),
            "loss_pct": np.broadcast_to(loss_pct, n).astype(float),
        }
    )


def stand(n, years=3.0, area=2.0, area_se=0.0):
    return Stand(FACTORS, np.full(n, area), np.full(n, area_se), years)


def verdicts(table, rules=RULES, **where):
    return judge(table, stand(len(table), **where), rules)["verdict"].tolist()


def test_a_parcel_by_hand():
    table = parcel_change(
        sums([4.0], [-40.0], lost=[1.0], mix=(0.25, 0.25, 0.5)),
        noise(9.0, model=4.0),
        area=np.array([5.0]),
    )
    row = table.iloc[0]
    assert row["observed_pct"] == 80.0
    assert row["delta_pct"] == -10.0
    assert row["loss_pct"] == 25.0
    assert row["season_sd_pct"] == pytest.approx(0.25 * 30 + 0.25 * 10 + 0.5 * 1)
    assert row["se_pct"] == pytest.approx(np.sqrt(9 + 4 + 10.5**2))


def test_a_parcel_that_nobody_saw_has_no_figures():
    table = parcel_change(sums([0.0], [0.0]), noise(np.nan), area=np.array([5.0]))
    assert table["observed_pct"].item() == 0.0
    assert table[["delta_pct", "se_pct", "loss_pct"]].isna().all(axis=None)
    assert verdicts(table) == ["not_observed"]


def test_adjusted_p_by_hand_and_by_a_peer():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.5])
    expected = [0.04, 0.04 * 4 / 3, np.nan, 0.04 * 4 / 3, 0.5]
    np.testing.assert_allclose(adjusted_p(p), expected)
    many = np.random.default_rng(0).uniform(size=50) ** 3
    np.testing.assert_allclose(adjusted_p(many), false_discovery_control(many))
    assert np.isnan(adjusted_p(np.full(3, np.nan))).all()


def test_verdicts_by_hand():
    table = pd.concat(
        [
            change([-20.0], 5.0),  # fell by four standard errors
            change([10.0], 3.0),  # rose by three, as much as a forest grows
            change([4.0], 5.0),
            change([-2.0], 5.0, loss_pct=25.0),  # a corner was cut
            change([-2.0], 5.0, loss_pct=19.9),
            change([-40.0], 5.0, observed_pct=49.0),
            change([60.0], 5.0),  # 60 t/ha in three years
        ],
        ignore_index=True,
    )
    told = judge(table, stand(len(table)), RULES)
    assert told["verdict"].tolist() == [
        "loss",
        "gain",
        "no_significant_change",
        "loss",
        "no_significant_change",
        "not_observed",
        "no_significant_change",
    ]
    assert told["note"].tolist() == [""] * 6 + [IMPLAUSIBLE_GAIN]
    assert np.isnan(told["change_p"][5])
    assert set(told["verdict"]) <= {code for code, *_ in VERDICTS}


def test_the_sink_and_its_error_by_hand():
    table = judge(change([6.0], 2.0), stand(1, area_se=0.1), RULES).iloc[0]
    # 6 % of 100 t/ha x 2 ha x 1.25 x 0.5 x 44/12 over 3 years
    per_pct = 100 / 100 * 2 * 1.25 * 0.5 * 44 / 12 / 3
    assert table["sink_tco2_yr"] == pytest.approx(6 * per_pct)
    relative = 0.2**2 + (0.05 / 1.25) ** 2 + 0.04**2 + 0.05**2
    variance = 2.0**2 + 6.0**2 * relative + 2.0**2 * relative
    assert table["sink_tco2_yr_se"] == pytest.approx(np.sqrt(variance) * per_pct)
    assert table["change_p"] == pytest.approx(2 * norm.sf(3))
    assert table["min_detectable_pct"] == pytest.approx(1.6449 * 2, rel=1e-4)
    assert table["min_detectable_tco2_yr"] == pytest.approx(
        1.6449 * 2 * per_pct, rel=1e-4
    )


def test_the_factors_error_never_changes_the_verdict():
    table = change([-20.0, 3.0, 9.0], 4.0)
    loose = replace(FACTORS, agbd_t_ha=Factor(100.0, 300.0))
    doubtful = replace(stand(3), factors=loose)
    assert judge(table, doubtful, RULES)["verdict"].tolist() == verdicts(table)


def test_no_error_at_all_is_not_a_crash():
    table = change([0.0, -5.0], 0.0)
    told = judge(table, stand(2), RULES)
    assert told["change_p"].tolist() == [1.0, 0.0]
    assert told["verdict"].tolist() == ["no_significant_change", "loss"]


def test_many_quiet_parcels_raise_few_false_alarms():
    generator = np.random.default_rng(6)
    quiet = change(generator.normal(0, 5, 1000), 5.0)
    told = judge(quiet, stand(1000), RULES)
    assert (told["change_p"] < 0.10).sum() > 70  # alone, each would be tested at 10 %
    assert (told["verdict"] != "no_significant_change").sum() <= 3


def test_a_meadow_that_greened_with_the_season_has_not_grown():
    open_land = (1, 0, 0)
    table = parcel_change(
        sums([4.0], [4 * 25.0], mix=open_land), noise(9.0), area=np.array([4.0])
    )
    assert verdicts(table) == ["no_significant_change"]


def test_years_have_to_pass():
    with pytest.raises(ValueError, match="later"):
        stand(1, years=0.0)


tables = st.lists(
    st.tuples(st.floats(-60, 60), st.floats(0.5, 20), st.floats(0, 40)), min_size=1
).map(
    lambda rows: change(
        [r[0] for r in rows], [r[1] for r in rows], loss_pct=[r[2] for r in rows]
    )
)


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_parcels_does_not_matter(table, chance):
    order = list(range(len(table)))
    chance.shuffle(order)
    told = judge(table, stand(len(table)), RULES)
    turned = judge(table.iloc[order].reset_index(drop=True), stand(len(table)), RULES)
    assert turned["verdict"].tolist() == told["verdict"].iloc[order].tolist()


@given(tables, st.floats(0.01, 1000))
def test_larger_parcels_of_the_same_cover_get_the_same_verdict(table, times):
    told = judge(table, stand(len(table)), RULES)
    larger = judge(table, stand(len(table), area=2.0 * times), RULES)
    assert larger["verdict"].tolist() == told["verdict"].tolist()
    np.testing.assert_allclose(
        larger["sink_tco2_yr"], told["sink_tco2_yr"] * times, rtol=1e-9, atol=1e-9
    )


@given(st.floats(0.01, 1000), st.floats(-50, 50))
def test_the_unit_of_the_weights_does_not_matter(times, moved):
    one = sums([4.0], [4 * moved], lost=[0.5])
    area = np.array([5.0])
    before = parcel_change(one, noise(9.0), area=area)
    after = parcel_change(one * times, noise(9.0), area=area * times)
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


@given(st.floats(-50, 50), st.floats(0, 100), st.floats(0, 100), st.floats(0, 50))
def test_more_noise_is_never_a_smaller_error(delta, residual, model, more):
    one, area = sums([4.0], [4 * delta]), np.array([4.0])
    before = parcel_change(one, noise(residual, model), area=area)
    louder = one.assign(season=one["season"] + 4 * more)
    for after in (
        parcel_change(one, noise(residual + more, model), area=area),
        parcel_change(one, noise(residual, model + more), area=area),
        parcel_change(louder, noise(residual, model), area=area),
    ):
        assert after["se_pct"].item() >= before["se_pct"].item()
        told = judge(after, stand(1), RULES)
        first = judge(before, stand(1), RULES)
        assert told["sink_tco2_yr_se"].item() >= first["sink_tco2_yr_se"].item()
        assert told["change_p"].item() >= first["change_p"].item()


def test_ninety_percent_limits_hold_the_true_change():
    generator = np.random.default_rng(8)
    n, season_sd = 4000, 3.0
    truth = generator.normal(0, 10, n)
    told = truth + generator.normal(0, 5, n) + generator.normal(0, season_sd, n)
    table = parcel_change(
        sums(np.ones(n), told).assign(season=season_sd),
        ParcelNoise(np.full(n, 25.0), np.zeros(n)),
        area=np.ones(n),
    )
    limit = 1.6449 * table["se_pct"]
    assert 0.85 <= (abs(table["delta_pct"] - truth) <= limit).mean() <= 0.95
