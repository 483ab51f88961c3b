"""The planner's door on a simulated county, whose every limit is known."""

from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

from config.zone_request import read_request
from pipelines.recipe import run_night
from pipelines.zones import make_zones
from store.zone_record import AnswerRecord
from tests.twin_region import make_county, make_region

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TEXT = "max_area_ha = 25\nboundary_penalty = 0.1\ndraws = 3\n"
ROAD_M, CELL_M2 = 4, 100


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_county(tmp_path_factory.mktemp("county"))


@pytest.fixture(scope="module")
def answered(inputs, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    settings = make_region(home, inputs, 256)
    run_night(settings, date(2022, 10, 5))
    return make_zones(settings, read_request(TEXT, file="r.toml"), TEXT, home / "out")


@pytest.fixture(scope="module")
def record(answered):
    text = (answered / "zones.json").read_text(encoding="utf-8")
    return AnswerRecord.model_validate_json(text)


def band(path):
    with rasterio.open(path) as source:
        return source.read(1) * source.scales[0] + source.offsets[0]


def covered(area, place):
    """Return the share of each cell that ``area`` covers."""
    rows, columns = np.indices(place["out_shape"])
    left, top = place["transform"] * (columns, rows)
    cells = shapely.box(left, top - 10, left + 10, top)
    shapely.prepare(area)
    near = shapely.intersects(area, cells)
    share = np.zeros(cells.shape)
    share[near] = shapely.area(shapely.intersection(cells[near], area)) / CELL_M2
    return share


@pytest.fixture(scope="module")
def closed(inputs):
    """Return the cells that may not be planted, as the county's own files have it."""
    folder = inputs / "constraints"
    shut = band(folder / "slope.tif") > 35
    for name in ("farmland", "wetland", "settlement"):
        shut |= band(folder / f"{name}.tif") > 0
    with rasterio.open(folder / "slope.tif") as source:
        place = {"out_shape": source.shape, "transform": source.transform}
    redline = gpd.read_file(folder / "constraints.gpkg", layer="redline").geometry
    shut |= rasterize(redline, all_touched=True, **place) > 0
    roads = gpd.read_file(folder / "constraints.gpkg", layer="roads").buffer(ROAD_M)
    shut |= covered(roads.union_all(), place) >= 0.5
    cover = np.kron(band(inputs / "tree_cover_2021.tif"), np.ones((2, 2)))
    return shut | (cover >= 20), place["transform"]


def test_zones_avoid_every_cell_that_is_closed(answered, closed):
    shut, _ = closed
    with rasterio.open(answered / "layers" / "zone.tif") as source:
        rank = source.read(1)
    assert (rank > 0).any()
    assert not (shut & (rank >= 0)).any()


def test_polygons_of_zones_reach_into_no_closed_cell(answered, closed):
    shut, transform = closed
    zones = gpd.read_file(answered / "zones.gpkg", layer="zones")
    rows, columns = np.nonzero(shut)
    left, top = transform * (columns, rows)
    cells = shapely.box(left, top - 10, left + 10, top)
    tree = shapely.STRtree(zones.geometry.to_numpy())
    cell, zone = tree.query(cells, predicate="intersects")
    shared = shapely.area(
        shapely.intersection(cells[cell], zones.geometry.to_numpy()[zone])
    )
    assert shared.size
    assert shared.max() < 1e-3


def test_areas_are_those_of_the_polygons(answered, record):
    zones = gpd.read_file(answered / "zones.gpkg", layer="zones")
    np.testing.assert_allclose(zones.area / 1e4, zones["area_ha"], atol=2e-4)
    assert record.area_ha == pytest.approx(zones.area.sum() / 1e4, abs=1e-3)
    assert record.area_ha <= 25


def test_what_was_checked_is_what_there_are_layers_of(record):
    assert "Cultivated land" not in record.not_checked
    assert "Permanent basic farmland" in record.not_checked
    assert record.simulated
