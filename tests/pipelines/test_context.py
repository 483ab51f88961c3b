import threading
import time

import dask
import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import DaskSettings, load
from pipelines.context import (
    LARGEST_CHUNK,
    RESERVED_MB,
    Night,
    chunk_side,
    computing,
    each,
    each_tile,
)
from store.catalog import Catalog
from store.keys import LayerKey
from tests.small_region import in_tiles


def test_sides_of_chunks_by_hand():
    # 3,000 - 700 MiB for two chunks: 1,205,862,400 bytes each
    told = DaskSettings(memory_mb=3000, workers=2)
    assert chunk_side(told, 1000) == 1024  # of 1,098 cells a side
    assert chunk_side(told, 240) == 1024  # of 2,241: no chunk is larger
    assert chunk_side(told, 20_000) == 128  # of 245
    assert chunk_side(DaskSettings(memory_mb=3000, workers=8), 1000) == 512


def test_a_side_that_was_told_is_kept():
    assert chunk_side(DaskSettings(chunk_cells=37), 10**9) == 37


settings = st.builds(
    DaskSettings, memory_mb=st.integers(512, 64_000), workers=st.integers(1, 64)
)


@given(settings, st.integers(1, 10**6))
def test_chunks_obey_the_memory_that_was_allowed(told, bytes_per_cell):
    side = chunk_side(told, bytes_per_cell)
    free_bytes = max(told.memory_mb - RESERVED_MB, 100) * 2**20
    held = side**2 * bytes_per_cell * told.workers
    assert 16 <= side <= LARGEST_CHUNK
    assert side & (side - 1) == 0  # parts of a block, or whole blocks
    assert held <= free_bytes or side == 16
    # And no smaller than they have to be.
    assert 4 * held > free_bytes or side == LARGEST_CHUNK


@given(settings, st.integers(1, 10**5))
def test_more_memory_is_never_a_smaller_chunk(told, bytes_per_cell):
    more = told.model_copy(update={"memory_mb": 2 * told.memory_mb})
    heavier = chunk_side(told, 3 * bytes_per_cell)
    side = chunk_side(told, bytes_per_cell)
    assert heavier <= side <= chunk_side(more, bytes_per_cell)


@pytest.fixture
def night(tmp_path):
    told = in_tiles(load("carpathians"), 34).model_copy(update={"home": tmp_path})
    seen = []
    return Night(told, None, Catalog(tmp_path), lambda *said: seen.append(said)), seen


def key_of(name):
    return LayerKey.of(
        "cover", region="r", period="all", tile=str(name), inputs={}, settings={}
    )


def test_every_tile_is_worked_on_once_and_progress_is_told(night):
    night, seen = night
    done = []

    def work(tile):
        done.append(tile.name)
        return key_of(tile.name)

    keys = each_tile(night, "cover", work)
    names = [tile.name for tile in night.tiles]
    assert sorted(done) == sorted(names)
    assert list(keys) == names
    assert [key.tile for key in keys.values()] == names
    assert seen == [("cover", number, 9) for number in range(1, 10)]
    each_tile(night, "", work)
    assert len(seen) == 9


def test_the_first_error_in_order_ends_a_stage(night):
    night, _ = night
    done, second_failed = [], threading.Event()

    def work(number):
        if number == 0:
            second_failed.wait(10)
            raise ValueError("of the first")
        if number == 1:
            second_failed.set()
            raise ValueError("of the second")
        done.append(number)
        time.sleep(0.02)
        return key_of(number)

    with pytest.raises(ValueError, match="of the first"):
        each(night, "cover", range(100), work)
    assert len(done) < 98


def threads_used():
    """Return how many threads compute a graph of many chunks."""
    barrier = threading.Barrier(2)

    def meet(block):
        try:
            barrier.wait(0.5)
        except threading.BrokenBarrierError:
            return block
        return block + 1

    total = da.zeros(2, chunks=1).map_blocks(meet, meta=np.empty(0)).sum()
    return 2 if total.compute() == 2 else 1


def test_one_piece_has_all_threads_and_many_pieces_one_each(night):
    night, _ = night
    with computing(night.settings):
        assert dask.config.get("num_workers") == 2
        assert threads_used() == 2
    with computing(night.settings, alone=False):
        assert threads_used() == 1
