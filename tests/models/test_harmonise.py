import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import TooFewObservationsError
from models.harmonise import (
    ReferenceCells,
    Shifts,
    harmonisation_error_pct,
    shift_to_reference,
)


def _cells(n=200, seed=0, spread=0.01):
    generator = np.random.default_rng(seed)
    reference = generator.normal(0.3, 0.05, (n, 2))
    block = np.arange(n) // 20
    # A block's cells err together: 20 cells are hardly more than one.
    together = generator.normal(0, spread, (block.max() + 1, 2))[block]
    year = reference - [0.05, -0.02] + together
    return ReferenceCells(
        ("nir", "swir16"), year, reference, np.ones(n, dtype=bool), block
    )


def test_the_shift_by_hand():
    year = np.array([[0.1], [0.2], [0.3], [0.9]])
    reference = np.array([[0.2], [0.3], [0.4], [np.nan]])
    cells = ReferenceCells(
        ("nir",), year, reference, np.ones(4, dtype=bool), np.array([0, 0, 1, 2])
    )
    shifts = shift_to_reference(cells, min_cells=3, min_blocks=2)
    assert shifts.shift == pytest.approx((0.1,))
    assert shifts.cells == 3
    assert shifts.blocks == 2
    assert shifts.se == pytest.approx((0.0,), abs=1e-12)


def test_only_reference_cells_count_and_lost_ones_do_not_pull():
    cells = _cells(spread=0.0)
    year = cells.year.copy()
    year[:60] += 0.3  # thirty per cent of the forest was cut
    lost = shift_to_reference(replace(cells, year=year))
    np.testing.assert_allclose(lost.shift, (0.05, -0.02), atol=1e-9)
    meadow = cells.is_reference.copy()
    meadow[:140] = False
    year[:140] += 0.3
    chosen = replace(cells, year=year, is_reference=meadow)
    np.testing.assert_allclose(
        shift_to_reference(chosen, min_cells=50, min_blocks=3).shift,
        (0.05, -0.02),
        atol=1e-9,
    )


def test_the_error_counts_blocks_not_cells():
    errors = [shift_to_reference(_cells(seed=seed)).shift[0] for seed in range(40)]
    told = np.mean([shift_to_reference(_cells(seed=s)).se[0] for s in range(10)])
    assert told == pytest.approx(np.std(errors), rel=0.5)
    assert told > 2 * 0.01 / np.sqrt(200)


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_a_lighter_season_shifts_by_as_much(first, second):
    cells = _cells()
    moved = replace(cells, year=cells.year - [first, second])
    before, after = shift_to_reference(cells), shift_to_reference(moved)
    np.testing.assert_allclose(
        after.shift, np.add(before.shift, [first, second]), atol=1e-9
    )
    np.testing.assert_allclose(after.se, before.se, atol=1e-9)


def test_too_few_reference_cells_says_how_many():
    cells = _cells()
    few = replace(cells, is_reference=np.arange(200) < 90)
    with pytest.raises(TooFewObservationsError, match="90 reference cells in 5"):
        shift_to_reference(few)
    one_place = replace(cells, block=np.zeros(200, dtype=np.int64))
    with pytest.raises(TooFewObservationsError, match="in 1 blocks"):
        shift_to_reference(one_place)


def test_shifts_are_added_by_name_lazily_and_survive_json():
    shifts = Shifts(("nir", "red"), (0.5, 0.25), ((0.04, 0), (0, 0.01)), 100, 9)
    composite = xr.DataArray(
        np.zeros((3, 1, 2), dtype=np.float32),
        dims=("band", "y", "x"),
        coords={"band": ["red", "green", "nir"]},
    )
    shifted = shifts.apply(composite.chunk(x=1))
    assert shifted.chunks
    assert shifted.dtype == np.float32
    np.testing.assert_array_equal(shifted[:, 0, 0], [0.25, 0.0, 0.5])
    assert shifts.se == pytest.approx((0.2, 0.1))
    again = Shifts.from_record(json.loads(json.dumps(shifts.record())))
    assert again == shifts


def test_no_shift_changes_nothing(forest):
    none = Shifts.none(forest.band_names)
    xr.testing.assert_identical(none.apply(forest.composite), forest.composite)
    assert harmonisation_error_pct(forest.model, forest.composite, none) == 0.0


def test_the_errors_of_bands_go_together_as_their_covariance_says(forest):
    def error(covariance):
        shifts = Shifts(("nir08", "swir16"), (0.0, 0.0), covariance, 100, 9)
        return harmonisation_error_pct(forest.model, forest.composite, shifts)

    apart = error(((1e-6, 0.0), (0.0, 1e-6)))
    alike = error(((1e-6, 1e-6), (1e-6, 1e-6)))
    opposed = error(((1e-6, -1e-6), (-1e-6, 1e-6)))
    assert apart > 0
    assert alike != pytest.approx(opposed, rel=0.01)
    assert alike**2 + opposed**2 == pytest.approx(2 * apart**2)
