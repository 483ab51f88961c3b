import json
import os
import subprocess
import sys

import numpy as np
import pytest
import rasterio
import xarray as xr

from geo.errors import UnsafePathError
from geo.grid import Grid
from geo.layers import LAYERS
from store.mosaic import TileFile, write_vrt
from store.rasters import read_band, write_layer
from store.safe import open_raster

GRID = Grid("EPSG:4548", 450_000.0, 3_420_000.5, 10.0, 150, 110)

READ = """
import json, sys
import numpy as np
import rasterio
with rasterio.open(sys.argv[1]) as source:
    codes = source.read()
    overview = source.read(1, out_shape=(11, 15))
    np.save(sys.argv[2], codes)
    print(json.dumps({
        "driver": source.driver,
        "crs": source.crs.to_epsg(),
        "transform": list(source.transform)[:6],
        "dtypes": source.dtypes,
        "nodata": source.nodatavals,
        "scales": source.scales,
        "offsets": source.offsets,
        "descriptions": source.descriptions,
        "units": source.units,
        "files": len(source.files),
        "overview": float(np.nanmax(overview)),
    }))
"""
"""A program of somebody else's: it knows nothing of this project and locks nothing."""


def values_of(layer, seed=0):
    """Whole codes of a layer's range, with gaps, as values."""
    generator = np.random.default_rng(seed)
    bands = []
    for band in layer.bands:
        low, high = band.valid_range
        codes = generator.integers(0, min(high / band.scale, 9000) + 1, GRID.shape)
        values = np.maximum(codes * band.scale, low)
        values[generator.random(GRID.shape) < 0.1] = np.nan
        bands.append(values)
    return np.stack(bands).astype(np.float32)


def mosaic(folder, layer, tile_cells):
    values, files = values_of(layer), []
    for tile in GRID.tiles(tile_cells):
        rows = slice(tile.row, tile.row + tile.grid.height)
        columns = slice(tile.column, tile.column + tile.grid.width)
        part = xr.DataArray(values[:, rows, columns], dims=("band", "y", "x"))
        name = f"{layer.name}_{tile.name}.tif"
        write_layer(folder / name, layer, part, tile.grid)
        files.append(TileFile(tile, name))
    write_vrt(folder / f"{layer.name}.vrt", layer, GRID, files)
    whole = folder / "whole.tif"
    write_layer(whole, layer, xr.DataArray(values, dims=("band", "y", "x")), GRID)
    return folder / f"{layer.name}.vrt", whole


@pytest.mark.parametrize("name", ["composite", "agbd", "agbd_change", "exposure"])
def test_tiles_open_as_one_raster_in_any_program(tmp_path, name):
    layer = LAYERS[name].seen_in(["red", "nir"])
    (tmp_path / "layers").mkdir()
    vrt, whole = mosaic(tmp_path / "layers", layer, 64)
    moved = tmp_path / "moved 已移动"
    (tmp_path / "layers").rename(moved)  # the files are named beside it
    vrt, whole = moved / vrt.name, moved / whole.name
    done = subprocess.run(
        [sys.executable, "-c", READ, str(vrt), str(tmp_path / "codes.npy")],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    with rasterio.open(whole) as source:
        np.testing.assert_array_equal(np.load(tmp_path / "codes.npy"), source.read())
        assert said["crs"] == source.crs.to_epsg() == 4548
        assert said["transform"] == list(source.transform)[:6]
        assert tuple(said["dtypes"]) == source.dtypes
        assert tuple(said["nodata"]) == source.nodatavals
        assert tuple(said["scales"]) == source.scales
        assert tuple(said["offsets"]) == source.offsets
        assert tuple(said["descriptions"]) == source.descriptions == layer.band_names
        assert tuple(said["units"]) == source.units
    assert said["driver"] == "VRT"
    assert said["files"] == 1 + 6
    assert said["overview"] > 0


def test_the_same_tiles_give_the_same_bytes(tmp_path):
    layer = LAYERS["agbd"]
    files = [TileFile(tile, f"{tile.name}.tif") for tile in GRID.tiles(64)]
    write_vrt(tmp_path / "a.vrt", layer, GRID, files)
    write_vrt(tmp_path / "b.vrt", layer, GRID, files)
    text = (tmp_path / "a.vrt").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.vrt").read_text(encoding="utf-8")
    assert str(tmp_path) not in text


def test_what_we_publish_is_no_input_of_ours(tmp_path):
    """A VRT is for others to open: as an input it may point anywhere."""
    vrt, _ = mosaic(tmp_path, LAYERS["exposure"], 64)
    assert np.isfinite(read_band(tmp_path / "exposure_r000c000.tif")).any()
    with (
        pytest.raises(UnsafePathError, match="VRT"),
        open_raster(vrt, roots=[tmp_path]),
    ):
        pass
