"""Same inputs, same bytes, whatever the workers, chunks, time zone and locale."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_region import make_region

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from datetime import date
from pathlib import Path
from store.lockdown import lock_down
lock_down()
from config.settings import read
from pipelines.recipe import run_night
home = Path(sys.argv[1])
settings = read(home / "carpathians.toml").model_copy(update={"home": home})
print(run_night(settings, date(2020, 9, 1)).folder)
"""
MACHINES = {
    "one worker": ({"workers": "1"}, {}),
    "two workers, small chunks": ({"workers": "2", "chunk_cells": "32"}, {}),
    "odd chunks, far east": (
        {"chunk_cells": "37"},
        {"TZ": "Pacific/Kiritimati", "LANG": "zh_CN.GB18030", "PYTHONHASHSEED": "7"},
    ),
    "far west": ({}, {"TZ": "Pacific/Pago_Pago", "LC_ALL": "C"}),
}


def test_c21_c22_one_digest_per_product(tmp_path):
    digests = {}
    for name, (dask, environment) in MACHINES.items():
        home = tmp_path / name
        make_region(home, **dask)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(home)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        manifest = Path(done.stdout.splitlines()[-1]) / "manifest.json"
        digests[name] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    first = digests["one worker"]
    assert len(first) > 20
    for name, files in digests.items():
        assert files == first, f"{name} differs"
