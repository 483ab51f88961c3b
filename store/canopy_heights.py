"""Rasters of canopy heights, checked before they are believed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geo.errors import RasterError
from geo.grid import Grid
from store.files import known_digest
from store.safe import checked_path, open_raster, require_written

HIGHEST_M = 120.0
"""Nothing that grows is higher."""
MOST_IMPOSSIBLE = 0.001
"""Share of heights out of all reason above which a raster is in another unit."""


@dataclass(frozen=True, slots=True)
class CanopyRaster:
    """Heights above ground, m: where its cells lie; they are read part by part."""

    path: Path
    roots: tuple[Path, ...]
    grid: Grid
    digest: str

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Read some cells ``(y, x)``, m, NaN where there is no height.

        Raises
        ------
        RasterError
            More heights than a few are beyond ``HIGHEST_M``: decimetres, or altitudes
            above the sea.
        """
        with open_raster(self.path, roots=self.roots) as source:
            window = Window.from_slices(rows, columns)
            stored = source.read(1, window=window, masked=True)
            heights = stored.astype(np.float32).filled(np.nan)
            heights = heights * np.float32(source.scales[0])
            heights += np.float32(source.offsets[0])
        known = heights[np.isfinite(heights)]
        share = float((known > HIGHEST_M).mean()) if known.size else 0.0
        if share > MOST_IMPOSSIBLE:
            top = float(np.quantile(known, 0.99))
            raise RasterError(
                f"{self.path.name} holds heights of {top:g} m: no canopy is that high.",
                zh=f"冠层高栅格 {self.path.name} 的高度达 {top:g} 米，不合理；"
                "请检查单位（应为米）以及是否为地面以上高度。",
                cure="Give metres above ground, not above the sea, with its scale.",
                file=self.path,
                value=top,
                expected=f"at most {HIGHEST_M:g}",
            )
        return np.asarray(heights, dtype=np.float32)


def open_canopy(
    name: str | Path, *, roots: Sequence[Path], crs: str, declared_crs: str | None
) -> CanopyRaster:
    """Open a raster of canopy heights that lies in ``crs``.

    Raises
    ------
    UnsafePathError
        A path that may not be opened.
    RasterError
        No CRS, another one, no georeference, no nodata value, never written, or cells
        that are not square and north up.
    """
    path = checked_path(name, roots=roots)
    with open_raster(path, roots=roots) as source:
        require_written(source)
        grid = _grid(source, path, crs, declared_crs)
    return CanopyRaster(path, tuple(roots), grid, known_digest(path))


def _grid(
    source: DatasetReader, path: Path, crs: str, declared_crs: str | None
) -> Grid:
    told = source.crs.to_string() if source.crs is not None else declared_crs
    if told is None:
        raise _refused(path, "has no CRS", "缺少坐标系", "Say crs under [[canopy]].")
    there = CRS.from_user_input(told)
    if not there.equals(CRS.from_user_input(crs), ignore_axis_order=True):
        raise _refused(
            path,
            f"is not in the region's CRS {crs}",
            f"坐标系与区域（{crs}）不同",
            "Warp it to the region's CRS first.",
        )
    place = source.transform
    is_upright = not (place.b or place.d) and place.e < 0
    if place.is_identity or not is_upright or not np.isclose(place.a, -place.e):
        raise _refused(
            path,
            "has no square cells with north up",
            "像元须为正方形且北向上",
            "Warp it first.",
        )
    if source.nodata is None:
        raise _refused(
            path,
            "declares no nodata value: no height and no trees look the same",
            "未声明无数据值，无法区分无数据与无林",
            "Declare its nodata value.",
        )
    return Grid(
        crs, float(place.c), float(place.f), place.a, source.width, source.height
    )


def _refused(path: Path, what: str, zh: str, cure: str) -> RasterError:
    return RasterError(
        f"{path.name} {what}.",
        zh=f"冠层高栅格 {path.name}：{zh}，请处理后再用。",
        cure=cure,
        file=path,
    )
