import numpy as np
import pytest

from geo.correlation import Variogram
from geo.grid import Grid
from models import changes
from models.changes import (
    UNKNOWN_NOISE,
    VERDICT_CODES,
    change_bands,
    noise_pairs,
    noise_variogram,
    typical,
)


def moved_of(delta, sd=10.0, seen=True, lost=False, shape=(-1,)):
    """What cells moved, its sd, the season's sd and whether they are lost."""
    delta = np.asarray(delta, np.float64).reshape(-1)
    others = (np.broadcast_to(one, delta.shape) for one in (sd, 2.0, lost))
    bands = np.stack([delta, *others]).astype(np.float32)
    bands[:, ~np.broadcast_to(seen, delta.shape)] = np.nan
    return bands.reshape(4, *shape)


def test_the_middle_of_the_parts_stands_for_a_region():
    parts = [
        Variogram(0.8, 0.2, 60.0),
        Variogram(1.4, 0.6, 90.0),
        Variogram(0.9, 0.1, 1800.0),  # where little was seen
        UNKNOWN_NOISE,
    ]
    found = typical(parts)
    assert found.variance == pytest.approx(1.0)
    assert found.structured_share == pytest.approx(0.2)
    assert found.range_m == 90.0
    assert typical([parts[0]]).range_m == 60.0
    assert typical([UNKNOWN_NOISE, UNKNOWN_NOISE]) == UNKNOWN_NOISE
    assert typical([]) == UNKNOWN_NOISE


def test_noise_that_is_not_known_is_shared_by_all():
    grid = Grid("EPSG:3035", 0.0, 0.0, 10.0, 20, 20)
    unseen = moved_of(np.zeros(400), seen=False, shape=grid.shape)
    assert noise_pairs(unseen, grid) is None
    assert noise_variogram(None) == UNKNOWN_NOISE
    assert UNKNOWN_NOISE.correlation(np.array([5000.0]))[0] > 0.99


def test_what_changed_says_nothing_of_the_noise():
    grid = Grid("EPSG:3035", 0.0, 0.0, 10.0, 30, 30)
    delta = np.random.default_rng(1).normal(0, 10, 900)
    quiet = noise_variogram(noise_pairs(moved_of(delta, shape=grid.shape), grid))
    cut = np.arange(900) % 7 == 0
    felled = moved_of(np.where(cut, -80.0, delta), lost=cut, shape=grid.shape)
    found = noise_variogram(noise_pairs(felled, grid))
    assert found.variance == pytest.approx(quiet.variance, rel=0.1)
    # More than three sd, though no loss.
    beyond = moved_of(np.where(cut, 31.0, delta), shape=grid.shape)
    again = noise_variogram(noise_pairs(beyond, grid))
    assert again.variance == pytest.approx(found.variance, rel=1e-9)


def test_a_large_tile_is_looked_at_in_patches_spread_over_it(monkeypatch):
    monkeypatch.setattr(changes, "_PATCH", 4)
    monkeypatch.setattr(changes, "_MOST_PATCHES", 3)
    grid = Grid("EPSG:3035", 0.0, 0.0, 10.0, 100, 9)
    inside = changes._in_patches(grid)
    assert inside.shape == grid.shape
    rows, columns = inside.any(axis=1), inside.any(axis=0)
    assert rows.sum() == 4  # one patch fits in nine rows
    assert columns.sum() == 3 * 4
    assert inside.sum() == rows.sum() * columns.sum()
    starts = np.flatnonzero(np.diff(columns.astype(int)) == 1)
    assert np.ptp(np.diff(starts)) <= 1  # evenly
    small = Grid("EPSG:3035", 0.0, 0.0, 10.0, 7, 5)
    assert changes._in_patches(small).all()


def test_the_change_layer_by_hand():
    delta = [-20.0, 20.0, 5.0, -5.0, 0.0]
    lost = np.array([False, False, False, True, False])
    seen = np.array([True, True, True, True, False])
    layer = change_bands(moved_of(delta, 10.0, seen, lost), 200.0)
    np.testing.assert_allclose(layer[0], [-40, 40, 10, -10, np.nan])
    np.testing.assert_allclose(layer[1], [20, 20, 20, 20, np.nan])
    names = {code: name for name, code in VERDICT_CODES.items()}
    assert [names[int(code)] for code in layer[2]] == [
        "loss",
        "gain",
        "no_significant_change",
        "loss",
        "not_observed",
    ]
