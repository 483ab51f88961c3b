"""Emission sources of a night: which count, how they are spread, what parcels get."""

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

from config.environment import CHECKOUT
from config.settings import read
from config.siting_settings import SitingSettings, SourceSettings
from geo.emitters import Sources
from geo.errors import SettingsError, TableError
from geo.exposure import exposure_at
from geo.kernels import Kernel
from pipelines.context import silent
from pipelines.emissions import (
    EXPOSURE_FILE,
    EXPOSURE_LAYER_FILE,
    expose,
    read_sources,
    source_points,
)
from pipelines.parcels import load_parcels, read_parcel_table
from pipelines.recipe import opened
from tests.small_region import in_tiles, make_region

NIGHT = date(2020, 9, 1)
HEADER = "source_id,name,sector,year,scope,longitude,latitude,emission_tco2e_yr\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return make_region(tmp_path_factory.mktemp("expose"))


@pytest.fixture
def exposed(tmp_path):
    """Return a function: settings to what the night says, tables and map with it."""

    def run(settings):
        fresh = settings.model_copy(update={"home": tmp_path / "home"})
        with opened(fresh, NIGHT, silent) as night:
            parcels = load_parcels(night)
            found = expose(night, parcels)
            artefact = night.catalog.need(found.exposure)
            maps = {
                tile: night.catalog.need(key).path(EXPOSURE_LAYER_FILE)
                for tile, key in found.layer.items()
            }
            return (
                found,
                pd.read_parquet(artefact.path(EXPOSURE_FILE)),
                read_parcel_table(night, parcels),
                read_sources(night, found.sources),
                maps,
            )

    return run


def told_by(settings, tmp_path, text):
    path = settings.data_root / f"{tmp_path.name}.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    region = settings.region.model_copy(
        update={"sources": SourceSettings(path=path.name)}
    )
    return settings.model_copy(update={"region": region})


def place(settings, east_m, north_m):
    """Return longitude and latitude of a place counted from the grid's corner."""
    grid = settings.region.grid
    at = gpd.GeoSeries(
        [shapely.Point(grid.left + east_m, grid.top - north_m)], crs=grid.crs
    )
    there = at.to_crs("EPSG:4326").iloc[0]
    return f"{there.x:.9f},{there.y:.9f}"


def test_parcels_have_what_reaches_them_by_exact_sums(settings, exposed):
    found, table, parcels, sources, _ = exposed(settings)
    inside = parcels.geometry.centroid
    at = Sources(
        sources.geometry.x.to_numpy(),
        sources.geometry.y.to_numpy(),
        sources["co2e_t_yr"].to_numpy(),
    )
    expected = exposure_at(inside.x.to_numpy(), inside.y.to_numpy(), at, Kernel())
    # Over a parcel of some hundred metres the kernel of 20 km is nearly straight.
    np.testing.assert_allclose(table["exposure_tco2e_yr"], expected, rtol=1e-3)
    assert found.year == 2018  # the sample's figures, the last before the night
    nearest = inside.distance(shapely.union_all(sources.geometry.array)) / 1000
    np.testing.assert_allclose(table["nearest_source_km"], nearest, atol=0.5)


def test_a_source_counts_once_by_its_last_year_and_old_ones_are_named(
    settings, exposed, tmp_path
):
    here = place(settings, 500, 500)
    told = told_by(
        settings,
        tmp_path,
        f"A,A,power,2016,1,{here},10\nA,A,power,2018,1,{here},1000\n"
        f"B,B,power,2015,1,{here},77\nC,C,power,2021,1,{here},5\n"
        f"D,D,power,2018,2,{here},9\n",
    )
    found, _, _, sources, _ = exposed(told)
    assert list(sources["source_id"]) == ["A"]
    assert list(sources["co2e_t_yr"]) == [1000]
    (said,) = (one for one in found.attentions if "B" in one.message)
    assert "1 emission sources have no figure for 2018" in said.message
    assert not said.left_out


def test_older_figures_stand_in_when_asked(settings, exposed, tmp_path):
    here = place(settings, 500, 500)
    told = told_by(
        settings,
        tmp_path,
        f"A,A,power,2018,1,{here},1000\nB,B,power,2015,1,{here},77\n",
    )
    siting = SitingSettings.model_validate({"exposure": {"carry_years": 3}})
    region = told.region.model_copy(update={"siting": siting})
    found, _, _, sources, _ = exposed(told.model_copy(update={"region": region}))
    assert list(sources["co2e_t_yr"]) == [1000, 77]
    assert list(sources["is_estimated"]) == [False, True]
    assert found.attentions == ()


def test_figures_that_are_all_later_are_used_and_the_layer_is_named_by_them(
    settings, exposed, tmp_path
):
    here = place(settings, 500, 500)
    told = told_by(settings, tmp_path, f"A,A,power,2022,1,{here},1000\n")
    found, _, _, _, maps = exposed(told)
    assert found.year == 2022
    for path in maps.values():
        with rasterio.open(path) as file:
            assert file.tags()["YEAR"] == "2022"


def test_bought_electricity_alone_is_no_source(settings, exposed, tmp_path):
    here = place(settings, 500, 500)
    told = told_by(settings, tmp_path, f"D,D,power,2018,2,{here},9\n")
    with pytest.raises(TableError, match="scope 1"):
        exposed(told)


def test_roads_reach_parcels_in_one_tile_or_many(settings, exposed):
    grid = settings.region.grid
    middle = grid.top - grid.height * grid.cell_m / 2
    right = grid.left + grid.width * grid.cell_m
    road = shapely.LineString([(grid.left, middle), (right, middle)])
    gpd.GeoDataFrame(
        {"source_id": ["R1"], "vehicles_day": [5000.0]}, geometry=[road], crs=grid.crs
    ).to_file(settings.data_root / "road.gpkg", driver="GPKG")
    defaults = {"year": "2019", "sector": "road"}
    siting = SitingSettings.model_validate(
        {"sources": [{"path": "road.gpkg", "datum": "wgs84", "defaults": defaults}]}
    )
    region = settings.region.model_copy(update={"sources": None, "siting": siting})
    told = settings.model_copy(update={"region": region})
    _, table, parcels, sources, _ = exposed(told)
    amount = 5000 * 365 * road.length / 1000 * 280 / 1e6  # mixed traffic, g/km
    assert sources["co2e_t_yr"].sum() == pytest.approx(amount, rel=1e-9)
    crossed = parcels.intersects(road).to_numpy()
    assert crossed.any()
    assert (table["nearest_source_km"][crossed] < 1).all()
    # One kilometre of road and a kernel of 20 km: nearly all of it, everywhere.
    assert table["exposure_tco2e_yr"].between(0.9 * amount, amount).all()
    (point,) = source_points(sources).itertuples()
    assert (point.shape, point.estimated, point.method) == ("line", True, "traffic")

    tiled = in_tiles(told, 32)
    again = exposed(tiled)[1]
    np.testing.assert_allclose(
        again["exposure_tco2e_yr"], table["exposure_tco2e_yr"], rtol=1e-4
    )


def test_a_region_names_its_sources_once(tmp_path):
    text = (CHECKOUT / "config" / "regions" / "carpathians.toml").read_text("utf-8")
    for wrong in (
        text.replace('[sources]\npath = "sources.csv"\n', ""),
        text + '\n[[siting.sources]]\npath = "more.csv"\ndatum = "wgs84"\n',
    ):
        path = tmp_path / "wrong.toml"
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(SettingsError, match="named either by") as error:
            read(path)
        assert error.value.where["field"] == "region"
