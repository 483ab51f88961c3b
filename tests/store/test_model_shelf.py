import json

import pytest

from store.model_shelf import promote, shelve

DIGEST = "0123456789abcdef" * 4


def filled(text, built):
    def build(folder):
        built.append(folder)
        (folder / "card.json").write_text(text, encoding="utf-8")

    return build


def test_a_model_is_kept_once_and_made_again_when_it_was_damaged(tmp_path):
    built = []
    folder = shelve(tmp_path / "r", DIGEST, filled("a", built))
    assert folder == tmp_path / "r" / DIGEST[:16]
    assert shelve(tmp_path / "r", DIGEST, filled("a", built)) == folder
    assert len(built) == 1
    (folder / "card.json").write_text("x", encoding="utf-8")
    shelve(tmp_path / "r", DIGEST, filled("a", built))
    assert len(built) == 2
    assert (folder / "card.json").read_text(encoding="utf-8") == "a"


def test_a_model_that_fails_to_be_written_is_not_there(tmp_path):
    def build(folder):
        (folder / "half").write_text("", encoding="utf-8")
        raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        shelve(tmp_path / "r", DIGEST, build)
    assert list((tmp_path / "r").iterdir()) == []


def test_the_pointer_names_the_folder(tmp_path):
    folder = shelve(tmp_path / "r", DIGEST, filled("a", []))
    promote(folder, DIGEST)
    told = json.loads((tmp_path / "r" / "promoted.json").read_text(encoding="utf-8"))
    assert told == {"folder": folder.name, "model": DIGEST}
