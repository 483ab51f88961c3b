"""One night of the sample region, run once, looked at from all sides."""

import json
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from config.environment import CHECKOUT
from config.settings import load
from geo.areas import ellipsoid_area_ha
from geo.layers import LAYERS
from geo.parcels import COLUMNS
from pipelines.journal import Journal
from pipelines.recipe import find_finished, plan_of, run_night
from store.stac_out import validate
from tests.small_region import SAMPLE, tree

NIGHT = date(2020, 9, 1)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("night")


@pytest.fixture(scope="module")
def settings(home):
    return load("carpathians").model_copy(update={"home": home})


@pytest.fixture(scope="module")
def finished(settings):
    return run_night(settings, NIGHT)


@pytest.fixture(scope="module")
def parcels(finished):
    return gpd.read_parquet(finished.folder / "parcels.parquet")


def test_every_parcel_has_every_column_and_no_silent_gap(parcels):
    assert list(parcels.columns) == [*(c.name for c in COLUMNS), "geometry"]
    assert len(parcels) == 40
    assert parcels["parcel_id"].is_unique
    has_figures = parcels["status"] != "no_observation"
    for name in ("agb_t", "carbon_t", "co2_t", "sink_tco2_yr"):
        for column in (name, f"{name}_se", f"{name}_low", f"{name}_high"):
            assert parcels.loc[has_figures, column].notna().all()
            assert parcels.loc[~has_figures, column].isna().all()
        inside = parcels[has_figures]
        assert (inside[f"{name}_low"] <= inside[name]).all()
        assert (inside[name] <= inside[f"{name}_high"]).all()
        assert (inside[f"{name}_se"] > 0).all()
    assert (parcels.loc[~has_figures, "verdict"] == "not_observed").all()
    assert (parcels.loc[parcels["priority_score"].isna(), "note"] != "").all()


def test_parcels_of_400_and_667_m2_have_a_value(parcels):
    small = parcels[parcels["area_ha"] < 0.07]
    assert len(small) == 6
    assert (small["status"] != "no_observation").all()
    assert small["agb_t_se"].notna().all()


def test_areas_are_those_of_the_ellipsoid(parcels):
    np.testing.assert_allclose(
        parcels["area_ha"], ellipsoid_area_ha(parcels.geometry), rtol=1e-4
    )
    np.testing.assert_allclose(  # the region's CRS is equal-area: an outside check
        parcels["area_ha"], parcels.geometry.area / 10_000, rtol=1e-4
    )


def test_carbon_is_biomass_and_roots_and_co2_is_carbon(parcels, finished):
    seen = parcels[parcels["agb_t"] > 0]
    rows = {row.name.split(" (")[0]: row.value for row in finished.record.coefficients}
    factor = (1 + rows["root_shoot"]) * rows["carbon_fraction"]
    np.testing.assert_allclose(seen["carbon_t"], seen["agb_t"] * factor)
    np.testing.assert_allclose(seen["co2_t"], seen["carbon_t"] * 44 / 12)


def test_the_region_is_the_sum_of_its_parcels_but_its_error_is_not(parcels, finished):
    totals = {total.unit: total for total in finished.record.totals}
    assert totals["t"].value == pytest.approx(parcels["agb_t"].sum())
    in_quadrature = np.sqrt((parcels["agb_t_se"] ** 2).sum())
    assert totals["t"].se > 2 * in_quadrature  # what parcels share adds linearly
    assert totals["t"].se <= parcels["agb_t_se"].sum()
    sink = totals["t CO2e/yr"]
    assert sink.value == pytest.approx(parcels["sink_tco2_yr"].sum(), rel=0.02)


def test_the_loss_that_is_really_there(parcels):
    lost = lost_share(parcels, 2017, 2020)
    by_verdict = parcels["verdict"].to_numpy()
    observed = by_verdict != "not_observed"
    assert (by_verdict[observed & (lost >= 0.25)] == "loss").all()
    assert (lost[observed] >= 0.25).sum() >= 4
    quiet = observed & (lost < 0.01)
    assert quiet.sum() >= 15
    assert (by_verdict[quiet] != "loss").all()
    assert (by_verdict != "gain").all()  # nothing grew that fast


def lost_share(parcels, before, after):
    """Share of each parcel where summer NDMI fell by more than 0.2, by other means."""
    fall = summer_ndmi(after) - summer_ndmi(before)
    with rasterio.open(SAMPLE / "scenes/S2_20200710/swir16.tif") as source:
        bounds = source.bounds
    raster = NumPyRasterSource((fall < -0.2).astype(np.float32), *bounds)
    found = exact_extract(raster, parcels[["geometry"]], ["mean"], output="pandas")
    return found["mean"].to_numpy()


def summer_ndmi(year):
    looks = []
    for item in sorted((SAMPLE / "scenes").glob(f"S2_{year}0[678]*")):
        nir, swir, scl = (
            rasterio.open(item / f"{band}.tif").read(1).astype(np.float64)
            for band in ("nir08", "swir16", "scl")
        )
        clear = np.isin(scl, (4, 5, 6, 7)).reshape(50, 2, 50, 2).all(axis=(1, 3))
        looks.append(np.where(clear, (nir - swir) / (nir + swir), np.nan))
    return np.nanmedian(looks, axis=0)


def test_the_card_scores_blocks_it_had_not_seen(finished):
    scores = finished.record.model_card["scores"]
    assert scores["blocked"]["rmse"] < 12
    assert scores["blocked"]["r2"] > 0.7
    assert 0.85 <= scores["blocked"]["coverage_90"] <= 0.95
    assert scores["plain_mean_blocked"]["rmse"] > 2 * scores["blocked"]["rmse"]


def test_what_is_incomplete_is_said(finished, parcels):
    record = finished.record
    assert record.status == "incomplete"
    assert record.observed_pct < 95
    partly = set(parcels.loc[parcels["observed_pct"] < 99, "parcel_id"])
    said = {item.subject for item in record.attentions if item.code == "observations"}
    assert partly == said
    assert record.simulated


def test_every_layer_is_a_cog_with_names_units_and_style(finished, settings):
    for use in finished.record.layers:
        layer = LAYERS[use.layer].seen_in(settings.region.bands)
        path = finished.folder / use.file
        with rasterio.open(path) as source:
            assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert source.descriptions == layer.band_names
            assert source.units == tuple(band.unit for band in layer.bands)
            assert source.crs.to_epsg() == 3035
        assert path.with_suffix(".qml").exists()


def test_the_catalogue_validates_offline(finished):
    assert validate(finished.folder) == []


def test_the_report_needs_nothing_from_outside(finished):
    text = (finished.folder / "report.html").read_text(encoding="utf-8")
    for token in ('src="http', 'href="http', "@import", "url(http"):
        assert token not in text
    assert "unverified" in text
    assert "模拟" in text


def test_a_second_run_finds_everything_and_writes_nothing(settings, finished, home):
    before = {path: path.stat().st_mtime_ns for path in files(home)}
    again = find_finished(settings, NIGHT)
    assert again is not None
    assert again.folder == finished.folder
    assert {path: path.stat().st_mtime_ns for path in files(home)} == before


def files(home):
    roots = (home / "store", home / "published")
    return [p for root in roots for p in root.rglob("*") if p.is_file()]


def test_a_changed_result_is_not_taken_for_done(settings, finished):
    victim = finished.folder / "overview.png"
    kept = victim.read_bytes()
    victim.write_bytes(kept[:-1])
    try:
        assert find_finished(settings, NIGHT) is None
    finally:
        victim.write_bytes(kept)
    assert find_finished(settings, NIGHT) is not None


def test_the_journal_says_how_it_ended(home, finished):
    (entry,) = Journal(home).entries()
    assert entry.state == "incomplete"
    assert entry.run_id == finished.record.run_id


def test_the_plan_counts_scenes_before_any_work(settings, tmp_path):
    fresh = settings.model_copy(update={"home": tmp_path})
    plan = plan_of(fresh, NIGHT)
    assert [len(plan.of(period)) for period in plan.periods] == [10, 12, 8, 29]
    assert plan.attentions == ()
    assert tree(tmp_path) == {}


def test_a_night_with_nothing_earlier_has_no_change(settings):
    record = run_night(settings, date(2017, 9, 1)).record
    assert record.baseline_season is None
    assert record.parcel_verdicts == {"not_observed": 40}
    assert [total.unit for total in record.totals] == ["t", "t C", "t CO2e"]


def test_the_readme_shows_what_the_demo_gives(finished):
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    record = finished.record
    assert f"{len(record.scenes)} real scenes, {record.parcel_count} parcels" in readme
    json.loads((finished.folder / "night.json").read_text(encoding="utf-8"))
