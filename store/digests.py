"""SHA-256 of files, worked out again only when a file has changed since."""

import contextlib
import json
from pathlib import Path
from typing import Self

from store.files import sha256_file, write_json

Stamp = list[int]

_RACE_NS = 2_000_000_000
"""A file changed this shortly before the digests were saved may have changed again
within one tick of the disk's clock."""


class Digests:
    """Digests by path, believed while inode, size and both times of a file stand.

    The time of the last change of the inode cannot be set by a program, so a file that
    was replaced and given its old date is hashed again. What decays on the disk without
    a write is not noticed: ``forestsink verify`` reads every byte.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = _read(path)
        self._is_new = False

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        """Travel as the place where they are kept: a worker reads what it needs."""
        return type(self), (self.path,)

    def of(self, file: Path) -> str:
        """Return the SHA-256 of ``file``; raise ``OSError`` if it cannot be read."""
        stamp = _stamp(file)
        known = self._known.get(str(file))
        if known is not None and known[0] == stamp:
            return known[1]
        digest = sha256_file(file)
        if _stamp(file) == stamp:
            self._known[str(file)] = (stamp, digest)
            self._is_new = True
        return digest

    def learn(self, file: Path, digest: str) -> None:
        """Remember the digest of a file that was hashed as it was written."""
        self._known[str(file)] = (_stamp(file), digest)
        self._is_new = True

    def save(self) -> None:
        """Keep what was learnt for the next process; drop the files that are gone."""
        if not self._is_new:
            return
        there = {
            name: [*stamp, digest]
            for name, (stamp, digest) in sorted(self._known.items())
            if Path(name).exists()
        }
        write_json(self.path, there)
        self._is_new = False


def _read(path: Path) -> dict[str, tuple[Stamp, str]]:
    known: dict[str, tuple[Stamp, str]] = {}
    # Whatever is wrong with it, the files themselves can be hashed.
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        saved = path.stat().st_mtime_ns
        content = json.loads(path.read_text(encoding="utf-8"))
        for name, (*stamp, digest) in content.items():
            if max(stamp[2:]) < saved - _RACE_NS:
                known[str(name)] = (stamp, str(digest))
    return known


def _stamp(file: Path) -> Stamp:
    told = file.stat()
    return [told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns]
