"""A small region: layers, rules, criteria and sources from files to tables."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from config.settings import read
from config.siting_settings import SitingSettings
from geo.errors import SettingsError
from geo.overlay import coverage_weights
from models.eligibility import unit_eligibility
from pipelines import siting_land
from pipelines.siting_criteria import Growth, criteria_strips, unit_criteria
from pipelines.siting_land import Held, open_region_land, screen_region
from pipelines.siting_sources import (
    direct_sources,
    emission_density,
    inventory_of,
    read_region_sources,
    region_exposure,
)
from store.parcel_checks import transformer

SIDE, CELL = 60, 10
LEFT, TOP = 450_000, 3_420_000
CRS = "EPSG:4548"
BUILT_IN = Path(siting_land.__file__).parents[1] / "config" / "regions"

SITING = {
    "sources": [
        {"path": "works.csv", "datum": "cgcs2000"},
        {
            "path": "roads.gpkg",
            "datum": "cgcs2000",
            "defaults": {"year": "2021", "sector": "road"},
        },
    ],
    "layers": {
        "wetland": {"path": "land.tif", "values": ["4"]},
        "farmland": {"path": "land.tif", "values": ["1", "2"]},
        "road": {"path": "roads.gpkg", "buffer_m": 6},
        "ecological_redline": {"path": "red.gpkg", "field": "kind", "values": ["红线"]},
        "height": {"path": "dem.tif"},
        "burial": {"path": "red.gpkg", "field": "kind", "values": ["墓地"]},
    },
    "rules": [
        {
            "name": "burial_ground",
            "code": 12,
            "layer": "burial",
            "title": "Burial ground",
            "title_zh": "墓地",
            "source": "county plan",
        }
    ],
    "rain_mm": 1300,
}


def raster(path, values, dtype, nodata):
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=SIDE,
        height=SIDE,
        count=1,
        dtype=dtype,
        crs=CRS,
        transform=from_origin(LEFT, TOP, CELL, CELL),
        nodata=nodata,
    ) as file:
        file.write(values.astype(dtype), 1)


@pytest.fixture
def region(tmp_path):
    land = np.zeros((SIDE, SIDE))
    land[:10], land[10:15] = 4, 2
    raster(tmp_path / "land.tif", land, "uint8", 255)
    east = np.tile(np.arange(SIDE) * CELL * np.tan(np.radians(20)), (SIDE, 1))
    raster(tmp_path / "dem.tif", 100 + east, "float32", -9999)
    line = shapely.LineString([(LEFT, TOP - 305), (LEFT + 600, TOP - 305)])
    gpd.GeoDataFrame(
        {"source_id": ["R1"], "vehicles_day": [1000.0]}, geometry=[line], crs=CRS
    ).to_file(tmp_path / "roads.gpkg", driver="GPKG")
    gpd.GeoDataFrame(
        {"kind": ["红线", "墓地"]},
        geometry=[
            shapely.box(LEFT, TOP - 600, LEFT + 100, TOP - 500),
            shapely.box(LEFT + 200, TOP - 600, LEFT + 300, TOP - 500),
        ],
        crs=CRS,
    ).to_file(tmp_path / "red.gpkg", driver="GPKG")
    x, y = transformer(CRS, "EPSG:4326").transform(LEFT + 300, TOP - 300)
    (tmp_path / "works.csv").write_text(
        "source_id,sector,fuel,year,longitude,latitude,capacity_mw,hours_yr\n"
        f"P1,power,煤,2021,{x:.6f},{y:.6f},60,4000\nP2,power,coal,2021,{x},{y},,\n",
        encoding="utf-8",
    )
    usual = read(BUILT_IN / "twin.toml")
    grid = usual.region.grid.model_copy(
        update={"crs": CRS, "left": LEFT, "top": TOP, "width": SIDE, "height": SIDE}
    )
    told = {"grid": grid, "siting": SitingSettings.model_validate(SITING)}
    return usual.model_copy(
        update={
            "home": tmp_path / "home",
            "data_root": tmp_path,
            "region": usual.region.model_copy(update=told),
        }
    )


def test_land_by_hand(region, monkeypatch):
    """100 wet rows of cells, then 5 of fields, a road of one row, two squares."""
    monkeypatch.setattr(siting_land, "STRIP_ROWS", 7)
    cover = np.zeros((SIDE, SIDE), np.float32)
    cover[40, 40:43] = 55
    cover[20, 0] = np.nan
    land = open_region_land(region, more={"tree_cover": Held(cover)})
    found = screen_region(land)
    code = {rule.name: rule.code for rule in land.rules if rule.kind == "hard"}
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[10:15] = code["farmland"]
    expected[:10] = code["wetland"]
    expected[30] = code["road"]
    expected[50:, :10] = code["ecological_redline"]
    expected[50:, 20:30] = code["burial_ground"]
    expected[40, 40:43] = code["forest_already"]
    expected[20, 0] = code["not_observed"]
    np.testing.assert_array_equal(found.code, expected)
    assert "water" in found.unchecked
    assert "too_steep" not in found.unchecked
    soil = next(r for r in land.rules if r.name == "soil_measures").bit
    assert (found.flags & soil > 0).all()


def test_strips_are_the_whole(region, monkeypatch):
    growth = Growth.usual("asia_subtropical_humid", planted=2026)
    cover = np.full((SIDE, SIDE), 12.0, np.float32)

    def everything():
        land = open_region_land(region, more={"tree_cover": Held(cover)})
        parts = list(criteria_strips(land, growth, screened=screen_region(land)))
        names = parts[0][1]
        return {n: np.concatenate([found[n] for _, found in parts]) for n in names}

    whole = everything()
    monkeypatch.setattr(siting_land, "STRIP_ROWS", 7)
    parts = everything()
    assert set(whole) == set(parts)
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values, err_msg=name)


def test_criteria_by_hand(region):
    """20 degrees: 1.4 x 22500 + 600 a km + 3000 CNY; its nearest cell 4 away."""
    growth = Growth.usual("asia_subtropical_humid", planted=2026)
    cover = np.full((SIDE, SIDE), 12.0, np.float32)
    land = open_region_land(region, more={"tree_cover": Held(cover)})
    ((_, found),) = criteria_strips(land, growth)
    assert found["access"][35, 7] == 40
    assert found["cost"][35, 7] == pytest.approx(22_500 * 1.4 + 24 + 3000, rel=1e-5)
    assert found["idle_land"][35, 7] == 1
    assert found["carbon_2030"][35, 7] < found["carbon_2060"][35, 7]
    units = gpd.GeoDataFrame(
        {"parcel_id": ["U"]},
        geometry=[shapely.box(LEFT + 70, TOP - 360, LEFT + 80, TOP - 340)],
        crs=CRS,
    )
    weights = coverage_weights(units, land.grid)
    table = unit_criteria(weights, criteria_strips(land, growth))
    assert table["access"].tolist() == [35]
    share = unit_eligibility(weights, screen_region(land), land.rules)
    assert share["reason"].tolist() == ["too_small"]
    held = found["carbon_2060"][34:36, 7].mean()
    assert table["carbon_2060"].tolist() == pytest.approx([held])


def test_sources_of_two_files(region):
    found = read_region_sources(region)
    assert found.sources["source_id"].tolist() == ["P1", "R1"]
    works, road = found.sources["co2e_t_yr"]
    assert works == pytest.approx(60 * 4000 * 94.6 * 3.6 / 0.37 / 1000)
    assert road == pytest.approx(1000 * 365 * 0.6 * 280 / 1e6)
    assert found.sources["method"].tolist() == ["capacity", "traffic"]
    assert "neither an emission" in found.rejected[0].what
    grid = region.region.grid.grid()
    table = inventory_of(found, grid).set_index("sector")
    assert table.loc["all", "co2e_t_yr"] == pytest.approx(works + road)
    per_ha = emission_density(found, grid, year=2021)
    assert per_ha[30].sum() * grid.cell_ha == pytest.approx(road)
    direct = direct_sources(found, year=2021)
    exposed = region_exposure(direct, grid, region.region.siting.exposure, on=grid)
    assert exposed.max() == pytest.approx(works + road, rel=0.03)
    assert exposed.min() > 0.9 * works


def test_a_rule_without_its_layer_and_a_misspelt_setting(region):
    with pytest.raises(ValueError, match="layers that are not there"):
        SitingSettings.model_validate({"rules": SITING["rules"]})
    with pytest.raises(ValueError, match="Extra inputs"):
        SitingSettings.model_validate({"layer": {}})
    wrong = region.region.siting.model_copy(update={"rules_off": ("wetlands",)})
    changed = region.model_copy(
        update={"region": region.region.model_copy(update={"siting": wrong})}
    )
    with pytest.raises(SettingsError, match="wetlands"):
        open_region_land(changed)
