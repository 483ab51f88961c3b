"""The same bytes on a Dask cluster, and when one of its workers is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import pytest

from pipelines.recipe import run_night
from tests.small_region import in_tiles, make_region

pytestmark = pytest.mark.slow

NIGHT = date(2020, 9, 1)
DASK = Path(sys.executable).with_name("dask")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers on loopback; yields address and processes."""
    address = f"tcp://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    started = []

    def start(*words):
        here = ["--host", "127.0.0.1", "--no-dashboard"]
        with (tmp_path / f"{len(started)}.log").open("wb") as log:
            process = subprocess.Popen([DASK, *words, *here], stdout=log, stderr=log)
        started.append(process)
        return process

    start("scheduler", "--port", port)
    worker = ["worker", address, "--nthreads", "1", "--preload", "store.lockdown"]
    worker += ["--no-nanny", "--local-directory", str(tmp_path / "scratch")]
    workers = [start(*worker), start(*worker)]
    wait_for_workers(address, 2)
    yield address, workers
    for process in reversed(started):
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def wait_for_workers(address, count):
    from distributed import Client

    for _ in range(60):
        try:
            with Client(address, timeout=5) as client:
                client.wait_for_workers(count, timeout=60)
                return
        except OSError:
            time.sleep(1)
    raise AssertionError(f"No cluster at {address}.")


def published(home, tile_cells, **dask):
    finished = run_night(in_tiles(make_region(home, **dask), tile_cells), NIGHT)
    manifest = (finished.folder / "manifest.json").read_text(encoding="utf-8")
    return json.loads(manifest)["files"]


@pytest.mark.parametrize("tile_cells", [2048, 32])
def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(
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
