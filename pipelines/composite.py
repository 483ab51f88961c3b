"""The scenes of a period to one clear picture, tile by tile."""

from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from geo.composite import clear_median
from geo.grid import Tile
from geo.layers import LAYERS
from geo.period import Period
from pipelines.context import Night, TileKeys, computing
from pipelines.ingest import SCENE_FILE, Ingested
from store.catalog import Facts
from store.keys import LayerKey
from store.rasters import open_codes, write_layer

COMPOSITE_FILE = "composite.tif"
CLEAR = 1
"""The status code of a cell that was seen clear."""


def build_composite(night: Night, ingested: Ingested, period: Period) -> TileKeys:
    """Build the median of the clear observations of ``period``.

    With fewer scenes than the season asks for, nothing is known: every cell is empty
    and the parcels say so.
    """
    scenes = ingested.of(period)
    composites = {}
    for tile in night.tiles:
        keys = [scene.keys[tile.name] for scene in scenes]
        key = LayerKey.of(
            "composite",
            region=night.settings.region.name,
            period=str(period),
            tile=tile.name,
            inputs={"scenes": [scene_key.digest for scene_key in keys]},
            settings={
                "grid": repr(tile.grid),
                "min_clear": night.settings.region.season.min_clear,
            },
        )
        night.catalog.produce(
            key,
            partial(_build, night, tile, keys, period),
        )
        composites[tile.name] = key
    return composites


def _build(
    night: Night, tile: Tile, keys: list[LayerKey], period: Period, folder: Path
) -> Facts:
    min_clear = night.settings.region.season.min_clear
    layer = LAYERS["composite"]
    with computing(night.settings):
        if len(keys) < min_clear:
            values = xr.DataArray(
                np.full((len(layer.bands), *tile.grid.shape), np.nan, np.float32),
                dims=("band", "y", "x"),
            )
        else:
            values = _median(night, tile, keys, min_clear)
        tags = {"PERIOD": str(period), "SCENES": str(len(keys))}
        write_layer(folder / COMPOSITE_FILE, layer, values, tile.grid, tags=tags)
    return {"scenes": len(keys), "min_clear": min_clear}


def _median(
    night: Night, tile: Tile, keys: list[LayerKey], min_clear: int
) -> xr.DataArray:
    chunk = night.settings.region.dask.chunk_cells
    scenes = [
        open_codes(
            night.catalog.need(key).path(SCENE_FILE),
            LAYERS["scene"],
            tile.grid,
            chunk_cells=chunk,
        )
        for key in keys
    ]
    stack = xr.concat(scenes, dim="time")
    clear = stack.sel(band="status", drop=True) == CLEAR
    codes = stack.isel(band=slice(0, -1))
    median = clear_median(codes, clear, min_clear=min_clear)
    count = median["clear_count"].astype("float32").expand_dims(band=["clear_count"])
    return xr.concat([median["reflectance"], count], dim="band")
