import numpy as np
import pytest
from pyproj import Geod

from geo import nearby
from geo.errors import TableError
from geo.grid import Grid
from geo.nearby import Sources, exposure, grid_exposure, nearest

TWO = Sources(
    np.array([3000.0, -150_000.0]), np.array([4000.0, 0.0]), np.array([1000.0, 9e9])
)
HERE = np.array([0.0]), np.array([0.0])


def test_three_four_five_by_hand():
    """One source at 5 km counts, one beyond the cutoff does not."""
    result = exposure(*HERE, TWO, length_m=10_000, cutoff_m=100_000)
    assert result[0] == pytest.approx(1000 * np.exp(-0.5), rel=1e-15)
    index, distance = nearest(*HERE, TWO)
    assert (index[0], distance[0]) == (0, 5000.0)


def test_the_cutoff_itself_counts():
    assert exposure(*HERE, TWO, cutoff_m=5000.0)[0] > 0
    assert exposure(*HERE, TWO, cutoff_m=4999.9)[0] == 0


def test_sources_add_up_and_equal_distances_take_the_first():
    ring = Sources(np.array([5.0, -5.0]), np.zeros(2), np.array([1.0, 2.0]))
    assert exposure(*HERE, ring, length_m=5.0)[0] == pytest.approx(3 / np.e)
    assert nearest(*HERE, ring)[0][0] == 0


def test_no_sources_no_exposure():
    none = Sources(np.empty(0), np.empty(0), np.empty(0))
    assert exposure(*HERE, none)[0] == 0
    assert nearest(*HERE, none) == (np.array([-1]), np.array([np.inf]))


def test_geodesic_distances_by_an_outside_authority():
    """Rovinari, 84 km from the scene by the data's own note."""
    plant = Sources(np.array([23.1352]), np.array([44.9098]), np.array([1.0]))
    index, distance = nearest(
        np.array([22.152]), np.array([45.205]), plant, geod=Geod(ellps="WGS84")
    )
    assert index[0] == 0
    assert distance[0] == pytest.approx(84_000, abs=500)


def test_blocks_do_not_change_a_bit(monkeypatch):
    generator = np.random.default_rng(4)
    xs, ys = generator.uniform(-9e4, 9e4, (2, 50))
    many = Sources(*generator.uniform(0, 9e4, (3, 7)))
    whole = exposure(xs, ys, many), nearest(xs, ys, many)[1]
    monkeypatch.setattr(nearby, "_PAIRS_AT_ONCE", 30)
    np.testing.assert_array_equal(exposure(xs, ys, many), whole[0])
    np.testing.assert_array_equal(nearest(xs, ys, many)[1], whole[1])


def test_the_grid_is_seen_from_its_cell_centres():
    grid = Grid("EPSG:32634", -10.0, 10.0, 10.0, 3, 2)
    result = grid_exposure(grid, TWO, length_m=10_000)
    assert result.shape == (2, 3)
    assert result.dtype == np.float32
    expected = exposure(np.array([15.0]), np.array([-5.0]), TWO, length_m=10_000)
    assert result[1, 2] == np.float32(expected[0])


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_impossible_emissions_are_refused(bad):
    with pytest.raises(TableError, match="Source 1 has emission_t") as error:
        Sources(np.zeros(2), np.zeros(2), np.array([0.0, bad]))
    assert error.value.where["item"] == "1"


def test_kernel_and_lengths_are_checked():
    with pytest.raises(ValueError, match="positive length"):
        exposure(*HERE, TWO, length_m=0.0)
    with pytest.raises(ValueError, match="as many xs"):
        Sources(np.zeros(2), np.zeros(1), np.zeros(2))
