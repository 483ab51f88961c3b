"""From a canopy height raster to metrics of the model's cells.

A fine cell belongs to the coarse cell, or the outline, that its centre lies in, so that
where the fine cells divide the coarse ones the metrics are exact. Work goes strip by
strip of coarse rows: memory follows the strip.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import GridMismatchError
from geo.grid import Grid

Heights = NDArray[np.floating]
Floats = NDArray[np.float32]

POSSIBLE_M = (-2.0, 120.0)
"""Heights outside are no measurement; those below zero are the ground."""
COVER_M = (2.0, 5.0)
GAP_OF_TOP = 0.5
FEWEST_SHARE = 0.5
"""Coarse cells seen less than this have no metrics."""
STRIP_CELLS = 8_000_000
SPIKE_M = 20.0
SPIKE_CELL_M = 1.5
"""Wider cells may hold the whole crown of a lone tree."""
_FEWEST_NEIGHBOURS = 3
_AROUND = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]


@dataclass(frozen=True, slots=True)
class CanopyMetric:
    """A named metric of the heights in a cell: its unit and what is possible.

    ``formula`` takes heights sorted upwards, (cells, fine), NaN last, and how many of
    each row are not NaN.
    """

    name: str
    title: str
    title_zh: str
    unit: str
    valid_range: tuple[float, float]
    formula: Callable[[Heights, NDArray[np.int64]], Heights]


def _percentile(share: float) -> Callable[[Heights, NDArray[np.int64]], Heights]:
    """Linear between the two nearest heights, as ``numpy.quantile`` is."""

    def formula(sorted_m: Heights, count: NDArray[np.int64]) -> Heights:
        place = share * (count - 1)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, count - 1)
        rows = np.arange(len(sorted_m))
        low, high = sorted_m[rows, below], sorted_m[rows, above]
        return np.asarray(low + (high - low) * (place - below))

    return formula


def _higher_than(limit: Heights | float) -> Callable[..., Heights]:
    def formula(sorted_m: Heights, count: NDArray[np.int64]) -> Heights:
        return np.asarray(100.0 * (sorted_m > limit).sum(axis=1) / count)

    return formula


def _mean(sorted_m: Heights, count: NDArray[np.int64]) -> Heights:
    return np.asarray(np.nansum(sorted_m, axis=1) / count)


def _sd(sorted_m: Heights, count: NDArray[np.int64]) -> Heights:
    off = sorted_m - _mean(sorted_m, count)[:, None]
    return np.asarray(np.sqrt(np.nansum(off * off, axis=1) / count))


def _gaps(sorted_m: Heights, count: NDArray[np.int64]) -> Heights:
    top = _percentile(0.95)(sorted_m, count)[:, None]
    low = sorted_m < np.maximum(GAP_OF_TOP * top, COVER_M[0])
    return np.asarray(100.0 * low.sum(axis=1) / count)


_METRES = ("m", (0.0, POSSIBLE_M[1]))
_SHARE = ("%", (0.0, 100.0))

CANOPY_METRICS: tuple[CanopyMetric, ...] = (
    CanopyMetric("chm_max", "Highest point", "最大高", *_METRES, _percentile(1.0)),
    CanopyMetric("chm_mean", "Mean canopy height", "平均冠层高", *_METRES, _mean),
    *(
        CanopyMetric(
            f"chm_p{share}",
            f"Canopy height, {share}th percentile",
            f"冠层高第{share}百分位",
            *_METRES,
            _percentile(share / 100),
        )
        for share in (25, 50, 75, 95)
    ),
    CanopyMetric("chm_sd", "Roughness: sd of height", "冠层高标准差", *_METRES, _sd),
    *(
        CanopyMetric(
            f"chm_cover_{limit:g}m",
            f"Cover above {limit:g} m",
            f"{limit:g}米以上覆盖度",
            *_SHARE,
            _higher_than(limit),
        )
        for limit in COVER_M
    ),
    CanopyMetric(
        "chm_gaps",
        "Gaps: lower than half the 95th percentile, or than 2 m",
        "林隙比例（低于第95百分位之半或2米）",
        *_SHARE,
        _gaps,
    ),
)
"""Every metric of a canopy height raster, in the order of every stack."""

CANOPY_NAMES: tuple[str, ...] = tuple(one.name for one in CANOPY_METRICS)


@dataclass(frozen=True, slots=True)
class Strip:
    """Coarse rows, and the fine rows whose centres lie in them."""

    rows: slice
    fine_rows: slice


def strips(fine: Grid, coarse: Grid, *, cells: int = STRIP_CELLS) -> Iterator[Strip]:
    """Cut ``coarse`` into strips of about ``cells`` fine cells, from the top.

    For reading a raster window by window; the metrics do not depend on the cut.

    Raises
    ------
    GridMismatchError
        Other CRS, or fine cells wider than half a coarse one.
    """
    _require_finer(fine, coarse)
    edges = _edges(fine.top - coarse.top, fine, coarse, axis=0)
    per_row = max(int(np.diff(edges).max(initial=1)), 1) * max(fine.width, 1)
    step = max(1, cells // per_row)
    for start in range(0, coarse.height, step):
        stop = min(start + step, coarse.height)
        fine_rows = slice(int(edges[start]), int(edges[stop]))
        yield Strip(slice(start, stop), fine_rows)


def canopy_metrics(
    heights_m: Heights,
    fine: Grid,
    coarse: Grid,
    *,
    fewest_share: float = FEWEST_SHARE,
) -> xr.DataArray:
    """Return the metrics of ``CANOPY_METRICS``, float32, dims ``(feature, y, x)``.

    Parameters
    ----------
    heights_m
        Canopy height above ground on ``fine``, m, ``(y, x)``; NaN is no data.
    fewest_share
        Coarse cells of which a smaller share of the area has a height are NaN.

    Raises
    ------
    GridMismatchError
        Other CRS, another shape than ``fine``, or fine cells wider than half a
        coarse one.
    """
    if heights_m.shape != fine.shape:
        raise GridMismatchError(
            f"Heights of shape {heights_m.shape} are not on {fine}.",
            zh=f"冠层高数组尺寸 {heights_m.shape} 与其网格不符。",
            cure="Give the grid that the heights were read from.",
        )
    found = np.full((len(CANOPY_METRICS), *coarse.shape), np.nan, np.float32)
    for strip in strips(fine, coarse):
        found[:, strip.rows] = strip_metrics(
            heights_m[strip.fine_rows], fine, coarse, strip, fewest_share=fewest_share
        )
    return xr.DataArray(
        found,
        dims=("feature", "y", "x"),
        coords={"feature": list(CANOPY_NAMES), "y": coarse.ys(), "x": coarse.xs()},
        name="canopy",
    )


def strip_metrics(
    heights_m: Heights,
    fine: Grid,
    coarse: Grid,
    strip: Strip,
    *,
    fewest_share: float = FEWEST_SHARE,
) -> Floats:
    """Return the metrics of one strip, (feature, rows, x), from its fine rows alone."""
    down = _edges(fine.top - coarse.top, fine, coarse, axis=0)
    down = down[strip.rows.start : strip.rows.stop + 1] - strip.fine_rows.start
    across = _edges(coarse.left - fine.left, fine, coarse, axis=1)
    columns = int(np.diff(across).max(initial=0))
    shape = (len(down) - 1, coarse.width)
    found = np.full((len(CANOPY_METRICS), *shape), np.nan, np.float32)
    if not columns or not len(heights_m):
        return found
    whole = (coarse.cell_m / fine.cell_m) ** 2
    for row in range(shape[0]):
        cells = _cells(heights_m[down[row] : down[row + 1]], across)
        found[:, row] = metrics_of(cells, whole, fewest_share=fewest_share)
    return found


def metrics_of(
    heights_m: Heights, whole: float, *, fewest_share: float = FEWEST_SHARE
) -> Floats:
    """Return the metrics (metrics, cells) of heights (cells, fine), NaN = not seen.

    ``whole`` is how many fine cells a cell, or an outline, has. Impossible heights
    count as not seen; cells of which less than ``fewest_share`` is seen are NaN.
    """
    heights = possible(heights_m)
    found = np.full((len(CANOPY_METRICS), len(heights)), np.nan, np.float32)
    count = np.isfinite(heights).sum(axis=1)
    seen = (count > 0) & (count >= fewest_share * whole)
    sorted_m = np.sort(heights[seen], axis=1)
    for place, metric in enumerate(CANOPY_METRICS):
        found[place, seen] = metric.formula(sorted_m, count[seen])
    return found


def possible(heights_m: Heights) -> NDArray[np.float64]:
    """Return heights with the impossible as NaN and those below zero as the ground."""
    low, high = POSSIBLE_M
    heights = heights_m.astype(np.float64)
    inside = (heights >= low) & (heights <= high)
    return np.where(inside, np.maximum(heights, 0.0), np.nan)


def spikes(heights_m: Heights) -> NDArray[np.bool_]:
    """Return which single cells tower over all their neighbours: birds, wires, noise.

    A cell more than ``SPIKE_M`` above the highest of its eight neighbours, three of
    which have to be seen. Meant for cells up to ``SPIKE_CELL_M``: a crown is wider
    than one of those. The outermost rows and columns know fewer neighbours.
    """
    padded = np.pad(
        np.where(np.isfinite(heights_m), heights_m, -np.inf),
        1,
        constant_values=-np.inf,
    )
    top = np.full(heights_m.shape, -np.inf)
    known = np.zeros(heights_m.shape, np.int8)
    rows, columns = heights_m.shape
    for down, across in _AROUND:
        beside = padded[1 + down : 1 + down + rows, 1 + across : 1 + across + columns]
        np.maximum(top, beside, out=top)
        known += beside > -np.inf
    return np.asarray((heights_m > top + SPIKE_M) & (known >= _FEWEST_NEIGHBOURS))


def _cells(rows_m: Heights, across: NDArray[np.int64]) -> Heights:
    """Return the heights of each cell of one coarse row, (cells, fine), NaN-padded."""
    rows = rows_m.astype(np.float64)
    padded = np.column_stack([rows, np.full(len(rows), np.nan)])
    width = int(np.diff(across).max())
    place = across[:-1, None] + np.arange(width)
    place = np.where(place < across[1:, None], place, rows.shape[1])
    return padded[:, place].transpose(1, 0, 2).reshape(len(across) - 1, -1)


def _edges(
    offset_m: float, fine: Grid, coarse: Grid, *, axis: int
) -> NDArray[np.int64]:
    """Return the first fine row or column whose centre is beyond each coarse edge.

    ``offset_m`` is how far the coarse origin lies inside the fine grid. Rounded to a
    millionth of a cell: centres on an edge to rounding belong to the cell after it.
    """
    cells, limit = (
        (coarse.height, fine.height)
        if axis == 0
        else (
            coarse.width,
            fine.width,
        )
    )
    place = (offset_m + np.arange(cells + 1) * coarse.cell_m) / fine.cell_m - 0.5
    return np.clip(np.ceil(np.round(place, 6)), 0, limit).astype(np.int64)


def _require_finer(fine: Grid, coarse: Grid) -> None:
    if fine.crs != coarse.crs or fine.cell_m > coarse.cell_m / 2:
        raise GridMismatchError(
            f"Canopy metrics need cells of at most half {coarse.cell_m:g} m in "
            f"{coarse.crs}, got {fine.cell_m:g} m in {fine.crs}.",
            zh="冠层高栅格须与目标网格同坐标系，"
            f"且像元不大于 {coarse.cell_m / 2:g} 米；请先重投影。",
            cure="Warp the raster to the grid's CRS first.",
        )
