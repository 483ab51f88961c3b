import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import TooFewObservationsError
from geo.grid import Grid
from geo.zonal import StripSums, from_shares
from models import change
from models.change import (
    ChangeRules,
    SeasonPair,
    baseline_class,
    change_sums,
    compare,
    difference_noise,
    learn_noise,
    moved_bands,
    moved_cells,
    sudden_loss,
)

RULES = ChangeRules(max_growth_t_ha_yr=6.0, min_cells=5)


def covering(shares):
    """Weights of a row of shares per parcel, over one row of cells of 1 ha."""
    count, width = shares.shape
    parcel, cell = np.nonzero(shares)
    names = tuple(f"P{number}" for number in range(count))
    grid = Grid("EPSG:3035", 0.0, 100.0, 100.0, width, 1)
    parts = parcel, cell, shares[parcel, cell]
    return from_shares(parts, names, grid, shares.sum(axis=1))


def add_up(weights, cells, noise, cut=None):
    """Return the sums over a row of cells, given whole or in two parts."""
    delta, _, season, lost = moved_bands(cells, noise)
    added = StripSums(weights, bands=3)
    for part in [slice(None)] if cut is None else [slice(0, cut), slice(cut, None)]:
        row = np.stack([delta, season, lost])[:, None, part]
        added.add(row, row=0, column=part.start or 0)
    return change_sums(added)


def season_pair(cover_a, cover_b, ndmi_drop):
    cover_a = np.asarray(cover_a, dtype=np.float32)
    ndmi_a = np.full(cover_a.shape, 0.4, dtype=np.float32)
    ndmi_b = (ndmi_a - np.asarray(ndmi_drop)).astype(np.float32)
    return SeasonPair(cover_a, np.asarray(cover_b, dtype=np.float32), ndmi_a, ndmi_b)


@pytest.fixture
def pair():
    """Twenty forest cells that scatter by about 4 % and 0.02, the first three bare."""
    wobble = np.tile([-4.0, -2.0, 0.0, 2.0, 4.0], 4)
    cover_a, drop = np.full(20, 80.0), -wobble / 200
    cover_b = cover_a + wobble
    cover_b[:3], drop[:3] = 20.0, 0.3
    return season_pair(cover_a, cover_b, drop)


def test_classes_by_hand():
    cover = np.array([0.0, 29.9, 30.0, 59.9, 60.0, 100.0, np.nan])
    assert baseline_class(cover, RULES).tolist() == [0, 0, 1, 1, 2, 2, -1]


def test_noise_by_hand():
    delta = np.array([1.0, 2.0, 3.0, 4.0, 90.0, -5.0, -5.0, -4.0, -5.0, -6.0, np.nan])
    strata = np.array([2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 2], dtype=np.int8)
    noise = difference_noise(delta, strata, RULES)
    assert noise.shift[1:] == (-5.0, 3.0)
    assert noise.sd[1] == 0.0  # MAD of 0 0 1 0 1
    assert noise.sd[2] == pytest.approx(1.4826, abs=1e-4)  # 2 1 0 1 87
    assert noise.season_sd[1:] == (5.0, 3.0)
    assert noise.cells == (0, 5, 5)
    assert noise.is_borrowed == (True, False, False)
    assert noise.shift[0] == np.median(delta[:10])  # that of all classes
    moved = noise.without_shift(delta, strata)
    np.testing.assert_allclose(moved[:6], [-2, -1, 0, 1, 87, 0])
    assert np.isnan(noise.cell_sd(np.array([-1], dtype=np.int8))[0])
    json.dumps(noise.record(), allow_nan=False)


def test_known_changes_can_be_left_out_and_the_season_has_a_floor():
    delta = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0])
    strata = np.full(11, 2, dtype=np.int8)
    quiet = np.arange(11) < 5
    noise = difference_noise(delta, strata, RULES, is_quiet=quiet, floor=1.0)
    assert noise.shift[2] == 1.0
    assert noise.season_sd[2] == pytest.approx(np.sqrt(2))


def test_too_few_quiet_cells_says_how_many():
    strata = np.full(4, 2, dtype=np.int8)
    with pytest.raises(TooFewObservationsError, match="4 quiet cells, 5 needed"):
        difference_noise(np.zeros(4), strata, RULES)


def test_bare_cells_are_found_and_only_they(pair):
    noise = learn_noise(pair, RULES)
    lost = sudden_loss(pair, noise, RULES)
    assert np.flatnonzero(lost).tolist() == [0, 1, 2]
    cells = compare(pair, noise, RULES)
    np.testing.assert_array_equal(cells.is_loss, lost)
    shift = noise.cover.shift[2]
    assert cells.delta_pct[0] == pytest.approx(20 - 80 - shift, abs=1e-5)
    assert (cells.sd_pct == noise.cover.sd[2]).all()


@pytest.mark.parametrize(
    ("cover_a", "cover_b", "drop", "why"),
    [
        (19.0, 0.0, 0.3, "it was no forest"),
        (80.0, 75.0, 0.3, "the cover hardly fell"),
        (80.0, 20.0, 0.02, "the index fell within its noise"),
        (80.0, np.nan, 0.3, "it was not seen"),
        (np.nan, 20.0, 0.3, "it was not seen"),
        (80.0, 100.0, -0.3, "it rose"),
    ],
)
def test_what_is_no_loss(pair, cover_a, cover_b, drop, why):
    noise = learn_noise(pair, RULES)
    one = season_pair([cover_a], [cover_b], [drop])
    assert not sudden_loss(one, noise, RULES)[0], why


def test_a_season_that_a_whole_class_shares_is_no_loss(pair):
    shifted = SeasonPair(
        pair.cover_a, pair.cover_b - 15, pair.ndmi_a, pair.ndmi_b - np.float32(0.1)
    )
    noise = learn_noise(shifted, RULES)
    lost = sudden_loss(shifted, noise, RULES)
    assert np.flatnonzero(lost).tolist() == [0, 1, 2]
    assert noise.cover.season_sd[2] > 13  # taken out, but not forgotten


def test_a_meadow_known_from_before_is_not_lost_after_a_lush_summer(pair):
    lush = SeasonPair(
        np.append(pair.cover_a, np.full(5, 75.0)),
        np.append(pair.cover_b, np.full(5, 15.0)),
        np.append(pair.ndmi_a, np.full(5, 0.4)),
        np.append(pair.ndmi_b, np.full(5, 0.1)),
    )
    assert sudden_loss(lush, learn_noise(lush, RULES), RULES)[20:].all()
    known = replace(lush, baseline_pct=np.append(pair.cover_a, np.full(5, 10.0)))
    noise = learn_noise(known, RULES)
    assert np.flatnonzero(sudden_loss(known, noise, RULES)).tolist() == [0, 1, 2]
    assert compare(known, noise, RULES).strata[20:].tolist() == [0] * 5
    assert noise.cover.season_sd[0] == pytest.approx(60.0)


def test_sums_by_hand(pair):
    pair.cover_b[19] = np.nan
    noise = learn_noise(pair, RULES)
    cells = compare(pair, noise, RULES)
    weights = np.zeros((3, 20))
    weights[0, :4] = [1.0, 0.5, 0.0, 0.25]  # 1.5 cells gone bare, 0.25 that stood
    weights[1, 18:] = 1.0  # one of two cells was seen
    sums = add_up(covering(weights), cells, noise)
    assert sums["observed"].tolist() == [1.75, 1.0, 0.0]
    assert sums["lost"].tolist() == [1.5, 0.0, 0.0]
    season_sd = noise.cover.season_sd[2]  # all of it stood closed before
    np.testing.assert_allclose(sums["season"], np.array([1.75, 1.0, 0.0]) * season_sd)
    moved = 1.5 * cells.delta_pct[0] + 0.25 * cells.delta_pct[3]
    np.testing.assert_allclose(sums["moved"], [moved, cells.delta_pct[18], 0.0])


@given(st.integers(1, 19), st.integers(0, 2**32 - 1))
def test_sums_of_tiles_add_up(cut, seed):
    generator = np.random.default_rng(seed)
    cover_a, cover_b = generator.uniform(0, 100, (2, 20))
    cover_b[generator.random(20) < 0.2] = np.nan
    pair = season_pair(cover_a, cover_b, generator.normal(0, 0.1, 20))
    rules = ChangeRules(max_growth_t_ha_yr=6.0, min_cells=2)
    noise = learn_noise(pair, rules)
    weights = generator.random((4, 20))
    cells = compare(pair, noise, rules)
    whole = add_up(covering(weights), cells, noise)
    again = add_up(covering(weights), cells, noise, cut)
    np.testing.assert_allclose(again, whole, atol=1e-9)
    parts = []
    for tile in (slice(0, cut), slice(cut, 20)):
        piece = SeasonPair(
            pair.cover_a[tile], pair.cover_b[tile], pair.ndmi_a[tile], pair.ndmi_b[tile]
        )
        cells = compare(piece, noise, rules)
        parts.append(add_up(covering(weights[:, tile]), cells, noise))
    np.testing.assert_allclose(whole, parts[0] + parts[1], atol=1e-9)


def test_the_bands_of_a_move_by_hand(pair):
    pair.cover_b[19] = np.nan
    noise = learn_noise(pair, RULES)
    cells = compare(pair, noise, RULES)
    delta, sd, season, lost = moved_bands(cells, noise)
    assert lost.tolist()[:4] == [1, 1, 1, 0]
    assert np.isnan([delta[19], sd[19], season[19], lost[19]]).all()
    assert set(season[:19]) == {noise.cover.season_sd[2]}
    np.testing.assert_array_equal(sd[:19], cells.sd_pct[:19])


def test_cells_move_alike_however_many_are_looked_at_at_once(pair, monkeypatch):
    noise = learn_noise(pair, RULES)
    expected = moved_bands(compare(pair, noise, RULES), noise).astype(np.float32)
    for at_once in (1, 7, 100):
        monkeypatch.setattr(change, "_CELLS_AT_ONCE", at_once)
        np.testing.assert_array_equal(moved_cells(pair, noise, RULES), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_growth_t_ha_yr": 0.0},
        {"class_bounds_pct": (60.0, 30.0)},
        {"loss_z": 3.0},
        {"alpha": 1.0},
        {"loss_area_pct": 0.0},
        {"min_observed_pct": 101.0},
    ],
)
def test_rules_that_contradict_themselves_are_refused(wrong):
    with pytest.raises(ValueError, match="contradict"):
        ChangeRules(**{"max_growth_t_ha_yr": 6.0, **wrong})
