"""Layers on disk: cloud-optimised GeoTIFF, written block by block, read lazily."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import rasterio.shutil
import xarray as xr
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from geo.errors import RasterError
from geo.grid import Grid
from geo.layers import Band, Layer

BLOCK = 512
"""Cells along the side of a block in a file."""

PACKED = {"compress": "ZSTD", "zstd_level": 1, "predictor": 2}
"""For what is written every night and read by the next step; drafts stay unpacked."""

_CELLS_AT_ONCE = 32_768
"""Cells that are coded at a time: they stay in a core's cache."""

ROUND = {"t/ha": 2, "1": 4, "t CO2e/yr": 1}
"""Decimals that are written, by unit; the same on every machine."""


def write_layer(
    path: Path,
    layer: Layer,
    values: xr.DataArray | Sequence[xr.DataArray],
    grid: Grid,
    *,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write ``values`` as the COG of ``layer``; what nobody opens, as plain GeoTIFF.

    Parameters
    ----------
    values
        Dims ``(band, y, x)`` in the layer's bands and units, NaN where there is no
        value; NumPy or Dask; or several that follow one another, ``(y, x)`` for one
        band. Only a strip of blocks is computed at a time.
    tags
        Written into the file beside the layer's title and period.

    Raises
    ------
    RasterError
        A value does not fit the layer's range or type.
    """
    parts = (values,) if isinstance(values, xr.DataArray) else tuple(values)
    _write(path, layer, parts, grid, tags=tags, is_coded=False)


def write_codes(
    path: Path,
    layer: Layer,
    codes: xr.DataArray,
    grid: Grid,
    *,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write what is coded already as it is stored, of the layer's own dtype."""
    _write(path, layer, (codes,), grid, tags=tags, is_coded=True)


def _write(
    path: Path,
    layer: Layer,
    values: tuple[xr.DataArray, ...],
    grid: Grid,
    *,
    tags: Mapping[str, str] | None,
    is_coded: bool,
) -> None:
    bands = sum(part.sizes.get("band", 1) for part in values)
    shapes = {part.shape[-2:] for part in values}
    if (bands, shapes) != (len(layer.bands), {grid.shape}):
        raise ValueError(
            f"{layer.name} needs the shape {(len(layer.bands), *grid.shape)}, "
            f"got {bands} bands of {shapes}."
        )
    with drafting(path, layer, grid, tags=tags) as target:
        for row, parts in _strips(values):
            codes = _coded(parts, layer, is_coded=is_coded)
            # Whole blocks are packed here and not on closing, when rasterio holds
            # the interpreter; and they lie in one order however strips were cut.
            for start in range(0, codes.shape[1], BLOCK):
                some = codes[:, start : start + BLOCK]
                place = Window(0, row + start, grid.width, some.shape[1])
                target.write(some, window=place)


@contextmanager
def drafting(
    path: Path, layer: Layer, grid: Grid, *, tags: Mapping[str, str] | None = None
) -> Iterator[DatasetWriter]:
    """Yield the file of ``layer`` to be filled; what is published ends as a COG."""
    draft = path.with_suffix(".draft.tif") if layer.published else path
    try:
        with rasterio.open(draft, "w", **_profile(layer, grid)) as target:
            _describe(target, layer, tags or {})
            yield target
        if layer.published:
            _to_cog(draft, path, layer)
    finally:
        if layer.published:
            draft.unlink(missing_ok=True)


def _profile(layer: Layer, grid: Grid) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "dtype": layer.dtype,
        "nodata": layer.nodata,
        "count": len(layer.bands),
        "crs": grid.crs,
        "transform": grid.transform,
        "height": grid.height,
        "width": grid.width,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "BIGTIFF": "IF_SAFER",
        "interleave": "band",
        **({} if layer.published else PACKED),
    }


def read_band(path: Path, index: int = 1) -> NDArray[np.float32]:
    """Read one band whole, in its unit, NaN where there is no value."""
    with rasterio.open(path, driver="GTiff") as source:
        return _decode(source.read(index), source, index)


def read_window(
    path: Path, bands: Sequence[int], rows: slice, columns: slice
) -> NDArray[np.float32]:
    """Read part of some bands, ``(band, y, x)``, in their units, NaN = nodata."""
    with rasterio.open(path, driver="GTiff") as source:
        codes = source.read(list(bands), window=Window.from_slices(rows, columns))
        values = np.empty(codes.shape, np.float32)
        for place, band in enumerate(bands):
            _decode(codes[place], source, band, into=values[place])
    return values


def read_overview(
    path: Path, index: int, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Read one band thinned to ``shape`` for a picture, NaN where no value."""
    with rasterio.open(path, driver="GTiff") as source:
        return _decode(source.read(index, out_shape=shape), source, index)


def open_layer(
    path: Path, layer: Layer, grid: Grid, *, chunk_cells: int
) -> xr.DataArray:
    """Open a layer lazily: ``(band, y, x)``, float32 in its units, NaN = nodata."""
    _require_shape(path, layer.band_names, grid)
    bands = layer.band_names
    read = delayed(_read_block, pure=True)
    rows = [
        da.concatenate(
            [
                da.from_delayed(
                    read(str(path), row, column),
                    shape=(len(bands), row[1] - row[0], column[1] - column[0]),
                    dtype="float32",
                )
                for column in _spans(grid.width, chunk_cells)
            ],
            axis=2,
        )
        for row in _spans(grid.height, chunk_cells)
    ]
    return xr.DataArray(
        da.concatenate(rows, axis=1),
        dims=("band", "y", "x"),
        coords={"band": list(bands), "y": grid.ys(), "x": grid.xs()},
    )


def open_stack(
    paths: Sequence[Path], layer: Layer, grid: Grid, *, chunk_cells: int
) -> xr.DataArray:
    """Open the same layer of several times as stored, ``(time, band, y, x)``, lazily.

    Neither scale nor nodata are applied. A block of all times is one piece of work.
    """
    names = [str(path) for path in paths]
    for path in paths:
        _require_shape(path, layer.band_names, grid)
    read = delayed(_read_stack, pure=True)
    rows = [
        da.concatenate(
            [
                da.from_delayed(
                    read(names, row, column),
                    shape=(
                        len(names),
                        len(layer.bands),
                        row[1] - row[0],
                        column[1] - column[0],
                    ),
                    dtype=layer.dtype,
                )
                for column in _spans(grid.width, chunk_cells)
            ],
            axis=3,
        )
        for row in _spans(grid.height, chunk_cells)
    ]
    return xr.DataArray(
        da.concatenate(rows, axis=2),
        dims=("time", "band", "y", "x"),
        coords={"band": list(layer.band_names), "y": grid.ys(), "x": grid.xs()},
    )


def _read_stack(
    paths: Sequence[str], rows: tuple[int, int], columns: tuple[int, int]
) -> NDArray[np.generic]:
    stack: NDArray[np.generic] | None = None
    for place, path in enumerate(paths):
        with rasterio.open(path, driver="GTiff") as source:
            if stack is None:
                shape = source.count, rows[1] - rows[0], columns[1] - columns[0]
                stack = np.empty((len(paths), *shape), source.dtypes[0])
            source.read(window=Window.from_slices(rows, columns), out=stack[place])
    if stack is None:
        raise ValueError("A stack needs at least one file.")
    return stack


def _coded(
    parts: Sequence[NDArray[Any]], layer: Layer, *, is_coded: bool
) -> NDArray[np.generic]:
    """Return the bands of a strip, ``(band, y, x)``, as they are stored."""
    if is_coded and len(parts) == 1:
        return parts[0]
    bands = [band for part in parts for band in part.reshape(-1, *part.shape[-2:])]
    codes = np.empty((len(bands), *bands[0].shape), layer.dtype)
    for place, (values, band) in enumerate(zip(bands, layer.bands, strict=True)):
        encode(values, band, layer.name, into=codes[place])
    return codes


def encode(
    values: NDArray[np.floating],
    band: Band,
    layer: str,
    *,
    into: NDArray[np.generic] | None = None,
) -> NDArray[np.generic]:
    """Return ``values`` ``(y, x)`` as they are stored: scaled, rounded, NaN as nodata.

    They are written ``into`` an array of the band's dtype if one is given.

    Raises
    ------
    RasterError
        A value is beyond what the dtype holds.
    """
    codes = np.empty(values.shape, band.dtype) if into is None else into
    if band.dtype == "float32":
        finite = np.isfinite(values)
        rounded = np.round(values.astype(np.float64), ROUND.get(band.unit, 4))
        codes[...] = np.where(finite, rounded, band.nodata)
        return codes
    rows = max(1, _CELLS_AT_ONCE // max(1, values.shape[-1]))
    for start in range(0, len(values), rows):
        some = slice(start, start + rows)
        codes[some] = _whole_numbers(values[some], band, layer)
    return codes


def _whole_numbers(
    values: NDArray[np.floating], band: Band, layer: str
) -> NDArray[np.floating]:
    exact = "float32" if np.dtype(band.dtype).itemsize <= 2 else "float64"
    codes: NDArray[np.floating] = values.astype(exact)
    np.multiply(codes, 1 / band.scale, out=codes)
    np.rint(codes, out=codes)
    limits = np.iinfo(band.dtype)
    least = limits.min + (band.nodata == limits.min)
    most = limits.max - (band.nodata == limits.max)
    if codes.min(initial=0) >= least and codes.max(initial=0) <= most:
        return codes  # and so none is NaN
    unknown = ~np.isfinite(codes)
    codes[unknown] = 0
    if codes.min() < least or codes.max() > most:
        raise RasterError(
            f"{layer}.{band.name} has values from {codes.min() * band.scale:g} to "
            f"{codes.max() * band.scale:g} {band.unit}, which {band.dtype} cannot "
            "hold.",
            zh=f"{layer}.{band.name} 超出 {band.dtype} 的范围，请检查比例系数。",
            cure="Check the scale and offset of the input.",
            layer=layer,
            field=band.name,
        )
    codes[unknown] = band.nodata
    return codes


def _strips(
    values: tuple[xr.DataArray, ...],
) -> Iterator[tuple[int, list[NDArray[Any]]]]:
    """Yield the first row of each strip, and its parts ``(band, y, x)``."""
    tallest = max(_tallest_chunk(part) for part in values)
    step = -(-tallest // BLOCK) * BLOCK  # whole blocks: each is written once
    for row in range(0, values[0].sizes["y"], step):
        parts = [part.isel(y=slice(row, row + step)).data for part in values]
        yield row, [np.asarray(strip) for strip in compute(*parts)]


def _tallest_chunk(values: xr.DataArray) -> int:
    return BLOCK if values.chunks is None else max(BLOCK, *values.chunksizes["y"])


def _describe(target: DatasetWriter, layer: Layer, tags: Mapping[str, str]) -> None:
    target.update_tags(TITLE=layer.title, TITLE_ZH=layer.title_zh, **tags)
    target.descriptions = layer.band_names
    target.units = tuple(band.unit for band in layer.bands)
    target.scales = tuple(band.scale for band in layer.bands)
    for index, band in enumerate(layer.bands, start=1):
        target.update_tags(index, TITLE=band.title, TITLE_ZH=band.title_zh)


def _to_cog(draft: Path, path: Path, layer: Layer) -> None:
    """Turn a draft into a COG; its overviews cost a fifth of those the driver makes."""
    with rasterio.open(draft, "r+", driver="GTiff") as source:
        largest = max(source.shape)
        factors = [2**n for n in range(1, 16) if largest > BLOCK * 2 ** (n - 1)]
        codes = any(band.classes or band.unit == "class" for band in layer.bands)
        way = Resampling.nearest if codes else Resampling.average
        source.build_overviews(factors, way)
    rasterio.shutil.copy(
        draft,
        path,
        driver="COG",
        compress="ZSTD",
        level=1,
        predictor="YES",
        blocksize=BLOCK,
        overviews="AUTO" if factors else "NONE",
        bigtiff="IF_SAFER",
    )


def _decode(
    codes: NDArray[np.generic],
    source: rasterio.io.DatasetReader,
    index: int,
    into: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    scale = np.float32(source.scales[index - 1])
    values = np.empty(codes.shape, np.float32) if into is None else into
    np.multiply(codes, scale, out=values, dtype=np.float32)
    values[codes == source.nodata] = np.nan
    return values


def _read_block(
    path: str, rows: tuple[int, int], columns: tuple[int, int]
) -> NDArray[np.float32]:
    window = Window.from_slices(rows, columns)
    with rasterio.open(path, driver="GTiff") as source:
        codes: NDArray[np.generic] = source.read(window=window)
        values = np.empty(codes.shape, np.float32)
        for place in range(source.count):
            _decode(codes[place], source, place + 1, into=values[place])
    return values


def _require_shape(path: Path, bands: tuple[str, ...], grid: Grid) -> None:
    with rasterio.open(path, driver="GTiff") as source:
        shape = (source.count, source.height, source.width)
    if shape != (len(bands), *grid.shape):
        raise RasterError(
            f"{path.name} is {shape}, expected {(len(bands), *grid.shape)}.",
            zh=f"{path.name} 的尺寸 {shape} 与网格不符，请删除后重新运行。",
            cure="Delete it and run again.",
            file=path,
        )


def _spans(size: int, step: int) -> list[tuple[int, int]]:
    return [(start, min(start + step, size)) for start in range(0, size, step)]
