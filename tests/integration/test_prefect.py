"""What must hold of Prefect: the server imports, a cron yields a run, a flow runs."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from config.environment import CHECKOUT, prepare
from config.settings import read
from pipelines.journal import Journal
from pipelines.twin.make import missing_twin
from tests.small_region import make_region

pytestmark = pytest.mark.slow

SCHEDULED = """
import asyncio
from prefect.client.orchestration import get_client
from pipelines.nightly import nightly

async def scheduled():
    deployment = await nightly.ato_deployment(
        "test",
        schedule={"cron": "0 2 * * *", "timezone": "Asia/Shanghai"},
        parameters={"region": "carpathians"},
    )
    await deployment.apply()
    async with get_client() as client:
        for _ in range(120):
            runs = await client.read_flow_runs()
            if runs:
                return sorted({run.state.type.value for run in runs})
            await asyncio.sleep(1)
    return []

print(asyncio.run(scheduled()))
"""

FLOW = """
import sys
from datetime import date
from pathlib import Path
from store.lockdown import lock_down
lock_down()
from config.settings import read
from pipelines.nightly import run_as_flow
home = Path(sys.argv[1])
settings = read(home / "carpathians.toml").model_copy(update={"home": home})
told = []
finished = run_as_flow(settings, date(2020, 9, 1), lambda *step: told.append(step))
print(len(told), finished.folder)
"""


@pytest.fixture
def run(tmp_path):
    prepared = (
        "from pathlib import Path; from config.environment import prepare\n"
        f"prepare(Path({str(tmp_path)!r}))\n"
    )

    def runner(program, *words, **more):
        return subprocess.run(
            [sys.executable, "-c", prepared + program, *words],
            env={**clean(), **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )

    return runner


def clean():
    """Return the environment without what earlier tests told Prefect."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}


@pytest.fixture
def server(tmp_path):
    """A Prefect server on loopback, stopped by its process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    prefect = Path(sys.executable).with_name("prefect")
    home = {"PREFECT_HOME": str(tmp_path / "server"), "DO_NOT_TRACK": "1"}
    with (tmp_path / "server.log").open("wb") as log:
        running = subprocess.Popen(
            [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env={**clean(), **home, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}/api"
    try:
        wait_for(f"{url}/health")
        yield url
    finally:
        running.terminate()
        running.wait(30)


def wait_for(url):
    for _ in range(180):
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(1)
    raise AssertionError(f"{url} did not answer")


def test_the_server_imports_with_these_pins():
    done = subprocess.run(
        [sys.executable, "-c", "import prefect.server.api.server"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_prefect_keeps_to_the_data_folder_and_to_itself(tmp_path, monkeypatch):
    for name in ("PREFECT_HOME", "DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    prepare(tmp_path)
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_a_cron_deployment_yields_a_scheduled_run(run, server):
    done = run(SCHEDULED, PREFECT_API_URL=server)
    assert done.stdout.strip() == "['SCHEDULED']", done.stderr[-2000:]


def test_a_night_runs_as_a_flow_without_a_server(run, tmp_path):
    make_region(tmp_path)
    done = run(FLOW, str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    told, folder = done.stdout.split(maxsplit=1)
    assert int(told) > 10
    assert (Path(folder.strip()) / "night.json").exists()


SMALLER = (
    ("twin/512", "twin/96"),
    ("size = 512", "size = 96"),
    ("years = 3", "years = 2"),
    ("width = 512", "width = 96"),
    ("height = 512", "height = 96"),
)


def small_twin(home):
    """Write a region that stands in for the built-in twin, with a tiny county."""
    text = (CHECKOUT / "config/regions/twin.toml").read_text(encoding="utf-8")
    for old, new in SMALLER:
        assert old in text
        text = text.replace(old, new)
    file = home / "regions" / "twin.toml"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.timeout(900)
def test_a_worker_makes_the_county_of_a_deployment_and_runs_its_night(
    tmp_path, server, monkeypatch
):
    """As docs/operating.md has it: pool, deployments of prefect.yaml, run, worker."""
    monkeypatch.setenv("FORESTSINK_HOME", str(tmp_path))
    county = small_twin(tmp_path)
    assert missing_twin(read(county)) is not None
    prefect = Path(sys.executable).with_name("prefect")
    told = {
        "PREFECT_API_URL": server,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "FORESTSINK_CHECKOUT": str(CHECKOUT),
        "PYTHONPATH": str(CHECKOUT),
    }

    def say(*words):
        command = [prefect, "--no-prompt", *words]
        return subprocess.run(
            command, env={**clean(), **told}, cwd=CHECKOUT, check=True, timeout=600
        )

    say("work-pool", "create", "forest", "--type", "process")
    say("deploy", "--name", "twin")
    say("deployment", "run", "nightly/twin", "--param", 'night="2022-10-05"')
    say("worker", "start", "--pool", "forest", "--type", "process", "--run-once")
    assert missing_twin(read(county)) is None
    (entry,) = Journal(tmp_path).entries()
    assert str(entry.night) == "2022-10-05"
    assert entry.state in {"complete", "incomplete"}
    published = tmp_path / "published" / "twin" / "2022-10-05" / "current"
    assert (published / "night.json").is_file()
