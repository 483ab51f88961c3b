"""The overview map of a night, for people; and the small maps of the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from geo.grid import Grid
from geo.layers import LAYERS, VERDICTS, Band, Layer
from store.drawing import (
    EMPTY,
    INK,
    MUTED,
    Words,
    colours_of,
    drawing,
    outlines,
    save_png,
    sheet,
)
from store.fonts import chinese_font
from store.map_facts import draw_facts, facts_height_in
from store.map_paint import DRAWN_ONE_BY_ONE, paint_parcels
from store.map_panels import panel_figure, ramp_bar
from store.map_parts import (
    Bearing,
    Bounds,
    bearings,
    bounds_shown,
    frame_map,
    grid_north_azimuth,
    label_edges,
    locator,
    north_arrow,
    scale_bar,
    sheet_of,
    show_raster,
)
from store.map_text import (
    EDGE_IN,
    Slot,
    draw_figures,
    draw_header,
    draw_sources,
    label_parcels,
    panel_title,
)
from store.qgis import DOUBTFUL_SE
from store.record import NightRecord

SHEET_IN = (11.69, 8.27)
DPI = 200

HATCHES = {"loss": "////", "gain": "....", "not_observed": "\\\\\\\\"}
"""Verdicts are told apart without colour too."""

HATCH_INK = {"loss": "#7f0000", "gain": "#00441b", "not_observed": "#7a7a7a"}
DOUBTFUL = ("xxxx", "#5a5a5a")
NO_FIGURE = ("\\\\\\\\", "#9a9a9a")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the sheet shows; ``parcels`` in the CRS of ``grid``."""

    parcels: gpd.GeoDataFrame
    background: NDArray[np.uint8]
    grid: Grid
    record: NightRecord
    sources: gpd.GeoDataFrame | None

    @property
    def bounds(self) -> Bounds:
        return bounds_shown(self.grid, self.parcels)


def true_colour(
    reflectance: NDArray[np.float32], *, stop: float = 0.2
) -> NDArray[np.uint8]:
    """Return (y, x, 3) bytes of red, green, blue ``reflectance`` (3, y, x), 0 - stop.

    NaN comes out light grey.
    """
    scaled = np.clip(np.nan_to_num(reflectance / stop, nan=0.9), 0, 1)
    shades: NDArray[np.uint8] = np.round(scaled * 255).astype(np.uint8)
    return np.moveaxis(shades, 0, -1)


def overview_map(
    path: Path,
    *,
    parcels: gpd.GeoDataFrame,
    background: NDArray[np.uint8],
    grid: Grid,
    record: NightRecord,
    sources: gpd.GeoDataFrame | None = None,
) -> None:
    """Write the night's map as one PNG of an A4 sheet.

    ``parcels`` has the columns of ``geo.parcels.COLUMNS``; ``background`` is an RGB
    picture (y, x, 3) on ``grid``; ``sources`` are points with ``name``, ``name_zh`` and
    ``emission_tco2e_yr``, in any CRS. Same arguments and fonts, same bytes. Without a
    Chinese font (``store.fonts``) every label is English.
    """
    shown = Scene(parcels.to_crs(grid.crs), background, grid, record, sources)
    with drawing(chinese_font()) as words:
        save_png(overview_figure(words, shown), path)


def raster_panel(
    path: Path,
    layer: Layer,
    band: Band,
    array: NDArray[np.generic],
    grid: Grid,
    *,
    parcels: gpd.GeoDataFrame | None = None,
) -> None:
    """Write a small PNG map of one band with its colour bar, unit and scale bar.

    ``array`` (y, x) is in the band's unit on ``grid``; NaN or the band's nodata is
    drawn grey and named. ``parcels`` are outlined. Raises ``ValueError`` if ``layer``
    has no such band.
    """
    if band not in layer.bands:
        raise ValueError(f"{layer.name} has {layer.band_names}, not {band.name!r}.")
    placed = None if parcels is None else parcels.to_crs(grid.crs)
    with drawing(chinese_font()) as words:
        save_png(panel_figure(words, band, array, grid, placed), path)


def overview_figure(words: Words, shown: Scene) -> Figure:
    """Return the sheet; call it inside ``drawing``."""
    figure = sheet(*SHEET_IN, dpi=DPI)
    wide, high = SHEET_IN
    turn = grid_north_azimuth(shown.grid)
    foot = facts_height_in(figure, words, shown.record, shown.grid, turn_deg=turn)
    draw_header(figure, words, shown.record)
    draw_figures(figure, words, shown.record, top_in=high - 1.22)
    top, strip = high - 2.02, EDGE_IN + foot + 0.12
    bottom, left = strip + 0.72, EDGE_IN + 0.14
    width = _main_width_in(shown.bounds, top - bottom)
    axes = Slot(left, bottom, width, top - bottom).axes(figure)
    _verdict_panel(axes, words, shown)
    _under_map(axes, Slot(left, strip, width, 0.46), words, shown.parcels)
    start = left + width + 0.42
    _right_column(
        figure, Slot(start, strip, wide - EDGE_IN - start, top - strip), words, shown
    )
    draw_facts(figure, words, shown.record, shown.grid, turn_deg=turn)
    return figure


def _main_width_in(bounds: Bounds, height_in: float) -> float:
    """Return the width of the main map: as its region asks, within limits."""
    left, bottom, right, top = bounds
    return float(np.clip(height_in * (right - left) / (top - bottom), 5.9, 6.4))


def _verdict_panel(axes: Axes, words: Words, shown: Scene) -> None:
    parcels, record = shown.parcels, shown.record
    frame_map(axes, shown.bounds)
    dimmed = (0.62 * shown.background.astype(np.float32) + 0.38 * 255).astype(np.uint8)
    show_raster(axes, dimmed, shown.grid)
    label_edges(axes)
    since = ""
    if record.baseline_season is not None:
        since = f" {record.baseline_season[:4]} → {record.season[:4]}"
    panel_title(axes, words, f"小班碳汇变化判定{since}", f"Change of the sink{since}")
    if len(parcels) > DRAWN_ONE_BY_ONE:
        inks = {code: to_rgba(colour, 0.7) for code, _, _, colour in VERDICTS}
        paint_parcels(axes, parcels, np.array([inks[v] for v in parcels["verdict"]]))
        return
    for code, _, _, colour in VERDICTS:
        lines = outlines(parcels.geometry[parcels["verdict"] == code])
        axes.add_collection(
            PathCollection(lines, facecolors=colour, alpha=0.6, linewidths=0, zorder=1)
        )
        _hatch(axes, lines, HATCHES.get(code), HATCH_INK.get(code, INK))
    axes.add_collection(
        PathCollection(
            outlines(parcels.geometry),
            facecolors="none",
            edgecolors=INK,
            linewidths=0.7,
            zorder=3,
        )
    )
    names = parcels["name_zh"].fillna("").map(words.name)
    texts = [
        tuple(text for text in pair if text)
        for pair in zip(names, parcels["parcel_id"], strict=True)
    ]
    label_parcels(axes, parcels, texts, size=6.5)


def _hatch(axes: Axes, lines: list[Outline], hatch: str | None, ink: str) -> None:
    axes.add_collection(
        PathCollection(
            lines,
            facecolors="none",
            edgecolors=ink,
            hatch=hatch,
            linewidths=0.0,
            zorder=2,
        )
    )


def _under_map(
    above: Axes, slot: Slot, words: Words, parcels: gpd.GeoDataFrame
) -> None:
    """Draw scale bar, legend and north arrow in the strip below the main map."""
    figure = sheet_of(above)
    metres = float(np.ptp(above.get_xlim())) / slot.width
    scale_bar(
        Slot(slot.left, slot.bottom, 1.5, 0.42).axes(figure), metres, width_in=1.5
    )
    arrow = Slot(slot.left + slot.width - 0.42, slot.bottom - 0.05, 0.42, 0.55)
    north_arrow(arrow.axes(figure), words)
    legend = Slot(slot.left + 1.55, slot.bottom, slot.width - 2.1, 0.46).axes(figure)
    legend.set_axis_off()
    counts = parcels["verdict"].value_counts()
    is_painted = len(parcels) > DRAWN_ONE_BY_ONE
    legend.legend(
        handles=[
            Patch(
                fc=colour,
                ec=HATCH_INK.get(code, INK),
                hatch=None if is_painted else HATCHES.get(code),
                lw=0.5,
                label=f"{words.both(zh, en)} ({counts.get(code, 0)})",
            )
            for code, en, zh, colour in VERDICTS
        ],
        ncols=2,
        loc="center",
        frameon=False,
        fontsize=7,
        handlelength=2.0,
        handleheight=1.1,
        columnspacing=1.6,
        borderpad=0,
    )


def _right_column(figure: Figure, slot: Slot, words: Words, shown: Scene) -> None:
    found = []
    if shown.sources is not None:
        found = bearings(shown.sources, shown.grid, words)
    low = 0.42 * slot.height if found else 0.0
    side = min(slot.height - low - (0.3 if found else 0.0), slot.width - 1.25)
    panel = Slot(slot.left, slot.bottom + slot.height - side, side, side)
    _density_panel(panel.axes(figure), words, shown)
    _density_key(figure, Slot(slot.left + side + 0.12, panel.bottom, 1.15, side), words)
    if found:
        _sources(
            figure, Slot(slot.left, slot.bottom, slot.width, low - 0.3), words, found
        )


def _sources(
    figure: Figure, slot: Slot, words: Words, found: Sequence[Bearing]
) -> None:
    axes = Slot(slot.left, slot.bottom, slot.height, slot.height).axes(figure)
    title = "排放源方位(真北向上)", "Emission sources, true north up"
    panel_title(axes, words, *title, room_in=slot.width)
    locator(axes, found)
    start = slot.left + slot.height + 0.15
    width = slot.left + slot.width - start
    draw_sources(figure, Slot(start, slot.bottom, width, slot.height), words, found)


def _density_panel(axes: Axes, words: Words, shown: Scene) -> None:
    parcels = shown.parcels
    frame_map(axes, shown.bounds)
    colours, norm = colours_of(LAYERS["agbd"].bands[0])
    density = (parcels["agb_t"] / parcels["area_ha"]).to_numpy(np.float64)
    share = (parcels["agb_t_se"] / parcels["agb_t"]).to_numpy(np.float64)
    missing = np.isnan(density)
    faces = colours(norm(np.where(missing, 0.0, density)))
    faces[missing] = to_rgba(EMPTY)
    panel_title(axes, words, "地上生物量密度", "Above-ground biomass density")
    if len(parcels) > DRAWN_ONE_BY_ONE:
        paint_parcels(axes, parcels, faces)
        return
    axes.add_collection(
        PathCollection(
            outlines(parcels.geometry), facecolors=faces, edgecolors=INK, linewidths=0.4
        )
    )
    doubtful = ~missing & (share > DOUBTFUL_SE)
    for chosen, look in ((doubtful, DOUBTFUL), (missing, NO_FIGURE)):
        _hatch(axes, outlines(parcels.geometry[chosen]), *look)
    texts = [
        () if np.isnan(value) else (f"{value:.0f} ±{part:.0%}", f"{value:.0f}")
        for value, part in zip(density, share, strict=True)
    ]
    label_parcels(axes, parcels, texts, size=5.5)


def _density_key(figure: Figure, slot: Slot, words: Words) -> None:
    band = LAYERS["agbd"].bands[0]
    axes = Slot(slot.left, slot.bottom + 0.72, 0.16, slot.height - 1.05).axes(figure)
    ramp_bar(axes, band)
    unit = f"{band.unit} {words.both('干物质', 'dry')}"
    axes.set_title(unit, fontsize=6.5, color=MUTED, loc="left", pad=5)
    legend = Slot(slot.left, slot.bottom, slot.width, 0.6).axes(figure)
    legend.set_axis_off()
    doubtful = words.both("标准误", f"SE > {DOUBTFUL_SE:.0%}")
    legend.legend(
        handles=[
            Patch(fc=face, ec=ink, hatch=hatch, lw=0.4, label=label)
            for face, (hatch, ink), label in (
                ("white", DOUBTFUL, doubtful),
                (EMPTY, NO_FIGURE, words.both("无数值", "no figure")),
            )
        ],
        loc="lower left",
        frameon=False,
        fontsize=6.5,
        handlelength=1.8,
        handleheight=1.1,
        borderpad=0,
        borderaxespad=0,
    )
