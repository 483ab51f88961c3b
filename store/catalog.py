"""Artefacts by key: built once, whole, hashed, and verified before they are trusted."""

import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geo.errors import StoreError
from store.digests import Digests
from store.files import (
    disk_error,
    faultpoint,
    sha256_file,
    sync_file,
    sync_folder,
    write_json,
)
from store.keys import LayerKey

MANIFEST = "manifest.json"

Facts = Mapping[str, object]
"""What a build says of its result: counts, coverage, scores; plain JSON."""

Digest = Callable[[Path], str]
"""How a file is hashed: read whole, or believed while it has not changed."""


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


class NotBuiltError(Exception):
    """Something would have to be built, but only finding was asked for."""


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
    process, or are as ``digests`` remembers them. ``builds_at_once`` bounds how many
    threads build; hashing and waiting for the disk is not building.
    """

    def __init__(
        self,
        root: Path,
        digests: Digests | None = None,
        *,
        builds_at_once: int | None = None,
    ) -> None:
        self.root = root
        self._turns = _turns(builds_at_once)
        self._digests = digests
        self._digest = sha256_file if digests is None else digests.of
        self._verified: set[LayerKey] = set()
        self._may_build = True

    def __getstate__(self) -> dict[str, object]:
        """Travel without the turns: each worker of a cluster takes one piece."""
        return {**self.__dict__, "_turns": _turns(None)}

    @contextmanager
    def only_finding(self) -> Iterator[None]:
        """Let ``produce`` raise ``NotBuiltError`` where it would have to build."""
        self._may_build = False
        try:
            yield
        finally:
            self._may_build = True

    def require_building(self) -> None:
        """Raise ``NotBuiltError`` while only finding."""
        if not self._may_build:
            raise NotBuiltError("There is work to do.")

    def find(self, key: LayerKey) -> Artefact | None:
        """Return the verified artefact of ``key``, or None if there is none."""
        folder = self.root / key.folder
        artefact = _read_artefact(folder)
        if artefact is None or artefact.key != key:
            return None
        if key not in self._verified:
            if any(damages(artefact.folder, artefact.files, self._digest)):
                return None
            self._verified.add(key)
        return artefact

    def need(self, key: LayerKey) -> Artefact:
        """Return the artefact of ``key``; raise ``StoreError`` if it is not there."""
        found = self.find(key)
        if found is None:
            raise StoreError(
                f"{key} is not in the store, or has changed there.",
                zh=f"存储中没有 {key}，或其内容已改变；请重新运行该夜。",
                cure="Run the night again: it will be rebuilt.",
                file=self.root / key.folder,
            )
        return found

    def produce(self, key: LayerKey, build: Callable[[Path], Facts]) -> Artefact:
        """Return the artefact of ``key``; call ``build`` only if none is there.

        ``build`` writes its files into the empty folder that it is given and returns
        facts about them. Nothing is visible under the key until all of it is on disk.
        An error on the way takes the key along as a note.
        """
        found = self.find(key)
        if found is not None:
            return found
        self.require_building()
        folder = self.root / key.folder
        try:
            facts, files = write_whole(
                folder, build, about={"key": asdict(key)}, turn=self._turns
            )
        except Exception as error:
            error.add_note(str(key))
            raise
        self._verified.add(key)
        if self._digests is not None:
            for name, digest in files.items():
                self._digests.learn(folder / name, digest)
        return Artefact(key, folder, facts, files)

    def verify(self) -> Iterator[Damage]:
        """Hash every file of every artefact and yield what differs."""
        for path in sorted(self.root.glob(f"*/*/*/*/{MANIFEST}")):
            artefact = _read_artefact(path.parent)
            if artefact is None:
                yield Damage(path, "the manifest cannot be read", "清单无法读取")
            else:
                yield from damages(artefact.folder, artefact.files)

    def count_files(self) -> int:
        return count_files(self.root.glob(f"*/*/*/*/{MANIFEST}"))


def _turns(at_once: int | None) -> AbstractContextManager[object]:
    return nullcontext() if at_once is None else threading.Semaphore(at_once)


def write_whole(
    folder: Path,
    build: Callable[[Path], Facts],
    *,
    about: Mapping[str, object],
    turn: AbstractContextManager[object] | None = None,
) -> tuple[Facts, dict[str, str]]:
    """Fill ``folder`` by ``build`` so that it is there whole, or not at all.

    The manifest is written last; it holds ``about``, the facts that ``build`` returned
    and the SHA-256 of every file. What a killed run left behind is removed first.
    ``turn`` is held while ``build`` runs, and not while the disk is waited for.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    for leftover in (temporary, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with turn or nullcontext():
            facts = dict(build(temporary))
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise disk_error(folder, error) from error
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
    write_json(folder / MANIFEST, {**about, "facts": facts, "files": files})
    faultpoint("artefact.recorded")
    return facts, files


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of ``folder``; None if it is missing or torn."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(content, dict) and isinstance(content.get("files"), dict)
    return content if whole else None


def damages(
    folder: Path, files: Mapping[str, str], digest: Digest = sha256_file
) -> Iterator[Damage]:
    """Hash ``files`` of ``folder`` and yield what differs, is missing or is unknown."""
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            yield Damage(path, "the file is missing", "文件缺失")
        elif digest(path) != expected:
            yield Damage(path, "the content has changed", "内容已改变")
    known = {*files, MANIFEST}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in known:
            yield Damage(path, "the file is not in the manifest", "文件不在清单中")


def count_files(manifests: Iterable[Path]) -> int:
    """Return how many files the manifests name."""
    contents = (read_manifest(path.parent) for path in manifests)
    return sum(len(content["files"]) for content in contents if content is not None)


def _read_artefact(folder: Path) -> Artefact | None:
    content = read_manifest(folder)
    if content is None:
        return None
    try:
        key = LayerKey(**content["key"])
    except (KeyError, TypeError):
        return None
    return Artefact(key, folder, content["facts"], content["files"])
