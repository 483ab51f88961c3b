"""The parcel layer, checked, and how much of every cell each parcel covers.

Parcels are worked on in groups, those of a tile together, so that no work holds a whole
region and a parcel may still reach into any number of tiles.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.zonal import CoverageWeights, coverage_weights, from_arrays, to_arrays
from pipelines.context import Night, each
from pipelines.sources import attention_of, roots_of, set_aside
from pipelines.stored import Window
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.exports import write_geoparquet
from store.keys import LayerKey, digest_of
from store.record import Attention
from store.vectors import ParcelLayer, ParcelRules, read_parcels

PARCELS_FILE = "parcels.parquet"
GROUPS_FILE = "groups.npz"
WEIGHTS_FILE = "coverage.npz"


@dataclass(frozen=True, slots=True)
class Group:
    """The parcels whose middle lies in one tile, and the cells that they reach.

    ``coverage`` is the key of their geometries and weights, ``window`` where the
    weights' grid lies on the region's.
    """

    tile: str
    coverage: LayerKey
    window: Window


@dataclass(frozen=True, slots=True)
class Parcels:
    """Keys of the checked parcels and of their groups, and what was left out."""

    parcels: LayerKey
    groups: tuple[Group, ...]
    attentions: tuple[Attention, ...]

    @property
    def coverage(self) -> dict[str, str]:
        """Digests of the groups' coverage, by tile."""
        return {group.tile: group.coverage.digest for group in self.groups}


def load_parcels(night: Night) -> Parcels:
    """Check the parcel layer and compute its coverage of the grid, once.

    Raises
    ------
    VectorError
        The layer as a whole cannot be trusted.
    """
    layer = _read(night)
    rejected = [set_aside(night.settings, error) for error in layer.rejected]
    doubtful = [attention_of(error, left_out=False) for error in layer.warnings]
    key = LayerKey.of(
        "parcels",
        region=night.settings.region.name,
        period="all",
        inputs={"parcels": layer.digest},
        settings=night.settings.region.parcels.model_dump(mode="json")
        | {"grid": repr(night.grid), "tile": night.settings.region.grid.tile_cells},
    )

    def build(folder: Path) -> Facts:
        write_geoparquet(folder / PARCELS_FILE, layer.parcels)
        home = _home(night, layer.parcels)
        write_arrays(folder / GROUPS_FILE, {"home": home})
        return {
            "parcels": len(layer.parcels),
            "rejected": len(layer.rejected),
            "groups": _groups(night, layer.parcels, home),
        }

    made = night.catalog.produce(key, build)
    groups = _cover(night, made.key, made.facts)
    return Parcels(made.key, groups, tuple(rejected + doubtful))


def read_parcel_table(night: Night, parcels: Parcels) -> gpd.GeoDataFrame:
    """Read the checked parcels, in the order of their ids."""
    return gpd.read_parquet(night.catalog.need(parcels.parcels).path(PARCELS_FILE))


def read_group(night: Night, group: Group) -> gpd.GeoDataFrame:
    """Read the parcels of a group, in the order of their ids."""
    return gpd.read_parquet(night.catalog.need(group.coverage).path(PARCELS_FILE))


def read_weights(night: Night, group: Group) -> CoverageWeights:
    """Read the coverage of the group's window, rows in the order of its parcels."""
    path = night.catalog.need(group.coverage).path(WEIGHTS_FILE)
    return from_arrays(read_arrays(path))


def group_rows(night: Night, parcels: Parcels) -> list[NDArray[np.int64]]:
    """Return the rows of the parcel table that each group holds, in group order."""
    path = night.catalog.need(parcels.parcels).path(GROUPS_FILE)
    home = read_arrays(path)["home"]
    numbers = {tile.name: number for number, tile in enumerate(night.tiles)}
    return [np.flatnonzero(home == numbers[group.tile]) for group in parcels.groups]


def stacked(night: Night, parcels: Parcels, parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Put arrays of the groups' parcels together in the order of the parcel table."""
    rows = np.concatenate(group_rows(night, parcels))
    return np.asarray(np.concatenate(parts)[np.argsort(rows)])


def _read(night: Night) -> ParcelLayer:
    settings = night.settings
    told = settings.region.parcels
    rules = ParcelRules(
        id_field=told.id_field,
        name_field=told.name_field,
        layer=told.layer,
        declared_crs=told.declared_crs,
        encoding=told.encoding,
    )
    return read_parcels(
        settings.data_root / told.path,
        roots=roots_of(settings),
        target_crs=night.grid.crs,
        rules=rules,
    )


def _home(night: Night, parcels: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Return the number of the tile that holds the middle of each parcel's box.

    A parcel outside every tile is with the nearest; it then covers no cell.
    """
    grid, size = night.grid, night.settings.region.grid.tile_cells
    boxes = np.nan_to_num(parcels.geometry.bounds.to_numpy())
    column = ((boxes[:, 0] + boxes[:, 2]) / 2 - grid.left) // grid.cell_m
    row = (grid.top - (boxes[:, 1] + boxes[:, 3]) / 2) // grid.cell_m
    column = np.clip(column, 0, grid.width - 1).astype(np.int64) // size
    row = np.clip(row, 0, grid.height - 1).astype(np.int64) // size
    return np.asarray(row * -(-grid.width // size) + column)


def _groups(
    night: Night, parcels: gpd.GeoDataFrame, home: NDArray[np.int64]
) -> dict[str, dict[str, object]]:
    """Return window, digest and number of the parcels of each tile that has any."""
    groups = {}
    for number, tile in enumerate(night.tiles):
        mine = parcels[home == number]
        if len(mine):
            window = _window(night, mine)
            digest = hashlib.sha256(digest_of(list(mine["parcel_id"])).encode())
            for shape in shapely.to_wkb(mine.geometry.to_numpy()):
                digest.update(shape or b"")
            groups[tile.name] = {
                "window": [window.row, window.column, window.height, window.width],
                "digest": digest.hexdigest(),
                "parcels": len(mine),
            }
    return groups


def _window(night: Night, parcels: gpd.GeoDataFrame) -> Window:
    """Return the cells of the region that a box of parcels meets, at least one."""
    grid = night.grid
    left, bottom, right, top = parcels.total_bounds
    down = (grid.top - top) / grid.cell_m, (grid.top - bottom) / grid.cell_m
    across = (left - grid.left) / grid.cell_m, (right - grid.left) / grid.cell_m
    spans = []
    for (first, last), size in ((down, grid.height), (across, grid.width)):
        start = int(np.clip(np.floor(first), 0, size - 1))
        spans.append((start, int(np.clip(np.ceil(last), start + 1, size)) - start))
    (row, height), (column, width) = spans
    return Window(row, column, height, width)


def _cover(night: Night, parcels: LayerKey, facts: Facts) -> tuple[Group, ...]:
    told: Any = facts["groups"]
    names = sorted(told)
    windows = {name: Window(*told[name]["window"]) for name in names}

    def work(name: str) -> LayerKey:
        key = LayerKey.of(
            "coverage",
            region=night.settings.region.name,
            period="all",
            tile=name,
            inputs={"parcels": told[name]["digest"]},
            settings={"grid": repr(windows[name].grid(night.grid))},
        )
        build = partial(_build_coverage, night, parcels, name, windows[name])
        return night.catalog.produce(key, build).key

    keys = each(night, "coverage", names, work)
    return tuple(
        Group(name, key, windows[name]) for name, key in zip(names, keys, strict=True)
    )


def _build_coverage(
    night: Night, parcels: LayerKey, name: str, window: Window, folder: Path
) -> Mapping[str, object]:
    held = night.catalog.need(parcels)
    home = read_arrays(held.path(GROUPS_FILE))["home"]
    number = [tile.name for tile in night.tiles].index(name)
    table = gpd.read_parquet(held.path(PARCELS_FILE))[home == number]
    table = table.reset_index(drop=True)
    weights = coverage_weights(table, window.grid(night.grid))
    write_geoparquet(folder / PARCELS_FILE, table)
    write_arrays(folder / WEIGHTS_FILE, to_arrays(weights))
    return {"parcels": len(weights.parcel_ids), "shares": weights.share_count}
