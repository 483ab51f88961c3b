import json

import pytest

from store.catalog import MANIFEST, Catalog
from store.keys import LayerKey

KEY = LayerKey.of("agbd", region="r", period="p", inputs={}, settings={})


def build(folder):
    (folder / "a.txt").write_text("content")
    return {"cells": 3}


def refuse(_folder):
    raise AssertionError("built again")


def test_the_same_key_is_built_once(tmp_path):
    first = Catalog(tmp_path).produce(KEY, build)
    again = Catalog(tmp_path).produce(KEY, refuse)
    assert again == first
    assert again.facts == {"cells": 3}
    assert again.path("a.txt").read_text() == "content"


@pytest.mark.parametrize("what", ["changed", "missing", "added", "torn", "no manifest"])
def test_whatever_differs_is_found_and_built_again(tmp_path, what):
    made = Catalog(tmp_path).produce(KEY, build)
    if what == "changed":
        made.path("a.txt").write_text("Content")
    elif what == "missing":
        made.path("a.txt").unlink()
    elif what == "added":
        (made.folder / "a.txt.aux.xml").write_text("lies")
    elif what == "torn":
        manifest = made.folder / MANIFEST
        manifest.write_bytes(manifest.read_bytes()[:40])
    else:
        (made.folder / MANIFEST).unlink()
    catalog = Catalog(tmp_path)
    assert catalog.find(KEY) is None
    if what != "no manifest":  # nothing claims such a folder is whole
        (damage,) = catalog.verify()
        assert made.folder in damage.file.parents
    assert Catalog(tmp_path).produce(KEY, build).files == made.files
    assert list(Catalog(tmp_path).verify()) == []


def test_a_failed_build_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "half").write_text("x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Catalog(tmp_path).produce(KEY, fail)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_another_key_in_the_folder_is_not_believed(tmp_path):
    made = Catalog(tmp_path).produce(KEY, build)
    manifest = made.folder / MANIFEST
    content = json.loads(manifest.read_text())
    content["key"]["digest"] = "0" * 64
    manifest.write_text(json.dumps(content))
    assert Catalog(tmp_path).find(KEY) is None
