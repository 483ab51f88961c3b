"""A season's composite, brought to the look of the training season, to tree cover."""

from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from geo.errors import TooFewObservationsError
from geo.grid import Tile
from geo.layers import LAYERS
from models.features import feature_stack
from models.harmonise import ReferenceCells, Shifts, shift_to_reference
from models.scores import block_ids
from pipelines.composite import COMPOSITE_FILE
from pipelines.context import Night, TileKeys, computing
from pipelines.train import BAND_NAMES, load_model
from store.arrays import read_arrays
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey
from store.rasters import open_layer, write_layer

COVER_FILE = "cover.tif"
COVER, COVER_SD, NDMI, IN_DOMAIN = (1, 2, 3, 4)
"""Bands of the cover layer, as rasterio counts them."""


def harmonise(night: Night, sample: LayerKey, reference: LayerKey) -> LayerKey:
    """Find what to add to each band of a season to make it look like the training's.

    A season that shares too few clear cells with the training season is unusable: it
    counts as not observed.
    """
    model = night.settings.region.model
    key = LayerKey.of(
        "harmonisation",
        region=night.settings.region.name,
        period=sample.period,
        inputs={"sample": sample.digest, "reference": reference.digest},
        settings={"cover_pct": model.reference_cover_pct, "block_m": model.block_m},
    )

    def build(folder: Path) -> Facts:
        try:
            facts = {"usable": True, **_shifts(night, sample, reference).record()}
        except TooFewObservationsError as error:
            facts = {"usable": False, "reason": error.what, "reason_zh": error.zh}
        write_json(folder / "shifts.json", facts)
        return facts

    return night.catalog.produce(key, build).key


def map_cover(
    night: Night,
    composite: TileKeys,
    model: LayerKey,
    shifts: LayerKey,
) -> TileKeys:
    """Map tree cover, its model error, the moisture index and the domain."""
    covers = {}
    for tile in night.tiles:
        source = composite[tile.name]
        key = LayerKey.of(
            "cover",
            region=night.settings.region.name,
            period=source.period,
            tile=tile.name,
            inputs={
                "composite": source.digest,
                "model": model.digest,
                "shifts": shifts.digest,
            },
            settings={},
        )
        night.catalog.produce(
            key,
            partial(_build, night, tile, source, shifts, model),
        )
        covers[tile.name] = key
    return covers


def harmonised(
    night: Night, composite: LayerKey, shifts: LayerKey, tile: Tile
) -> xr.DataArray:
    """Open a composite lazily, each band shifted to the look of the training season."""
    path = night.catalog.need(composite).path(COMPOSITE_FILE)
    opened = open_layer(
        path,
        LAYERS["composite"],
        tile.grid,
        chunk_cells=night.settings.region.dask.chunk_cells,
    )
    return shifted(night, shifts, opened.sel(band=list(BAND_NAMES)))


def shifted(night: Night, shifts: LayerKey, bands: xr.DataArray) -> xr.DataArray:
    """Shift reflectance to the look of the training season; NaN if that is unknown."""
    facts = night.catalog.need(shifts).facts
    if not facts["usable"]:
        return bands.where(False)
    return Shifts.from_record(facts).apply(bands)


def _shifts(night: Night, sample: LayerKey, reference: LayerKey) -> Shifts:
    if sample == reference:
        return Shifts.none(BAND_NAMES)
    year = read_arrays(night.catalog.need(sample).path("sample.npz"))
    base = read_arrays(night.catalog.need(reference).path("sample.npz"))
    model = night.settings.region.model
    return shift_to_reference(
        ReferenceCells(
            BAND_NAMES,
            year["bands"],
            base["bands"],
            base["cover_pct"] >= model.reference_cover_pct,
            block_ids(base["x"], base["y"], block_m=model.block_m),
        )
    )


def _build(
    night: Night,
    tile: Tile,
    composite: LayerKey,
    shifts: LayerKey,
    model: LayerKey,
    folder: Path,
) -> Facts:
    with computing(night.settings):
        stack = feature_stack(harmonised(night, composite, shifts, tile))
        mapped = load_model(night, model).map(stack)
        inside = mapped["in_domain"].astype(np.float32)
        bands = [
            mapped["cover_pct"],
            mapped["cover_sd_pct"],
            stack.sel(feature="ndmi", drop=True),
            inside.where(inside <= 1),
        ]
        values = xr.concat(bands, dim="band", coords="minimal", compat="override")
        write_layer(
            folder / COVER_FILE,
            LAYERS["cover"],
            values.transpose("band", "y", "x"),
            tile.grid,
        )
    return {}
