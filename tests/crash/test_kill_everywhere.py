"""A run killed at any durable step, run again, ends in the bytes of a quiet run."""

import os
import sys
from datetime import date

import pytest

from store.files import FAULTPOINTS
from tests.small_region import make_region, tree

pytestmark = pytest.mark.slow

NIGHT = date(2020, 9, 1)
PASSES = (1, 7, 20)
"""At which pass of a point a run is killed, where it has that many."""


def in_child(work):
    """Run ``work`` in a child process; return its exit status."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def night(home, point=""):
    def work():
        os.environ["FORESTSINK_DIE_AT"] = point
        from config.settings import read
        from pipelines.recipe import run_night

        settings = read(home / "carpathians.toml").model_copy(update={"home": home})
        run_night(settings, NIGHT)

    return in_child(work)


def products(home):
    kept = ("store/", "published/", "quarantine/")
    return {name: data for name, data in tree(home).items() if name.startswith(kept)}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    home = tmp_path_factory.mktemp("quiet")
    spoil(make_region(home))
    assert night(home) == 0
    return products(home)


def spoil(settings):
    """Give the night something to put into quarantine."""
    (settings.data_root / "scenes" / "S2_20200710" / "blue.tif").write_text("<html>")


@pytest.mark.parametrize("point", FAULTPOINTS)
def test_killed_at_any_step_and_run_again(tmp_path, quiet, point):
    spoil(make_region(tmp_path))
    killed = 0
    for nth in PASSES:
        status = night(tmp_path, f"{point}:{nth}")
        if status == 0:
            break
        assert status == 137
        killed += 1
    assert killed >= 1
    assert night(tmp_path) == 0
    after = products(tmp_path)
    assert after.keys() == quiet.keys()
    assert [name for name in quiet if after[name] != quiet[name]] == []
