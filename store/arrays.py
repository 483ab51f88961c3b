"""Named arrays on disk: NumPy's own format, no pickle, same content same bytes."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.errors import StoreError

_EPOCH = (1980, 1, 1, 0, 0, 0)
_LARGEST_BYTES = 8 * 2**30


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` as an npz without time stamps."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in sorted(arrays):
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as stream:
                buffer = io.BytesIO()
                array = np.ascontiguousarray(arrays[name])
                np.lib.format.write_array(buffer, array, allow_pickle=False)
                stream.write(buffer.getbuffer())


def read_arrays(
    path: Path, *, most_bytes: int = _LARGEST_BYTES
) -> dict[str, NDArray[Any]]:
    """Read what ``write_arrays`` wrote; refuse objects and what cannot fit memory."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > most_bytes:
        raise StoreError(
            f"{path.name} would take {size / 2**30:.1f} GiB of memory.",
            zh=f"{path.name} 解压后需 {size / 2**30:.1f} GiB 内存，已拒绝读取。",
            cure="Cut the region in smaller tiles.",
            file=path,
        )
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}
