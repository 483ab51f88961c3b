"""Parcels of the simulated county by its own plots, against its truth and an oracle."""

from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from sklearn.ensemble import HistGradientBoostingRegressor

from config.settings import load
from geo.zonal import coverage_weights, means
from models.features import features_from
from pipelines import plot_features
from pipelines.context import silent
from pipelines.plot_model import RegionRequest, train_region
from pipelines.plot_season import season_for
from pipelines.recipe import run_night
from pipelines.stored import pieces
from pipelines.twin.ready import make_ready
from tests.pipelines.test_truth import HIGHEST, LOWEST, MANY, held, true_t

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

NIGHT = date(2021, 10, 5)
NIGHTS = (NIGHT, date(2022, 10, 5))
ORACLE_CELLS = 100_000
BLOCK_CELLS = 64


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORESTSINK_HOME", str(tmp_path_factory.mktemp("home")))
        made = load("twin")
    make_ready(made)
    trained = train_region(made, RegionRequest(), silent)
    assert trained.promoted
    return made


@pytest.fixture(scope="module")
def parcels(settings):
    return parcels_of(settings, NIGHT)


@pytest.fixture(scope="module", params=NIGHTS, ids=str)
def of_a_year(request, settings):
    return parcels_of(settings, request.param)


def parcels_of(settings, night):
    """The parcels that have figures, from small to large, with their truth."""
    finished = run_night(settings, night)
    found = gpd.read_parquet(finished.folder / "parcels.parquet")
    found["truth_t"] = true_t(settings, night.year, found)
    known = found[found["agb_t"].notna()].sort_values("area_ha")
    assert (known["method"] == "plots").mean() > 0.7
    return known


def test_the_county_s_biomass_is_not_biased(of_a_year):
    ratio = of_a_year["agb_t"].sum() / of_a_year["truth_t"].sum()
    assert ratio == pytest.approx(1, abs=0.03)


def test_parcels_err_little_more_than_an_oracle_s(settings, parcels):
    """The same features, fitted to 10^5 cells of the truth, in blocks it has not seen.

    An oracle that has seen cells of the same stands would know them by their colour.
    """
    oracle, grid = oracle_map(settings)
    weights = coverage_weights(parcels.rename_axis(None), grid)
    truth = parcels["truth_t"] / parcels["area_ha"]
    theirs = means(weights, oracle) - truth
    known = np.isfinite(theirs).to_numpy()
    ours = ((parcels["agb_t"] - parcels["truth_t"]) / parcels["area_ha"])[known]
    ratio = np.sqrt(np.mean(ours**2) / np.mean(theirs[known] ** 2))
    assert known.mean() > 0.95
    assert 0.95 < ratio <= 1.15


@pytest.mark.parametrize("third", [0, 1, 2], ids=["small", "medium", "large"])
def test_intervals_hold_the_truth(of_a_year, third):
    size = len(of_a_year) // 3
    those = of_a_year.iloc[third * size : (third + 1) * size]
    assert len(those) > MANY
    assert LOWEST <= held(those) <= HIGHEST


def oracle_map(settings):
    """Return the oracle's density, t/ha, each half of the blocks by the other."""
    features, grid = season_features(settings)
    with rasterio.open(settings.data_root / "truth" / f"agbd_{NIGHT.year}.tif") as t:
        truth = (t.read(1) * t.scales[0]).ravel()
    row, column = np.divmod(np.arange(truth.size), grid.width)
    half = (row // BLOCK_CELLS + column // BLOCK_CELLS) % 2
    seen = np.isfinite(features).all(axis=1)
    random = np.random.default_rng(0)
    found = np.full(truth.size, np.nan)
    for number in (0, 1):
        learnt = random.permutation(np.flatnonzero(seen & (half != number)))
        learnt = learnt[:ORACLE_CELLS]
        model = HistGradientBoostingRegressor(
            max_iter=150, min_samples_leaf=200, random_state=0
        ).fit(features[learnt], truth[learnt])
        asked = np.flatnonzero(seen & (half == number))
        found[asked] = model.predict(features[asked])
    assert seen.sum() / 2 >= ORACLE_CELLS
    return found.reshape(grid.shape), grid


def season_features(settings):
    """Return the features of all cells (n, k) in the season of the plots."""
    with season_for(settings, NIGHT.year, silent) as season:
        night = season.night
        names = features_from(night.bands)
        whole = np.full((len(names), *night.grid.shape), np.nan, np.float32)
        everything = plot_features._whole(night)
        for piece in pieces(night.tiles, everything):
            values = plot_features.features_of(night, season.maps, piece)
            rows = slice(piece.row, piece.row + values.shape[1])
            whole[:, rows, piece.column : piece.column + values.shape[2]] = values
        return whole.reshape(len(names), -1).T, night.grid
