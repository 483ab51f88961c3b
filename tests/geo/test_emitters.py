import numpy as np
import pytest

from geo.emitters import Sources
from geo.errors import TableError


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_impossible_emissions_are_refused(bad):
    with pytest.raises(TableError, match="Source 1 has emission_t") as error:
        Sources(np.zeros(2), np.zeros(2), np.array([0.0, bad]))
    assert error.value.where["item"] == "1"


def test_every_source_has_a_place_and_an_amount():
    with pytest.raises(ValueError, match="as many xs"):
        Sources(np.zeros(2), np.zeros(1), np.zeros(2))
