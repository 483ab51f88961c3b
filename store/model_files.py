"""A model in a folder: arrays without pickle, and a card that vouches for them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from geo.errors import ModelError
from store.arrays import read_arrays, write_arrays
from store.files import sha256_file, write_json, writing
from store.safe import checked_path

MODEL_FILE = "model.npz"
CARD_FILE = "card.json"
MOST_BYTES = 256 * 2**20
"""Of a model, on disk and unpacked: a few hundred trees take less than a tenth."""
MOST_CARD_BYTES = 8 * 2**20

Card = dict[str, Any]


def require_model_folder(folder: Path) -> None:
    """Raise ``ModelError`` if a model written here would mix with something else."""
    if folder.exists() and not folder.is_dir():
        raise _cannot_hold(folder, "is a file")
    others = folder.is_dir() and any(folder.iterdir())
    if others and not (folder / CARD_FILE).is_file():
        raise _cannot_hold(folder, "holds other files and no model")


def write_model(folder: Path, arrays: Mapping[str, NDArray[Any]], card: Card) -> Card:
    """Write a model and, last, its card; return the card as written.

    The card gets the SHA-256 of the arrays' file and its own. Between the two writes
    of a model over an older one the card disagrees with the arrays, and is refused.
    """
    require_model_folder(folder)
    with writing(folder / MODEL_FILE) as temporary:
        write_arrays(temporary, arrays)
    files = {MODEL_FILE: sha256_file(folder / MODEL_FILE)}
    whole = card | {"files": files}
    whole["card_digest"] = card_digest(whole)
    write_json(folder / CARD_FILE, whole)
    return whole


def read_model(folder: Path) -> tuple[dict[str, NDArray[np.generic]], Card]:
    """Read arrays and card back.

    Raises
    ------
    UnsafePathError
        If a file is missing, empty, a link or no plain file.
    ModelError
        If a file is too large, unreadable or not the one that the card vouches for.
    """
    card = read_card(folder)
    path = checked_path(MODEL_FILE, roots=[folder])
    files = card.get("files")
    told = files.get(MODEL_FILE) if isinstance(files, dict) else None
    if path.stat().st_size > MOST_BYTES:
        raise _damaged(path, f"has {path.stat().st_size:,} bytes")
    if sha256_file(path) != told:
        raise _damaged(path, "is not the file that the card was written for")
    try:
        return read_arrays(path, most_bytes=MOST_BYTES), card
    except (ValueError, OSError, KeyError, MemoryError, BadZipFile) as error:
        raise _damaged(path, f"cannot be read: {error}") from error


def read_card(folder: Path) -> Card:
    """Read the card of a model; raises as ``read_model`` does."""
    path = checked_path(CARD_FILE, roots=[folder])
    if path.stat().st_size > MOST_CARD_BYTES:
        raise _damaged(path, f"has {path.stat().st_size:,} bytes")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"is no JSON: {error}") from error
    if not isinstance(card, dict) or card.get("card_digest") != card_digest(card):
        raise _damaged(path, "was changed after training")
    return card


def card_digest(card: Card) -> str:
    """Return the SHA-256 of a card without its own digest."""
    told = {name: value for name, value in card.items() if name != "card_digest"}
    text = json.dumps(told, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _cannot_hold(folder: Path, what: str) -> ModelError:
    return ModelError(
        f"{folder.name} {what}; a model needs a folder of its own.",
        zh=f"{folder.name} 不是空目录也不是模型目录；请另选一个目录。",
        cure="Choose a new folder, or one that holds a model.",
        file=folder,
    )


def _damaged(path: Path, what: str) -> ModelError:
    return ModelError(
        f"{path.name} {what}.",
        zh=f"模型文件 {path.name} 已损坏或被改动，拒绝使用；请重新训练或从备份恢复。",
        cure="Train the model again, or restore its folder from a backup.",
        file=path,
    )
