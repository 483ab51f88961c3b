"""The scenes of a period to one clear picture, tile by tile."""

from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from geo.composite import composite_codes
from geo.grid import Tile
from geo.layers import NO_VALUE
from geo.period import Period
from pipelines.context import Night, TileKeys, each_tile
from pipelines.ingest import SCENE_FILE, Ingested, IngestedScene
from store.catalog import Facts
from store.keys import LayerKey
from store.rasters import open_codes, write_codes

COMPOSITE_FILE = "composite.tif"
CLEAR = 1
"""The status code of a cell that was seen clear."""


def build_composite(night: Night, ingested: Ingested, period: Period) -> TileKeys:
    """Build the median of the clear observations of ``period``.

    With fewer scenes than the season asks for, nothing is known: every cell is empty
    and the parcels say so. A tile's composite rests on the scenes that saw any of it.
    """
    scenes = ingested.of(period)

    def work(tile: Tile) -> LayerKey:
        mine = [scene for scene in scenes if tile.name in scene.keys]
        keys = [scene.keys[tile.name] for scene in mine]
        key = LayerKey.of(
            "composite",
            region=night.settings.region.name,
            period=night.label(period),
            tile=tile.name,
            inputs={"scenes": [scene_key.digest for scene_key in keys]},
            settings={
                "grid": repr(tile.grid),
                "bands": night.bands,
                "min_clear": night.settings.region.season.min_clear,
            },
        )
        build = partial(_build, night, tile, mine)
        return night.catalog.produce(key, build).key

    return each_tile(night, "composite", work)


def _build(
    night: Night, tile: Tile, scenes: list[IngestedScene], folder: Path
) -> Facts:
    min_clear = night.settings.region.season.min_clear
    layer = night.layer("composite")
    tags = {"SCENES": str(len(scenes))}
    if len(scenes) < min_clear:
        codes = xr.DataArray(
            np.full((len(layer.bands), *tile.grid.shape), NO_VALUE, np.int16),
            dims=("band", "y", "x"),
        )
    else:
        codes = _median(night, tile, scenes, min_clear)
        tags |= {"FIRST": str(scenes[0].day), "LAST": str(scenes[-1].day)}
    write_codes(folder / COMPOSITE_FILE, layer, codes, tile.grid, tags=tags)
    return {"scenes": len(scenes), "min_clear": min_clear}


def _median(
    night: Night, tile: Tile, scenes: list[IngestedScene], min_clear: int
) -> xr.DataArray:
    layer = night.layer("scene")
    # Of each look: as it is read, as it is stacked, and the band that is sorted.
    chunk = night.chunk_cells(len(scenes) * len(layer.bands) * 5)
    opened = [
        open_codes(
            night.catalog.need(scene.keys[tile.name]).path(SCENE_FILE),
            layer,
            tile.grid,
            chunk_cells=chunk,
        )
        for scene in scenes
    ]
    stack = xr.concat(opened, dim="time")
    clear = stack.sel(band="status", drop=True) == CLEAR
    return composite_codes(stack.isel(band=slice(0, -1)), clear, min_clear=min_clear)
