"""A season's composite, brought to the look of the training season, to tree cover."""

from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import TooFewObservationsError
from geo.grid import Tile
from models.cover import CoverModel
from models.features import feature_values, features_from
from models.harmonise import ReferenceCells, Shifts, shift_to_reference
from models.scores import block_ids
from pipelines.composite import COMPOSITE_FILE
from pipelines.context import Night, TileKeys, each_tile
from pipelines.train import load_model, read_sample
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey
from store.rasters import open_layer, write_layer

COVER_FILE = "cover.tif"
COVER, COVER_SD, NDMI, IN_DOMAIN = (1, 2, 3, 4)
"""Bands of the cover layer, as rasterio counts them."""

Values = NDArray[np.float32]


def harmonise(night: Night, sample: TileKeys, reference: TileKeys) -> TileKeys:
    """Find what to add to each band of a season to make it look like the training's.

    Each tile is tied to its own reference cells: haze, sun and leaves differ over a
    region, and a new scene over one tile then says nothing of another. A tile with too
    few takes what all tiles together say. Where these are too few as well, the season
    is unusable: it counts as not observed.
    """

    def work(tile: Tile) -> LayerKey:
        pair = ([sample[tile.name]], [reference[tile.name]])
        key = _shift_key(night, tile.name, *pair)
        return night.catalog.produce(key, partial(_build_shifts, night, pair)).key

    own = each_tile(night, "harmonise", work)
    lacking = [name for name, key in own.items() if shifts_of(night, key) is None]
    if lacking and len(own) > 1:
        own |= dict.fromkeys(lacking, _for_all(night, sample, reference))
    return own


def map_cover(
    night: Night, composite: TileKeys, model: LayerKey, shifts: TileKeys
) -> TileKeys:
    """Map tree cover, its model error, the moisture index and the domain."""

    def work(tile: Tile) -> LayerKey:
        source, shift = composite[tile.name], shifts[tile.name]
        key = LayerKey.of(
            "cover",
            region=night.settings.region.name,
            period=source.period,
            tile=tile.name,
            inputs={
                "composite": source.digest,
                "model": model.digest,
                "shifts": shift.digest,
            },
            settings={},
        )
        build = partial(_build, night, tile, source, shift, model)
        return night.catalog.produce(key, build).key

    return each_tile(night, "cover", work)


def shifts_of(night: Night, key: LayerKey) -> Shifts | None:
    """Return the shifts of a tile; None if they are not known."""
    facts = night.catalog.need(key).facts
    return Shifts.from_record(facts) if facts["usable"] else None


def shifted(bands: Values, names: tuple[str, ...], shifts: Shifts | None) -> Values:
    """Add the shifts to reflectance ``(band, ...)``; NaN if they are not known."""
    if shifts is None:
        return np.full_like(bands, np.nan)
    added = dict(zip(shifts.names, shifts.shift, strict=True))
    moved = np.array([added.get(name, 0.0) for name in names], np.float32)
    return bands + moved.reshape(-1, *[1] * (bands.ndim - 1))


def _for_all(night: Night, sample: TileKeys, reference: TileKeys) -> LayerKey:
    key = _shift_key(night, "all", list(sample.values()), list(reference.values()))
    pair = (list(sample.values()), list(reference.values()))
    return night.catalog.produce(key, partial(_build_shifts, night, pair)).key


def _shift_key(
    night: Night, tile: str, sample: list[LayerKey], reference: list[LayerKey]
) -> LayerKey:
    model = night.settings.region.model
    return LayerKey.of(
        "harmonisation",
        region=night.settings.region.name,
        period=sample[0].period,
        tile=tile,
        inputs={
            "sample": [key.digest for key in sample],
            "reference": [key.digest for key in reference],
        },
        settings={"cover_pct": model.reference_cover_pct, "block_m": model.block_m},
    )


def _build_shifts(
    night: Night, pair: tuple[list[LayerKey], list[LayerKey]], folder: Path
) -> Facts:
    facts: dict[str, object]
    try:
        facts = {"usable": True, **_shifts(night, *pair).record()}
    except TooFewObservationsError as error:
        facts = {"usable": False, "reason": error.what, "reason_zh": error.zh}
    write_json(folder / "shifts.json", facts)
    return facts


def _shifts(night: Night, sample: list[LayerKey], reference: list[LayerKey]) -> Shifts:
    if sample == reference:
        return Shifts.none(night.bands)
    year, base = read_sample(night, sample), read_sample(night, reference)
    model = night.settings.region.model
    return shift_to_reference(
        ReferenceCells(
            night.bands,
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
    layer = night.layer("composite")
    opened = open_layer(
        night.catalog.need(composite).path(COMPOSITE_FILE),
        layer,
        tile.grid,
        # Of each band and feature: reflectance, and twice in double precision.
        chunk_cells=night.chunk_cells(len(layer.bands) * 40),
    )
    cells = opened.sel(band=list(night.bands)).data
    values = cells.map_blocks(
        _cover_of_block,
        bands=night.bands,
        shifts=shifts_of(night, shifts),
        model=load_model(night, model),
        chunks=((4,), *cells.chunks[1:]),
        dtype=np.float32,
        meta=np.empty((0, 0, 0), np.float32),
    )
    write_layer(
        folder / COVER_FILE,
        night.layer("cover"),
        xr.DataArray(values, dims=("band", "y", "x")),
        tile.grid,
    )
    return {}


def _cover_of_block(
    cells: Values, *, bands: tuple[str, ...], shifts: Shifts | None, model: CoverModel
) -> Values:
    """Return cover, its sd, moisture index and domain ``(4, y, x)`` of a block."""
    model.require(features_from(bands))
    features = feature_values(shifted(cells, bands, shifts), bands)
    found = model.predict(features)
    values = np.empty((4, *cells.shape[1:]), np.float32)
    values[0], values[1] = found.cover_pct, found.sd_pct
    values[2] = features[model.names.index("ndmi")]
    values[3] = found.in_domain
    values[3][np.isnan(found.cover_pct)] = np.nan
    return values
