import json

import numpy as np
import pytest

from geo.errors import ModelError, StoreError, UnsafePathError
from store import model_files
from store.model_files import CARD_FILE, MODEL_FILE, read_card, read_model, write_model

ARRAYS = {"beta": np.array([1.0, 2.5]), "order": np.array([1, 0])}
CARD = {"kind": "basis", "title": "地上生物量", "scores": {"rmse": 0.1 + 0.2}}


def test_a_model_comes_back_with_its_card(tmp_path):
    card = write_model(tmp_path / "m", ARRAYS, CARD)
    arrays, back = read_model(tmp_path / "m")
    assert back == card
    assert back | CARD == back
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], values)


def test_the_same_model_has_the_same_bytes_and_replaces_an_older_one(tmp_path):
    for name in ("a", "b"):
        write_model(tmp_path / name, {"old": np.zeros(3)}, {"kind": "old"})
        write_model(tmp_path / name, ARRAYS, CARD)
    for file in (MODEL_FILE, CARD_FILE):
        first = (tmp_path / "a" / file).read_bytes()
        assert first == (tmp_path / "b" / file).read_bytes()


def test_a_model_keeps_to_a_folder_of_its_own(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="holds other files"):
        write_model(tmp_path, ARRAYS, CARD)
    with pytest.raises(ModelError, match="is a file"):
        write_model(tmp_path / "notes.txt", ARRAYS, CARD)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_any_changed_byte_is_refused(tmp_path):
    """faults.md M08, M15."""
    folder = tmp_path / "m"
    write_model(folder, ARRAYS, CARD)
    _flip(folder / MODEL_FILE)
    with pytest.raises(ModelError, match="not the file that the card"):
        read_model(folder)
    write_model(folder, ARRAYS, CARD)
    card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    card["scores"]["rmse"] = 0.01
    (folder / CARD_FILE).write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match="changed after training"):
        read_card(folder)
    (folder / CARD_FILE).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ModelError, match="no JSON"):
        read_card(folder)


def test_a_model_that_died_half_way_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "m"
    write_model(folder, ARRAYS, CARD)

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(model_files, "write_json", dies)
        with pytest.raises(KeyboardInterrupt):
            write_model(folder, {"new": np.ones(2)}, CARD)
    with pytest.raises(ModelError):
        read_model(folder)


def test_bombs_and_links_are_not_opened(tmp_path, monkeypatch):
    """faults.md M10."""
    folder = tmp_path / "m"
    write_model(folder, {"big": np.zeros(100_000)}, CARD)
    monkeypatch.setattr(model_files, "MOST_BYTES", 50_000)
    with pytest.raises(StoreError, match="would take"):
        read_model(folder)
    (folder / MODEL_FILE).rename(tmp_path / "elsewhere.npz")
    (folder / MODEL_FILE).symlink_to(tmp_path / "elsewhere.npz")
    with pytest.raises(UnsafePathError, match="symbolic link"):
        read_model(folder)
    with pytest.raises(UnsafePathError):
        read_model(tmp_path / "nowhere")
