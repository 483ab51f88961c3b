"""Canopy height rasters from drones and lidar: opened, checked, read by strips."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geo.errors import RasterError
from geo.grid import Grid
from store.safe import open_raster, require_written

Singles = NDArray[np.float32]

_METRES = {"", "m", "metre", "meter", "metres", "meters", "米"}
_SQUARE = 1e-6
"""Relative difference of the sides below which cells are square."""


@dataclass(frozen=True, slots=True)
class CanopyFile:
    """What was asked for: a file, and what it does not say itself."""

    path: str
    crs: str = ""
    """Of a file without one; another one than the file's is refused."""
    nodata: float | None = None
    """Of a file of whole numbers that declares none."""


@dataclass(frozen=True, eq=False)
class CanopyRaster:
    """An open raster of one band, heights above ground on ``grid``."""

    dataset: DatasetReader
    grid: Grid
    nodata: float | None

    def read(self, rows: slice, columns: slice | None = None) -> Singles:
        """Read heights in m, NaN where there are none; parts outside are left out."""
        across = columns or slice(0, self.grid.width)
        window = Window(
            across.start, rows.start, across.stop - across.start, rows.stop - rows.start
        )
        codes = self.dataset.read(1, window=window)
        absent = self.dataset.read_masks(1, window=window) == 0
        if self.nodata is not None:
            absent |= codes == self.nodata
        scale, offset = self.dataset.scales[0], self.dataset.offsets[0]
        heights: Singles = (codes.astype(np.float64) * scale + offset).astype(
            np.float32
        )
        heights[absent | ~np.isfinite(heights)] = np.nan
        return heights


@contextmanager
def open_canopy(asked: CanopyFile) -> Iterator[CanopyRaster]:
    """Open a canopy height raster, north up, in metres of a projected CRS.

    Raises
    ------
    UnsafePathError
        If the path is not a plain file.
    RasterError
        If it is no raster of one band with a place, a projected CRS in metres, square
        cells along its axes, heights in metres and a declared nodata value (floats may
        use NaN); or if its header promises data that were never written.
    """
    file = (
        asked.path if Path(asked.path).is_absolute() else f"{Path.cwd()}/{asked.path}"
    )
    with open_raster(file, roots=[Path(file).parent]) as dataset:
        try:
            require_written(dataset)
            _require_heights(dataset)
            _require_nodata(dataset, asked)
            grid = _grid(dataset, _crs(dataset, asked.crs))
        except RasterError as error:
            raise error.at(file=asked.path) from None
        yield CanopyRaster(dataset, grid, asked.nodata)


@contextmanager
def open_grid(path: str) -> Iterator[Grid]:
    """Give the grid of another raster, to put features on.

    Raises as ``open_canopy`` does for its place and CRS.
    """
    file = path if Path(path).is_absolute() else f"{Path.cwd()}/{path}"
    with open_raster(file, roots=[Path(file).parent]) as dataset:
        try:
            yield _grid(dataset, _crs(dataset, ""))
        except RasterError as error:
            raise error.at(file=path) from None


def same_crs(one: str, other: str) -> bool:
    """Return whether two names mean one coordinate system."""
    return bool(CRS.from_user_input(one) == CRS.from_user_input(other))


def _require_heights(dataset: DatasetReader) -> None:
    if dataset.count != 1:
        raise _refused(
            f"has {dataset.count} bands; canopy height is one",
            f"有 {dataset.count} 个波段，冠层高栅格应只有一个波段",
            "Give the canopy height raster, not an orthomosaic.",
            value=dataset.count,
        )
    unit = (dataset.units[0] or "").strip().lower()
    if unit not in _METRES:
        raise _refused(
            f"says that its heights are in {unit}",
            f"声明的高度单位为 {unit}，应为米",
            "Convert it to metres.",
            value=unit,
        )


def _require_nodata(dataset: DatasetReader, asked: CanopyFile) -> None:
    whole = np.issubdtype(np.dtype(dataset.dtypes[0]), np.integer)
    masked = any("nodata" not in flag.name for flag in dataset.mask_flag_enums[0])
    masked &= not any("all_valid" in flag.name for flag in dataset.mask_flag_enums[0])
    if whole and dataset.nodata is None and asked.nodata is None and not masked:
        raise _refused(
            "declares no nodata value, so that borders of 0 would count as bare ground",
            "未声明无数据值，边框的 0 会被当作裸地",
            "Write it into the file, or give it as --nodata.",
        )


def _crs(dataset: DatasetReader, declared: str) -> str:
    own = dataset.crs.to_wkt() if dataset.crs else ""
    if not own and not declared:
        raise _refused(
            "has no coordinate reference system",
            "没有坐标参考系",
            "Write it into the file, or give it as --crs.",
        )
    try:
        known = CRS.from_user_input(own or declared)
        if own and declared and known != CRS.from_user_input(declared):
            raise _refused(
                f"is in {known.name}, not in {declared}",
                f"的坐标系是 {known.name}，与声明的 {declared} 不符",
                "Leave --crs out, or correct the file.",
                value=known.name,
                expected=declared,
            )
    except CRSError as error:
        raise _refused(
            f"cannot be in {declared or own[:60]}: no known coordinate system",
            f"的坐标系 {declared or own[:60]} 无法识别",
            "Give a code such as EPSG:4547.",
        ) from error
    if not known.is_projected or {a.unit_name for a in known.axis_info[:2]} != {
        "metre"
    }:
        raise _refused(
            f"is in {known.name}, not in metres",
            f"的坐标系 {known.name} 不以米为单位",
            "Warp it to a projected CRS in metres first.",
            value=known.name,
        )
    code = known.to_epsg()
    return f"EPSG:{code}" if code else own or declared


def _grid(dataset: DatasetReader, crs: str) -> Grid:
    placed = dataset.transform
    if placed.is_identity or placed.is_degenerate:
        raise _refused(
            "has no geotransform: its cells lie nowhere",
            "没有地理变换参数，无法定位",
            "Export it again with its georeference.",
        )
    turned = placed.b != 0 or placed.d != 0 or placed.e > 0
    if turned or abs(placed.a + placed.e) > _SQUARE * placed.a:
        raise _refused(
            "is not north up with square cells",
            "不是正北向方形像元",
            "Warp it to a north-up grid of square cells first.",
            value=tuple(placed)[:6],
        )
    return Grid(crs, placed.c, placed.f, placed.a, dataset.width, dataset.height)


def _refused(
    what: str, zh: str, cure: str, *, value: object = "", expected: object = ""
) -> RasterError:
    return RasterError(
        f"The canopy height raster {what}.",
        zh=f"冠层高栅格{zh}；请更正后重试。",
        cure=cure,
        value=value,
        expected=expected,
    )


def window_around(grid: Grid, bounds: Sequence[float]) -> tuple[slice, slice]:
    """Return the rows and columns of ``grid`` around ``bounds``, cut to the grid.

    ``bounds`` is left, bottom, right, top in the grid's CRS; both slices may be empty.
    """
    left, bottom, right, top = bounds
    rows = _span((grid.top - top, grid.top - bottom), grid.cell_m, grid.height)
    columns = _span((left - grid.left, right - grid.left), grid.cell_m, grid.width)
    return rows, columns


def _span(ends: tuple[float, float], cell_m: float, size: int) -> slice:
    first = int(np.clip(np.floor(ends[0] / cell_m), 0, size))
    last = int(np.clip(np.ceil(ends[1] / cell_m), first, size))
    return slice(first, last)
