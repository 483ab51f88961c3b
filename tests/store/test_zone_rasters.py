import numpy as np
import pytest
import rasterio

from geo.errors import RasterError
from geo.grid import Grid
from geo.layers import LAYERS
from store.zone_rasters import Cells, write_rasters
from tests.store import zone_fixture as made

HAND = Grid("EPSG:4548", 450_000.0, 3_420_000.0, 10.0, 3, 2)


def read(path, index=1):
    with rasterio.open(path) as source:
        values = source.read(index).astype(float)
        values[values == source.nodata] = np.nan
        return values * source.scales[index - 1]


def by_hand(values, code):
    """Return cells of two units: the two columns on the left, and the one on the right.

    Their border runs through the middle column's right side.
    """
    from shapely import box

    left, bottom, right, top = HAND.bounds
    shapes = np.empty(2, object)
    shapes[:] = [box(left, bottom, left + 20, top), box(left + 20, bottom, right, top)]
    return Cells(np.array(code, np.uint8), LAYERS["eligible"], shapes, values)


def test_by_hand(tmp_path):
    cells = by_hand(
        {"zone": (np.array([1.0, 0.0]),), "cost": (np.array([20_000.0, np.nan]),)},
        [[0, 10, 0], [4, 0, 0]],
    )
    assert write_rasters(tmp_path, cells, HAND) == ("eligible", "zone", "cost")
    folder = tmp_path / "layers"
    np.testing.assert_array_equal(read(folder / "eligible.tif"), cells.code)
    nan = np.nan
    np.testing.assert_array_equal(read(folder / "zone.tif"), [[1, nan, 0], [nan, 1, 0]])
    np.testing.assert_array_equal(
        read(folder / "cost.tif"), [[20_000, nan, nan], [nan, 20_000, nan]]
    )


def test_files_are_cogs_with_units_tags_and_styles(tmp_path):
    names = write_rasters(tmp_path, made.cells(), made.GRID, tags={"ANSWER": "x"})
    found = sorted(path.name for path in (tmp_path / "layers").iterdir())
    assert found == sorted(f"{n}.{kind}" for n in names for kind in ("tif", "qml"))
    for name in names:
        with rasterio.open(tmp_path / "layers" / f"{name}.tif") as source:
            assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert source.tags()["ANSWER"] == "x"
            assert source.descriptions == LAYERS[name].band_names
            assert source.transform == made.GRID.transform


def test_strips_say_what_the_whole_says(tmp_path, monkeypatch):
    for folder, rows in ((tmp_path / "whole", 512), (tmp_path / "strips", 7)):
        monkeypatch.setattr("store.zone_rasters.BLOCK", rows)
        folder.mkdir()
        write_rasters(folder, made.cells(), made.GRID)
    for path in sorted((tmp_path / "whole" / "layers").iterdir()):
        other = tmp_path / "strips" / "layers" / path.name
        assert path.read_bytes() == other.read_bytes(), path.name


def test_overviews_of_ranks_are_ranks(tmp_path):
    grid = Grid("EPSG:4548", 450_000.0, 3_420_000.0, 10.0, 1100, 1100)
    from shapely import box

    left, bottom, right, top = grid.bounds
    shapes = np.empty(2, object)
    shapes[:] = [
        box(left, bottom, left + 5550, top),
        box(left + 5550, bottom, right, top),
    ]
    code = np.zeros(grid.shape, np.uint8)
    cells = Cells(code, LAYERS["eligible"], shapes, {"zone": (np.array([1.0, 9.0]),)})
    write_rasters(tmp_path, cells, grid)
    with rasterio.open(tmp_path / "layers" / "zone.tif") as source:
        thinned = source.read(1, out_shape=(137, 137))
        assert source.overviews(1)
    assert set(np.unique(thinned)) == {1, 9}


def test_more_zones_than_the_file_can_number_are_refused(tmp_path):
    cells = by_hand({"zone": (np.array([40_000.0, 1.0]),)}, [[0, 0, 0], [0, 0, 0]])
    with pytest.raises(RasterError, match="zone_rank"):
        write_rasters(tmp_path, cells, HAND)
    assert not list((tmp_path / "layers").glob("*.tif"))
