"""Vector files read whole, once: the bytes hashed are the bytes parsed.

GDAL never sees a path. It is handed bytes in memory, a Shapefile as an archive of the
four parts it may have, so no sidecar, link or lock beside the file can change what is
read.
"""

import hashlib
import io
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo.errors import UnsafePathError, VectorError
from store.encoding import Decoded, UnknownEncodingError, decode_texts
from store.keys import digest_of
from store.lockdown import require_lockdown
from store.memory import lack_of_memory
from store.safe import VRT, checked_path, content_name

MAX_BYTES = 1024 * 2**20
"""Larger layers are split by the operator."""

_SIGNATURES = {
    ".gpkg": (b"SQLite format 3\0",),
    ".shp": (b"\0\0\x27\x0a",),
    ".geojson": (b"{", b"\xef\xbb\xbf{"),
    ".json": (b"{", b"\xef\xbb\xbf{"),
}
_WAL, _ROLLBACK = b"\x02\x02", b"\x01\x01"
_WAL_AT = slice(18, 20)
_HARMLESS = ("non conformant file extension", "Retrying with IMMUTABLE")


@dataclass(frozen=True, slots=True)
class RawLayer:
    """A layer as its file has it, a row per feature.

    ``geometry`` holds shapely geometries, None where there is none; ``is_unreadable``
    marks those that could not be decoded. ``has_own_crs`` is False where the format
    has just one (GeoJSON). ``notes`` are things done that a reader should know.
    """

    geometry: NDArray[np.object_]
    is_unreadable: NDArray[np.bool_]
    attributes: pd.DataFrame
    crs: CRS | None
    has_own_crs: bool
    source: Path
    digest: str
    notes: tuple[VectorError, ...] = ()


def read_layer(
    path: str | Path,
    *,
    roots: Sequence[Path],
    layer: str | None = None,
    encoding: str | None = None,
) -> RawLayer:
    """Read a GeoPackage, GeoJSON or Shapefile below ``roots``.

    Parameters
    ----------
    layer
        Needed if a GeoPackage has several layers with geometry.
    encoding
        What the operator says the text of a Shapefile or GeoJSON is in; otherwise
        strict UTF-8 is tried, then GB18030, which is noted.

    Raises
    ------
    UnsafePathError
        If ``path`` or a part of a Shapefile is not a plain file below ``roots``.
    VectorError
        If the content is not what the ending says or cannot be read.
    """
    require_lockdown()
    file = checked_path(path, roots=roots)
    suffix = file.suffix.lower()
    content = _content(file)
    if suffix == ".shp":
        return _read_shapefile(file, content, roots, encoding)
    if suffix == ".gpkg":
        return _read_geopackage(file, content, layer)
    return _read_geojson(file, content, encoding)


def problem(what: str, *, zh: str, cure: str, **where: object) -> VectorError:
    """Make the error, or the note, about a vector layer."""
    return VectorError(what, zh=zh, cure=cure, **where)


def _content(file: Path) -> bytes:
    suffix, size = file.suffix.lower(), file.stat().st_size
    if size > MAX_BYTES:
        raise problem(
            f"{file.name} has {size:,} bytes; at most {MAX_BYTES:,} are read.",
            zh=f"{file.name} 过大（{size:,} 字节）。请拆分图层。",
            cure="Split the layer.",
            file=file,
            value=size,
        )
    content = file.read_bytes()
    start = content[:512].lstrip()
    if suffix in _SIGNATURES and start.startswith(_SIGNATURES[suffix]):
        return content
    found = content_name(start)
    kind = UnsafePathError if found == VRT else VectorError
    raise kind(
        f"{file.name} is {found}, not a vector layer named *{suffix}.",
        zh=f"{file.name} 的内容是 {found}，不是可读取的矢量图层。"
        "请使用 GeoPackage、GeoJSON 或 Shapefile。",
        cure="Deliver the layer itself as GeoPackage, GeoJSON or Shapefile.",
        file=file,
        value=found,
        expected="GeoPackage (.gpkg), GeoJSON (.geojson, .json), Shapefile (.shp)",
    )


def _read_geopackage(file: Path, content: bytes, layer: str | None) -> RawLayer:
    digest = hashlib.sha256(content).hexdigest()
    if content[_WAL_AT] == _WAL:
        _refuse_unsaved(file)
        content = content[: _WAL_AT.start] + _ROLLBACK + content[_WAL_AT.stop :]
    raw = _parsed(file, content, layer=_only_layer(file, content, layer))
    return replace(raw, digest=digest)


def _refuse_unsaved(file: Path) -> None:
    log = file.with_name(file.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise problem(
            f"{file.name} is open in another program and has changes not saved to it.",
            zh=f"{file.name} 正被其他程序（如 QGIS）打开，有未写入的修改。请先关闭。",
            cure="Close it there (QGIS: remove the layer), then run again.",
            file=file,
            value=log.name,
        )


def _only_layer(file: Path, content: bytes, layer: str | None) -> str:
    names = _layer_names(file, content)
    wanted = [name for name in names if layer is None or name == layer]
    if len(wanted) == 1:
        return wanted[0]
    listed = ", ".join(names) or "none"
    raise problem(
        f"{file.name} has {len(names)} layers with geometry and "
        f"{'none was chosen' if layer is None else f'none is called {layer!r}'}.",
        zh=f"{file.name} 的空间图层有：{listed}。请在区域文件中指定图层名。",
        cure="Name one of them as the layer.",
        file=file,
        layer=layer or "",
        expected=listed,
    )


def _layer_names(file: Path, content: bytes) -> list[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = pyogrio.list_layers(content)
    except (DataSourceError, DataLayerError) as error:
        raise _unreadable(file, error) from error
    return sorted(str(name) for name, kind in found if kind is not None)


def _read_geojson(file: Path, content: bytes, encoding: str | None) -> RawLayer:
    decoded = _decoded(file, [content], declared=encoding)
    text = decoded.texts[0].removeprefix("\ufeff")
    raw = _parsed(file, text.encode())
    return replace(
        raw,
        digest=hashlib.sha256(content).hexdigest(),
        has_own_crs=False,
        notes=raw.notes + _encoding_notes(file, decoded, told=encoding),
    )


def _read_shapefile(
    file: Path, content: bytes, roots: Sequence[Path], encoding: str | None
) -> RawLayer:
    parts = {".shp": content}
    for suffix in (".shx", ".dbf", ".prj", ".cpg"):
        beside = _beside(file, suffix)
        if beside is not None:
            parts[suffix] = checked_path(beside, roots=roots).read_bytes()
        elif suffix in {".shx", ".dbf"}:
            raise problem(
                f"{file.name} comes without its {suffix} part.",
                zh=f"{file.name} 缺少 {suffix} 文件。请提供完整的 Shapefile。",
                cure="Deliver .shp, .shx, .dbf and .prj together.",
                file=file,
                expected=file.with_suffix(suffix).name,
            )
    hint = parts.pop(".cpg", b"").decode("ascii", "replace").strip() or None
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as folder:
        for suffix, part in parts.items():
            folder.writestr(f"layer{suffix}", part)
    raw = _parsed(file, archive.getvalue(), encoding="ISO-8859-1")
    digests = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    raw = replace(raw, digest=digest_of(digests))
    return _with_decoded_text(raw, declared=encoding, hinted=hint)


def _beside(file: Path, suffix: str) -> Path | None:
    both = (file.with_suffix(suffix), file.with_suffix(suffix.upper()))
    return next((path for path in both if path.is_symlink() or path.exists()), None)


def _with_decoded_text(
    raw: RawLayer, *, declared: str | None, hinted: str | None
) -> RawLayer:
    """Decode names and values that were read as Latin-1, which keeps every byte."""
    texts = raw.attributes.select_dtypes(include=["str", "object"])
    values = [value for name in texts for value in texts[name].dropna()]
    raws = [str(text).encode("latin-1") for text in [*raw.attributes.columns, *values]]
    decoded = _decoded(raw.source, raws, declared=declared, hinted=hinted)
    meant = dict(zip(raws, decoded.texts, strict=True))
    attributes = raw.attributes.copy()
    for name in texts:
        attributes[name] = [
            None if pd.isna(value) else meant[str(value).encode("latin-1")]
            for value in texts[name]
        ]
    attributes.columns = pd.Index(decoded.texts[: len(raw.attributes.columns)])
    told = declared or hinted
    notes = raw.notes + _encoding_notes(raw.source, decoded, told=told)
    return replace(raw, attributes=attributes, notes=notes)


def _decoded(
    file: Path,
    raws: Sequence[bytes],
    *,
    declared: str | None,
    hinted: str | None = None,
) -> Decoded:
    try:
        return decode_texts(raws, declared=declared, hinted=hinted)
    except UnknownEncodingError as error:
        listed = ", ".join(error.candidates)
        raise problem(
            f"The text of {file.name} is in an unknown encoding: {error}.",
            zh=f"{file.name} 的文字编码无法判定，可能是：{listed}。"
            "请在区域文件中声明。",
            cure="Declare the encoding in the region file.",
            file=file,
            field="encoding",
            expected=listed,
        ) from error


def _encoding_notes(
    file: Path, decoded: Decoded, *, told: str | None
) -> tuple[VectorError, ...]:
    notes = []
    is_ascii = all(text.isascii() for text in decoded.texts)
    otherwise = told is not None and told.lower() != decoded.encoding
    if not is_ascii and {decoded.encoding, (told or "utf-8").lower()} != {"utf-8"}:
        notes.append(
            problem(
                f"The text of {file.name} was read as {decoded.encoding}"
                + (f", although {told} was declared." if otherwise else "."),
                zh=f"{file.name} 的文字按 {decoded.encoding} 读取。",
                cure="Check some names; deliver GeoPackage to be sure.",
                file=file,
                field="encoding",
                value=decoded.encoding,
            )
        )
    if decoded.cut:
        notes.append(
            problem(
                f"Texts of {file.name} that end in half a letter: {decoded.cut}.",
                zh=f"{file.name} 有 {decoded.cut} 处文字末尾被截断。",
                cure="Deliver GeoPackage: its texts have no length limit.",
                file=file,
                value=decoded.cut,
            )
        )
    return tuple(notes)


def _parsed(
    file: Path, content: bytes, *, layer: str | None = None, encoding: str | None = None
) -> RawLayer:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RuntimeWarning)
            meta, _, wkb, columns = pyogrio.raw.read(
                content, layer=layer, encoding=encoding
            )
        crs = None if meta["crs"] is None else CRS.from_user_input(meta["crs"])
    except (DataSourceError, DataLayerError, CRSError, UnicodeError) as error:
        raise _unreadable(file, error) from error
    names = [str(name) for name in meta["fields"]]
    attributes = pd.DataFrame(dict(enumerate(columns)), index=range(len(wkb)))
    attributes.columns = pd.Index(names)
    geometry = shapely.from_wkb(wkb, on_invalid="ignore")
    return RawLayer(
        geometry=geometry,
        is_unreadable=np.array([part is not None for part in wkb], bool)
        & shapely.is_missing(geometry),
        attributes=attributes,
        crs=crs,
        has_own_crs=True,
        source=file,
        digest="",
        notes=_gdal_notes(file, [str(warning.message) for warning in caught]),
    )


def _gdal_notes(file: Path, messages: Sequence[str]) -> tuple[VectorError, ...]:
    told = [text for text in messages if not any(known in text for known in _HARMLESS)]
    return tuple(
        problem(
            f"GDAL said of {file.name}: {text}",
            zh=f"GDAL 读取 {file.name} 时提示：{text}",
            cure="Check the layer in QGIS.",
            file=file,
        )
        for text in dict.fromkeys(told)
    )


def _unreadable(file: Path, error: Exception) -> VectorError:
    """Return what is wrong; a lack of memory is raised: it is not the file's fault."""
    if short := lack_of_memory(error):
        raise MemoryError(f"{file.name}: {short}") from error
    reason = str(error).strip().rstrip(".").split("; It might help")[0]
    return problem(
        f"{file.name} cannot be read: {reason}.",
        zh=f"{file.name} 无法读取（{reason}），文件可能损坏。请重新导出。",
        cure="Open it in QGIS, export it again as GeoPackage and deliver that.",
        file=file,
        value=reason,
    )
