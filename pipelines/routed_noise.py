"""How far the biomass of a model looks off in a season, class by class of cover."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo.errors import TooFewObservationsError
from geo.grid import Tile
from models.change import baseline_class, difference_noise
from pipelines.context import Night, TileKeys, each_tile
from pipelines.cover import COVER, COVER_FILE
from pipelines.routed_maps import LEARNED_FILE, NUMBERS
from pipelines.season import SeasonMaps
from pipelines.stocks import NOISE_CELLS, change_rules
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey
from store.rasters import read_window

Singles = NDArray[np.float32]


def routed_noise(night: Night, season: SeasonMaps, reference: SeasonMaps) -> TileKeys:
    """Learn how far the model's biomass of each class looks off from the training."""

    def work(tile: Tile) -> LayerKey:
        name = tile.name
        key = LayerKey.of(
            "route-noise",
            region=night.settings.region.name,
            period=night.label(season.period),
            tile=name,
            inputs={
                "learned": season.learned[name].digest,
                "reference": reference.learned[name].digest,
                "cover": season.cover[name].digest,
            },
            settings={"rules": asdict(change_rules(night))},
        )
        build = partial(_build_noise, night, tile, season, reference)
        return night.catalog.produce(key, build).key

    return each_tile(night, "season", work)


def _build_noise(
    night: Night, tile: Tile, season: SeasonMaps, reference: SeasonMaps, folder: Path
) -> Facts:
    record = None
    if season.learned[tile.name] != reference.learned[tile.name]:
        whole = slice(0, tile.grid.height), slice(0, tile.grid.width)

        def read(keys: TileKeys, file: str, bands: tuple[int, ...]) -> Singles:
            path = night.catalog.need(keys[tile.name]).path(file)
            return read_window(path, bands, *whole).reshape(len(bands), -1)

        after, route = read(season.learned, LEARNED_FILE, (1, 4))
        before, route_before = read(reference.learned, LEARNED_FILE, (1, 4))
        cover = read(season.cover, COVER_FILE, (COVER,))[0]
        both = (route == route_before) & (route > NUMBERS["tier1"])
        rows = np.flatnonzero(both)
        rows = rows[:: -(-max(rows.size, 1) // NOISE_CELLS)]
        rules = change_rules(night)
        delta = after[rows].astype(np.float64) - before[rows]
        try:
            strata = baseline_class(cover[rows], rules)
            record = difference_noise(delta, strata, rules).record()
        except TooFewObservationsError:
            record = None  # the model speaks for next to nothing here
    write_json(folder / "noise.json", {"noise": record})
    return {"noise": record}
