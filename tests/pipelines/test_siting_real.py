"""The power stations of China: counted, and felt over one province."""

from pathlib import Path

import numpy as np
import pytest

from config.environment import CHECKOUT
from config.siting_settings import ExposureSettings
from config.siting_tables import emission_factors
from geo.emitters import Sources
from geo.exposure import exposure_at
from geo.grid import Grid
from pipelines.siting_sources import (
    direct_sources,
    emission_density,
    gathered,
    inventory_of,
    kernel_of,
    region_exposure,
)
from store.emission_sources import SourceFile, read_sources

PLACES = [
    base / "shared" / "data" / "power_plants"
    for base in (CHECKOUT.parent, CHECKOUT.parents[1])
]
FOLDER = next((place for place in PLACES if place.is_dir()), PLACES[0])
ANHUI = Grid("EPSG:4548", 250_000, 3_850_000, 2000, 210, 290)
"""A box about the province, cells of 2 km."""

pytestmark = pytest.mark.skipif(
    not (FOLDER / "China.csv").is_file(), reason="no shared/data/power_plants"
)


@pytest.fixture(scope="module")
def plants():
    told = SourceFile(
        path="China.csv",
        datum="wgs84",
        columns={
            "source_id": "Power Plant ID",
            "name": "Name",
            "fuel": "Fuel",
            "capacity_mw": "Capacity (MW)",
            "generation_gwh": "Annual Generation (GWh)",
            "year": "Year of Data",
            "longitude": "Longitude",
            "latitude": "Latitude",
            "status": "Operational Status",
        },
        defaults={"sector": "power", "year": "2018"},
        keep_status=("", "Operational"),
    )
    rows = read_sources(
        told, data_root=FOLDER, roots=[Path(FOLDER)], target_crs=ANHUI.crs
    )
    return gathered([rows], emission_factors())


def test_the_country_emits_what_its_power_stations_are_known_to(plants):
    """Some 4 to 4.5 Gt a year about 2018, by memory of inventories; all estimated."""
    total = plants.sources["co2e_t_yr"].sum()
    assert 3.5e9 < total < 5e9
    assert plants.sources["is_estimated"].all()
    assert len(plants.sources) > 3000


def test_rows_that_cannot_be_used_are_named(plants):
    fields = {error.where["field"] for error in plants.rejected}
    assert {"longitude", "emission_tco2e_yr"} <= fields
    assert all(error.where["item"] for error in plants.rejected)
    assert any("have another status" in note for note in plants.notes)


def test_the_list_counts_some_stations_twice_and_we_say_so(plants):
    ids = {tuple(doubt.where["value"].split(", ")) for doubt in plants.doubts}
    assert ("1061070", "1029814") in ids


def test_the_province(plants):
    table = inventory_of(plants, ANHUI).set_index("sector")
    total = table.loc["all", "co2e_t_yr"]
    assert 1.5e8 < total < 4.5e8
    assert 0.1 * total < table.loc["all", "se_t_yr"] < 0.6 * total
    spread = emission_density(plants, ANHUI, year=2018)
    assert spread.sum() * ANHUI.cell_ha == pytest.approx(total, rel=1e-9)


def test_exposure_of_the_province(plants):
    told = ExposureSettings()
    direct = direct_sources(plants, year=2018)
    values = region_exposure(direct, ANHUI, told, on=ANHUI)
    near = plants.sources
    points = near[near["co2e_t_yr"] > 0]
    at = Sources(
        points.geometry.x.to_numpy(),
        points.geometry.y.to_numpy(),
        points["co2e_t_yr"].to_numpy(np.float64),
    )
    rows, columns = np.random.default_rng(4).integers(0, (290, 210), (200, 2)).T
    exact = exposure_at(ANHUI.xs()[columns], ANHUI.ys()[rows], at, kernel_of(told))
    floor = 1e-6 * at.emission_t.sum()
    np.testing.assert_allclose(values[rows, columns], exact, rtol=1e-3, atol=floor)
    assert values.max() > 1e7
