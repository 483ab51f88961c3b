import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import night
import night_tasks
import numpy as np
import pytest
import rasterio
from sampler import THREADS, Sampler

from geo.period import Period
from store.catalog import Catalog
from store.keys import LayerKey


def spin(seconds):
    stop = time.thread_time() + seconds
    while time.thread_time() < stop:
        sum(range(1000))


@pytest.mark.skipif(not THREADS.is_dir(), reason="Linux counts the time of threads")
def test_processor_time_is_booked_to_the_thread_that_spends_it():
    with Sampler(0.005) as sampler:
        waiting = threading.Thread(target=time.sleep, args=(0.5,))
        waiting.start()
        spin(0.3)
        waiting.join()
    assert 0.2 < sampler.seconds() < 0.45
    costliest = sampler.rows(1)[0]
    assert costliest["in"].endswith("test_night.py spin")


def test_the_clock_tells_steps_and_what_was_built(tmp_path):
    clock, catalog = night_tasks.Clock(), Catalog(tmp_path)
    key = LayerKey.of("sample", region="r", period="p", inputs={}, settings={})

    def build(folder: Path):
        time.sleep(0.02)
        (folder / "one.txt").write_text("1", encoding="utf-8")
        return {}

    def map_season(made, period):
        assert period.days == 85
        return catalog.produce(made, build)

    period = Period.parse("20240601-20240825")
    with clock.watching():
        for _ in range(2):
            assert clock.call(map_season, key, period).key == key
    assert list(clock.steps) == ["map_season 20240601-20240825"]
    assert clock.steps["map_season 20240601-20240825"] >= clock.built["sample"] >= 0.02
    assert Catalog.produce.__qualname__ == "Catalog.produce"


def test_the_floor_decodes_every_cell_once(tmp_path, monkeypatch):
    monkeypatch.setattr(night_tasks, "CHUNK", 40)
    path = tmp_path / "two.tif"
    values = np.arange(2 * 64 * 100, dtype=np.uint16).reshape(2, 64, 100)
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 2, "crs": "EPSG:4547"}
    transform = rasterio.Affine(10, 0, 0, 0, -10, 0)
    with rasterio.open(
        path, "w", **profile, height=64, width=100, transform=transform
    ) as target:
        target.write(values)
    again = np.zeros_like(values)
    for window in night_tasks._windows(path):
        rows, columns = window.toslices()
        again[:, rows, columns] += night_tasks._read(path, window)
    np.testing.assert_array_equal(again, values)
    with ThreadPoolExecutor(2) as pool:
        decoded = night_tasks._decoded(pool, [path, path])
    assert decoded["decoded_mb"] == 2 * values.nbytes / 1e6
    assert decoded["decode_seconds"] > 0


def figures(**changes):
    nights = {
        name: {"scenes": scenes, "left_out": []}
        for name, scenes in (("before", 8), ("newest", 9), ("quarter", 10))
    }
    nights["newest"] |= changes
    return nights


def test_a_night_that_took_other_scenes_is_no_measurement():
    same = {"largest_difference_pct": 0.0}
    night._require_same(figures(), same)
    with pytest.raises(SystemExit, match="newest took 8 scenes instead of 9"):
        night._require_same(figures(scenes=8), same)
    with pytest.raises(SystemExit, match="left out"):
        night._require_same(figures(left_out=["S2A: damaged"]), same)


@pytest.mark.parametrize("apart", [1.5, float("nan")])
def test_a_floor_that_predicts_otherwise_is_no_measurement(apart):
    with pytest.raises(SystemExit, match="tree cover that differs"):
        night._require_same(figures(), {"largest_difference_pct": apart})


@pytest.mark.slow
@pytest.mark.timeout(900)  # three nights, maybe on a busy machine
def test_three_nights_of_a_small_tile_are_measured():
    whole, memory, after = night.measure_at(384, 10)
    measured = whole["figures"]["newest"]
    assert measured["scores"]["blocked"]["r2"] > 0.5
    assert measured["observed_pct"] > 95
    assert whole["ratio"] > 1
    assert 0.1 < memory["ratio"] < 4
    assert after["ratio"] > 0
    steps = sum(measured["steps"].values())
    assert steps == pytest.approx(measured["seconds"], rel=0.1)
