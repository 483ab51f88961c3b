"""Opening files that others wrote: plain paths under known roots, one driver each."""

import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from geo.errors import RasterError, UnsafePathError
from store.lockdown import require_lockdown
from store.memory import lack_of_memory

RASTER_DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG"}
"""The one driver that may open a file of each ending."""

_SIGNATURES = {
    "GTiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "JP2OpenJPEG": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
}
VRT = "a VRT, a file that points to other files,"
_KNOWN_CONTENT = (
    (re.compile(rb".*<(ogr)?vrtdatas", re.I | re.S), VRT),
    (re.compile(rb"\s*<(!doctype html|html|head|body)", re.I), "an HTML page"),
    (re.compile(rb"\s*<\?xml|\s*<\w", re.I), "an XML document"),
    (re.compile(rb"PK\x03\x04|PK\x05\x06"), "a ZIP archive or Office file"),
    (re.compile(rb"\x1f\x8b"), "a GZIP archive"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8"), "a picture (PNG, JPEG or GIF)"),
    (re.compile(rb"\x89HDF|CDF[\x01\x02]"), "an HDF5 or NetCDF file"),
    (re.compile(rb"SQLite format 3\0"), "a GeoPackage or SQLite database"),
    (re.compile(rb"PAR1"), "a Parquet file"),
    (re.compile(rb"\xff\xfe|\xfe\xff"), "UTF-16 text"),
    (re.compile(rb"\s*[\[{]"), "JSON text"),
    (re.compile(rb"(?:II\*\0|MM\0\*|II\+\0|MM\0\+)"), "a TIFF"),
    (re.compile(rb"\0{16}"), "a run of zero bytes, as a broken copy leaves it"),
    (re.compile(rb"[^\0-\x08\x0e-\x1f]*$"), "plain text"),
)
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_+.-]+:")


@dataclass(frozen=True, slots=True)
class RasterBudget:
    """What a raster's header may claim before a cell is read."""

    max_cells: int = 20_000_000_000
    """Cells of all bands together; a Sentinel-2 tile of ten bands has 1.2e9."""
    max_ratio: int = 2_000
    """Decoded bytes per byte on disk, for rasters above ``ratio_from_bytes``."""
    ratio_from_bytes: int = 256 * 2**20
    max_block_bytes: int = 512 * 2**20
    """One block, all bands, decoded: it has to fit in memory whole."""


DEFAULT_BUDGET = RasterBudget()
_warnings_lock = threading.Lock()
"""Warning filters belong to the process, and chunks are read in threads."""


def checked_path(name: str | Path, *, roots: Sequence[Path]) -> Path:
    """Return the real path of a plain, non-empty file below one of ``roots``.

    A relative name is looked for below each root. Roots themselves may be links;
    below them no part of the path may be one.

    Raises
    ------
    UnsafePathError
        For URLs, GDAL names (``/vsi...``, ``CSV:...``, inline XML), paths outside the
        roots, links, folders and devices, and files that are missing or empty.
    """
    text = os.fspath(name)
    _refuse_names_that_are_not_paths(text)
    places = [place for root in roots for place in _below(text, root)]
    if not places:
        raise UnsafePathError(
            f"{text} is outside the folders that may be read.",
            zh=f"{text} 不在允许读取的目录内。请将文件放入数据目录。",
            cure="Put the file into one of them, or add its folder to the settings.",
            file=text,
            expected="below " + ", ".join(str(root) for root in roots),
        )
    found = [place for place in places if os.path.lexists(place[0] / place[1])]
    root, inside = (found or places)[0]
    _refuse_links(root, inside)
    return _regular(root / inside)


def _refuse_names_that_are_not_paths(text: str) -> None:
    slashed = text.replace("\\", "/").lower()
    reasons = {
        "a control character in it": any(ord(letter) < 32 for letter in text),
        "a URL": "://" in slashed,
        "a GDAL virtual file": slashed.startswith("/vsi") or "//vsi" in slashed,
        "inline XML": "<" in text,
        "inline JSON": text.lstrip().startswith("{"),
        "a driver prefix or URL scheme": bool(_PREFIX.match(text)),
        "empty": not text.strip(),
    }
    for reason, holds in reasons.items():
        if holds:
            raise UnsafePathError(
                f"{text[:80]!r} is not a plain path: {reason}.",
                zh=f"{text[:80]!r} 不是普通文件路径（{reason}）。"
                "请先把文件下载到数据目录。",
                cure="Copy or download the file into the data folder first.",
                value=text[:80],
            )


def _below(text: str, root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (real root, path inside it) if ``text`` stays below ``root``."""
    real = root.resolve()
    for base in dict.fromkeys((Path(os.path.normpath(root.absolute())), real)):
        path = Path(os.path.normpath(base / text))
        if path != base and path.is_relative_to(base):
            yield real, path.relative_to(base)
            return


def _refuse_links(root: Path, inside: Path) -> None:
    for depth in range(1, len(inside.parts) + 1):
        part = root.joinpath(*inside.parts[:depth])
        if part.is_symlink():
            raise UnsafePathError(
                f"{part} is a symbolic link to {part.readlink()}.",
                zh=f"{part} 是符号链接，不允许读取。请复制文件本身。",
                cure="Copy the file itself: links in data folders are not followed.",
                file=root / inside,
                value=part.readlink(),
            )


def _regular(path: Path) -> Path:
    try:
        status = path.stat()
    except OSError as error:
        raise UnsafePathError(
            f"{path.name} cannot be read: {error.strerror}.",
            zh=f"无法读取 {path.name}：{error.strerror}。请检查路径与权限。",
            cure="Check the name and the permissions.",
            file=path,
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise UnsafePathError(
            f"{path.name} is not a regular file.",
            zh=f"{path.name} 不是普通文件。",
            cure="Name a file, not a folder, pipe or device.",
            file=path,
        )
    if status.st_size == 0:
        raise UnsafePathError(
            f"{path.name} is empty (0 bytes).",
            zh=f"{path.name} 是空文件（0 字节）。请重新传输。",
            cure="Deliver the file again; the copy was cut off.",
            file=path,
            value="0 bytes",
        )
    return path


def content_name(start: bytes) -> str:
    """Say what a file is by its first bytes, e.g. ``an HTML page``."""
    for pattern, name in _KNOWN_CONTENT:
        if pattern.match(start):
            return name
    return "a file of unknown format"


@contextmanager
def open_raster(
    path: str | Path, *, roots: Sequence[Path], budget: RasterBudget = DEFAULT_BUDGET
) -> Iterator[DatasetReader]:
    """Open a GeoTIFF or JPEG 2000 below ``roots``; reads that fail say which file.

    Sidecar files (``.aux.xml``, ``.ovr``, world files) are not read. Only the header
    is read and held against ``budget``; a damaged block shows when it is read.

    Raises
    ------
    UnsafePathError
        If ``path`` is not a plain file below ``roots``.
    RasterError
        If the content is not what the ending says, the header claims more than
        ``budget`` allows, or a read inside the ``with`` fails.
    """
    require_lockdown()
    file = checked_path(path, roots=roots)
    driver = _driver_of(file)
    try:
        with _warnings_lock, warnings.catch_warnings():
            # Whether a raster has its place is for the reader of its grid to say.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(file, driver=driver)
        with dataset:
            _check_budget(dataset, file, budget)
            yield dataset
    except RasterioError as error:
        raise _unreadable(file, error) from error


def _driver_of(file: Path) -> str:
    driver = RASTER_DRIVERS.get(file.suffix.lower())
    with file.open("rb") as stream:
        start = stream.read(512)
    if driver is not None and start.startswith(_SIGNATURES[driver]):
        return driver
    expected = "GeoTIFF (.tif, .tiff) or JPEG 2000 (.jp2)"
    found = content_name(start)
    kind = UnsafePathError if found == VRT else RasterError
    raise kind(
        f"{file.name} is {found}, not {driver or 'a raster that may be read'}.",
        zh=f"{file.name} 的内容是 {found}，不是可读取的栅格。请重新下载正确的文件。",
        cure=f"Deliver the raster itself as {expected}.",
        file=file,
        value=found,
        expected=expected,
    )


def _check_budget(dataset: DatasetReader, file: Path, budget: RasterBudget) -> None:
    item_bytes = max(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
    cells = dataset.width * dataset.height * dataset.count
    decoded, on_disk = cells * item_bytes, file.stat().st_size
    rows, columns = dataset.block_shapes[0]
    block = rows * columns * dataset.count * item_bytes
    ratio = decoded // on_disk
    claims = f"{dataset.width} x {dataset.height} x {dataset.count} cells"
    if cells > budget.max_cells:
        raise _too_big(file, f"{claims}", f"at most {budget.max_cells:,} cells")
    if decoded > budget.ratio_from_bytes and ratio > budget.max_ratio:
        what = f"{claims} in {on_disk:,} bytes, a ratio of {ratio:,}:1"
        raise _too_big(file, what, f"at most {budget.max_ratio:,}:1")
    if block > budget.max_block_bytes:
        what = f"{claims} in blocks of {block:,} bytes"
        raise _too_big(file, what, f"blocks of at most {budget.max_block_bytes:,}")


def _too_big(file: Path, claims: str, expected: str) -> RasterError:
    return RasterError(
        f"{file.name} claims {claims}; it was not read.",
        zh=f"{file.name} 的文件头声明 {claims}，超出上限，未读取。请检查来源。",
        cure="Check where it comes from; cut a real raster of that size into tiles.",
        file=file,
        value=claims,
        expected=expected,
    )


def _unreadable(file: Path, error: RasterioError) -> RasterError:
    """Return what is wrong; a lack of memory is raised: it is not the file's fault."""
    if short := lack_of_memory(error):
        raise MemoryError(f"{file.name}: {short}") from error
    reason = str(error.__cause__ or error).strip().rstrip(".")
    return RasterError(
        f"{file.name} ({file.stat().st_size:,} bytes) cannot be read: {reason}.",
        zh=f"{file.name} 无法读取（{reason}），文件可能被截断或损坏。请重新下载。",
        cure="Deliver the file again: it is cut off or damaged.",
        file=file,
        value=reason,
    )


def require_written(dataset: DatasetReader) -> None:
    """Raise ``RasterError`` for a GeoTIFF of which no block was ever written."""
    file = Path(dataset.name)
    if dataset.driver != "GTiff" or any(_offsets(dataset)):
        return
    raise RasterError(
        f"{file.name} has a header but no data: no block was ever written.",
        zh=f"{file.name} 只有文件头，没有任何数据块（写入中断）。请重新传输。",
        cure="Deliver the file again; whoever wrote it was interrupted.",
        file=file,
        value="0 blocks",
    )


def _offsets(dataset: DatasetReader) -> Iterator[str | None]:
    """Yield where each block starts in the file, None for one that is not there."""
    for band in dataset.indexes:
        for (row, column), _ in dataset.block_windows(band):
            name = f"BLOCK_OFFSET_{column}_{row}"
            yield dataset.get_tag_item(name, "TIFF", bidx=band)
