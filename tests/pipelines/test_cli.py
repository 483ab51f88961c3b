import json
import subprocess
import sys

import pytest

from geo.errors import SettingsError
from pipelines import cli


@pytest.fixture
def run(tmp_path):
    def runner(*words, **more):
        return subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *words],
            env={"FORESTSINK_HOME": str(tmp_path), "PATH": "", **more},
            capture_output=True,
            text=True,
            check=False,
        )

    return runner


def test_help_loads_nothing_heavy():
    program = (
        "import sys; import pipelines.cli\n"
        "heavy = {'numpy', 'pandas', 'rasterio', 'prefect', 'pydantic', 'xarray'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_regions_as_json_and_what_is_wrong_in_one(run, tmp_path):
    (tmp_path / "regions").mkdir()
    (tmp_path / "regions" / "mine.toml").write_text("name = 'mine'\n", encoding="utf-8")
    found = {
        region["name"]: region for region in json.loads(run("regions", "--json").stdout)
    }
    assert found["carpathians"]["crs"] == "EPSG:3035"
    assert "Field required" in found["mine"]["problem"]


def test_status_and_verify_of_an_empty_home(run):
    assert json.loads(run("status", "--json").stdout) == []
    assert json.loads(run("verify", "--json").stdout) == {"checked": 0, "damaged": []}


def test_an_unknown_region_is_a_sentence_not_a_traceback(run):
    done = run("run", "nightly", "--region", "carpatians", "--night", "2020-09-01")
    assert done.returncode == 1
    assert "Did you mean carpathians?" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_wrong_date_says_what_a_date_looks_like(run):
    done = run("run", "nightly", "--region", "carpathians", "--night", "1/9/2020")
    assert done.returncode == 2
    assert "2020-09-01" in done.stderr


def test_python_in_raster_files_is_refused_at_the_start(run):
    done = run(
        *("run", "nightly", "--region", "carpathians", "--night", "2020-09-01"),
        GDAL_VRT_ENABLE_PYTHON="YES",
    )
    assert done.returncode == 1
    assert "GDAL_VRT_ENABLE_PYTHON" in done.stderr


def test_the_plan_does_no_work(run, tmp_path):
    done = run(
        *("run", "nightly", "--region", "carpathians", "--night", "2020-09-01"),
        "--plan",
    )
    assert done.returncode == 0
    assert "51" in done.stdout
    assert not (tmp_path / "store").exists()


def test_verify_names_a_changed_file(run, tmp_path):
    folder = tmp_path / "store" / "r" / "agbd" / "p" / "all-0"
    folder.mkdir(parents=True)
    (folder / "a.tif").write_text("x")
    key = {"layer": "agbd", "region": "r", "tile": "all", "period": "p", "digest": "0"}
    manifest = {"key": key, "facts": {}, "files": {"a.tif": "0" * 64}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = run("verify", "--json")
    assert done.returncode == 1
    (damage,) = json.loads(done.stdout)["damaged"]
    assert damage["file"].endswith("a.tif")


def test_errors_of_ours_become_sentences(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("FORESTSINK_HOME", str(tmp_path))

    def fail():
        raise SettingsError("Bad.", zh="坏。", cure="Mend it.")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "Mend it." in said
    assert "坏。" in said
