"""A fetched scene onto the grid: opened by the pinned reader, merged item by item."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import odc.stac
import pystac
import rasterio
import shapely
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.loader import RasterLoadParams, RasterSource
from rasterio.windows import Window

from geo.align import Method, sample, window
from geo.errors import InputError, RasterError
from geo.grid import Grid
from geo.masks import (
    CLEAR,
    NO_DATA,
    OUTSIDE,
    MaskRule,
    among,
    require_known,
    status,
)
from store.keys import digest_of
from store.providers.base import Asset, Scene
from store.providers.intake import lonlat_of, source_of
from store.safe import open_raster

MAX_PIXELS = 2**23
"""Source pixels read at once; a chunk that needs more is read in parts."""

_SEEN, _INVALID, _CODE = -3, -2, -1
"""Planes of ``merge_items`` after the bands; codes are whole numbers below 2**24."""
_MORE = 3

_CELLS_AT_ONCE = 32_768

Rows = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Reading:
    """How the scenes of one provider become cells of the grid."""

    roots: tuple[Path, ...]
    mask: MaskRule | None
    """None if the provider was declared to need no mask."""
    resampling: Method
    bands: tuple[str, ...]
    """What is wanted, in this order."""
    chunk_cells: int


def load_scene(scene: Scene, grid: Grid, reading: Reading) -> xr.Dataset:
    """Return a fetched scene on ``grid``, as ``Provider.load`` promises.

    A block that cannot be decoded raises ``InputError`` when it is asked for: it never
    turns into cells without data. The mask is dilated beyond the grid's edge, so
    cutting a region in tiles changes no cell.
    """
    halo = 0 if reading.mask is None else reading.mask.dilate_cells
    wider = grid.window(
        slice(-halo, grid.height + halo), slice(-halo, grid.width + halo)
    )
    merged = _merged(_stacked(scene, wider, reading), scene, reading)
    seen = merged.isel(plane=_SEEN).astype(np.uint8) * np.uint8(CLEAR)
    if reading.mask is not None:
        codes = merged.isel(plane=_CODE).astype(np.int32)
        seen = status(codes, reading.mask).where(seen == CLEAR, NO_DATA)
    bands = merged.isel(plane=slice(0, len(reading.bands))).rename(plane="band")
    invalid = merged.isel(plane=_INVALID) == 1
    dataset = xr.Dataset(
        {"reflectance": bands, "status": seen.astype(np.uint8), "invalid": invalid}
    ).isel(y=slice(halo, halo + grid.height), x=slice(halo, halo + grid.width))
    applied = any(asset.offset for asset in scene.assets if asset.band != "mask")
    return (
        dataset.assign_coords(band=list(reading.bands), y=grid.ys(), x=grid.xs())
        .assign_attrs(scene_id=scene.scene_id, offset_applied=applied)
        .chunk(band=-1, y=reading.chunk_cells, x=reading.chunk_cells)
    )


def _stacked(scene: Scene, grid: Grid, reading: Reading) -> xr.Dataset:
    """Return the pixels of each item, dims (time, y, x), by our names of bands."""
    by_uri = {_uri(asset): asset for asset in scene.assets}
    return odc.stac.load(
        [_item(scene, item_id, grid) for item_id in scene.items],
        bands=_wanted(scene, reading),
        geobox=grid.geobox(),
        groupby="id",
        preserve_original_order=True,
        chunks={"y": reading.chunk_cells + 2, "x": reading.chunk_cells + 2},
        fail_on_error=True,
        driver=_PinnedDriver(by_uri, reading.roots, reading.resampling),
    )


def _wanted(scene: Scene, reading: Reading) -> list[str]:
    wanted = {*reading.bands, "mask"}
    return sorted({asset.band for asset in scene.assets} & wanted)


def _uri(asset: Asset) -> str:
    """Name an asset by its content too: Dask must not take one delivery for another."""
    meaning = [asset.sha256, asset.index, str(asset.nodata), asset.crs, asset.alpha]
    return f"{asset.href}#{digest_of(meaning)[:16]}"


def _item(scene: Scene, item_id: str, grid: Grid) -> pystac.Item:
    """Describe one item by what is known of its files, wherever it claims to lie.

    It covers the grid, so every chunk asks the files themselves.
    """
    west, south, east, north = lonlat_of(grid)
    more = 0.1 * max(east - west, north - south)
    box = shapely.box(west - more, south - more, east + more, north + more)
    item = pystac.Item(
        item_id, shapely.geometry.mapping(box), list(box.bounds), scene.acquired, {}
    )
    for band, asset in scene.of_item(item_id).items():
        kind: dict[str, object] = {"data_type": "float32", "nodata": "nan"}
        if band == "mask":
            kind = {"data_type": "int32", "nodata": OUTSIDE}
        item.add_asset(
            band, pystac.Asset(_uri(asset), roles=["data"], extra_fields=kind)
        )
    return item


def _merged(stacked: xr.Dataset, scene: Scene, reading: Reading) -> xr.DataArray:
    """Return ``merge_items`` of a scene, lazily, dims (plane, y, x)."""
    names = [str(name) for name in stacked.data_vars]
    pixels = [stacked[name].data.rechunk({0: -1}) for name in names]
    merged = pixels[0].map_blocks(
        merge_items,
        *pixels[1:],
        names=names,
        items=[scene.of_item(item_id) for item_id in scene.items],
        bands=reading.bands,
        rule=reading.mask,
        dtype=np.float32,
        chunks=((len(reading.bands) + _MORE,), *pixels[0].chunks[1:]),
        meta=np.empty((0, 0, 0), dtype=np.float32),
    )
    return xr.DataArray(merged, dims=("plane", "y", "x"))


def merge_items(
    *pixels: NDArray[np.generic],
    names: Sequence[str],
    items: Sequence[Mapping[str, Asset]],
    bands: Sequence[str],
    rule: MaskRule | None,
) -> NDArray[np.float32]:
    """Scale the items of a scene and merge them: for each cell the first that saw it.

    Parameters
    ----------
    pixels
        An array (item, y, x) for each of ``names``: NaN no data, infinity invalid.
    items
        What the pixels of each item mean, by band.
    bands
        The bands that are wanted, in their order.
    rule
        What the codes of the mask mean; None if there is no mask.

    Returns
    -------
    Planes (y, x): those of ``bands``, NaN for one that is not in ``names``;
    1 where all bands and the mask hold data; 1 where a pixel is invalid; mask codes.

    Raises
    ------
    RasterError
        If a mask follows another code table, naming its file and item.
    """
    total: NDArray[np.float32] | None = None
    for rank, assets in enumerate(items):
        planes = {name: array[rank] for name, array in zip(names, pixels, strict=True)}
        one = _scaled(planes, assets, bands, rule)
        if total is None:
            total = one
        else:
            total = np.where(one[_SEEN] > total[_SEEN], one, total)
    if total is None:
        raise ValueError("A scene needs at least one item.")
    return total


def _scaled(
    planes: Mapping[str, NDArray[np.generic]],
    assets: Mapping[str, Asset],
    bands: Sequence[str],
    rule: MaskRule | None,
) -> NDArray[np.float32]:
    shape = next(iter(planes.values())).shape
    whole = np.empty((len(bands) + _MORE, *shape), dtype=np.float32)
    if rule is not None:
        _require_known(planes["mask"].astype(np.int32), rule, assets["mask"])
    rows = max(1, _CELLS_AT_ONCE // max(1, shape[-1]))
    for start in range(0, shape[0], rows):
        some = slice(start, start + rows)
        here = {name: plane[some] for name, plane in planes.items()}
        _scale_into(whole[:, some], here, assets, bands, rule)
    return whole


def _scale_into(
    whole: NDArray[np.float32],
    planes: Mapping[str, NDArray[np.generic]],
    assets: Mapping[str, Asset],
    bands: Sequence[str],
    rule: MaskRule | None,
) -> None:
    """Fill the planes of some rows, few enough to stay in the cache."""
    seen, invalid = np.ones((2, *whole.shape[1:]), dtype=bool)
    invalid[...] = False
    for index, band in enumerate(bands):
        if band not in planes:
            whole[index] = np.nan
            continue
        raw = planes[band].astype(np.float64)
        finite = np.isfinite(raw)
        if not finite.all():
            invalid |= np.isinf(raw)
            raw[~finite] = np.nan
            seen &= finite
        raw *= assets[band].scale
        raw += assets[band].offset
        whole[index] = raw
    whole[_CODE] = np.nan
    if rule is not None:
        codes = planes["mask"].astype(np.int32)
        seen &= ~among(codes, rule.nodata | {OUTSIDE})
        whole[_CODE] = codes
    whole[_SEEN], whole[_INVALID] = seen, invalid


def _require_known(codes: NDArray[np.int32], rule: MaskRule, mask: Asset) -> None:
    try:
        require_known(codes, rule)
    except RasterError as error:
        raise error.at(file=mask.href, item=mask.item_id) from error


class _PinnedDriver:
    """Reads for ``odc.stac.load``, opening each file as ``store.safe`` does."""

    md_parser = None
    dask_reader = None
    aux_reader = None

    def __init__(
        self, assets: Mapping[str, Asset], roots: Sequence[Path], resampling: Method
    ) -> None:
        self._assets = dict(assets)
        self._roots = tuple(roots)
        self._resampling = resampling

    def new_load(
        self, geobox: GeoBox, *, chunks: Mapping[str, int] | None = None
    ) -> None:
        """Nothing is shared between the reads of one load."""

    def finalise_load(self, load_state: None) -> None:
        """Nothing was shared."""

    def capture_env(self) -> dict[str, object]:
        return {}

    def restore_env(
        self, _env: Mapping[str, object], _load_state: None
    ) -> AbstractContextManager[None]:
        return nullcontext()

    def open(self, src: RasterSource, _ctx: None) -> "_PinnedReader":
        return _PinnedReader(self._assets[src.uri], self._roots, self._resampling)


@dataclass(frozen=True, slots=True)
class _PinnedReader:
    asset: Asset
    roots: tuple[Path, ...]
    resampling: Method

    def read(
        self,
        cfg: RasterLoadParams,
        dst_geobox: GeoBox,
        **_: object,
    ) -> tuple[Rows, NDArray[np.generic]]:
        height, width = dst_geobox.shape
        transform = dst_geobox.transform
        grid = Grid(
            str(dst_geobox.crs), transform.c, transform.f, transform.a, width, height
        )
        values = self._cells(grid).astype(cfg.dtype, copy=False)
        return (slice(0, height), slice(0, width)), values

    def _cells(self, grid: Grid) -> NDArray[np.generic]:
        try:
            with open_raster(Path(self.asset.href), roots=self.roots) as dataset:
                return self._read(dataset, grid)
        except InputError as error:
            error.at(file=self.asset.href, item=self.asset.item_id)
            raise

    def _read(self, dataset: rasterio.DatasetReader, grid: Grid) -> NDArray[np.generic]:
        source = source_of(dataset, self.asset.crs)
        needed = window(grid, source)
        fill = OUTSIDE if self.asset.band == "mask" else np.nan
        if needed is None:
            kind = np.int32 if self.asset.band == "mask" else np.float32
            return np.full(grid.shape, fill, dtype=kind)
        rows, columns = needed
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        if pixels > MAX_PIXELS and max(grid.shape) > 1:
            return self._in_halves(dataset, grid)
        return sample(
            self._pixels(dataset, Window.from_slices(rows, columns)),
            (rows.start, columns.start),
            source,
            grid,
            method="nearest" if self.asset.band == "mask" else self.resampling,
            nodata=fill,
        )

    def _in_halves(
        self, dataset: rasterio.DatasetReader, grid: Grid
    ) -> NDArray[np.generic]:
        height, width = grid.shape
        if height >= width:
            cuts = [(slice(0, height // 2), slice(0, width))]
            cuts.append((slice(height // 2, height), slice(0, width)))
        else:
            cuts = [(slice(0, height), slice(0, width // 2))]
            cuts.append((slice(0, height), slice(width // 2, width)))
        parts = [self._read(dataset, grid.window(*cut)) for cut in cuts]
        return np.concatenate(parts, axis=0 if height >= width else 1)

    def _pixels(
        self, dataset: rasterio.DatasetReader, part: Window
    ) -> NDArray[np.generic]:
        """Return floats, NaN for no data and infinity for invalid; or mask codes."""
        raw = dataset.read(self.asset.index, window=part)
        alpha = self._alpha(dataset, part)
        empty = _is_nodata(raw, self.asset.nodata) | ~alpha
        if self.asset.band == "mask":
            return np.where(empty, np.int32(OUTSIDE), raw.astype(np.int32))
        values: NDArray[np.float32] = raw.astype(np.float32)
        values[~np.isfinite(values)] = np.inf
        values[empty] = np.nan
        return values

    def _alpha(
        self, dataset: rasterio.DatasetReader, part: Window
    ) -> NDArray[np.bool_]:
        if not self.asset.alpha:
            return np.ones((1, 1), dtype=bool)
        alpha: NDArray[np.uint16] = dataset.read(self.asset.alpha, window=part)
        return np.asarray(alpha > 0)


def _is_nodata(raw: NDArray[np.generic], nodata: float | None) -> NDArray[np.bool_]:
    if nodata is None:
        return np.zeros(raw.shape, dtype=bool)
    return np.asarray(np.isnan(raw) if np.isnan(nodata) else raw == nodata)
