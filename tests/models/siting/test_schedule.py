"""Years of planting: in order, about even, and never short where that can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InfeasibleError
from models.siting.schedule import spread_over_years


def spread(areas, years, least=0.0, order=None):
    area = np.asarray(areas, float)
    order = np.arange(len(area)) if order is None else np.asarray(order)
    return spread_over_years(
        np.ones(len(area), bool), area, order, years, least_ha=least
    )


def test_six_units_over_three_years_by_hand():
    found = spread([1, 1, 1, 1, 1, 1], range(2026, 2029), order=[5, 4, 3, 2, 1, 0])
    assert found.year.tolist() == [2028, 2028, 2027, 2027, 2026, 2026]
    assert found.area_ha == {2026: 2, 2027: 2, 2028: 2}


def test_large_units_are_dealt_out_by_size():
    """In order, 5 | 1 1 | 5 would leave the middle year with 2 ha."""
    found = spread([5, 1, 1, 5, 4], range(2026, 2029), least=5)
    assert min(found.area_ha.values()) >= 5


def test_units_that_are_too_large_are_explained():
    with pytest.raises(InfeasibleError, match=r"2\.00 ha short") as error:
        spread([8, 2], range(2026, 2028), least=4)
    assert "2.00" in error.value.zh


def test_what_is_not_chosen_has_no_year():
    chosen = np.array([True, False, True])
    found = spread_over_years(chosen, np.ones(3), np.arange(3), range(2026, 2028))
    assert found.year.tolist() == [2026, 0, 2027]


@given(
    st.lists(st.floats(0.1, 3), min_size=40, max_size=80),
    st.integers(1, 6),
)
def test_no_year_is_short_when_units_are_small(areas, count):
    least = sum(areas) / count - 3.1
    found = spread(areas, range(2026, 2026 + count), least=max(least, 0.0))
    assert sum(found.area_ha.values()) == pytest.approx(sum(areas))
    assert min(found.area_ha.values()) >= least - 1e-6
