"""Models of a region, each in a folder by its digest, and which ones are promoted."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from geo.errors import ModelError
from store.catalog import (
    MANIFEST,
    Damage,
    count_files,
    damages,
    read_manifest,
    write_whole,
)
from store.files import write_json, writing

POINTER = "promoted.json"
NAME_CHARACTERS = 16
"""Of the digest, in a folder's name."""


def shelve(shelf: Path, digest: str, build: Callable[[Path], object]) -> Path:
    """Return the folder of the model ``digest``; call ``build`` if it is not there.

    ``build`` fills an empty folder; under its name it is whole, with a manifest of its
    files, or absent. A folder that was damaged is made again.
    """
    folder = shelf / digest[:NAME_CHARACTERS]
    manifest = read_manifest(folder)
    if manifest is not None and not any(damages(folder, manifest["files"])):
        return folder

    def fill(temporary: Path) -> dict[str, object]:
        build(temporary)
        return {}

    write_whole(folder, fill, about={"model": digest})
    return folder


@dataclass(frozen=True, slots=True)
class Shelved:
    """A promoted model: its folder and the digest that it was kept under."""

    folder: Path
    model: str

    @property
    def is_there(self) -> bool:
        """Whether its folder has a manifest."""
        return (self.folder / MANIFEST).is_file()


def promote(folder: Path, digest: str, route: str) -> None:
    """Say that ``folder`` holds the model that its region may use for ``route``."""
    told = promoted(folder.parent)
    told[route] = Shelved(folder, digest)
    content = {
        name: {"folder": one.folder.name, "model": one.model}
        for name, one in sorted(told.items())
    }
    write_json(folder.parent / POINTER, content)


def promoted(shelf: Path) -> dict[str, Shelved]:
    """Return the promoted models of a region by route; empty if there are none.

    Raises
    ------
    ModelError
        The pointer is not what ``promote`` wrote.
    """
    path = shelf / POINTER
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "folder" in content:  # as it was written when there was one route
            content = {"plots": content}
        return {
            str(route): Shelved(_inside(shelf, one["folder"]), str(one["model"]))
            for route, one in content.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused(path, f"cannot be read: {error}") from error


def require_whole(model: Shelved) -> None:
    """Raise ``ModelError`` unless every file is as it was when the model was kept."""
    manifest = read_manifest(model.folder)
    if manifest is None:
        raise _refused(model.folder, "is not there, or has no manifest")
    found = next(damages(model.folder, manifest["files"]), None)
    if found is not None:
        raise _refused(found.file, found.problem)
    if manifest.get("model") != model.model:
        raise _refused(model.folder, "is not the model that was promoted")


def shelf_damages(root: Path) -> tuple[int, Iterator[Damage]]:
    """Return how many files the models of all regions have, and what differs."""
    manifests = sorted(
        path
        for path in root.glob(f"*/*/{MANIFEST}")
        if not path.parent.name.startswith(".")
    )
    return count_files(manifests), _damages_of(manifests, root)


def _damages_of(manifests: Sequence[Path], root: Path) -> Iterator[Damage]:
    for path in manifests:
        manifest = read_manifest(path.parent)
        if manifest is None:
            yield Damage(path, "the manifest cannot be read", "清单无法读取")
        else:
            yield from damages(path.parent, manifest["files"])
    for path in sorted(root.glob(f"*/{POINTER}")):
        try:
            gone = [one for one in promoted(path.parent).values() if not one.is_there]
        except ModelError:
            yield Damage(path, "the pointer cannot be read", "指针文件无法读取")
            continue
        for one in gone:
            yield Damage(one.folder, "the promoted model is missing", "启用的模型缺失")


def _inside(shelf: Path, name: object) -> Path:
    if not isinstance(name, str) or Path(name).name != name or name in {"", ".."}:
        raise ValueError(f"{name!r} names no folder")
    return shelf / name


def _refused(path: Path, what: str) -> ModelError:
    return ModelError(
        f"The promoted model cannot be used: {path.name} {what}.",
        zh=f"已通过检查的模型无法使用：{path.name} 已损坏、被改动或缺失；"
        '请重新训练，或在 [biomass] 中设置 route = "tier1"。',
        cure='Train the region again, or set route = "tier1" under [biomass].',
        file=path,
    )


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write UTF-8 CSV, floats to nine digits: the same figures, the same bytes."""
    with writing(path) as temporary:
        table.to_csv(
            temporary,
            index=False,
            lineterminator="\n",
            encoding="utf-8",
            float_format="%.9g",
        )
