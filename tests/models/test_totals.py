import numpy as np
import pytest

from geo.errors import TableError
from models.targets import Target
from models.totals import anchored_total

LIDAR = np.array([4.0, 6, 8, 10, 12, 14]).reshape(-1, 1)
AGBD = np.array([30.0, 48, 61, 85, 96, 118])


def test_t21_as_a_total_of_ten_hectares():
    found = anchored_total(AGBD, LIDAR, [9.5], area_ha=10)
    assert found.total == pytest.approx(773.42857, abs=5e-6)
    assert found.se == pytest.approx(10.3436, abs=5e-5)
    low, high = found.limits
    assert (high - low) / 2 == pytest.approx(2.131847 * 10.3436, abs=1e-3)  # t(4)


def test_the_error_of_the_area_by_hand():
    """10 ha +- 1: 100 V + m^2 + V."""
    found = anchored_total(AGBD, LIDAR, [9.5], area_ha=10, area_se_ha=1)
    variance, mean = 1.0698992, 77.342857
    assert found.se == pytest.approx(np.sqrt(101 * variance + mean**2), rel=1e-6)


def test_a_group_of_parcels_takes_the_plots_inside_it():
    inside = LIDAR[:, 0] > 9
    found = anchored_total(AGBD, LIDAR, [11.0], area_ha=2, inside=inside)
    assert found.mean.method == "small_area"
    assert found.total == pytest.approx(2 * found.mean.estimate)
    nowhere = anchored_total(AGBD, LIDAR, [11.0], area_ha=2, inside=inside & False)
    assert nowhere.mean.flags[0] == "synthetic_only"


def test_a_map_without_bias_at_the_plots_keeps_its_total():
    """An auxiliary equal to the truth: the total is the map's, without error."""
    found = anchored_total(AGBD, AGBD.reshape(-1, 1), [70.0], area_ha=3)
    assert found.total == pytest.approx(210)
    assert found.se == pytest.approx(0, abs=1e-9)


def test_a_sampled_first_phase_is_carried_into_the_total():
    sampled = Target.first_phase(np.arange(4.0, 16).reshape(-1, 1))
    exact = anchored_total(AGBD, LIDAR, sampled.mean, area_ha=1)
    found = anchored_total(AGBD, LIDAR, sampled, area_ha=1)
    assert found.total == pytest.approx(exact.total)
    assert found.se > exact.se


@pytest.mark.parametrize("area", [0.0, -1.0, np.nan])
def test_an_area_must_be_positive(area):
    with pytest.raises(TableError, match="The area is"):
        anchored_total(AGBD, LIDAR, [9.5], area_ha=area)
