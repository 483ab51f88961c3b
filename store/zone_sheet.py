"""What every map of zones has: a header, the land below, a strip with its legend."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from geo.grid import Grid
from geo.layers import Layer
from store.drawing import (
    ACCENT,
    MUTED,
    Words,
    save_pdf,
    save_png,
)
from store.map_facts import Block, place_texts
from store.map_parts import (
    Bounds,
    font,
    frame_map,
    grid_north_azimuth,
    label_edges,
    north_arrow,
    scale_bar,
    show_raster,
)
from store.map_text import EDGE_IN, Slot, at, clipped

SHEET_IN = (11.69, 8.27)
DPI = 200
STRIP_IN = 0.5
"""Height of the strip below the map: scale bar and north arrow."""
PICTURE_CELLS = 2000
PALE = 0.34
"""How much of its colour land has that may not be planted."""

Key = tuple[str, str]
"""A colour of the legend, and what it says."""


@dataclass(frozen=True, slots=True, eq=False)
class Land:
    """The land as a picture, and the reasons that are seen in it."""

    image: NDArray[np.uint8]
    """(y, x, 3) on ``grid``, thinned."""
    keys: tuple[tuple[str, str, str], ...]
    """Colour, Chinese and English of each reason, that of most land first."""
    grid: Grid


def land_of(code: NDArray[np.uint8], reasons: Layer, grid: Grid) -> Land:
    """Return the land as a picture: pale where it may not be planted, and why.

    ``code`` (y, x) holds the classes of ``reasons``.
    """
    step = max(1, -(-max(grid.shape) // PICTURE_CELLS))
    table = np.full((256, 3), 255.0)
    keys = {}
    for value, colour, en, zh in reasons.bands[0].classes:
        share = 0.75 if value == 0 else PALE
        ink = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        table[value] = share * ink + (1 - share) * 255
        shade = "#" + "".join(f"{round(one):02x}" for one in table[value])
        keys[value] = (shade, zh, en)
    counts = np.bincount(code.reshape(-1), minlength=256)
    order = sorted((v for v in keys if counts[v]), key=lambda v: (v > 0, -counts[v], v))
    image = np.round(table[code[::step, ::step]]).astype(np.uint8)
    return Land(image, tuple(keys[value] for value in order), grid)


def draw_title(figure: Figure, words: Words, zh: str, en: str) -> None:
    """Write the title in Chinese, and in English below it where both can be drawn."""
    wide, high = SHEET_IN
    room, look = wide - 2 * EDGE_IN, font(19, bold=True)
    main = clipped(figure, words.one(zh, en), look, room_in=room)
    figure.text(
        *at(figure, EDGE_IN, high - 0.7), main, fontproperties=look, color=ACCENT
    )
    if words.family:
        below = clipped(figure, en, font(10), room_in=room)
        figure.text(*at(figure, EDGE_IN, high - 0.95), below, fontsize=10, color=MUTED)


def draw_map(figure: Figure, slot: Slot, land: Land, bounds: Bounds) -> Axes:
    """Draw frame, land and coordinates; return the axes for what lies on top."""
    axes = slot.axes(figure)
    frame_map(axes, bounds)
    show_raster(axes, land.image, land.grid)
    label_edges(axes, size=6)
    return axes


def draw_strip(figure: Figure, slot: Slot, words: Words, axes: Axes) -> None:
    """Draw scale bar and north arrow below the map that ``axes`` show."""
    metres = float(np.ptp(axes.get_xlim())) / slot.width
    bar = Slot(slot.left, slot.bottom, 2.0, 0.42).axes(figure)
    scale_bar(bar, metres, width_in=2.0)
    arrow = Slot(slot.left + slot.width - 0.42, slot.bottom - 0.05, 0.42, 0.55)
    north_arrow(arrow.axes(figure), words)


def legend_height_in(keys: Sequence[Key]) -> float:
    """Return the height that ``draw_legend`` needs for so many keys in two columns."""
    return 0.165 * -(-len(keys) // 2) + 0.1


def draw_legend(figure: Figure, slot: Slot, keys: Sequence[Key]) -> None:
    """Draw the legend in two columns, from the top of ``slot``."""
    legend = slot.axes(figure)
    legend.set_axis_off()
    legend.legend(
        handles=[Patch(fc=c, ec=MUTED, lw=0.5, label=label) for c, label in keys],
        ncols=2,
        loc="upper left",
        frameon=False,
        fontsize=6.8,
        handlelength=1.7,
        handleheight=1.05,
        columnspacing=1.4,
        labelspacing=0.4,
        borderpad=0,
        borderaxespad=0,
    )


def foot_of(
    words: Words, grid: Grid, *, facts: Sequence[str], sources: Sequence[str]
) -> tuple[Block, Block]:
    """Return the columns on projection and facts, and on sources of the data."""
    turn = grid_north_azimuth(grid)
    place = [*place_texts(words, grid, turn), *facts]
    credit = words.both("数据来源", "Data")
    said = [words.legible(source) for source in sources] or [
        words.both("见监测夜报告。", "see the night's report.")
    ]
    said[0] = f"{credit}: {said[0]}"
    return (
        Block(tuple((text, False) for text in place)),
        Block(tuple((text, False) for text in said)),
    )


def save_sheet(figure: Figure, png: Path) -> None:
    """Write the sheet as ``png`` and, beside it, as a PDF of vectors."""
    save_png(figure, png)
    save_pdf(figure, png.with_suffix(".pdf"))
