"""The form of a planner, run by Prefect, against the command on the same request."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from pipelines.recipe import run_night
from tests.small_region import make_region, tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FLOW = """
import sys
from pathlib import Path
from config.environment import prepare
prepare(Path(sys.argv[1]))
from prefect.testing.utilities import prefect_test_harness
from pipelines.zone_flow import zone_map
with prefect_test_harness(server_startup_timeout=180):
    asked = {"max_area_ha": 4, "boundary_penalty": 0.1, "draws": 3}
    print("\\n" + zone_map(region="carpathians", request=asked))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("flow")
    run_night(make_region(home), date(2020, 9, 1))
    (home / "regions").mkdir()
    (home / "carpathians.toml").rename(home / "regions" / "carpathians.toml")
    return home


def run(home, *words):
    told = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, *words],
        env={**told, "FORESTSINK_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def test_the_flow_writes_what_the_command_writes(home, tmp_path):
    done = run(home, "-c", FLOW, str(home))
    assert done.returncode == 0, done.stderr[-2000:]
    folder = Path(done.stdout.strip().splitlines()[-1])
    assert folder.parent == home / "zones" / "carpathians"
    request, out = folder / "request.toml", tmp_path / "out"
    command = ("-m", "pipelines.cli", "zones", "--region", "carpathians")
    done = run(home, *command, "--request", str(request), "--out", str(out))
    assert done.returncode == 0, done.stderr[-2000:]
    assert tree(out) == tree(folder)
