"""The report's small maps: one band with its colours, unit and scale."""

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from geo.grid import Grid
from geo.layers import Band
from store.drawing import EMPTY, INK, MUTED, Words, colours_of, outlines, sheet
from store.map_parts import frame_map, scale_bar, show_raster
from store.map_text import Slot, panel_title

SHEET_IN = (5.1, 4.3)
DPI = 150
MAP = Slot(0.12, 0.52, 3.5, 3.5)
MOST_CELLS = 1400
"""A panel has no room for more cells along one side; more are thinned evenly."""


def panel_figure(
    words: Words,
    band: Band,
    array: NDArray[np.generic],
    grid: Grid,
    parcels: gpd.GeoDataFrame | None,
) -> Figure:
    """Return the map of ``array`` (y, x), in the unit of ``band``; call in ``drawing``.

    NaN and the band's nodata are grey. ``parcels``, in the grid's CRS, are outlined.
    """
    figure = sheet(*SHEET_IN, dpi=DPI)
    axes = MAP.axes(figure)
    frame_map(axes, grid.bounds, margin=0.01)
    values = _thinned(np.where(array == band.nodata, np.nan, array))
    show_raster(axes, _painted(band, values), grid)
    if parcels is not None:
        lines = outlines(parcels.geometry)
        axes.add_collection(
            PathCollection(lines, facecolors="none", edgecolors=INK, linewidths=0.5)
        )
    _key(figure, words, band, missing=bool(np.isnan(values).any()))
    panel_title(axes, words, band.title_zh, band.title, room_in=SHEET_IN[0] - 0.2)
    metres = float(np.ptp(axes.get_xlim())) / MAP.width
    scale_bar(Slot(0.12, 0.08, 1.6, 0.36).axes(figure), metres, width_in=1.6)
    return figure


def _thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    step = -(-max(values.shape) // MOST_CELLS)
    return values[::step, ::step]


def _painted(band: Band, values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return RGB bytes (y, x, 3) of ``values``; NaN is ``EMPTY``."""
    missing = np.isnan(values)
    image = np.empty((*values.shape, 3), dtype=np.uint8)
    image[:] = _bytes(EMPTY)
    if band.classes:
        for code, colour, _, _ in band.classes:
            image[values == code] = _bytes(colour)
        return image
    colours, norm = colours_of(band)
    drawn = colours(norm(np.where(missing, 0.0, values)), bytes=True)[..., :3]
    image[~missing] = drawn[~missing]
    return image


def _bytes(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _key(figure: Figure, words: Words, band: Band, *, missing: bool) -> None:
    handles = [
        Patch(fc=colour, ec=MUTED, lw=0.4, label=words.both(zh, en, between="\n"))
        for _, colour, en, zh in band.classes
    ]
    if missing:
        label = words.both("无数据", "no data")
        handles.append(Patch(fc=EMPTY, ec=MUTED, lw=0.4, label=label))
    if not band.classes:
        bar = Slot(3.78, 1.5, 0.16, 2.25).axes(figure)
        ramp_bar(bar, band)
        unit = "" if band.unit == "1" else band.unit
        bar.set_title(unit, fontsize=7, color=MUTED, loc="left", pad=5)
    if handles:
        key = Slot(3.78, 0.52, 1.3, 3.5 if band.classes else 0.6).axes(figure)
        key.set_axis_off()
        key.legend(
            handles=handles,
            loc="upper left" if band.classes else "lower left",
            frameon=False,
            fontsize=6.8,
            handlelength=1.6,
            handleheight=1.1,
            labelspacing=0.9,
            borderpad=0,
            borderaxespad=0,
        )


def ramp_bar(axes: Axes, band: Band) -> None:
    """Draw the band's ramp upwards with its stops as ticks."""
    colours, norm = colours_of(band)
    low, high = band.ramp[0][0], band.ramp[-1][0]
    steps = np.linspace(low, high, 256)[:, np.newaxis]
    axes.imshow(
        colours(norm(steps)), extent=(0, 1, low, high), aspect="auto", origin="lower"
    )
    axes.set_xticks([])
    axes.yaxis.tick_right()
    ticks = [value for value, _ in band.ramp]
    axes.set_yticks(ticks, [f"{tick:,g}" for tick in ticks], fontsize=6.5)
    axes.tick_params(length=2, width=0.5, pad=2)
