import json
import shutil

import pytest

from geo.errors import ModelError
from pipelines.verify import verify_home
from store.model_shelf import Shelved, promote, promoted, require_whole, shelve

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


def pointer(tmp_path):
    return json.loads((tmp_path / "r" / "promoted.json").read_text(encoding="utf-8"))


def test_the_pointer_names_a_folder_for_each_route(tmp_path):
    folder = shelve(tmp_path / "r", DIGEST, filled("a", []))
    promote(folder, DIGEST, "plots")
    told = {"folder": folder.name, "model": DIGEST}
    assert pointer(tmp_path) == {"plots": told}
    other = shelve(tmp_path / "r", DIGEST[::-1], filled("b", []))
    promote(other, DIGEST[::-1], "canopy")
    assert pointer(tmp_path)["plots"] == told
    assert promoted(tmp_path / "r")["canopy"] == Shelved(other, DIGEST[::-1])


def test_without_a_pointer_nothing_is_promoted(tmp_path):
    assert promoted(tmp_path) == {}


def test_a_pointer_of_one_route_is_that_of_plots(tmp_path):
    told = '{"folder": "f", "model": "d"}'
    (tmp_path / "promoted.json").write_text(told, encoding="utf-8")
    assert promoted(tmp_path) == {"plots": Shelved(tmp_path / "f", "d")}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"plots": {}}',
        '{"plots": {"folder": "../other", "model": "d"}}',
        '{"plots": {"folder": "..", "model": "d"}}',
        '{"plots": 1}',
    ],
)
def test_a_pointer_that_names_no_model_is_refused(tmp_path, text):
    (tmp_path / "promoted.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be used"):
        promoted(tmp_path)


def test_a_model_is_whole_or_refused(tmp_path):
    folder = shelve(tmp_path / "r", DIGEST, filled("a", []))
    require_whole(Shelved(folder, DIGEST))
    with pytest.raises(ModelError, match="not the model that was promoted"):
        require_whole(Shelved(folder, DIGEST[::-1]))
    (folder / "more.txt").write_text("", encoding="utf-8")
    with pytest.raises(ModelError, match="not in the manifest"):
        require_whole(Shelved(folder, DIGEST))
    (folder / "more.txt").unlink()
    (folder / "card.json").write_text("b", encoding="utf-8")
    with pytest.raises(ModelError, match="content has changed"):
        require_whole(Shelved(folder, DIGEST))
    with pytest.raises(ModelError, match="not there"):
        require_whole(Shelved(tmp_path / "r" / "gone", DIGEST))


def test_verify_names_what_differs_in_models(tmp_path):
    shelf = tmp_path / "models" / "r"
    folder = shelve(shelf, DIGEST, filled("a", []))
    promote(folder, DIGEST, "plots")
    assert verify_home(tmp_path) == (1, [])
    (folder / "card.json").write_text("x", encoding="utf-8")
    checked, problems = verify_home(tmp_path)
    assert checked == 1
    assert [one.problem for one in problems] == ["the content has changed"]
    shutil.rmtree(folder)
    _, (problem,) = verify_home(tmp_path)
    assert problem.problem == "the promoted model is missing"
    (shelf / "promoted.json").write_text("{", encoding="utf-8")
    _, (problem,) = verify_home(tmp_path)
    assert problem.problem == "the pointer cannot be read"
