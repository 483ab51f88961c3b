"""Rasters of features whose bands are named, and maps predicted from them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import lcm
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.windows import Window

from geo.errors import RasterError
from geo.grid import Grid
from store.files import writing
from store.rasters import BLOCK, ROUND
from store.safe import open_raster

Singles = NDArray[np.float32]

NODATA = -9999.0
_CELLS = 1 << 21
"""Cells read at a time, all bands."""
_DECIMALS = 4
_SAMPLED_STRIPS = 9
_SAMPLED_CELLS = 40_000


class Bands(NamedTuple):
    """What is written of a part: mean, SD and 1, 0 or 255 for the domain, (y, x)."""

    mean: Singles
    sd: Singles
    domain: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Written:
    """Names and unit of the bands, and tags of the file."""

    names: tuple[str, str, str]
    unit: str
    tags: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class FeatureRaster:
    """An open raster of which some bands are features, in their order."""

    dataset: DatasetReader
    bands: tuple[int, ...]

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.dataset.width * self.dataset.height)

    def sample(self) -> Singles:
        """Return cells (k, n) from strips spread evenly down the raster."""
        strips = list(self._windows())
        even = np.linspace(0, len(strips) - 1, min(len(strips), _SAMPLED_STRIPS))
        parts = []
        for index in np.unique(even.round().astype(int)):
            cells = self.read(strips[index]).reshape(len(self.bands), -1)
            step = max(1, cells.shape[1] * _SAMPLED_STRIPS // _SAMPLED_CELLS)
            parts.append(cells[:, ::step])
        return np.concatenate(parts, axis=1)

    def parts(self, multiple_of: int = 1) -> Iterator[tuple[Window, Singles]]:
        """Yield features (k, rows, columns) from top to bottom.

        All parts but the last have a multiple of ``multiple_of`` rows.
        """
        for window in self._windows(multiple_of):
            yield window, self.read(window)

    def read(self, window: Window) -> Singles:
        """Read features in their units, NaN = no data."""
        codes: NDArray[np.generic] = self.dataset.read(self.bands, window=window)
        masks = self.dataset.read_masks(self.bands, window=window)
        values: Singles = codes.astype(np.float32)
        for row, band in enumerate(self.bands):
            scale = self.dataset.scales[band - 1]
            offset = self.dataset.offsets[band - 1]
            if (scale, offset) != (1.0, 0.0):
                whole = codes[row].astype(np.float64) * scale + offset
                values[row] = whole.astype(np.float32)
        values[masks == 0] = np.nan
        return values

    def _windows(self, multiple_of: int = 1) -> Iterator[Window]:
        width, height = self.dataset.width, self.dataset.height
        tall = lcm(self.dataset.block_shapes[0][0], multiple_of)
        rows = max(_CELLS // (width * max(len(self.bands), 1)) // tall, 1) * tall
        for top in range(0, height, rows):
            yield Window(0, top, width, min(rows, height - top))


@contextmanager
def open_features(path: str, names: Sequence[str]) -> Iterator[FeatureRaster]:
    """Open a raster whose band descriptions are ``names``, in any order.

    Raises
    ------
    UnsafePathError
        If ``path`` is not a plain file.
    RasterError
        If it is no raster, or its bands are not named so: a band without a name, a
        name that is missing, or there twice.
    """
    file = Path(path) if Path(path).is_absolute() else f"{Path.cwd()}/{path}"
    with open_raster(file, roots=[Path(file).parent]) as dataset:
        yield FeatureRaster(dataset, _places(dataset, names))


def _places(dataset: DatasetReader, names: Sequence[str]) -> tuple[int, ...]:
    found = [text or "" for text in dataset.descriptions]
    missing = [name for name in names if name not in found]
    twice = sorted({name for name in names if found.count(name) > 1})
    if missing or twice:
        what = f"lacks {', '.join(missing)}" if missing else f"has {twice[0]} twice"
        shown = ", ".join(text or "(no name)" for text in found)
        raise RasterError(
            f"{Path(dataset.name).name} {what}: its bands are {shown}.",
            zh=f"{Path(dataset.name).name} 的波段名称与模型特征不符（实有：{shown}）；"
            "请将波段描述设为特征名称。",
            cure="Set the description of each band to the name of its feature.",
            file=dataset.name,
            field="bands",
            value=shown,
            expected=", ".join(names),
        )
    return tuple(found.index(name) + 1 for name in names)


def write_predicted(
    path: Path,
    raster: FeatureRaster,
    predict: Callable[[Singles], Bands],
    *,
    told: Written,
    finish: Callable[[], Mapping[str, str]],
    over: int = 1,
) -> None:
    """Predict part by part and write mean, SD and domain (0, 1) as a GeoTIFF.

    With ``over``, ``predict`` returns one cell for each ``over`` x ``over``. Values are
    rounded by their unit before they are written; no data is ``NODATA`` in every band.
    ``finish`` is called at the end: it returns more tags, or raises, and then nothing
    is left behind.
    """
    profile = _profile(len(told.names)) | {
        "crs": raster.dataset.crs,
        "transform": raster.dataset.transform @ Affine.scale(over),
        "width": -(-raster.dataset.width // over),
        "height": -(-raster.dataset.height // over),
    }
    decimals = ROUND.get(told.unit, 4)
    with writing(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
        _describe(target, told)
        for window, features in raster.parts(over):
            stored = _stored(predict(features), decimals)
            first = window.row_off // over
            there = Window(0, first, stored.shape[2], stored.shape[1])
            target.write(stored, window=there)
        target.update_tags(**finish())


def write_features(
    path: Path,
    grid: Grid,
    strips: Iterable[tuple[int, Singles]],
    *,
    told: Sequence[tuple[str, str]],
    finish: Callable[[], Mapping[str, str]],
) -> None:
    """Write features strip by strip as a GeoTIFF that ``open_features`` reads.

    Parameters
    ----------
    strips
        First row and values (k, rows, columns) of each strip, NaN = no data; values
        are rounded to four decimals.
    told
        Name and unit of each band.
    finish
        Called at the end: returns the file's tags, or raises, and then nothing is
        left behind.
    """
    profile = _profile(len(told)) | {
        "crs": grid.crs,
        "transform": grid.transform,
        "width": grid.width,
        "height": grid.height,
    }
    with writing(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
        target.descriptions = tuple(name for name, _ in told)
        target.units = tuple(unit for _, unit in told)
        for row, values in strips:
            whole = np.round(values.astype(np.float64), _DECIMALS).astype(np.float32)
            whole[~np.isfinite(whole)] = NODATA
            window = Window(0, row, grid.width, values.shape[1])
            target.write(whole, window=window)
        target.update_tags(**finish())


def _profile(bands: int) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "dtype": "float32",
        "count": bands,
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "ZSTD",
        "zstd_level": 1,
        "predictor": 3,
        "BIGTIFF": "IF_SAFER",
    }


def _stored(part: Bands, decimals: int) -> Singles:
    whole = np.stack([part.mean, part.sd, part.domain.astype(np.float32)])
    absent = part.domain == 255
    for row in (0, 1):
        rounded = np.round(whole[row].astype(np.float64), decimals)
        whole[row] = rounded.astype(np.float32)
    whole[:, absent] = NODATA
    return whole


def _describe(target: DatasetWriter, told: Written) -> None:
    target.descriptions = told.names
    target.units = (told.unit, told.unit, "1")
    target.update_tags(**told.tags)
