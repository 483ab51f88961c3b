import numpy as np
import pytest

from geo.errors import ModelError
from models.learning.drift import drift_of

DECILES = np.linspace(0, 1, 11).tolist()
FEATURE = {"name": "ndvi", "deciles": DECILES}


def test_the_stability_index_by_hand():
    # All cells in one of ten classes: (1 - 0.1) ln 10, and nine times
    # (0.001 - 0.1) ln (0.001 / 0.1) for the classes without.
    (drift,) = drift_of([FEATURE], np.full((1, 50), 0.55))
    expected = 0.9 * np.log(10) + 9 * (0.001 - 0.1) * np.log(0.01)
    assert drift.stability_index == pytest.approx(expected, abs=1e-3)
    assert drift.has_drifted
    assert drift.outside_share == 0.0


def test_cells_like_the_plots_have_not_drifted():
    cells = np.random.default_rng(0).uniform(0, 1, (1, 5000))
    cells[0, ::7] = np.nan
    (drift,) = drift_of([FEATURE], cells)
    assert not drift.has_drifted


def test_values_that_plots_share_are_one_class():
    shared = {"name": "flat", "deciles": [0.0] * 6 + [1, 2, 3, 4, 5]}
    cells = np.concatenate(
        [np.zeros(550), np.random.default_rng(0).uniform(0.1, 5, 450)]
    )
    (drift,) = drift_of([shared], cells[None])
    assert drift.stability_index < 0.1


def test_another_scale_is_refused_and_another_place_is_not():
    """faults.md M07."""
    cells = np.random.default_rng(0).uniform(0.2, 0.9, (1, 500))
    with pytest.raises(ModelError, match="times 1e4") as caught:
        drift_of([FEATURE], cells * 1e-4)
    assert caught.value.where["field"] == "ndvi"
    assert caught.value.zh
    (drift,) = drift_of([FEATURE], cells + 5)
    assert drift.outside_share == 1.0
    assert drift_of([FEATURE], np.full((1, 3), np.nan)) == ()
