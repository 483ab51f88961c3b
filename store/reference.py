"""Reference rasters that models learn from, checked before they are believed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geo.errors import RasterError
from geo.grid import Grid
from store.files import known_digest
from store.safe import checked_path, open_raster


@dataclass(frozen=True, slots=True)
class Reference:
    """A raster of known values: where its cells lie, and what to expect in them."""

    path: Path
    roots: tuple[Path, ...]
    grid: Grid
    valid_range: tuple[float, float]
    digest: str

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Read some of its cells ``(y, x)``, NaN where there is no value.

        Raises
        ------
        RasterError
            A value lies outside ``valid_range`` and is not the nodata value.
        """
        with open_raster(self.path, roots=self.roots) as source:
            window = Window.from_slices(rows, columns)
            values: NDArray[np.float32] = source.read(1, window=window).astype(
                np.float32
            )
            if source.nodata is not None:
                values[values == source.nodata] = np.nan
        low, high = self.valid_range
        wrong = (values < low) | (values > high)
        if wrong.any():
            raise RasterError(
                f"{self.path.name} holds {values[wrong][0]:g}, outside {low:g} to "
                f"{high:g}.",
                zh=f"{self.path.name} 含有 {values[wrong][0]:g}，"
                f"超出 {low:g}–{high:g}；请声明无数据值或检查单位。",
                cure="Declare its nodata value, or check its unit.",
                file=self.path,
                value=float(values[wrong][0]),
                expected=f"{low:g} to {high:g}",
            )
        return values


def read_reference(
    path: Path,
    *,
    roots: Sequence[Path],
    valid_range: tuple[float, float],
) -> Reference:
    """Open the first band of ``path``; its cells are read part by part.

    Raises
    ------
    RasterError
        No CRS, no georeference, or cells that are not square and north up.
    """
    path = checked_path(path, roots=roots)
    with open_raster(path, roots=roots) as source:
        grid = _grid(source, path)
    return Reference(path, tuple(roots), grid, valid_range, known_digest(path))


def _grid(source: DatasetReader, path: Path) -> Grid:
    place = source.transform
    if source.crs is None or place.is_identity:
        raise RasterError(
            f"{path.name} has no {'CRS' if source.crs is None else 'georeference'}.",
            zh=f"{path.name} 缺少坐标系或地理定位信息，请补全后再用。",
            cure="Write them into the file.",
            file=path,
        )
    if place.b or place.d or place.e >= 0 or not np.isclose(place.a, -place.e):
        raise RasterError(
            f"{path.name} has the transform {tuple(place)[:6]}; square cells with "
            "north up are needed.",
            zh=f"{path.name} 的像元须为正方形且北向上，请先重投影。",
            cure="Warp it first.",
            file=path,
        )
    return Grid(
        source.crs.to_string(),
        float(place.c),
        float(place.f),
        float(place.a),
        source.width,
        source.height,
    )
