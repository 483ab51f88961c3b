"""How far parcels follow the stands that a season's predictions show."""

import math
from functools import partial
from pathlib import Path

import numpy as np

from geo.grid import Grid
from geo.outlines import MovedSums, Step, knight_moves
from models.stands import kept_out, width_m
from pipelines.context import Night, each
from pipelines.parcels import Group, Parcels, read_parcel_table, read_weights, stacked
from pipelines.routed_maps import LEARNED_FILE, NUMBERS
from pipelines.season import SeasonMaps, Trained
from pipelines.stored import Window, digests, pieces, read_piece, tiles_of
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.keys import LayerKey

SCATTER_FILE = "scatter.npz"


def sum_scatter(
    night: Night, parcels: Parcels, trained: Trained, season: SeasonMaps
) -> list[LayerKey]:
    """Add up, group by group, how predictions scatter inside parcels, and beside.

    Only cells that took the model's route count. Outlines are moved by about the width
    of a parcel: as many cells for all of them.
    """
    table = read_parcel_table(night, parcels)
    width = width_m(table["area_ha"].to_numpy(np.float64))
    moves = knight_moves(max(math.ceil(width / night.grid.cell_m), 2))

    def work(group: Group) -> LayerKey:
        around = _around(group.window, moves, night.grid)
        key = LayerKey.of(
            "stand-scatter",
            region=night.settings.region.name,
            period=night.label(season.period),
            tile=group.tile,
            inputs={
                "coverage": group.coverage.digest,
                "learned": digests(season.learned, tiles_of(night.tiles, around)),
            },
            settings={"route": trained.route.name, "moves": moves},
        )
        build = partial(
            _build, night, group, season, (NUMBERS[trained.route.name], moves)
        )
        return night.catalog.produce(key, build).key

    return each(night, "stock", parcels.groups, work)


def share_kept_out(night: Night, parcels: Parcels, scatter: list[LayerKey]) -> float:
    """Return s of ``models.stands`` over all parcels of the region, 0-1."""
    held = [read_arrays(night.catalog.need(key).path(SCATTER_FILE)) for key in scatter]
    area, variance = (
        stacked(night, parcels, [part[name] for part in held]).T
        for name in ("area_ha", "variance")
    )
    return kept_out(area, variance)


def _build(
    night: Night,
    group: Group,
    season: SeasonMaps,
    asked: tuple[int, tuple[Step, ...]],
    folder: Path,
) -> Facts:
    number, moves = asked
    around = _around(group.window, moves, night.grid)
    down, across = around.row - group.window.row, around.column - group.window.column
    added = MovedSums(read_weights(night, group), moves)
    for piece in pieces(night.tiles, around):
        mean, route = read_piece(night, season.learned, LEARNED_FILE, piece, (1, 4))
        mine = np.where(route == number, mean, np.nan)
        added.add(mine, row=piece.row + down, column=piece.column + across)
    found = added.result
    write_arrays(
        folder / SCATTER_FILE,
        {"area_ha": found.area_ha.T, "variance": found.variance.T},
    )
    return {}


def _around(window: Window, moves: tuple[Step, ...], region: Grid) -> Window:
    """Return ``window`` with all that its parcels are moved to, within the region."""
    reach = max(abs(cells) for step in moves for cells in step)
    row, column = max(window.row - reach, 0), max(window.column - reach, 0)
    stop = min(window.row + window.height + reach, region.height)
    last = min(window.column + window.width + reach, region.width)
    return Window(row, column, stop - row, last - column)
