from types import SimpleNamespace

import numpy as np
import pytest

from config.settings import load
from geo.together import PartTerms
from models.change import ChangeRules, SeasonPair, baseline_class, learn_noise
from models.stocks import season_sd
from pipelines import stocks
from store.arrays import read_arrays

RULES = ChangeRules(max_growth_t_ha_yr=12.0, min_cells=20)


def test_cells_unseen_in_the_training_season_still_have_a_season_error():
    rng = np.random.default_rng(0)
    before = rng.uniform(65, 95, 100)
    after = before + rng.normal(4, 2, 100)
    before[:30] = np.nan  # a cloud in the training season
    after[30:40] = np.nan  # and one in this season
    moisture = np.full(100, 0.4)
    pair = SeasonPair(
        before, after, np.where(np.isnan(before), np.nan, moisture), moisture
    )
    noise = learn_noise(pair, RULES).cover

    error = season_sd(noise, baseline_class(after, RULES))

    np.testing.assert_array_equal(np.isnan(error), np.isnan(after))
    assert error[0] == pytest.approx(4, abs=1.5)
    assert (error[~np.isnan(error)] > 0).all()


def test_the_training_season_has_no_season_error_where_anything_was_seen():
    strata = np.array([2, 0, -1], np.int8)
    np.testing.assert_array_equal(season_sd(None, strata), [0.0, 0.0, np.nan])


def test_the_part_of_a_group_survives_the_disk(tmp_path):
    terms = PartTerms(np.array([[1.5, 0.25], [0.0, 3.0]]), 3, 7, 11.5, 13.25)
    columns = {"cover_pct": np.array([50.0, np.nan])}
    stocks.write_part(tmp_path / "sums.npz", columns, terms)
    held = read_arrays(tmp_path / "sums.npz")
    np.testing.assert_array_equal(held["cover_pct"], columns["cover_pct"])
    again = stocks.read_terms(held)
    np.testing.assert_array_equal(again.placed, terms.placed)
    assert (again.row, again.column) == (3, 7)
    assert (again.own, again.area) == (11.5, 13.25)


def test_every_coefficient_behind_a_stock_is_in_its_key():
    night = SimpleNamespace(settings=load("carpathians"))
    told = {row["name"] for row in stocks.told_coefficients(night)}
    needed = {"default_agbd", "root_shoot", "carbon_fraction", stocks.POSITION_SE}
    assert needed <= told
