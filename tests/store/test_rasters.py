import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr

from geo.errors import RasterError
from geo.grid import Grid
from geo.layers import LAYERS, REFLECTANCE_SCALE
from store.rasters import (
    encode,
    open_layer,
    open_stack,
    read_band,
    read_window,
    write_codes,
    write_layer,
)

GRID = Grid("EPSG:3035", 1000.0, 2000.0, 10.0, 700, 600)
AGBD = LAYERS["agbd"]


def layer_values(layer, grid, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 1, (len(layer.bands), *grid.shape)).astype(np.float32)
    values[:, :5, :7] = np.nan
    return xr.DataArray(values, dims=("band", "y", "x"))


def test_a_layer_comes_back_with_its_names_units_and_gaps(tmp_path):
    path = tmp_path / "agbd.tif"
    values = layer_values(AGBD, GRID)
    write_layer(path, AGBD, values, GRID, tags={"PERIOD": "20200601-20200901"})
    assert [p.name for p in tmp_path.iterdir()] == ["agbd.tif"]
    with rasterio.open(path) as source:
        assert source.descriptions == AGBD.band_names
        assert source.units == tuple(band.unit for band in AGBD.bands)
        assert source.tags()["PERIOD"] == "20200601-20200901"
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.transform == GRID.transform
    back = open_layer(path, AGBD, GRID, chunk_cells=256)
    assert back.chunks is not None
    # Whole numbers of a tenth of a tonne, and of classes.
    expected = values.values / np.array([0.1, 0.1, 1.0])[:, None, None]
    expected = np.rint(expected) * np.array([0.1, 0.1, 1.0])[:, None, None]
    np.testing.assert_allclose(back.values, expected, atol=1e-6)
    np.testing.assert_array_equal(read_band(path, 2), back.values[1])


@pytest.mark.parametrize("name", ["agbd", "scene"])
@pytest.mark.parametrize("chunk", [100, 512, 530, 700])
def test_chunks_do_not_change_a_byte(tmp_path, name, chunk):
    layer = LAYERS[name]
    values = layer_values(layer, GRID)
    write_layer(tmp_path / "whole.tif", layer, values, GRID)
    lazy = values.copy(data=da.from_array(values.values, chunks=(1, chunk, chunk)))
    write_layer(tmp_path / "lazy.tif", layer, lazy, GRID)
    whole, parts = tmp_path / "whole.tif", tmp_path / "lazy.tif"
    assert whole.read_bytes() == parts.read_bytes()


def test_reflectance_is_stored_in_ten_thousandths(tmp_path):
    composite = LAYERS["composite"].seen_in(["red", "nir"])
    grid = Grid("EPSG:3035", 0.0, 0.0, 10.0, 2, 2)
    values = np.full((3, 2, 2), 0.1234, dtype=np.float32)
    values[2] = 9
    values[0, 0, 0] = np.nan
    array = xr.DataArray(values, dims=("band", "y", "x"))
    write_layer(tmp_path / "c.tif", composite, array, grid)
    codes = open_stack([tmp_path / "c.tif"], composite, grid, chunk_cells=2).values[0]
    assert codes.dtype == np.int16
    assert codes[0].tolist() == [[-32768, 1234], [1234, 1234]]
    assert codes[2].tolist() == [[9, 9], [9, 9]]
    back = open_layer(tmp_path / "c.tif", composite, grid, chunk_cells=2).values
    assert back[1, 0, 0] == pytest.approx(1234 * REFLECTANCE_SCALE)


def test_what_is_coded_already_is_kept_to_the_bit(tmp_path):
    layer = LAYERS["composite"].seen_in(["red"])
    grid = Grid("EPSG:3035", 0.0, 0.0, 10.0, 2, 1)
    codes = np.array([[[-32768, 1235]], [[0, 7]]], np.int16)
    array = xr.DataArray(codes, dims=("band", "y", "x"))
    write_codes(tmp_path / "c.tif", layer, array, grid)
    back = open_stack([tmp_path / "c.tif"], layer, grid, chunk_cells=1)[0]
    assert back.values.tolist() == codes.tolist()
    with rasterio.open(tmp_path / "c.tif") as source:
        assert source.scales == (REFLECTANCE_SCALE, 1.0)


def test_a_window_holds_the_cells_of_the_whole(tmp_path):
    path = tmp_path / "agbd.tif"
    write_layer(path, AGBD, layer_values(AGBD, GRID), GRID)
    rows, columns = slice(3, 530), slice(500, 640)
    part = read_window(path, (3, 1), rows, columns)
    assert part.dtype == np.float32
    for place, band in enumerate((3, 1)):
        np.testing.assert_array_equal(part[place], read_band(path, band)[rows, columns])


def test_what_does_not_fit_is_refused_not_wrapped():
    band = LAYERS["composite"].bands[0]
    with pytest.raises(RasterError, match=r"composite\.blue has values from .* to 7"):
        encode(np.array([[0.1, 7.0]], dtype=np.float32), band, "composite")


def test_another_shape_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs the shape"):
        write_layer(tmp_path / "a.tif", AGBD, layer_values(AGBD, GRID)[:, :-1], GRID)
    write_layer(tmp_path / "a.tif", AGBD, layer_values(AGBD, GRID), GRID)
    smaller = GRID.window(slice(0, 10), slice(0, 10))
    with pytest.raises(RasterError, match="expected"):
        open_layer(tmp_path / "a.tif", AGBD, smaller, chunk_cells=10)
