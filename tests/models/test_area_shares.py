import numpy as np
import pytest

from geo.errors import TableError, TooFewObservationsError
from models.area_shares import area_shares

COUNTS = np.array([[271, 3, 1, 0], [6, 193, 1, 0], [2, 1, 27, 0], [23, 0, 7, 0.0]])
WEIGHTS = np.array([0.551, 0.407, 0.0137, 0.0287])


def test_t20_as_printed():
    """The OpenMRV tutorial on stratified estimation; the fourth stratum is a buffer."""
    found = area_shares(COUNTS, WEIGHTS)
    np.testing.assert_allclose(found.share[:3], [0.57811, 0.39922, 0.02307], atol=5e-6)
    np.testing.assert_allclose(
        found.se[:3], [0.0067520, 0.0063466, 0.0037174], atol=5e-8
    )
    np.testing.assert_allclose(found.users[:3], [0.985, 0.965, 0.900], atol=5e-4)
    np.testing.assert_allclose(found.producers[:3], [0.939, 0.984, 0.535], atol=5e-4)
    assert found.overall == pytest.approx(0.948, abs=5e-4)


def test_two_strata_by_hand():
    """Halves, 3 of 4 and 4 of 4 right: shares 3/8 and 5/8."""
    found = area_shares(np.array([[3.0, 1], [0, 4]]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(found.share, [0.375, 0.625])
    np.testing.assert_allclose(found.se, np.sqrt([0.25 * 0.75 * 0.25 / 3] * 2))
    np.testing.assert_allclose(found.producers, [1.0, 0.8])
    assert found.overall == 0.875


def test_more_strata_than_classes():
    found = area_shares(COUNTS[:, :3], WEIGHTS)
    full = area_shares(COUNTS, WEIGHTS)
    np.testing.assert_array_equal(found.share, full.share[:3])
    np.testing.assert_array_equal(found.users, full.users[:3])
    assert found.overall == full.overall


def test_what_is_refused():
    with pytest.raises(TooFewObservationsError, match="Stratum 2 has 1 samples"):
        area_shares(np.array([[3.0, 1], [0, 1]]), np.array([0.5, 0.5]))
    with pytest.raises(TableError, match=r"sum to 0\.9"):
        area_shares(np.array([[3.0, 1], [0, 4]]), np.array([0.5, 0.4]))
