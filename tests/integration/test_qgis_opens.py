"""The analyst's door: Debian's QGIS opens what a night publishes, styled and named."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geo.parcels import COLUMNS
from store.qgis import alias
from tests.store import night_fixture as night
from tests.store.night_folder import write_night

pytestmark = pytest.mark.integration

PYTHON = "/usr/bin/python3"
QUIET = {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": "/nonexistent"}


def _qgis(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    return subprocess.run(
        [PYTHON, *arguments],
        env=environment | QUIET,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    home = tmp_path_factory.mktemp("home")
    if (
        not Path(PYTHON).exists()
        or _qgis("-c", "import qgis.core", home=home).returncode
    ):
        if os.environ.get("CI") == "true":
            pytest.fail("CI must install QGIS (apt: qgis python3-qgis).")
        pytest.skip("QGIS is not installed (apt: qgis python3-qgis).")
    write_night(folder)
    program = Path(__file__).with_name("open_in_qgis.py")
    run = _qgis(str(program), str(folder), home=home)
    assert run.returncode == 0, run.stderr
    return json.loads((folder / "seen.json").read_text("utf-8")) | {"folder": folder}


def test_the_project_opens_whole(seen):
    assert seen["read"]
    assert seen["title"] == "森林碳汇 喀尔巴阡 2020-09-01"
    assert seen["crs"] == night.GRID.crs
    assert seen["groups"][0] == "小班 Parcels"
    assert len(seen["layers"]) == 14
    assert [each["title"] for each in seen["layers"] if not each["valid"]] == []
    assert seen["visible"] == [
        "变化判定 Verdict",
        "排放源 Emission sources",
        "真彩色 True colour",
    ]
    left, bottom, right, top = night.GRID.bounds
    assert seen["view"] == [left - 50, bottom - 50, right + 50, top + 50]


def test_every_layer_is_drawn_in_more_than_one_colour(seen):
    for layer in seen["layers"]:
        assert layer["drawn"]["errors"] == []
        assert layer["drawn"]["shades"] > 1, layer["title"]


def test_styles_arrive_with_their_legends(seen):
    layers = {layer["title"]: layer for layer in seen["layers"]}
    verdict = layers["变化判定 Verdict"]
    assert verdict["renderer"] == "categorizedSymbol"
    assert verdict["legend"][0] == "减少 loss"
    assert verdict["labels"]
    density = layers["地上生物量密度(干物质) Above-ground biomass density, dry matter"]
    assert density["renderer"] == "singlebandpseudocolor"
    assert density["legend"][1] == "40 t/ha"
    spread = layers["密度标准差 Standard deviation of the density"]
    assert spread["band"] == 2
    assert layers["判定 Verdict"]["legend"][1] == "减少 loss"
    assert layers["真彩色 True colour"]["renderer"] == "multibandcolor"
    assert layers["排放源 Emission sources"]["crs"] == "EPSG:4326"


def test_reflectance_is_scaled_by_qgis_itself(seen):
    layers = {layer["title"]: layer for layer in seen["layers"]}
    colour = layers["真彩色 True colour"]
    assert colour["scale"] == pytest.approx(1e-4)
    assert 0 < max(colour["sample"]) < 0.3


def test_the_geopackages_own_style_is_applied_with_chinese_names(seen):
    style = seen["default_style"]
    assert style["renderer"] == "categorizedSymbol"
    for column in COLUMNS:
        assert style["aliases"][column.name] == alias(column)
    assert style["widgets"]["verdict"] == "ValueMap"
    assert style["widgets"]["status"] == "ValueMap"


def test_the_picture_has_red_green_and_forest(seen):
    with Image.open(seen["folder"] / "project.png") as image:
        rgb = np.asarray(image.convert("RGB")).astype(int).reshape(-1, 3)
    red, green, blue = rgb.T
    assert ((red > 150) & (green < 90)).mean() > 0.05
    assert ((green > 110) & (red < 70) & (blue < 110)).mean() > 0.05
    assert ((red < 60) & (green < 90) & (green > blue)).mean() > 0.05
