"""Artefacts by key: built once, whole, hashed, and verified before they are trusted."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from geo.errors import StoreError
from store.files import faultpoint, sha256_file, sync_file, sync_folder, write_json
from store.keys import LayerKey

MANIFEST = "manifest.json"

Facts = Mapping[str, object]
"""What a build says of its result: counts, coverage, scores; plain JSON."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """Files that were built for ``key``, and the facts stated about them."""

    key: LayerKey
    folder: Path
    facts: Facts
    files: Mapping[str, str]
    """SHA-256 of each file by name."""

    def path(self, name: str) -> Path:
        if name not in self.files:
            raise StoreError(f"{self.key} holds {sorted(self.files)}, not {name!r}.")
        return self.folder / name


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that differs from what its manifest says."""

    file: Path
    problem: str
    problem_zh: str


class Catalog:
    """A folder of artefacts, one folder per key, each with its manifest written last.

    A folder without a manifest is what a killed run left: it is removed and built
    again. A manifest is believed only after its files have been hashed, once per
    process.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: set[LayerKey] = set()

    def find(self, key: LayerKey) -> Artefact | None:
        """Return the verified artefact of ``key``, or None if there is none."""
        folder = self.root / key.folder
        artefact = _read_manifest(folder)
        if artefact is None or artefact.key != key:
            return None
        if key not in self._verified:
            if any(_damages(artefact)):
                return None
            self._verified.add(key)
        return artefact

    def produce(self, key: LayerKey, build: Callable[[Path], Facts]) -> Artefact:
        """Return the artefact of ``key``; call ``build`` only if none is there.

        ``build`` writes its files into the empty folder that it is given and returns
        facts about them. Nothing is visible under the key until all of it is on disk.
        """
        found = self.find(key)
        if found is not None:
            return found
        folder = self.root / key.folder
        temporary = folder.with_name(f".{folder.name}.tmp")
        for leftover in (temporary, folder):
            shutil.rmtree(leftover, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            facts = dict(build(temporary))
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        faultpoint("artefact.built")
        files = {}
        for path in sorted(p for p in temporary.rglob("*") if p.is_file()):
            sync_file(path)
            files[path.relative_to(temporary).as_posix()] = sha256_file(path)
        sync_folder(temporary)
        faultpoint("artefact.synced")
        temporary.replace(folder)
        sync_folder(folder.parent)
        faultpoint("artefact.renamed")
        write_json(
            folder / MANIFEST, {"key": asdict(key), "facts": facts, "files": files}
        )
        faultpoint("artefact.recorded")
        self._verified.add(key)
        return Artefact(key, folder, facts, files)

    def verify(self) -> Iterator[Damage]:
        """Hash every file of every artefact and yield what differs."""
        for path in sorted(self.root.glob(f"*/*/*/*/{MANIFEST}")):
            artefact = _read_manifest(path.parent)
            if artefact is None:
                yield Damage(path, "the manifest cannot be read", "清单无法读取")
            else:
                yield from _damages(artefact)

    def count(self) -> int:
        return sum(1 for _ in self.root.glob(f"*/*/*/*/{MANIFEST}"))


def _read_manifest(folder: Path) -> Artefact | None:
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Artefact(
            LayerKey(**content["key"]), folder, content["facts"], content["files"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _damages(artefact: Artefact) -> Iterator[Damage]:
    for name, expected in artefact.files.items():
        path = artefact.folder / name
        if not path.is_file():
            yield Damage(path, "the file is missing", "文件缺失")
        elif sha256_file(path) != expected:
            yield Damage(path, "the content has changed", "内容已改变")
    known = {*artefact.files, MANIFEST}
    for path in sorted(artefact.folder.rglob("*")):
        if path.is_file() and path.relative_to(artefact.folder).as_posix() not in known:
            yield Damage(path, "the file is not in the manifest", "文件不在清单中")
