"""Rules of the house that no linter knows."""

import importlib
import json
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from config.environment import CHECKOUT
from store.layer_docs import layers_markdown

PACKAGES = ("config", "geo", "models", "pipelines", "store")
MODULES = [
    path for name in PACKAGES for path in sorted((CHECKOUT / name).rglob("*.py"))
]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_package_that_is_imported_is_ours(name):
    assert set(packages_distributions()[name]) == {"forestsink"}
    module = __import__(name)
    assert Path(module.__file__).parent == CHECKOUT / name


@pytest.mark.parametrize(
    "path", MODULES, ids=lambda p: p.relative_to(CHECKOUT).as_posix()
)
def test_a_module_tells_one_story(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


RASTERS = "01 02 03 04 05 07 09 11 12 13 14 16 17 18 19 20 23 24 25 28 31 36 39 43"
VECTORS = "01 03 04 07 08 09 11 12 13 15 16 17 18 20 21 24 25 26"
TABLES = "01 02 03 04 05 06 07 08 09 10 14 16 17 18 19 20"
MODELS = "01 02 03 04 05 06 07 08 09 12 13 14 15 16"
SITING = "01 02 03 04 05 06 07 08 09 10 11 12"
RUNS = "01 02 03 05 07 16 17 21 22 33"
NIGHTS = "01 02"
CASES = [
    f"{kind}{number}"
    for kind, numbers in (
        ("R", RASTERS),
        ("V", VECTORS),
        ("T", TABLES),
        ("M", MODELS),
        ("Z", SITING),
        ("C", RUNS),
        ("N", NIGHTS),
    )
    for number in numbers.split()
]
"""Bad inputs that docs/bad-inputs.md promises a behaviour for."""
PROVOKING = ("bad_inputs", "config", "crash", "integration", "pipelines", "store")
"""Folders of tests that provoke them."""


@pytest.mark.parametrize("case", CASES)
def test_every_promised_bad_input_is_provoked(case):
    text = "".join(
        path.read_text(encoding="utf-8")
        for folder in PROVOKING
        for path in sorted((CHECKOUT / "tests" / folder).glob("*.py"))
    )
    assert re.search(rf"\b{case}\b|_{case.lower()}_", text)
    promised = (CHECKOUT / "docs" / "bad-inputs.md").read_text(encoding="utf-8")
    assert f"| {case} |" in promised


def test_no_path_loads_code_from_data():
    banned = r"^\s*(import pickle|from pickle|import joblib|from joblib)|\beval\(|"
    banned += r"shell=True|yaml\.load\(|allow_pickle=True"
    found = [
        path.name
        for path in MODULES
        if re.search(banned, path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert found == []


def test_the_table_of_layers_in_docs_is_the_one_in_code():
    written = (CHECKOUT / "docs" / "layers.md").read_text(encoding="utf-8")
    assert written == layers_markdown(), "run `make docs`"


WORKED = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 20 21 22 23 27 28 29"


@pytest.mark.parametrize("example", [f"T{number}" for number in WORKED.split()])
def test_every_worked_example_is_held_by_a_test(example):
    text = (CHECKOUT / "docs" / "worked-examples.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {example} \| `(\S+)::(\w+)` \|", text, re.MULTILINE)
    assert row is not None
    held = (CHECKOUT / row[1]).read_text(encoding="utf-8")
    assert f"def {row[2]}(" in held


@pytest.mark.parametrize(("name", "language"), [("README", "en"), ("README.zh", "zh")])
def test_the_table_of_benchmarks_is_what_was_measured(monkeypatch, name, language):
    monkeypatch.syspath_prepend(str(CHECKOUT / "benchmarks"))
    table = importlib.import_module("table")
    results = json.loads((CHECKOUT / "benchmarks" / "results.json").read_bytes())
    written = (CHECKOUT / f"{name}.md").read_text(encoding="utf-8")
    told = written.split(table.START)[1].split(table.STOP)[0].strip()
    assert told == table.table_of(results, language), "run `make bench`"


def test_the_table_of_scale_is_worked_out_from_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(CHECKOUT / "benchmarks"))
    table, scale = (importlib.import_module(name) for name in ("table", "scale"))
    results = json.loads((CHECKOUT / "benchmarks" / "results.json").read_bytes())
    written = (CHECKOUT / "docs" / "scale.md").read_text(encoding="utf-8")
    told = written.split(table.START)[1].split(table.STOP)[0].strip()
    assert told == scale.scale_table(results), "run `make bench`"


def test_the_lock_names_no_host():
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert re.search(r"^fastapi==0\.1[34]\d\.|^fastapi==0\.150\.", lock, re.MULTILINE)
    assert re.search(r"^sqlalchemy==2\.0\.", lock, re.MULTILINE)
