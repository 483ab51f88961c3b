"""The parts of a map that make it one: frame, scale bar, north arrow, locator."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle, Polygon, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from geo.grid import Grid
from store.drawing import (
    ACCENT,
    EMPTY,
    INK,
    MUTED,
    PAPER,
    Words,
    round_length,
    ticks_between,
)

_GEOD = Geod(ellps="GRS80")
HALO = (withStroke(linewidth=2.0, foreground="white", alpha=0.85),)


Bounds = tuple[float, float, float, float]


def bounds_shown(grid: Grid, parcels: gpd.GeoDataFrame) -> Bounds:
    """Return the grid's bounds, widened for parcels that cross its border.

    Left, bottom, right, top in the grid's CRS; a stray parcel widens a side by no more
    than a fifth of the grid.
    """
    left, bottom, right, top = grid.bounds
    if parcels.empty:
        return grid.bounds
    west, south, east, north = (float(edge) for edge in parcels.total_bounds)
    most = 0.2 * max(right - left, top - bottom)
    return (
        max(min(left, west), left - most),
        max(min(bottom, south), bottom - most),
        min(max(right, east), right + most),
        min(max(top, north), top + most),
    )


def sheet_of(axes: Axes) -> Figure:
    """Return the whole figure that ``axes`` are part of."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("These axes were taken off their figure.")
    return figure


def frame_map(axes: Axes, bounds: Bounds, *, margin: float = 0.02) -> None:
    """Fit ``axes`` to ``bounds`` with square metres, filling its box on the page."""
    left, bottom, right, top = bounds
    box = axes.get_position()
    wide, high = sheet_of(axes).get_size_inches()
    aspect = (box.width * wide) / (box.height * high)
    width = (right - left) * (1 + 2 * margin)
    height = (top - bottom) * (1 + 2 * margin)
    width, height = max(width, height * aspect), max(height, width / aspect)
    x, y = (left + right) / 2, (bottom + top) / 2
    axes.set_xlim(x - width / 2, x + width / 2)
    axes.set_ylim(y - height / 2, y + height / 2)
    axes.set_facecolor("#f4f4f1")
    axes.set_xticks([])
    axes.set_yticks([])


def show_raster(axes: Axes, image: NDArray[np.uint8], grid: Grid) -> None:
    """Draw an RGB or RGBA ``image`` (y, x, 3 or 4) on the cells of ``grid``."""
    left, bottom, right, top = grid.bounds
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(
        image,
        extent=(left, right, bottom, top),
        interpolation="nearest",
        aspect="auto",
        zorder=0,
    )
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])


def label_edges(axes: Axes, *, count: int = 4, size: float = 5.5) -> None:
    """Label the frame with round eastings and northings in metres."""
    for axis, (low, high), turn in (
        (axes.xaxis, axes.get_xlim(), 0),
        (axes.yaxis, axes.get_ylim(), 90),
    ):
        span = high - low
        ticks = ticks_between(low + 0.06 * span, high - 0.06 * span, count=count)
        axis.set_ticks(ticks, [f"{tick:.0f}" for tick in ticks])
        axis.set_tick_params(length=2, width=0.5, pad=1.5, labelsize=size)
        for label in axis.get_ticklabels():
            label.set_rotation(turn)
            label.set_verticalalignment("center" if turn else "top")


def scale_bar(axes: Axes, metres_per_inch: float, *, width_in: float) -> None:
    """Draw a bar of a round length no longer than ``width_in`` less its label.

    ``axes`` is an empty strip ``width_in`` wide.
    """
    axes.set_axis_off()
    axes.set_xlim(0, width_in)
    axes.set_ylim(0, 1)
    length = round_length(metres_per_inch * width_in * 0.72)
    inches = length / metres_per_inch
    for part in range(4):
        shade = INK if part % 2 == 0 else PAPER
        axes.add_patch(
            Rectangle(
                (part * inches / 4, 0.2), inches / 4, 0.2, fc=shade, ec=INK, lw=0.6
            )
        )
    axes.text(0, 0.5, "0", ha="left", va="bottom", fontsize=6.5)
    axes.text(
        inches, 0.5, distance_text(length), ha="center", va="bottom", fontsize=6.5
    )


def distance_text(metres: float) -> str:
    return f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"


def north_arrow(axes: Axes, words: Words) -> None:
    """Draw an arrow to the grid's north, which is up."""
    axes.set_axis_off()
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1.75)
    axes.set_aspect("equal", adjustable="box")
    axes.text(
        0,
        1.1,
        words.both("北", "N"),
        ha="center",
        va="bottom",
        fontproperties=font(7.5, bold=True),
    )
    for side, shade in ((-1, INK), (1, PAPER)):
        axes.add_patch(
            Polygon(
                [(0, 0.95), (side * 0.5, -0.85), (0, -0.45)],
                closed=True,
                fc=shade,
                ec=INK,
                lw=0.6,
                joinstyle="round",
            )
        )


def grid_north_azimuth(grid: Grid) -> float:
    """Return the azimuth of the grid's north at its centre, degrees east of true."""
    left, bottom, right, top = grid.bounds
    x, y = (left + right) / 2, (bottom + top) / 2
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    (lon0, lon1), (lat0, lat1) = to_degrees.transform([x, x], [y, y + 1000.0])
    return float(_GEOD.inv(lon0, lat0, lon1, lat1)[0])


def crs_text(grid: Grid) -> str:
    """Return the CRS's name with its code, such as ``... (EPSG:3035)``."""
    known = CRS.from_user_input(grid.crs)
    authority = known.to_authority()
    return f"{known.name} ({':'.join(authority)})" if authority else known.name


@dataclass(frozen=True, slots=True)
class Bearing:
    """Where a source lies from the region's centre."""

    name: str
    distance_km: float
    azimuth_deg: float
    emission_t_yr: float

    @property
    def east_north_km(self) -> tuple[float, float]:
        angle = np.radians(self.azimuth_deg)
        return (
            float(self.distance_km * np.sin(angle)),
            float(self.distance_km * np.cos(angle)),
        )


def bearings(sources: gpd.GeoDataFrame, grid: Grid, words: Words) -> list[Bearing]:
    """Return the sources by geodesic distance from the grid's centre, nearest first."""
    left, bottom, right, top = grid.bounds
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform((left + right) / 2, (bottom + top) / 2)
    found = []
    for row in sources.to_crs("EPSG:4326").to_dict("records"):
        point = shapely.centroid(row["geometry"])
        azimuth, _, metres = _GEOD.inv(lon, lat, point.x, point.y)
        zh, en = _text(row, "name_zh"), words.legible(_text(row, "name"))
        name = words.both(zh, en).strip() or _text(row, "source_id")
        emission = row.get("emission_tco2e_yr")
        amount = float(emission) if pd.notna(emission) else np.nan
        found.append(Bearing(name, metres / 1000, float(azimuth), amount))
    return sorted(found, key=lambda each: (each.distance_km, each.name))


def _text(row: dict[str, object], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def locator(axes: Axes, found: Sequence[Bearing]) -> None:
    """Draw the sources around the region: true north up, rings of equal distance.

    The area of a disc grows with the emissions; its number is its place in ``found``.
    """
    farthest = max(each.distance_km for each in found)
    ring = round_length(max(farthest, 1.0) * 0.6)
    reach = max(farthest * 1.12, ring * 1.15)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal", adjustable="box")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("#f4f4f1")
    axes.plot(0, 0, marker="s", ms=5, mfc=ACCENT, mec="white", mew=0.7, zorder=4)
    taken: list[Bbox] = []
    largest = max((e.emission_t_yr for e in found if e.emission_t_yr > 0), default=1.0)
    for number, each in enumerate(found, start=1):
        _disc(axes, each, largest)
        label = _number(axes, each, number)
        _keep_if_clear(label, taken)
    for number in range(1, int(reach * 1.5 / ring) + 1):
        label = _ring(axes, number * ring)
        if number * ring < reach:
            _keep_if_clear(label, taken)
        else:
            label.remove()


def _keep_if_clear(label: Text, taken: list[Bbox]) -> None:
    """Remove ``label`` if it would stand on another one."""
    box = label.get_window_extent()
    if any(box.overlaps(other) for other in taken):
        label.remove()
    else:
        taken.append(box)


def _ring(axes: Axes, radius_km: float) -> Text:
    axes.add_patch(Circle((0, 0), radius_km, fill=False, ec="#b9c4be", lw=0.5))
    return axes.text(
        -radius_km * np.sin(np.pi / 4),
        -radius_km * np.cos(np.pi / 4),
        f"{radius_km:g} km",
        fontsize=5.5,
        color=MUTED,
        ha="center",
        va="center",
        path_effects=HALO,
    )


def _disc(axes: Axes, each: Bearing, largest: float) -> None:
    known = each.emission_t_yr > 0
    size = 7 + 9 * np.sqrt(each.emission_t_yr / largest) if known else 7
    axes.plot(
        *each.east_north_km,
        marker="o",
        ms=size,
        mfc="#7a0177" if known else EMPTY,
        mec="white",
        mew=0.7,
        alpha=0.9,
        zorder=3,
    )


def _number(axes: Axes, each: Bearing, number: int) -> Text:
    return axes.text(
        *each.east_north_km,
        str(number),
        fontsize=5.5,
        color="white" if each.emission_t_yr > 0 else INK,
        ha="center",
        va="center_baseline",
        zorder=5,
    )


def compass_point(azimuth_deg: float) -> str:
    """Return the nearest of sixteen compass points, such as ``ENE``."""
    return _COMPASS[round((azimuth_deg % 360) / 22.5) % 16]


_COMPASS = (
    *("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE"),
    *("S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"),
)


def font(size: float, *, bold: bool = False) -> FontProperties:
    """Return the sheet's own font at ``size`` points."""
    return FontProperties(size=size, weight="bold" if bold else "normal")
