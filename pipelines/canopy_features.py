"""Canopy height rasters to features of a grid's cells, or of plots."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.errors import RasterError, TableError
from geo.footprints import Shape, footprints
from geo.grid import Grid
from models.canopy import (
    CANOPY_METRICS,
    CANOPY_NAMES,
    POSSIBLE_M,
    SPIKE_CELL_M,
    metrics_of,
    spikes,
    strip_metrics,
    strips,
)
from store.canopy_rasters import (
    CanopyFile,
    CanopyRaster,
    open_canopy,
    open_grid,
    same_crs,
    window_around,
)
from store.feature_rasters import write_features
from store.files import sha256_file
from store.headers import ColumnRule
from store.plot_writing import write_rows
from store.tables import read_header, read_table

Singles = NDArray[np.float32]

MOST_IMPOSSIBLE = 0.01
"""Share of the heights above which the raster holds something else."""
OUTLINE = "outline"


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """What ``forestsink features`` was asked for: one of three places."""

    canopy: CanopyFile
    out: Path
    cell_m: float | None = None
    like: str = ""
    plots: str = ""
    shape: Shape = "circle"
    fewest_share: float = 0.5


@dataclass(slots=True)
class Seen:
    """Counts of fine cells: with a height, impossible ones, spikes."""

    heights: int = 0
    impossible: int = 0
    spikes: int = 0
    highest_m: float = field(default=-np.inf)


@dataclass(frozen=True, slots=True)
class MadeFeatures:
    """Features as written: how many cells or plots have them."""

    out: Path
    places: int
    seen: int
    fine: Seen

    def record(self) -> dict[str, object]:
        """Return what the command prints as JSON."""
        return {
            "out": str(self.out),
            "features": [
                {"name": m.name, "unit": m.unit, "valid_range": list(m.valid_range)}
                for m in CANOPY_METRICS
            ],
            "places": self.places,
            "with_features": self.seen,
            "heights": self.fine.heights,
            "impossible_heights": self.fine.impossible,
            "spikes": self.fine.spikes,
        }

    def lines(self) -> list[str]:
        """Return what the command prints for people."""
        fine = self.fine
        told = [f"{self.seen:,} of {self.places:,} with features 有特征: {self.out}"]
        if fine.impossible or fine.spikes:
            told.append(
                f"! {fine.impossible:,} impossible heights and {fine.spikes:,} spikes "
                f"left out of {fine.heights:,} "
                f"已剔除不可能高度 {fine.impossible:,} 个、尖峰 {fine.spikes:,} 个"
            )
        return told


def make_features(request: FeatureRequest) -> MadeFeatures:
    """Compute the metrics of ``models.canopy`` and write them.

    Raises
    ------
    RasterError
        If the raster cannot be used (see ``store.canopy_rasters.open_canopy``), has
        no height at all, or more than 1 % that no canopy has.
    GridMismatchError
        If its cells are wider than half the wanted ones, or ``like`` is elsewhere.
    TableError
        If the plots have no outline and no place, or a row that cannot be read.
    """
    seen = Seen()
    with open_canopy(request.canopy) as raster:
        if request.plots:
            places, known = _plots(request, raster, seen)
        else:
            places, known = _cells(request, raster, seen)
    return MadeFeatures(request.out, places, known, seen)


def _cells(
    request: FeatureRequest, raster: CanopyRaster, seen: Seen
) -> tuple[int, int]:
    grid = _grid(request, raster)
    known = 0

    def parts() -> Iterator[tuple[int, Singles]]:
        nonlocal known
        for strip in strips(raster.grid, grid):
            heights = _heights(raster, strip.fine_rows, seen)
            values = strip_metrics(
                heights, raster.grid, grid, strip, fewest_share=request.fewest_share
            )
            known += int(np.isfinite(values[0]).sum())
            yield strip.rows.start, values

    def finish() -> Mapping[str, str]:
        _require_heights(request, seen)
        return {
            "CANOPY_SHA256": sha256_file(Path(request.canopy.path)),
            "FEWEST_SHARE": f"{request.fewest_share:g}",
            "IMPOSSIBLE_HEIGHTS": str(seen.impossible),
            "SPIKES": str(seen.spikes),
        }

    told = [(metric.name, metric.unit) for metric in CANOPY_METRICS]
    write_features(request.out, grid, parts(), told=told, finish=finish)
    return grid.width * grid.height, known


def _grid(request: FeatureRequest, raster: CanopyRaster) -> Grid:
    fine = raster.grid
    if request.like:
        with open_grid(request.like) as grid:
            if not same_crs(grid.crs, fine.crs):
                return grid  # refused, with both named, when strips are cut
            return Grid(
                fine.crs, grid.left, grid.top, grid.cell_m, grid.width, grid.height
            )
    cell_m = request.cell_m or 0.0
    if not cell_m > 0:
        raise RasterError(
            f"Cells of {cell_m:g} m cannot be.",
            zh=f"像元边长 {cell_m:g} 米无效；请给出大于 0 的数。",
            cure="Give a side above 0.",
            field="cell",
            value=cell_m,
        )
    # Rounded: 535 cells of 1 m in cells of 53.5 m are ten, not eleven.
    width = int(np.ceil(np.round(fine.width * fine.cell_m / cell_m, 6)))
    height = int(np.ceil(np.round(fine.height * fine.cell_m / cell_m, 6)))
    return Grid(fine.crs, fine.left, fine.top, cell_m, width, height)


def _heights(raster: CanopyRaster, rows: slice, seen: Seen) -> Singles:
    """Read rows, spikes left out, and count; a row more each side knows neighbours."""
    first, last = max(rows.start - 1, 0), min(rows.stop + 1, raster.grid.height)
    if rows.start >= rows.stop:
        return np.empty((0, raster.grid.width), np.float32)
    wider = raster.read(slice(first, last))
    inner = slice(rows.start - first, rows.stop - first)
    return _without_spikes(wider, inner, raster.grid.cell_m, seen)


def _without_spikes(
    heights: Singles, inner: slice, cell_m: float, seen: Seen
) -> Singles:
    low, high = POSSIBLE_M
    there = np.isfinite(heights)
    impossible = there & ((heights < low) | (heights > high))
    heights = np.where(impossible, np.float32(np.nan), heights)
    spike = np.zeros(heights.shape, np.bool_)
    if cell_m <= SPIKE_CELL_M:
        spike = spikes(heights)
    kept = np.where(spike, np.float32(np.nan), heights)[inner]
    seen.heights += int(there[inner].sum())
    seen.impossible += int(impossible[inner].sum())
    seen.spikes += int(spike[inner].sum())
    if np.isfinite(kept).any():
        seen.highest_m = max(seen.highest_m, float(np.nanmax(kept)))
    return kept


def _require_heights(request: FeatureRequest, seen: Seen) -> None:
    name = Path(request.canopy.path).name
    if seen.heights == 0:
        raise RasterError(
            f"{name} has no height at all there.",
            zh=f"{name} 在所需范围内没有任何高度值；请检查范围与无数据值。",
            cure="Check its extent and its nodata value.",
            file=request.canopy.path,
        )
    share = seen.impossible / seen.heights
    if share > MOST_IMPOSSIBLE:
        low, high = POSSIBLE_M
        raise RasterError(
            f"{100 * share:.0f} % of the heights in {name} lie outside {low:g} to "
            f"{high:g} m: elevations, centimetres or an undeclared nodata value?",
            zh=f"{name} 有 {100 * share:.0f}% 的值不在 {low:g} 至 {high:g} 米之间，"
            "可能是高程、厘米或未声明的无数据值；请更正。",
            cure="Give heights above ground in metres, and declare nodata.",
            file=request.canopy.path,
            value=f"{100 * share:.1f} %",
            expected=f"at most {100 * MOST_IMPOSSIBLE:g} %",
        )


def _plots(
    request: FeatureRequest, raster: CanopyRaster, seen: Seen
) -> tuple[int, int]:
    rows = _read_plots(request.plots)
    outlines = _outlines(rows, request)
    values = np.array([_at(one, raster, request, seen) for one in outlines])
    _require_heights(request, seen)
    table = rows.drop(columns=[name for name in CANOPY_NAMES if name in rows])
    for place, name in enumerate(CANOPY_NAMES):
        table[name] = values[:, place].astype(np.float64)
    write_rows(request.out, table)
    return len(table), int(np.isfinite(values[:, 0]).sum())


def _at(
    outline: shapely.Geometry | None,
    raster: CanopyRaster,
    request: FeatureRequest,
    seen: Seen,
) -> Singles:
    """Return the metrics (k,) of the fine cells whose centres lie in an outline."""
    nothing = np.full(len(CANOPY_METRICS), np.nan, np.float32)
    if outline is None:
        return nothing
    grid = raster.grid
    rows, columns = window_around(grid, shapely.bounds(outline).tolist())
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return nothing
    wider = slice(max(columns.start - 1, 0), min(columns.stop + 1, grid.width))
    first, last = max(rows.start - 1, 0), min(rows.stop + 1, grid.height)
    part = raster.read(slice(first, last), wider)
    heights = _without_spikes(part, slice(0, len(part)), grid.cell_m, seen)
    placed = grid.window(slice(first, last), wider)
    inside = shapely.contains_xy(outline, *np.meshgrid(placed.xs(), placed.ys()))
    whole = shapely.area(outline) / grid.cell_m**2
    chosen = heights[inside][None, :]
    if not chosen.size:
        return nothing
    return metrics_of(chosen, whole, fewest_share=request.fewest_share)[:, 0]


def _read_plots(path: str) -> pd.DataFrame:
    """Read the plots with all their columns as text, but places and areas."""
    file = path if Path(path).is_absolute() else f"{Path.cwd()}/{path}"
    roots = [Path(file).parent]
    header = [name for name in read_header(file, roots=roots) if name]
    numbers = {"x", "y", "area_ha"} if OUTLINE not in header else set()
    rules = [
        ColumnRule(
            name, "number" if name in numbers else "text", required=name in numbers
        )
        for name in (*header, *sorted(numbers - set(header)))
    ]
    table = read_table(file, roots=roots, columns=rules, key=())
    if table.rejected:
        raise table.rejected[0]
    return table.rows


def _outlines(rows: pd.DataFrame, request: FeatureRequest) -> NDArray[np.object_]:
    if OUTLINE not in rows:
        x, y, area = (rows[name].to_numpy(np.float64) for name in ("x", "y", "area_ha"))
        return footprints(x, y, area, shape=request.shape)
    found = np.full(len(rows), None, dtype=np.object_)
    for place, (line, text) in enumerate(rows[OUTLINE].items()):
        outline = shapely.from_wkt(text, on_invalid="ignore") if text else None
        if outline is None or outline.geom_type != "Polygon" or not outline.is_valid:
            raise TableError(
                f"{Path(request.plots).name}, line {line}: outline is no polygon.",
                zh=f"{Path(request.plots).name} 第 {line} 行的 outline "
                "不是有效多边形；请写成 WKT POLYGON。",
                cure="Write it as WKT, POLYGON ((x y, ...)), or leave the column out.",
                file=request.plots,
                field=OUTLINE,
                item=line,
                value=str(text)[:60],
            )
        found[place] = outline
    return found
