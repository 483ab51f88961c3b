"""Published nights: one folder per run, whole or absent; pointers are swapped."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from store.catalog import (
    MANIFEST,
    Damage,
    Digest,
    Facts,
    count_files,
    damages,
    read_manifest,
    write_whole,
)
from store.files import faultpoint, sha256_file, sync_folder

RECORD = "night.json"


class Published:
    """``<night>/<run>`` below ``root``; ``<night>/current`` and ``latest`` point to it.

    An earlier run of the same night is kept beside the new one.
    """

    def __init__(self, root: Path, digest: Digest = sha256_file) -> None:
        self.root = root
        self._digest = digest

    def find(self, night: date, run_id: str) -> Path | None:
        """Return the folder of a run whose every file is as it was published."""
        folder = self.root / str(night) / run_id
        manifest = read_manifest(folder)
        if manifest is None or any(damages(folder, manifest["files"], self._digest)):
            return None
        return folder

    def publish(self, night: date, run_id: str, build: Callable[[Path], Facts]) -> Path:
        """Fill the run's folder by ``build``, then point readers to it."""
        folder = self.root / str(night) / run_id
        write_whole(folder, build, about={"night": str(night), "run_id": run_id})
        self.point(night, run_id)
        return folder

    def point(self, night: date, run_id: str) -> None:
        """Let ``current`` of the night, and ``latest`` if none is later, lead to it."""
        _swap(self.root / str(night) / "current", run_id)
        nights = [path.parent.name for path in self.root.glob("*/current")]
        if str(night) == max(nights):
            _swap(self.root / "latest", f"{night}/{run_id}")
        faultpoint("publish.pointed")


def published_damages(root: Path) -> tuple[int, Iterator[Damage]]:
    """Return how many published files there are, and an iterator over what differs."""
    manifests = sorted(
        path
        for path in root.glob(f"*/*/*/{MANIFEST}")
        if not path.parent.is_symlink() and not path.parent.name.startswith(".")
    )
    return count_files(manifests), _damages_of(manifests)


def _damages_of(manifests: list[Path]) -> Iterator[Damage]:
    for path in manifests:
        manifest = read_manifest(path.parent)
        if manifest is None:
            yield Damage(path, "the manifest cannot be read", "清单无法读取")
        else:
            yield from damages(path.parent, manifest["files"])


def _swap(link: Path, target: str) -> None:
    temporary = link.with_name(f".{link.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    sync_folder(link.parent)
