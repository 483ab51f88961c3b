import errno
from types import SimpleNamespace

import pytest
from distributed import KilledWorker

from config.settings import load
from geo.errors import MemoryLimitError, VectorError
from pipelines.calls import Watched, plainly
from pipelines.context import Night
from store.catalog import Catalog
from store.keys import LayerKey
from tests.pipelines.test_journal import NIGHT


@pytest.fixture
def night(tmp_path):
    settings = load("carpathians")
    return Night(settings, NIGHT, Catalog(tmp_path / "store"))


def killed(allowed):
    last = SimpleNamespace(address="tcp://127.0.0.1:9")
    return KilledWorker("chunk-7", last, allowed)


def fails(error):
    def map_season():
        raise error

    return map_season


def test_a_step_is_called_by_its_name_with_what_it_is_given(night):
    def add(one, *, two):
        """Add."""
        return one + two

    called, began = [], []

    def call(step, *args, **kwargs):
        called.append((step.__name__, step.__doc__))
        return step(*args, **kwargs)

    assert Watched(night, call, began=began.append)(add, 1, two=2) == 3
    assert called == [("add", "Add.")]
    assert began == ["add"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError("Unable to allocate 2.2 GiB"), "ran out: Unable to allocate 2.2"),
        (MemoryError(), "ran out: MemoryError."),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Cannot allocate memory"),
        (RuntimeError("can't start new thread"), "can't start new thread"),
        (killed(3), "4 workers of the cluster died"),
    ],
)
def test_c33_out_of_memory_names_the_step_and_what_to_lower(night, error, reason):
    with pytest.raises(MemoryLimitError) as caught:
        Watched(night)(fails(error))
    told = caught.value
    assert reason in told.what
    assert "in the step map_season." in told.what
    assert "memory_mb = 3000 or workers = 2" in told.cure
    assert "map_season" in told.zh
    assert "memory_mb" in told.zh
    assert told.__cause__ is error


def test_c05_the_scene_or_the_tile_that_was_being_built_is_named(night):
    key = LayerKey("scene", "r", "r000c001", "20200705", "0" * 64)

    def ingest():
        def build(_folder):
            raise MemoryError("Unable to allocate 2 GiB")

        return night.catalog.produce(key, build)

    with pytest.raises(MemoryLimitError) as caught:
        Watched(night)(ingest)
    assert caught.value.where["item"] == "ingest, scene/r/r000c001/20200705"


def test_other_errors_stay_what_they_are_and_know_their_step(night):
    error = VectorError("Ring crosses itself.", item="7")
    with pytest.raises(VectorError) as caught:
        Watched(night, plainly)(fails(error))
    assert caught.value is error
    assert error.__notes__ == ["step map_season"]
