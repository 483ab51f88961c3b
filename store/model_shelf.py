"""Models of a region, each in a folder by its digest, and which one is promoted."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from store.catalog import damages, read_manifest, write_whole
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


def promote(folder: Path, digest: str) -> None:
    """Say that the model in ``folder`` is the one that its region may use."""
    content = {"folder": folder.name, "model": digest}
    write_json(folder.parent / POINTER, content)


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
