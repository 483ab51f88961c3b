"""Planning units from a grid of blocks."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.errors import GridMismatchError, SettingsError
from models.siting.units import Borders, Flags, Names, Numbers, Places, Units


@dataclass(frozen=True, slots=True, eq=False)
class BlockLayers:
    """Arrays (y, x), or one value for all blocks; ``eligible`` always is an array."""

    eligible: Flags
    benefit: Numbers
    cost_cny: Numbers
    area_ha: Numbers
    group: Names = field(default_factory=lambda: np.array(""))
    locked_in: Flags = field(default_factory=lambda: np.array(False))
    locked_out: Flags = field(default_factory=lambda: np.array(False))


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Units and borders of a grid, and the unit in each block (y, x), -1 for none."""

    units: Units
    borders: Borders
    place: Places

    def onto_grid(self, values: NDArray[Any], nothing: float) -> Numbers:
        """Spread values of units over the blocks; ``nothing`` where there is none."""
        spread = np.append(values.astype(np.float64), nothing)
        return spread[self.place]


def from_blocks(layers: BlockLayers, *, block_m: tuple[float, float]) -> Blocks:
    """Make a unit of every eligible block, with its neighbours up, down and beside.

    ``block_m`` is the height and width of a block in m. A border with a block that is
    not eligible or beyond the grid is an outer edge, part of every perimeter. Units are
    named by row and column, "r0012c0345". A locked block that is not eligible stays a
    unit, so that ``Units`` can refuse it by name.

    Raises
    ------
    GridMismatchError
        Layers of different shapes.
    SettingsError
        A block size that is not positive.
    TableError
        See ``Units``.
    """
    shape = layers.eligible.shape
    if len(shape) != 2 or not all(np.isfinite(s) and s > 0 for s in block_m):
        raise SettingsError(
            f"Blocks of {block_m} m on an array of shape {shape} are no grid.",
            zh=f"块大小 {block_m} 米、数组形状 {shape} 不构成规划格网。"
            "请给出二维数组与大于零的块高、块宽。",
            cure="Give arrays (y, x) and a height and width above zero.",
            field="block_m",
            value=block_m,
        )
    locked_in = _on(shape, "locked_in", layers.locked_in)
    kept: Flags = layers.eligible | locked_in
    place = np.full(shape, -1, np.int64)
    place[kept] = np.arange(np.count_nonzero(kept))
    names = ("benefit", "cost_cny", "area_ha", "group", "locked_out", "eligible")
    taken = {name: _on(shape, name, getattr(layers, name))[kept] for name in names}
    units = Units(
        unit_id=_named(kept),
        edge_m=_outer(kept, block_m)[kept],
        locked_in=locked_in[kept],
        **taken,
    )
    return Blocks(units, _inner(place, block_m), place)


def _on(shape: tuple[int, ...], name: str, given: NDArray[Any]) -> NDArray[Any]:
    values: NDArray[Any] = np.asarray(given)
    if values.ndim and values.shape != shape:
        raise GridMismatchError(
            f"{name} has shape {values.shape}, eligible has {shape}.",
            zh=f"{name} 的形状为 {values.shape}，与可造林图层 {shape} 不一致。"
            "请先对齐到同一格网。",
            cure="Bring all layers onto one grid of blocks first.",
            field=name,
            value=values.shape,
            expected=shape,
        )
    return np.broadcast_to(values, shape)


def _named(kept: Flags) -> Names:
    row, column = np.nonzero(kept)
    rows = np.array([f"r{number:04d}c" for number in range(kept.shape[0])])
    columns = np.array([f"{number:04d}" for number in range(kept.shape[1])])
    return np.char.add(rows[row], columns[column])


def _outer(kept: Flags, block_m: tuple[float, float]) -> Numbers:
    padded = np.pad(kept, 1)
    height, width = block_m
    beside = (~padded[1:-1, :-2]).astype(np.float64) + ~padded[1:-1, 2:]
    above = (~padded[:-2, 1:-1]).astype(np.float64) + ~padded[2:, 1:-1]
    edge: Numbers = beside * height + above * width
    return edge


def _inner(place: Places, block_m: tuple[float, float]) -> Borders:
    height, width = block_m
    pairs = [
        (place[:, :-1], place[:, 1:], height),
        (place[:-1], place[1:], width),
    ]
    first, second, length = [], [], []
    for one, other, metres in pairs:
        both = (one >= 0) & (other >= 0)
        first.append(one[both])
        second.append(other[both])
        length.append(np.full(int(both.sum()), metres))
    return Borders(
        np.concatenate(first), np.concatenate(second), np.concatenate(length)
    )
