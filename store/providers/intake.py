"""A local file is examined and hashed before a pixel of it is used."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from geo.align import Source
from geo.errors import InputError, RasterError
from geo.grid import Grid
from store.files import sha256_file
from store.providers.base import Asset, Scene
from store.safe import checked_path, open_raster, require_written

Box = tuple[float, float, float, float]


def examine_scene(
    scene: Scene,
    *,
    roots: Sequence[Path],
    digest: Callable[[Path], str] = sha256_file,
) -> Scene:
    """Return ``scene`` with absolute paths, digests and nodata values of its files.

    Raises ``InputError`` naming the file and the item for the first file that is
    missing, altered, truncated, without place or meaning, or somewhere else.
    """
    examined: dict[str, str] = {}
    assets = []
    for asset in scene.assets:
        try:
            assets.append(_examined(asset, roots, examined, digest))
        except InputError as error:
            raise error.at(file=asset.href, item=asset.item_id) from error
    return replace(scene, assets=tuple(assets))


def source_of(dataset: rasterio.DatasetReader, declared_crs: str) -> Source:
    """Return where the pixels of ``dataset`` lie; raise ``RasterError`` if unknown."""
    crs = dataset.crs.to_wkt() if dataset.crs else declared_crs
    if not crs:
        raise RasterError(
            "The raster has no coordinate reference system.",
            zh="栅格没有坐标参考系。请补写坐标系，或在区域文件中声明 declared_crs。",
            cure="Write its CRS into the file, or declare it in the region file.",
            field="crs",
        )
    if dataset.transform.is_identity or dataset.transform.is_degenerate:
        raise RasterError(
            "The raster has no geotransform: its pixels lie nowhere.",
            zh="栅格没有地理变换参数，无法定位。请重新导出带地理参考的文件。",
            cure="Export it again with its georeference.",
            field="transform",
            value=tuple(dataset.transform)[:6],
        )
    return Source(dataset.transform, crs, dataset.height, dataset.width)


def require_overlap(found: Box, expected: Box, *, place: str) -> None:
    """Raise ``RasterError`` naming both boxes (degrees) unless they overlap."""
    apart = (
        found[0] >= expected[2]
        or expected[0] >= found[2]
        or found[1] >= expected[3]
        or expected[1] >= found[3]
    )
    if not apart:
        return
    raise RasterError(
        f"The raster lies at {_written(found)}, {place} at {_written(expected)}.",
        zh=f"栅格位于 {_written(found)}，而预期位置为 {_written(expected)}。"
        "请检查坐标系或分带号是否标错。",
        cure="Check its CRS, such as a wrong UTM zone, or swapped coordinates.",
        field="crs",
        value=_written(found),
        expected=_written(expected),
    )


def lonlat_of(grid: Grid) -> Box:
    """West, south, east and north of ``grid``, in degrees."""
    return Source(grid.transform, grid.crs, grid.height, grid.width).lonlat_bounds()


def _written(box: Box) -> str:
    return "(" + ", ".join(f"{value:.4f}" for value in box) + ") deg"


def _examined(
    asset: Asset,
    roots: Sequence[Path],
    examined: dict[str, str],
    hashed: Callable[[Path], str],
) -> Asset:
    path = checked_path(asset.href, roots=roots)
    known = examined.get(str(path))
    digest = known or _hashed(path, asset.sha256, hashed)
    with open_raster(path, roots=roots) as dataset:
        require_written(dataset)
        source = source_of(dataset, asset.crs)
        if asset.bbox is not None:
            require_overlap(source.lonlat_bounds(), asset.bbox, place="its item")
        described = _described(asset, dataset)
    examined[str(path)] = digest
    return replace(described, href=str(path), sha256=digest)


def _hashed(path: Path, stated: str, hashed: Callable[[Path], str]) -> str:
    try:
        digest = hashed(path)
    except OSError as error:
        raise RasterError(
            f"The file cannot be read: {error.strerror}.",
            zh=f"无法读取文件：{error.strerror}。请检查权限与磁盘。",
            cure="Check its permissions and the disk.",
        ) from error
    if stated and stated != digest:
        raise RasterError(
            "The file is not the one that its catalogue describes: checksum mismatch.",
            zh="文件校验和与目录记录不符，内容已损坏或被替换。请重新获取该文件。",
            cure="Fetch the file again.",
            value=digest,
            expected=stated,
        )
    return digest


def _described(asset: Asset, dataset: rasterio.DatasetReader) -> Asset:
    """Complete ``asset`` by what the file says of its nodata."""
    if not 1 <= asset.index <= dataset.count:
        raise RasterError(
            f"The raster has {dataset.count} bands, not band {asset.index}.",
            zh=f"栅格只有 {dataset.count} 个波段，没有第 {asset.index} 波段。"
            "请核对波段顺序。",
            cure="Correct the order of bands in the region file.",
            field=asset.band,
        )
    dtype = dataset.dtypes[asset.index - 1]
    wanted = "ui" if asset.band == "mask" else "uif"
    if np.dtype(dtype).kind not in wanted:
        raise RasterError(
            f"The raster holds {dtype}, which cannot be a {asset.band} band.",
            zh=f"栅格数据类型为 {dtype}，不能作为 {asset.band} 波段。"
            "掩膜须为整数，反射率须为实数。",
            cure="Deliver masks as whole numbers and reflectance as real ones.",
            field=asset.band,
            value=dtype,
        )
    tagged = dataset.nodatavals[asset.index - 1]
    alpha = asset.alpha or _alpha(dataset)
    nodata = tagged if asset.nodata is None else asset.nodata
    if nodata is None and not alpha and asset.band != "mask":
        raise RasterError(
            "No nodata value is declared: empty borders would count as ground.",
            zh="未声明无数据值，空白边缘会被当作地物。请在文件标签、"
            "STAC 条目或区域文件中声明 nodata。",
            cure="Declare nodata in the file's tag, its item or the region file.",
            field="nodata",
        )
    return replace(asset, nodata=nodata, alpha=alpha)


def _alpha(dataset: rasterio.DatasetReader) -> int:
    kinds = list(dataset.colorinterp)
    return kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else 0
