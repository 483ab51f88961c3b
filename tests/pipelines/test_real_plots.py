"""Real plots by the commands of the docs: what is measured there is held here."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from typer.testing import CliRunner

from models.carbon import Z_90
from pipelines.cli import app
from tests.shared_data import shared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

UTM_22N = "EPSG:32622"


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_quatre_montagnes_by_the_default_command(tmp_path):
    """data/README.md: blocked RMSE of random forest 10.3, ridge 10.4 m2/ha.

    All default candidates; the features are those of lidar and terrain, not the other
    field measures that the table also has.
    """
    table = shared("quatre_montagnes") / "quatre_montagnes.csv"
    with table.open(encoding="utf-8") as stream:
        features = next(csv.reader(stream))[8:]
    told = run(
        *("train", "--table", table, "--target", "G_m2_ha", "--crs", "EPSG:2154"),
        *("--x", "X", "--y", "Y", "--id", "plot_id", "--out", tmp_path / "m"),
        *("--features", ",".join(features), "--json"),
    )
    card = json.loads(told)
    assert len(card["features"]) == len(features) == 68
    tried = {one["name"]: one["blocked"]["rmse"] for one in card["candidates"]}
    assert set(tried) == {
        *("plain_ridge", "ridge", "gaussian_process", "catboost", "extra_trees"),
    }
    scores = card["scores"]
    assert scores["blocked"]["rmse"] <= 10.4
    # Beside it: the choice among candidates made again inside every outer fold.
    nested = scores["choice_included_blocked"]
    assert nested["n"] == scores["blocked"]["n"] == 96
    assert nested["rmse"] <= 10.8
    assert scores["random"]["rmse"] < scores["blocked"]["rmse"]
    assert scores["plain_mean_blocked"]["rmse"] > 14
    assert 0.85 <= card["intervals"]["coverage_90"] <= 0.95


@pytest.fixture(scope="module")
def nouragues(tmp_path_factory):
    """The commands of docs/methods-models.md, section 11."""
    folder, there = shared("nouragues_agb"), tmp_path_factory.mktemp("nouragues")
    trees, canopy = "NouraguesTreesAGB_reference.csv", folder / "NouraguesRaster.tif"
    run(
        *("subplots", "--trees", folder / trees, "--side", 25),
        *("--corners", folder / "NouraguesCoords.csv", "--plot-column", "Plot"),
        *("--field-x", "Xfield", "--field-y", "Yfield", "--x", "Xutm", "--y", "Yutm"),
        *("--out", there / "squares.csv", "--trees-out", there / "trees.csv"),
    )
    run(
        *("features", "--chm", canopy, "--crs", UTM_22N),
        *("--plots", there / "squares.csv", "--out", there / "seen.csv"),
    )
    run(
        *("plots", "--trees", there / "trees.csv", "--plots", there / "seen.csv"),
        *("--out", there / "plots.csv", "--equation", "chave_2014"),
        *("--species-column", "SpeciesCorrected", "--dbh-column", "D"),
        *("--height-column", "H_model", "--wood-density-column", "WD"),
    )
    run(
        *("train", "--table", there / "plots.csv", "--target", "agb_t_ha"),
        *("--features", "chm_*", "--crs", UTM_22N, "--id", "plot_id"),
        *("--shared-se", "se_wood_density_t_ha,se_equation_shared_t_ha"),
        *("--block-m", 100, "--valid-range", "0,2000", "--out", there / "model"),
    )
    run(
        *("features", "--chm", canopy, "--crs", UTM_22N, "--cell", 25),
        *("--out", there / "features.tif"),
    )
    run(
        *("predict", "--model", there / "model", "--raster", there / "features.tif"),
        *("--over", 2, "--out", there / "agb.tif"),
    )
    run(
        *("predict", "--model", there / "model", "--raster", there / "features.tif"),
        *("--over", 2, "--without-shared", "--out", there / "own.tif"),
    )
    return there


def ours(there, name="agb.tif"):
    """Return mean, sd and domain on the cells of the published map."""
    with rasterio.open(there / name) as source:
        assert source.res == (50, 50)
        return source.read(masked=True).astype(float).filled(np.nan)


def published():
    with rasterio.open(shared("nouragues_agb") / "nouragues_map_pred.tif") as source:
        return source.read(2).astype(float)


def test_squares_add_up_to_the_published_plots(nouragues):
    squares = pd.read_csv(nouragues / "plots.csv")
    whole = (squares["agb_t_ha"] * squares["area_ha"]).groupby(squares["whole_plot"])
    np.testing.assert_allclose(whole.sum(), [456.39, 541.97, 386.52, 284.95], atol=6e-3)
    assert len(squares) == 64


def test_the_model_of_nouragues_is_honest_about_its_squares(nouragues):
    card = json.loads((nouragues / "model" / "card.json").read_text(encoding="utf-8"))
    assert card["blocks"]["block_m"] == 100
    assert card["scores"]["blocked"]["rmse"] < 180
    assert card["scores"]["plain_mean_blocked"]["rmse"] > 210
    assert 0.85 <= card["scores"]["blocked"]["coverage_90"] <= 0.95
    assert 0.08 <= card["shared_error"]["relative"] <= 0.13
    assert {one["unit"] for one in card["features"]} == {"m", "%"}


def test_the_map_of_nouragues_against_the_published_one(nouragues):
    """What is reached, see docs/methods-models.md 11: bars are 60 t/ha and 5 %.

    The published map lies 9 % below the plots over the plots themselves (below); why,
    and which model would be nearer to it, is told there.
    """
    mean, sd, _ = ours(nouragues)
    median = published()[: mean.shape[0]]
    both = np.isfinite(mean) & np.isfinite(median)
    assert both.sum() >= 55
    off = (mean - median)[both]
    assert np.sqrt(np.mean(off**2)) <= 65
    assert abs(off.mean()) <= 0.11 * median[both].mean()
    assert off.std() <= 50  # what is left when the level is taken out
    assert (np.abs(off) <= Z_90 * sd[both]).mean() >= 0.85


def test_intervals_of_50_m_are_near_the_error_of_50_m(nouragues):
    """Squares of 50 m erred by 58 t/ha when their plot's block had not been seen.

    The sd of a cell told 113 while the variogram's sill was larger than the errors.
    """
    _, own, _ = ours(nouragues, "own.tif")
    mean, whole, _ = ours(nouragues)
    seen = np.isfinite(own)
    assert 58 <= np.median(own[seen]) <= 90
    card = json.loads((nouragues / "model" / "card.json").read_text(encoding="utf-8"))
    expected = np.hypot(own, card["shared_error"]["relative"] * mean)
    np.testing.assert_allclose(whole[seen], expected[seen], atol=0.02)


def test_the_published_map_is_a_power_of_median_height(nouragues):
    """So its cells hold less than the plots: they also cover what is beside them.

    AGBD = H^b, b by least squares of logarithms over the 16 squares of 50 m that the
    four plots are cut in, gives the published median on all 76 cells.
    """
    squares = pd.read_csv(nouragues / "plots.csv")
    corner = squares["plot_id"].str.extract(r"-(\d+)-(\d+)$").astype(int) // 50
    whole = squares.groupby([squares["whole_plot"], corner[0], corner[1]])
    agbd, height = whole["agb_t_ha"].mean(), whole["chm_p50"].mean()
    assert len(agbd) == 16
    x, y = np.log(height), np.log(agbd)
    power = (x @ y) / (x @ x)
    assert (y - power * x).std() == pytest.approx(0.18, abs=0.015)
    with rasterio.open(shared("nouragues_agb") / "nouragues_map_pred.tif") as source:
        metric, median = source.read([1, 2]).astype(float)
    off = (metric**power - median)[np.isfinite(median)]
    assert off.size == 76
    assert np.sqrt(np.mean(off**2)) <= 45
    assert abs(off.mean()) <= 0.02 * np.nanmean(median)


def over_plots(values, there):
    """Return the mean of a map over each of the four plots, by shared area."""
    squares = pd.read_csv(there / "plots.csv")
    rows, columns = values.shape
    left, top = 312844.5, 451737.5
    down, across = np.mgrid[:rows, :columns]
    cells = shapely.box(
        left + 50 * across,
        top - 50 * (down + 1),
        left + 50 * (across + 1),
        top - 50 * down,
    )
    found = []
    for _, rows_of_plot in squares.groupby("whole_plot"):
        outlines = shapely.from_wkt(rows_of_plot["outline"].tolist())
        plot = shapely.union_all(shapely.buffer(outlines, 0.01))
        area = shapely.area(shapely.intersection(cells, plot))
        found.append(np.nansum(values * area) / area[np.isfinite(values)].sum())
    return np.array(found)


def test_which_of_the_two_maps_keeps_to_the_plots(nouragues):
    mean, _, _ = ours(nouragues)
    truth = 1669.84 / 4
    assert over_plots(published(), nouragues).mean() / truth == pytest.approx(
        0.911, abs=0.01
    )
    assert over_plots(mean, nouragues).mean() / truth == pytest.approx(1, abs=0.05)
