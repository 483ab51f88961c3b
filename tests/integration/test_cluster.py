"""The same bytes on a Dask cluster, and when one of its workers is killed."""

import json
import os
import signal
import threading
import time
from datetime import date

import pytest

from pipelines.recipe import run_night
from tests.dask_cluster import start_cluster
from tests.small_region import in_tiles, make_region

pytestmark = pytest.mark.slow

NIGHT = date(2020, 9, 1)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers on loopback; yields address and processes."""
    with start_cluster(tmp_path, workers=2, words=["--no-nanny"]) as started:
        yield started


def published(home, tile_cells, **dask):
    finished = run_night(in_tiles(make_region(home, **dask), tile_cells), NIGHT)
    manifest = (finished.folder / "manifest.json").read_text(encoding="utf-8")
    return json.loads(manifest)["files"]


@pytest.mark.parametrize("tile_cells", [2048, 32])
def test_c07_c22_a_cluster_that_loses_a_worker_gives_the_same_bytes(
    tmp_path, cluster, tile_cells
):
    address, workers = cluster
    alone = published(tmp_path / "alone", tile_cells)
    store = tmp_path / "together" / "store"

    def kill_one_in_the_middle():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if len(list(store.glob("*/scene/*/*/manifest.json"))) >= 4:
                os.kill(workers[0].pid, signal.SIGKILL)
                return
            time.sleep(0.05)

    killer = threading.Thread(target=kill_one_in_the_middle)
    killer.start()
    together = published(
        tmp_path / "together", tile_cells, scheduler=f'"{address}"', chunk_cells="32"
    )
    killer.join()
    assert workers[0].wait(10) == -signal.SIGKILL
    assert workers[1].poll() is None
    assert together == alone
