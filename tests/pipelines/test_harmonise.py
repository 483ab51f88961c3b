from datetime import date

import numpy as np
import pytest

from config.settings import load
from models.harmonise import Shifts
from pipelines.context import Night
from pipelines.cover import harmonise, shifted, shifts_of
from pipelines.train import SAMPLE_FILE
from store.arrays import write_arrays
from store.catalog import Catalog
from store.keys import LayerKey
from tests.small_region import in_tiles

CELLS = {"r000c000": 400, "r000c001": 300, "r001c000": 20, "r001c001": 0}
"""Reference cells of each tile: the last two have too few to be tied by their own."""
SHIFT = {"r000c000": 0.02, "r000c001": 0.05, "r001c000": 0.09, "r001c001": 0.0}
"""By how much a tile of the season is darker than the training season."""


def night_in(home, tile_cells=50):
    settings = in_tiles(load("carpathians"), tile_cells)
    settings = settings.model_copy(update={"home": home})
    return Night(settings, date(2020, 9, 1), Catalog(settings.store_root))


def samples(night, period, cells=CELLS, shift=None):
    """Keep a table of reference cells for each tile, darker by ``shift``."""
    keys = {}
    for number, (tile, count) in enumerate(cells.items()):
        generator = np.random.default_rng(number)
        bands = generator.uniform(0.1, 0.4, (count, len(night.bands)))
        table = {
            "bands": (bands - (shift or {}).get(tile, 0.0)).astype(np.float32),
            "cover_pct": np.full(count, 80.0),
            "x": 1000.0 * number + 20.0 * np.arange(count),
            "y": 200.0 * (np.arange(count) // 20),
        }
        key = LayerKey.of(
            "sample",
            region="carpathians",
            period=period,
            tile=tile,
            inputs={"shift": (shift or {}).get(tile, 0.0), "cells": count},
            settings={},
        )

        def build(folder, table=table):
            write_arrays(folder / SAMPLE_FILE, table)
            return {}

        keys[tile] = night.catalog.produce(key, build).key
    return keys


def test_a_tile_with_too_few_cells_takes_what_all_together_say(tmp_path):
    night = night_in(tmp_path)
    reference = samples(night, "20180601-20180901")
    found = harmonise(
        night, samples(night, "20200601-20200901", shift=SHIFT), reference
    )
    assert set(found) == set(CELLS)
    for tile in ("r000c000", "r000c001"):
        assert found[tile].tile == tile
        shifts = shifts_of(night, found[tile])
        assert shifts.cells == CELLS[tile]
        np.testing.assert_allclose(shifts.shift, SHIFT[tile], atol=1e-6)
    together = found["r001c000"]
    assert together == found["r001c001"]
    assert together.tile == "all"
    # 400 cells say 0.02, 300 say 0.05 and 20 say 0.09: the middle one of 720 says 0.02
    shifts = shifts_of(night, together)
    assert shifts.cells == sum(CELLS.values())
    np.testing.assert_allclose(shifts.shift, 0.02, atol=1e-6)


def test_a_new_scene_over_one_tile_says_nothing_of_another(tmp_path):
    night = night_in(tmp_path)
    reference = samples(night, "20180601-20180901")
    first = harmonise(
        night, samples(night, "20200601-20200901", shift=SHIFT), reference
    )
    darker = SHIFT | {"r000c001": 0.06}
    again = harmonise(
        night, samples(night, "20200601-20200901", shift=darker), reference
    )
    changed = {tile for tile in CELLS if first[tile] != again[tile]}
    # Tiles that cannot stand alone rest on all others, and so follow every one.
    assert changed == {"r000c001", "r001c000", "r001c001"}


def test_where_all_are_too_few_the_season_counts_as_not_seen(tmp_path):
    night = night_in(tmp_path)
    few = dict.fromkeys(CELLS, 20)
    reference = samples(night, "20180601-20180901", few)
    found = harmonise(night, samples(night, "20200601-20200901", few, SHIFT), reference)
    assert {key.tile for key in found.values()} == {"all"}
    key = found["r000c000"]
    assert shifts_of(night, key) is None
    facts = night.catalog.need(key).facts
    assert "80 reference cells" in facts["reason"]
    assert "参考林像元" in facts["reason_zh"]
    bands = np.full((6, 2, 2), 0.3, np.float32)
    assert np.isnan(shifted(bands, night.bands, None)).all()


def test_one_tile_that_is_too_little_is_not_asked_twice(tmp_path):
    night = night_in(tmp_path, 100)
    reference = samples(night, "20180601-20180901", {"r000c000": 30})
    season = samples(night, "20200601-20200901", {"r000c000": 30}, SHIFT)
    (key,) = harmonise(night, season, reference).values()
    assert key.tile == "r000c000"
    assert shifts_of(night, key) is None


def test_the_training_season_is_not_moved(tmp_path):
    night = night_in(tmp_path)
    reference = samples(night, "20180601-20180901")
    for key in harmonise(night, reference, reference).values():
        assert set(shifts_of(night, key).shift) == {0.0}


def test_shifts_are_added_to_the_bands_of_their_name():
    told = Shifts(("nir", "red"), (0.1, -0.2), ((0.0, 0.0), (0.0, 0.0)), 1, 1)
    moved = shifted(np.full((3, 1, 2), 0.5, np.float32), ("red", "blue", "nir"), told)
    np.testing.assert_allclose(moved[:, 0, 0], [0.3, 0.5, 0.6], rtol=1e-6)
    assert moved.dtype == np.float32


@pytest.mark.parametrize("tile_cells", [50, 100])
def test_every_tile_has_its_shifts(tmp_path, tile_cells):
    night = night_in(tmp_path, tile_cells)
    cells = {tile.name: 400 for tile in night.tiles}
    reference = samples(night, "20180601-20180901", cells)
    found = harmonise(
        night, samples(night, "20200601-20200901", cells, SHIFT), reference
    )
    assert list(found) == [tile.name for tile in night.tiles]
