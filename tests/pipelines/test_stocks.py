from types import SimpleNamespace

import numpy as np
import pytest

from config.settings import load
from models.change import ChangeRules, SeasonPair
from pipelines import stocks

RULES = ChangeRules(max_growth_t_ha_yr=12.0, min_cells=20)


def test_cells_unseen_in_the_training_season_still_have_a_season_error(monkeypatch):
    rng = np.random.default_rng(0)
    before = rng.uniform(65, 95, 100)
    after = before + rng.normal(4, 2, 100)
    before[:30] = np.nan  # a cloud in the training season
    after[30:40] = np.nan  # and one in this season
    moisture = np.full(100, 0.4)
    pair = SeasonPair(
        before, after, np.where(np.isnan(before), np.nan, moisture), moisture
    )
    night = SimpleNamespace(grid=SimpleNamespace(shape=(10, 10)))
    season, reference = SimpleNamespace(cover="now"), SimpleNamespace(cover="then")
    monkeypatch.setattr(stocks, "change_rules", lambda _night: RULES)
    monkeypatch.setattr(stocks, "pair_of", lambda *_seasons: pair)

    error = stocks._season_error(night, season, reference).reshape(-1)

    np.testing.assert_array_equal(np.isnan(error), np.isnan(after))
    assert error[0] == pytest.approx(4, abs=1.5)
    assert (error[~np.isnan(error)] > 0).all()


def test_the_training_season_has_no_season_error(monkeypatch):
    cover = np.full(100, 80.0)
    pair = SeasonPair(cover, cover, cover / 200, cover / 200)
    night = SimpleNamespace(grid=SimpleNamespace(shape=(10, 10)))
    same = SimpleNamespace(cover="then")
    monkeypatch.setattr(stocks, "change_rules", lambda _night: RULES)
    monkeypatch.setattr(stocks, "pair_of", lambda *_seasons: pair)
    assert (stocks._season_error(night, same, same) == 0).all()


def test_every_coefficient_behind_a_stock_is_in_its_key():
    night = SimpleNamespace(settings=load("carpathians"))
    told = {row["name"] for row in stocks.told_coefficients(night)}
    needed = {"default_agbd", "root_shoot", "carbon_fraction", stocks.POSITION_SE}
    assert needed <= told
