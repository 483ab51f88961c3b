"""Sources, layers and requests of siting as they should not be, and what is said."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from config.siting_settings import SitingSettings
from config.siting_tables import emission_factors, random_index
from geo.errors import (
    GridMismatchError,
    RasterError,
    SettingsError,
    TableError,
    VectorError,
)
from geo.gcj02 import to_gcj02
from geo.grid import Grid
from geo.overlay import coverage_weights
from models.ahp import ahp_weights, given_weights
from models.inventory import of_year
from pipelines.siting_sources import gathered
from store.emission_sources import SourceFile, read_sources
from store.land_layers import LandFile, open_land

CRS = "EPSG:4548"
GRID = Grid(CRS, 450_000, 3_420_000, 10, 20, 20)
HEADER = "source_id,sector,year,longitude,latitude,emission_tco2e_yr\n"
GOOD = "good,power,2020,116.5,30.9,5\n"
POINT = shapely.Point(450_100, 3_419_900)


def read(folder, text=None, *, path="s.csv", **told):
    if text is not None:
        (folder / path).write_text(text, encoding="utf-8")
    file = SourceFile(path=path, **{"datum": "wgs84", **told})
    return read_sources(file, data_root=folder, roots=[folder], target_crs=CRS)


def layer(folder, shapes, crs=CRS, **columns):
    shown = {"source_id": [f"S{n}" for n in range(len(shapes))]}
    shown |= {"sector": ["power"] * len(shapes), "year": [2020] * len(shapes)}
    shown |= {"emission_tco2e_yr": [5.0] * len(shapes)} | columns
    frame = gpd.GeoDataFrame(shown, geometry=shapes, crs=crs)
    frame.to_file(folder / "s.gpkg", driver="GPKG")
    return {"path": "s.gpkg"}


ROWS = [
    ("T02", "bad,power,2020,116.5,30.9,3e11", "emission_tco2e_yr", "above 2e+08"),
    ("T04", "bad,power,2020,116.5,30.9,-5", "emission_tco2e_yr", "below 0"),
    ("T05", 'bad,power,2020,116.5,30.9,"1,234.5"', "emission_tco2e_yr", "1234.5"),
    ("T07", "bad,power,2020,116.5,30.9,12.5吨", "emission_tco2e_yr", "unit '吨'"),
    ("T08", "bad,power,—,116.5,30.9,1", "year", "is missing"),
    ("T08", "bad,power,2020,116.5,30.9,—", "emission_tco2e_yr", "neither an emission"),
    ("T09", "bad,power,2020,116.5,30.9,1e400", "emission_tco2e_yr", "too large"),
    ("T09", "bad,power,2020,116.5,30.9,nan", "emission_tco2e_yr", "not a finite"),
    ("V11", "bad,power,2020,30.9,116.5,1", "latitude", "above 90"),
]


@pytest.mark.parametrize(
    ("row", "field", "fragment"),
    [r[1:] for r in ROWS],
    ids=[f"{r[0]}-{r[2]}" for r in ROWS],
)
def test_a_bad_source_goes_and_the_next_stays(tmp_path, row, field, fragment):
    rows = read(tmp_path, HEADER + row + "\n" + GOOD)
    found = gathered([rows], emission_factors())
    assert found.sources["source_id"].tolist() == ["good"]
    (error,) = found.rejected
    assert fragment in error.what
    assert error.where["field"] == field
    assert error.where["item"] == "line 2"
    assert error.where["file"].endswith("s.csv")
    assert error.zh


def test_t06_full_width_digits_are_read_and_counted(tmp_path):
    rows = read(tmp_path, HEADER + "a,power,2020,116.5,30.9,１２３\n")
    assert rows.rows["emission_tco2e_yr"].tolist() == [123]
    assert any("full-width" in note for note in rows.notes)


@pytest.mark.parametrize(
    "header", ["emission_tco2e_yr (kg)", "emission_tco2e_yr (t C/yr)"]
)
def test_t02_t03_another_unit_in_the_header(tmp_path, header):
    text = HEADER.replace("emission_tco2e_yr", header) + GOOD
    with pytest.raises(TableError, match="must be in t CO2e/yr"):
        read(tmp_path, text)


def test_t17_a_misspelt_column_is_named(tmp_path):
    with pytest.raises(TableError, match=r"latitude \(did you mean it by 'lattitude'"):
        read(tmp_path, HEADER.replace("latitude", "lattitude") + GOOD)


def test_t20_the_same_source_in_two_files(tmp_path):
    """Equal: once. Different: not at all, and both files are named."""
    one = read(
        tmp_path, HEADER + "A,power,2020,116.5,30.9,5\nB,power,2020,116.6,30.9,7\n"
    )
    two = read(
        tmp_path,
        HEADER + "A,power,2020,116.5,30.9,5\nB,power,2020,116.6,30.9,9\n",
        path="again.csv",
    )
    found = gathered([one, two], emission_factors())
    assert found.sources["source_id"].tolist() == ["A"]
    assert found.sources["co2e_t_yr"].sum() == 5
    (error,) = found.rejected
    assert error.where["item"] == "s.csv line 3; again.csv line 3"
    assert "delivered 2 times" in found.doubts[0].what


def test_v07_an_empty_layer(tmp_path):
    told = layer(tmp_path, [POINT])
    empty = gpd.read_file(tmp_path / "s.gpkg").iloc[:0]
    empty.to_file(tmp_path / "none.gpkg", driver="GPKG")
    with pytest.raises(VectorError, match="no emission source"):
        read(tmp_path, **told | {"path": "none.gpkg"})
    told = LandFile("wetland", "none.gpkg", 0, 1)
    with pytest.raises(VectorError, match="no feature"):
        open_land(told, data_root=tmp_path, roots=[tmp_path], grid=GRID)


def test_v09_points_and_areas_in_one_layer(tmp_path):
    told = layer(tmp_path, [POINT, POINT.buffer(50)])
    with pytest.raises(VectorError, match="mixes area and point"):
        read(tmp_path, **told)
    with pytest.raises(VectorError, match="mixes area and point"):
        open_land(
            LandFile("wetland", "s.gpkg", 0, 1),
            data_root=tmp_path,
            roots=[tmp_path],
            grid=GRID,
        )


def test_v12_v13_a_crs_is_never_guessed_nor_mixed(tmp_path):
    """Layers are brought onto the grid by their CRS; what is not, is refused."""
    told = layer(tmp_path, gpd.GeoSeries([POINT], crs=CRS).to_crs(4326).to_list(), 4326)
    placed = read(tmp_path, **told).rows.geometry.iloc[0]
    assert placed.distance(POINT) < 1e-3
    units = gpd.GeoDataFrame({"parcel_id": ["a"]}, geometry=[POINT.buffer(9)], crs=CRS)
    with pytest.raises(GridMismatchError):
        coverage_weights(units.to_crs(4326), GRID)
    units.to_file(tmp_path / "bare.shp", crs=None)
    (tmp_path / "bare.prj").unlink()
    with pytest.raises(VectorError, match="in which CRS"):
        open_land(
            LandFile("wetland", "bare.shp", 0, 1),
            data_root=tmp_path,
            roots=[tmp_path],
            grid=GRID,
        )


def test_v20_an_easting_with_its_zone(tmp_path):
    shifted = shapely.Point(39_450_100, 3_419_900)
    told = layer(tmp_path, [shifted, POINT])
    rows = read(tmp_path, **told)
    assert rows.rows["source_id"].tolist() == ["S1"]
    assert "zone number 39" in rows.rejected[0].what
    assert rows.rejected[0].where["item"] == "feature 1"
    layer(tmp_path, [shifted.buffer(50)])
    with pytest.raises(VectorError, match="zone number 39"):
        open_land(
            LandFile("ecological_redline", "s.gpkg", 0, 1),
            data_root=tmp_path,
            roots=[tmp_path],
            grid=GRID,
        )


def test_v21_shifted_coordinates_are_shifted_back_when_declared(tmp_path):
    there = to_gcj02(np.array([116.5]), np.array([30.9]))
    row = f"a,power,2020,{there[0][0]:.8f},{there[1][0]:.8f},5\n"
    right = read(tmp_path, HEADER + GOOD).rows.geometry.iloc[0]
    back = read(tmp_path, HEADER + row, datum="gcj02")
    wrong = read(tmp_path, HEADER + row)
    assert back.rows.geometry.iloc[0].distance(right) < 0.01
    assert 100 < wrong.rows.geometry.iloc[0].distance(right) < 800
    assert any("GCJ-02" in note for note in back.notes)
    with pytest.raises(ValueError, match="datum"):
        SitingSettings.model_validate({"sources": [{"path": "s.csv"}]})


def test_z01_weights_that_contradict_or_do_not_add_up():
    names = ("a", "b", "c")
    with pytest.raises(SettingsError, match=r"add up to 1\.2"):
        given_weights(names, {"a": 0.7, "b": 0.5})
    judgements = np.array([[1, 9, 1 / 9], [1 / 9, 1, 9], [9, 1 / 9, 1]])
    with pytest.raises(SettingsError, match="hurts most"):
        ahp_weights(names, judgements, random_index=random_index())


def test_z02_a_year_without_sources(tmp_path):
    found = gathered([read(tmp_path, HEADER + GOOD)], emission_factors())
    with pytest.raises(TableError, match="2031") as error:
        of_year(found.sources, 2031, carry_years=3)
    assert "2020" in error.value.cure


def test_z03_a_broken_limit_is_not_used_in_part(tmp_path):
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    moved = shapely.transform(bow, lambda p: p * 90 + [450_000, 3_419_800])
    layer(tmp_path, [POINT.buffer(9), moved])
    told = LandFile("wetland", "s.gpkg", 0, 1)
    with pytest.raises(VectorError, match="not valid: 2"):
        open_land(told, data_root=tmp_path, roots=[tmp_path], grid=GRID)


def test_z04_values_that_a_layer_cannot_hold(tmp_path):
    with rasterio.open(
        tmp_path / "slope.tif",
        "w",
        driver="GTiff",
        width=20,
        height=20,
        count=1,
        dtype="float32",
        crs=CRS,
        transform=from_origin(450_000, 3_420_000, 10, 10),
    ) as file:
        file.write(np.full((1, 20, 20), -9999, np.float32))
    told = LandFile("slope", "slope.tif", 0, 90)
    land = open_land(told, data_root=tmp_path, roots=[tmp_path], grid=GRID)
    with pytest.raises(RasterError, match="nodata value not declared"):
        land.read(slice(0, 20))
    elsewhere = Grid(CRS, 900_000, 3_420_000, 10, 20, 20)
    with pytest.raises(RasterError, match="does not meet the region"):
        open_land(told, data_root=tmp_path, roots=[tmp_path], grid=elsewhere)


def test_z05_lines_without_a_width(tmp_path):
    layer(tmp_path, [shapely.LineString([(450_000, 3_419_950), (450_200, 3_419_950)])])
    told = LandFile("road", "s.gpkg", 0, 1)
    with pytest.raises(VectorError, match="without a width"):
        open_land(told, data_root=tmp_path, roots=[tmp_path], grid=GRID)
    wide = LandFile("road", "s.gpkg", 0, 1, buffer_m=5)
    land = open_land(wide, data_root=tmp_path, roots=[tmp_path], grid=GRID)
    assert land.read(slice(4, 6))[:, 5].tolist() == [0.5, 0.5]
