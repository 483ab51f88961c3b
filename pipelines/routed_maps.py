"""A season's biomass by the region's own model, and where default values stand in."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.grid import Tile
from geo.layers import LAYERS, ROUTES
from models.features import feature_values, features_from
from models.harmonise import Shifts
from models.learning.model import LearnedModel
from models.routes import FOREST_COVER_PCT
from pipelines.composite import COMPOSITE_FILE
from pipelines.context import Night, TileKeys, each_tile
from pipelines.cover import COVER_FILE, shifted, shifts_of
from pipelines.routes import Route, load_learned
from store.catalog import Facts
from store.keys import LayerKey
from store.rasters import open_layer, write_layer

AGBD_FILE = "agbd.tif"
LEARNED_FILE = "learned.tif"
ROUTE_FILE = "route.tif"
NUMBERS = {code: number for code, number, *_ in ROUTES}
"""What stands for a route in rasters."""
MOST_SD = LAYERS["learned"].bands[1].valid_range[1]
"""A wider spread (t/ha) says nothing."""

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RoutedMaps:
    """Keys of density with its route, and of the two apart, as they are published."""

    learned: TileKeys
    agbd: TileKeys
    route: TileKeys


def map_routes(night: Night, route: Route, made: dict[str, TileKeys]) -> RoutedMaps:
    """Map biomass by ``route``; cells that it cannot speak for keep tier 1.

    ``made`` holds the season's ``composite``, ``shifts``, ``cover`` and tier 1's
    ``agbd``. A cell goes by the model where it is forest, all features are there and
    the model's domain holds it.
    """

    def work(tile: Tile) -> LayerKey:
        sources = {name: keys[tile.name] for name, keys in made.items()}
        key = _key(
            night,
            "learned",
            sources["cover"],
            {name: source.digest for name, source in sources.items()}
            | {"model": _model(route).digest},
            {"route": route.name, "forest_pct": FOREST_COVER_PCT},
        )
        build = partial(_build, night, tile, route, sources)
        return night.catalog.produce(key, build).key

    learned = each_tile(night, "biomass", work)
    agbd = _apart(night, learned, "agbd", AGBD_FILE)
    return RoutedMaps(learned, agbd, _apart(night, learned, "route", ROUTE_FILE))


def _model(route: Route) -> LayerKey:
    if route.model is None:
        raise TypeError("Tier 1 has no model of its own.")
    return route.model


def _key(
    night: Night,
    layer: str,
    like: LayerKey,
    inputs: dict[str, str],
    settings: dict[str, object],
) -> LayerKey:
    return LayerKey.of(
        layer,
        region=night.settings.region.name,
        period=like.period,
        tile=like.tile,
        inputs=inputs,
        settings=settings,
    )


def _build(
    night: Night,
    tile: Tile,
    route: Route,
    sources: dict[str, LayerKey],
    folder: Path,
) -> Facts:
    side = night.chunk_cells((len(night.bands) + 6) * 40)

    def opened(name: str, layer: str, file: str) -> xr.DataArray:
        path = night.catalog.need(sources[name]).path(file)
        return open_layer(path, night.layer(layer), tile.grid, chunk_cells=side)

    composite = opened("composite", "composite", COMPOSITE_FILE)
    cells = [
        composite.sel(band=list(night.bands)),
        opened("agbd", "agbd", AGBD_FILE),
        opened("cover", "cover", COVER_FILE).sel(band=["cover_pct"]),
    ]
    stack = xr.concat(
        [part.drop_vars("band") for part in cells],
        dim="band",
        coords="minimal",
        compat="override",
    )
    layer = LAYERS["learned"]
    values = xr.apply_ufunc(
        _of_block,
        stack.chunk(band=-1),
        kwargs={
            "bands": night.bands,
            "shifts": shifts_of(night, sources["shifts"]),
            "model": load_learned(night, _model(route)),
            "number": NUMBERS[route.name],
        },
        input_core_dims=[["band"]],
        output_core_dims=[["out"]],
        output_dtypes=[np.float32],
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {"out": len(layer.bands)}},
    )
    write_layer(
        folder / LEARNED_FILE,
        layer,
        values.transpose("out", "y", "x").rename(out="band"),
        tile.grid,
    )
    return {}


def _of_block(
    cells: Values,
    *,
    bands: tuple[str, ...],
    shifts: Shifts | None,
    model: LearnedModel,
    number: int,
) -> Values:
    """Return density, its sd, domain and route of a block, on the last axis."""
    planes = np.moveaxis(cells, -1, 0)
    count = len(bands)
    features = feature_values(shifted(planes[:count], bands, shifts), bands)
    default, cover_pct = planes[count : count + 3], planes[count + 3]
    columns = [features_from(bands).index(name) for name in model.names]
    found = model.predict(features[columns], model.names)
    speaks = found.in_domain & (cover_pct >= FOREST_COVER_PCT) & (found.sd <= MOST_SD)
    mine = [found.mean, found.sd, np.ones_like(found.mean)]
    known = np.isfinite(default[0])
    route = np.where(speaks, number, NUMBERS["tier1"]).astype(np.float32)
    return np.stack(
        [
            *(np.where(speaks, a, b) for a, b in zip(mine, default, strict=True)),
            np.where(known, route, np.float32(np.nan)),
        ],
        axis=-1,
    )


def _apart(night: Night, learned: TileKeys, name: str, file: str) -> TileKeys:
    """Write the bands of a layer that people open."""
    layer = LAYERS[name]

    def work(tile: Tile) -> LayerKey:
        source = learned[tile.name]
        key = _key(night, name, source, {"learned": source.digest}, {})

        def build(folder: Path) -> Facts:
            values = open_layer(
                night.catalog.need(source).path(LEARNED_FILE),
                LAYERS["learned"],
                tile.grid,
                chunk_cells=night.chunk_cells(64),
            ).sel(band=list(layer.band_names))
            write_layer(folder / file, layer, values, tile.grid)
            return {}

        return night.catalog.produce(key, build).key

    return each_tile(night, "", work)
