import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.correlation import Variogram
from models.learning.coarse import Coarse, bounded
from models.learning.model import Predicted
from models.learning.spread import Spread


class Model:
    """A model whose residual sd is 8 everywhere."""

    spread = Spread(8.0, 0.0, 100.0, 50.0, np.zeros(1), np.ones(1))


def predicted(mean, sd, inside=True):
    mean = np.asarray(mean, np.float32)
    return Predicted(
        mean,
        np.where(np.isfinite(mean), np.float32(sd), np.float32(np.nan)),
        np.isfinite(mean) & np.asarray(inside),
    )


def coarse(nugget=64.0, sill=0.0, range_m=0.0, **more):
    return Coarse(2, 10.0, Variogram(nugget, sill, range_m), **more)


def test_four_cells_by_hand():
    """sd 10: residual 8, and 6 of the model's own, which is common to all four."""
    cells = predicted([[10, 20], [30, 40]], 10.0)
    found = coarse().of(cells, Model)
    assert found.mean.tolist() == [[25.0]]
    assert found.sd[0, 0] == pytest.approx(np.hypot(8 / 2, 6))
    alike = coarse(nugget=0.0, sill=64.0, range_m=1e12).of(cells, Model)
    assert alike.sd[0, 0] == pytest.approx(10)
    assert alike.in_domain.all()


def test_cells_beyond_the_end_and_without_features():
    nan = np.nan
    cells = predicted([[10, nan, 5], [30, 40, nan], [7, nan, nan]], 8.0)
    found = coarse().of(cells, Model)
    np.testing.assert_allclose(found.mean, [[80 / 3, nan], [nan, nan]], rtol=1e-6)
    assert found.sd[0, 0] == pytest.approx(8 / np.sqrt(3))
    assert found.in_domain.tolist() == [[True, False], [False, False]]
    kept = coarse(least_known=0.0).of(cells, Model)
    np.testing.assert_allclose(kept.mean[:, :1], [[80 / 3], [7]], rtol=1e-6)


def test_mostly_outside_the_domain():
    cells = predicted(np.ones((2, 2)), 8.0, [[True, False], [False, False]])
    assert not coarse().of(cells, Model).in_domain.any()


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1), st.floats(1, 500), st.floats(8, 40))
def test_the_error_lies_between_independence_and_none(share, range_m, sd):
    found = coarse(64 * (1 - share), 64 * share, range_m).of(
        predicted(np.full((2, 2), 9.0), sd), Model
    )
    assert sd / 2 * (1 - 1e-6) <= found.sd[0, 0] <= sd * (1 + 1e-6)


def test_simulated_errors_are_as_large_as_told():
    from scipy.spatial.distance import cdist

    row, column = np.divmod(np.arange(4), 2)
    places = 10.0 * np.column_stack([row, column])
    rho = Variogram(20, 44, 15).correlation(cdist(places, places))
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(4), 64 * rho, 20_000)
    found = coarse(20, 44, 15).of(predicted(np.full((2, 2), 9.0), 8.0), Model)
    assert found.sd[0, 0] == pytest.approx(draws.mean(axis=1).std(), rel=0.02)


def test_a_sill_that_no_pair_of_plots_bears_out_is_cut_by_hand():
    """Errors of variance 100 cannot have a sill of 60 above a nugget of 80."""
    cut = bounded(Variogram(80, 60, 300), 100.0)
    assert (cut.nugget, cut.sill, cut.range_m) == (80, 20, 100)
    # As steep at the start: 60 / 300 = 20 / 100.
    near = np.array([1.0])
    steep = Variogram(80, 60, 300).semivariance(near)
    np.testing.assert_allclose(cut.semivariance(near), steep, rtol=1e-4)
    assert bounded(Variogram(80, 60, 300), 70.0).structured_share == 0


def test_a_sill_within_the_variance_stays():
    known = Variogram(20, 44, 15)
    assert bounded(known, 64.0) is known
    assert bounded(known, 90.0) is known
