"""Canopy heights of a region: at its plots, and in the cells that lie under them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from config.plots import CanopySettings
from config.settings import Settings
from geo.grid import Grid
from geo.zonal import StripSums, coverage_weights
from models.canopy import CANOPY_NAMES, POSSIBLE_M, strip_metrics, strips
from models.features import features_from
from models.routes import FOREST_COVER_PCT
from models.two_phase import METRICS
from pipelines.context import Night
from pipelines.cover import COVER, COVER_FILE
from pipelines.plot_features import MIN_SEEN, features_of
from pipelines.plot_sites import Sites
from pipelines.season import SeasonMaps
from pipelines.sources import roots_of
from pipelines.stored import Piece, Window, pieces, read_piece
from store.canopy_heights import CanopyRaster, open_canopy

Numbers = NDArray[np.float64]
Singles = NDArray[np.float32]

MOST_CELLS = 2000
"""Cells that the second phase learns from, evenly spread: more make no model better,
and each is a point that every cell of the map is held against."""
_ROWS = 512
"""Rows of a raster that are read at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Canopy:
    """Heights that were used: those of one year, and what they are at the plots."""

    rasters: tuple[CanopyRaster, ...]
    day: date
    """The middle of the flights' days."""
    left_out: tuple[str, ...]
    """Rasters of other years."""
    metrics: Numbers
    """``METRICS`` over the outline of each plot (n, 2); NaN where hardly under any."""

    @property
    def plots(self) -> NDArray[np.bool_]:
        """Which plots lie under the heights."""
        return np.asarray(np.isfinite(self.metrics).all(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class UnderCanopy:
    """Cells of the region's forest under the heights (m,), evenly taken."""

    features: Numbers
    metrics: Numbers
    x: Numbers
    y: Numbers
    ids: tuple[str, ...]


def canopy_at(settings: Settings, sites: Sites) -> Canopy | None:
    """Read the heights at the plots; None where the region has none.

    Of rasters of several years those of the year nearest to the plots' are used, the
    earlier of two as near: plots and heights have to show the same trees.

    Raises
    ------
    RasterError, UnsafePathError, GridMismatchError
        As ``open_canopy``, or cells wider than half of the region's.
    """
    told = settings.region.canopy
    if not told:
        return None
    opened = [(one, _opened(settings, one)) for one in told]
    year = min({one.date.year for one in told}, key=lambda y: (abs(y - sites.year), y))
    used = [(one, raster) for one, raster in opened if one.date.year == year]
    days = sorted(one.date.toordinal() for one, _ in used)
    metrics = np.full((len(sites.ids), len(METRICS)), np.nan)
    for _, raster in used:
        found = _at_outlines(raster, sites.outlines)
        fresh = np.isnan(metrics[:, 0])
        metrics[fresh] = found[fresh]
    return Canopy(
        tuple(raster for _, raster in used),
        date.fromordinal(days[len(days) // 2]),
        tuple(one.file for one in told if one.date.year != year),
        metrics,
    )


def cells_under(night: Night, season: SeasonMaps, canopy: Canopy) -> UnderCanopy:
    """Return forest cells under the heights with their features in a season."""
    found: dict[tuple[int, int], tuple[Numbers, Numbers]] = {}
    for raster in canopy.rasters:
        window = _window(night.grid, raster.grid)
        if window is None:
            continue
        metrics = _on_cells(raster, window.grid(night.grid))
        for piece in pieces(night.tiles, window):
            _collect(found, night, season, piece, (window, metrics))
    places = sorted(found)
    step = np.linspace(0, len(places) - 1, min(len(places), MOST_CELLS))
    chosen = [places[n] for n in np.unique(step.round().astype(int)).tolist()]
    empty = np.empty((0, len(features_from(night.bands)))), np.empty((0, len(METRICS)))
    rows = np.array([row for row, _ in chosen], dtype=np.int64)
    columns = np.array([column for _, column in chosen], dtype=np.int64)
    return UnderCanopy(
        np.array([found[place][0] for place in chosen]) if chosen else empty[0],
        np.array([found[place][1] for place in chosen]) if chosen else empty[1],
        night.grid.xs()[columns],
        night.grid.ys()[rows],
        tuple(f"r{row}c{column}" for row, column in chosen),
    )


def _opened(settings: Settings, told: CanopySettings) -> CanopyRaster:
    grid = settings.region.grid.grid()
    raster = open_canopy(
        settings.data_root / told.file,
        roots=roots_of(settings),
        crs=grid.crs,
        declared_crs=told.crs,
    )
    next(strips(raster.grid, grid.window(slice(0, 1), slice(0, 1))))  # fine enough
    return raster


def _strips(raster: CanopyRaster) -> Iterator[tuple[int, Singles]]:
    whole = slice(0, raster.grid.width)
    for start in range(0, raster.grid.height, _ROWS):
        stop = min(start + _ROWS, raster.grid.height)
        heights = raster.read(slice(start, stop), whole)
        low, high = POSSIBLE_M
        possible = (heights >= low) & (heights <= high)
        yield start, np.where(possible, np.maximum(heights, 0.0), np.nan)


def _at_outlines(raster: CanopyRaster, plots: gpd.GeoDataFrame) -> Numbers:
    """Return the mean height and mean square over outlines (n, 2)."""
    weights = coverage_weights(plots, raster.grid)
    added = StripSums(weights, bands=len(METRICS))
    for row, heights in _strips(raster):
        added.add(np.stack([heights, heights**2]), row=row)
    total, seen_ha = added.result
    enough = (seen_ha >= MIN_SEEN * weights.polygon_ha) & (seen_ha > 0)
    means = np.full(total.shape, np.nan)
    np.divide(total, seen_ha, out=means, where=enough)
    return means.T


def _window(region: Grid, fine: Grid) -> Window | None:
    """Return the region's cells that a raster reaches into."""
    left, bottom, right, top = fine.bounds
    cell = region.cell_m
    rows = (region.top - top) // cell, -((bottom - region.top) // cell)
    columns = (left - region.left) // cell, -(-(right - region.left) // cell)
    row, column = max(int(rows[0]), 0), max(int(columns[0]), 0)
    height = min(int(rows[1]), region.height) - row
    width = min(int(columns[1]), region.width) - column
    return Window(row, column, height, width) if min(height, width) > 0 else None


def _on_cells(raster: CanopyRaster, coarse: Grid) -> Singles:
    """Return the metrics of coarse cells (2, y, x); NaN where hardly seen."""
    found = np.full((len(METRICS), *coarse.shape), np.nan, np.float32)
    mean, sd = CANOPY_NAMES.index("chm_mean"), CANOPY_NAMES.index("chm_sd")
    for strip in strips(raster.grid, coarse):
        heights = raster.read(strip.fine_rows, slice(0, raster.grid.width))
        told = strip_metrics(heights, raster.grid, coarse, strip)
        found[0, strip.rows] = told[mean]
        found[1, strip.rows] = told[sd] ** 2 + told[mean] ** 2
    return found


def _collect(
    found: dict[tuple[int, int], tuple[Numbers, Numbers]],
    night: Night,
    season: SeasonMaps,
    piece: Piece,
    under: tuple[Window, Singles],
) -> None:
    """Add a piece's forest cells with heights and features; what is there stays."""
    window, metrics = under
    heights = metrics[(slice(None), *piece.place)]
    cover = read_piece(night, season.cover, COVER_FILE, piece, (COVER,))[0]
    features = features_of(night, season, piece)
    usable = np.isfinite(heights).all(axis=0) & (cover >= FOREST_COVER_PCT)
    usable &= np.isfinite(features).all(axis=0)
    for row, column in np.argwhere(usable).tolist():
        place = window.row + piece.row + row, window.column + piece.column + column
        told = features[:, row, column].astype(np.float64)
        found.setdefault(place, (told, heights[:, row, column].astype(np.float64)))
