"""Nights that need more memory than there is: here (C33), and on a worker (C05)."""

import os
import re
import subprocess
import sys
from datetime import date

import dask
import pytest

from config.settings import read
from geo.errors import ClusterError, MemoryLimitError
from pipelines.journal import Journal
from pipelines.recipe import run_night
from tests.dask_cluster import start_cluster
from tests.small_region import make_region

pytestmark = pytest.mark.slow

NIGHT = date(2020, 9, 1)
LIMITED = """
import resource
limit = 3 * 2**29
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from pipelines.cli import main
main()
"""


def make_wide_region(home, side, **dask):
    """Make the small region, in one tile and one chunk of ``side`` cells."""
    made = make_region(home, chunk_cells=str(side), **dask)
    file = home / "carpathians.toml"
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"(width|height) = \d+", rf"\1 = {side}", text)
    text = text.replace("[grid]\n", f"[grid]\ntile_cells = {side}\n")
    file.write_text(text, encoding="utf-8")
    return made


def test_c33_a_limit_of_1_5_gb_ends_in_a_sentence(tmp_path):
    """Cells that take 549 MB a plane: what does not fit is one array, and it says so.

    Were the limit reached bit by bit, a C library could end the process first; then
    the step is in the journal, as after a kill by the system.
    """
    make_wide_region(tmp_path, 12_000)
    (tmp_path / "regions").mkdir()
    (tmp_path / "carpathians.toml").rename(tmp_path / "regions" / "carpathians.toml")
    words = ["run", "nightly", "--region", "carpathians", "--night", str(NIGHT)]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *words, "--without-prefect"],
        env={**os.environ, "FORESTSINK_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    said = re.sub(r"[│\s]+", " ", done.stderr)
    assert "Memory ran out" in said
    assert "in the step ingest, scene/carpathians/" in said
    assert "chunk_cells = 12000" in said
    assert "内存不足" in said
    (entry,) = Journal(tmp_path).entries()
    assert entry.state == "failed"
    assert "Memory ran out" in entry.detail
    assert not list((tmp_path / "quarantine").rglob("*")), "no scene is to blame"
    assert not list((tmp_path / "store").rglob("*.tif"))


def test_c05_a_worker_without_memory_ends_in_a_sentence(tmp_path):
    cluster = start_cluster(
        tmp_path,
        workers=1,
        words=["--memory-limit", "600MB"],
        settings={"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"},
    )
    with cluster as (address, _):
        make_wide_region(tmp_path, 6_000, scheduler=f'"{address}"')
        settings = read(tmp_path / "carpathians.toml")
        with pytest.raises(MemoryLimitError) as caught:
            run_night(settings.model_copy(update={"home": tmp_path}), NIGHT)
    assert "ingest, scene/carpathians/r000c000/20170606" in str(caught.value)
    assert "2 workers of the cluster died" in str(caught.value)
    assert "--memory-limit" in caught.value.cure
    (entry,) = Journal(tmp_path).entries()
    assert entry.state == "failed"
    assert "ingest, scene/carpathians/" in entry.detail
    assert not list((tmp_path / "quarantine").rglob("*"))


def test_a_cluster_that_does_not_answer_is_named(tmp_path):
    settings = make_region(tmp_path, scheduler='"tcp://127.0.0.1:9"')
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ClusterError, match=r"127\.0\.0\.1:9 does not answer"),
    ):
        run_night(settings, NIGHT)
