"""A night of the sample region in four tiles, run once, looked at from all sides."""

import os
import subprocess
import sys
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from geo.zonal import coverage_weights, paint
from pipelines.recipe import find_finished, run_night
from store.stac_out import validate
from tests.small_region import in_tiles, make_region

NIGHT = date(2020, 9, 1)
TILES = ("r000c000", "r000c001", "r001c000", "r001c001")
READ = """
import sys
import numpy as np
import rasterio
with rasterio.open(sys.argv[1]) as source:
    values = source.read(masked=True).astype(float).filled(np.nan)
    np.save(sys.argv[2], values * np.array(source.scales)[:, None, None])
"""
"""Read as others do: our own process opens no VRT."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """88 and 12 cells a side: small tiles have too little forest to stand alone."""
    return in_tiles(make_region(tmp_path_factory.mktemp("tiles")), 88)


@pytest.fixture(scope="module")
def finished(settings):
    return run_night(settings, NIGHT)


@pytest.fixture(scope="module")
def parcels(finished):
    return gpd.read_parquet(finished.folder / "parcels.parquet")


def mosaic(finished, name, folder):
    """Return all bands of a published layer, in their units, as another reads them."""
    vrt = finished.folder / "layers" / f"{name}.vrt"
    target = folder / "values.npy"
    subprocess.run(
        [sys.executable, "-c", READ, str(vrt), str(target)],
        env={"PATH": os.environ["PATH"]},
        check=True,
    )
    return np.load(target)


def test_every_parcel_has_a_row_a_status_and_its_figures(parcels):
    assert len(parcels) == 40
    assert parcels["parcel_id"].is_unique
    assert parcels["parcel_id"].is_monotonic_increasing
    assert parcels["status"].notna().all()
    seen = parcels["status"] != "no_observation"
    assert seen.sum() == 39
    for name in ("agb_t", "agb_t_se", "sink_tco2_yr", "sink_tco2_yr_se"):
        assert parcels.loc[seen, name].notna().all()
        assert parcels.loc[~seen, name].isna().all()


def test_parcels_hold_what_the_published_maps_say(
    finished, parcels, settings, tmp_path
):
    """Summed again by other means over the tiles that another program put together."""
    density, sd, _ = mosaic(finished, "agbd_20200601-20200901", tmp_path)
    grid = settings.region.grid.grid()
    assert density.shape == grid.shape
    raster = NumPyRasterSource(density, *grid.bounds)
    mean = exact_extract(raster, parcels[["geometry"]], ["mean"], output="pandas")
    told = parcels["agb_t"] / parcels["area_ha"]
    seen = told.notna()
    np.testing.assert_allclose(told[seen], mean["mean"][seen], atol=0.05)
    assert (sd[np.isfinite(density)] > 0).all()


def test_the_sink_is_what_the_map_of_change_says(finished, parcels, settings, tmp_path):
    name = "agbd_change_20170601-20170901-20200601-20200901"
    change, _, verdict = mosaic(finished, name, tmp_path)
    assert set(np.unique(verdict)) <= {0, 1, 2, 3}
    np.testing.assert_array_equal(verdict == 0, np.isnan(change))
    raster = NumPyRasterSource(change, *settings.region.grid.grid().bounds)
    mean = exact_extract(raster, parcels[["geometry"]], ["mean"], output="pandas")
    known = parcels["sink_tco2_yr"].notna()
    per_t = parcels["co2_t"] / parcels["agb_t"]  # t CO2 per t of biomass
    expected = mean["mean"] * parcels["area_ha"] * per_t / 3
    np.testing.assert_allclose(
        parcels["sink_tco2_yr"][known], expected[known], rtol=0.01, atol=0.2
    )


def test_scores_are_painted_over_borders_of_tiles(
    finished, parcels, settings, tmp_path
):
    (score,) = mosaic(finished, "priority_20200601-20200901", tmp_path)
    weights = coverage_weights(parcels, settings.region.grid.grid())
    whole = paint(weights, parcels["priority_score"].to_numpy(dtype=np.float64))
    np.testing.assert_allclose(score, whole, atol=6e-5)
    assert np.isfinite(score[:, 87:89]).all(axis=1).any()  # a parcel lies over a border


def test_every_layer_is_published_by_tile_and_as_a_whole(finished):
    layers = finished.folder / "layers"
    for use in finished.record.layers:
        assert (finished.folder / use.file).exists()
        assert use.file.removesuffix(".tif").endswith(TILES)
    wholes = {path.stem for path in layers.glob("*.vrt")}
    assert len(finished.record.layers) == len(TILES) * len(wholes) == 4 * 8
    for stem in wholes:
        assert (layers / f"{stem}.qml").exists()
        assert {p.stem for p in layers.glob(f"{stem}_*.tif")} == {
            f"{stem}_{tile}" for tile in TILES
        }
    project = (finished.folder / "forestsink.qgs").read_text(encoding="utf-8")
    assert all(f"layers/{stem}.vrt" in project for stem in wholes)


def test_the_catalogue_names_every_tile_and_validates(finished):
    assert validate(finished.folder) == []


def test_the_night_is_found_again(settings, finished):
    again = find_finished(settings, NIGHT)
    assert again is not None
    assert again.folder == finished.folder
