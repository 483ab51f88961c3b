"""Durable files: whole or absent, hashed, and killable at every named point."""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from geo.errors import BusyError, StoreError

FAULTPOINTS = (
    "artefact.built",
    "artefact.synced",
    "artefact.renamed",
    "artefact.recorded",
    "file.written",
    "file.replaced",
    "quarantine.recorded",
    "publish.pointed",
)
"""Every durable step at which the crash tests kill a run."""


def faultpoint(name: str) -> None:
    """Die here if ``FORESTSINK_DIE_AT`` is ``name`` or ``name:n`` (the n-th pass)."""
    if name not in FAULTPOINTS:
        raise ValueError(f"{name!r} is not one of FAULTPOINTS.")
    wanted, _, nth = os.environ.get("FORESTSINK_DIE_AT", "").partition(":")
    if wanted != name:
        return
    _passes[name] = _passes.get(name, 0) + 1
    if _passes[name] >= int(nth or 1):
        os._exit(137)


_passes: dict[str, int] = {}


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def known_digest(path: Path) -> str:
    """Return the SHA-256 of an input; once per process while it does not change."""
    told = path.stat()
    return _digest_of(path, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest_of(path: Path, _size: int, _mtime_ns: int) -> str:
    return sha256_file(path)


def sync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        sync_file(temporary)
        faultpoint("file.written")
        temporary.replace(path)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    faultpoint("file.replaced")


def write_json(path: Path, content: object) -> None:
    """Write sorted, indented UTF-8 JSON atomically: same content, same bytes."""
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
    with writing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def disk_error(path: Path, error: OSError) -> StoreError:
    free_mb = shutil.disk_usage(path.parent).free // 2**20
    return StoreError(
        f"Cannot write {path.name}: {error.strerror or error}.",
        zh=f"无法写入 {path.name}：{error.strerror or error}。请检查磁盘空间与权限。",
        cure="Free space or fix permissions, then run again: finished work is kept.",
        file=path,
        value=f"{free_mb} MiB free",
    )


@contextmanager
def held(path: Path, *, purpose: str) -> Iterator[None]:
    """Hold the lock ``path``; raise ``BusyError`` at once if another process has it.

    The lock belongs to the process, so a killed run frees it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        if not _lock(stream, fcntl.LOCK_EX):
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            raise BusyError(
                f"{purpose} cannot start: {holder} is running.",
                zh=f"{purpose} 无法开始：{holder} 正在运行，请等待其结束。",
                cure="Wait for it to end, or stop that process.",
                file=path,
            )
        stream.truncate(0)
        stream.write(f"process {os.getpid()}, {purpose}")
        stream.flush()
        yield


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock ``path``."""
    if not path.exists():
        return False
    with path.open("a+", encoding="utf-8") as stream:
        return not _lock(stream, fcntl.LOCK_SH)


def _lock(stream: TextIO, kind: int) -> bool:
    for _ in range(5):  # ``is_held`` holds a lock for an instant
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False
