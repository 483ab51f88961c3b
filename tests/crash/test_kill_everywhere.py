"""A run killed anywhere, run again, ends in the bytes of a quiet run: C01, C02, C03."""

import os
import sys
from datetime import date

import pytest

from store.catalog import Catalog
from store.files import FAULTPOINTS
from tests.small_region import make_region, tree

pytestmark = pytest.mark.slow

NIGHT = date(2020, 9, 1)
PASSES = (1, 7, 20)
"""At which pass of a point a run is killed, where it has that many."""

LAYERS = ("scene", "coverage", "composite")
"""Layers that are killed while they are written, in the order of a night."""
MIDDLE = "in the middle of its file"
POINTS = (
    MIDDLE,
    "artefact.built",
    "artefact.renamed",  # its data are in place, its manifest is not
    "file.written",  # the manifest is whole, under another name
    "artefact.recorded",
)


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


def night(home, point="", *, layer=""):
    """Run a night; die at ``point``, or only where ``layer`` is at it."""

    def work():
        if layer:
            Killer(layer, point).lie_in_wait()
        else:
            os.environ["FORESTSINK_DIE_AT"] = point
        from config.settings import read
        from pipelines.recipe import run_night

        settings = read(home / "carpathians.toml").model_copy(update={"home": home})
        run_night(settings, NIGHT)

    return in_child(work)


class Killer:
    """Ends this process without a word at one point of the work on one layer."""

    def __init__(self, layer, point):
        self.layer, self.point, self.at = layer, point, ""

    def lie_in_wait(self):
        from pipelines import parcels
        from store import catalog, files, rasters

        write_whole, strips = catalog.write_whole, rasters._strips
        write_arrays = parcels.write_arrays

        def watched(folder, *rest, **more):
            self.at = folder.parts[-3]
            return write_whole(folder, *rest, **more)

        def torn_raster(values):
            for strip in strips(values):
                yield strip
                self.reach(MIDDLE)

        def torn_arrays(path, arrays):
            write_arrays(path, arrays)
            os.truncate(path, path.stat().st_size // 2)
            self.reach(MIDDLE)
            write_arrays(path, arrays)

        catalog.write_whole, rasters._strips = watched, torn_raster
        parcels.write_arrays = torn_arrays
        catalog.faultpoint = files.faultpoint = self.reach

    def reach(self, point):
        if (self.at, point) == (self.layer, self.point):
            os._exit(137)


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


@pytest.mark.timeout(900)
def test_c01_c02_c03_nothing_half_written_is_taken_for_whole(tmp_path, quiet):
    """Killed fifteen times in one folder, and run once more."""
    spoil(make_region(tmp_path))
    for layer in LAYERS:
        for point in POINTS:
            assert night(tmp_path, point, layer=layer) == 137, (layer, point)
            assert list(Catalog(tmp_path / "store").verify()) == []
    assert night(tmp_path) == 0
    after = products(tmp_path)
    assert after.keys() == quiet.keys()
    assert [name for name in quiet if after[name] != quiet[name]] == []
