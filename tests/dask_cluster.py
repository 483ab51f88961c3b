"""A Dask scheduler and its workers on loopback, as an operator would start them."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

DASK = Path(sys.executable).with_name("dask")


@contextmanager
def start_cluster(folder, *, workers, words=(), settings=None):
    """Yield the address of a cluster and the processes of its workers.

    ``words`` go to every worker, ``settings`` into the environment of all; logs and
    scratch files go into ``folder``.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    started = []

    def start(*words):
        here = ["--host", "127.0.0.1", "--no-dashboard"]
        with (folder / f"{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [DASK, *words, *here],
                stdout=log,
                stderr=log,
                env={**os.environ, **(settings or {})},
            )
        started.append(process)
        return process

    start("scheduler", "--port", port)
    worker = ["worker", address, "--nthreads", "1", "--preload", "store.lockdown"]
    worker += ["--local-directory", str(folder / "scratch"), *words]
    try:
        processes = [start(*worker) for _ in range(workers)]
        _wait_for_workers(address, workers)
        yield address, processes
    finally:
        for process in reversed(started):
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def _wait_for_workers(address, count):
    from distributed import Client

    for _ in range(60):
        try:
            with Client(address, timeout=5) as client:
                client.wait_for_workers(count, timeout=60)
                return
        except OSError:
            time.sleep(1)
    raise AssertionError(f"No cluster at {address}.")
