import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import exposure as module
from geo.emitters import Sources
from geo.errors import SettingsError
from geo.exposure import exposure_at, exposure_grid, nearest_feature
from geo.grid import Grid
from geo.kernels import Kernel, WindRose
from geo.lattice import Stencil, deposit, interpolate

GRID = Grid("EPSG:4548", 450_000, 3_420_000, 200, 80, 60)
ROSE = WindRose((0.3, 0.2, 0.1, 0.05, 0.05, 0.1, 0.1, 0.1))


def sources(*rows):
    return Sources(*np.array(rows, np.float64).T)


def random_sources(generator, count, spread=1.3):
    left, bottom, right, top = GRID.bounds
    wide, high = (right - left) * spread, (top - bottom) * spread
    return Sources(
        left + wide * generator.uniform(-0.2, 0.8, count),
        bottom + high * generator.uniform(-0.2, 0.8, count),
        generator.lognormal(3, 2, count),
    )


def require_equal(fast, exact, total):
    np.testing.assert_allclose(fast, exact, rtol=1e-3, atol=1e-6 * total)


def test_two_sources_by_hand():
    """3-4-5 triangles: 5 km and 10 km with a length of 5 km."""
    kernel = Kernel(length_m=5000, cutoff_m=1e6)
    two = sources([3000, 4000, 100], [-6000, -8000, 10])
    value = exposure_at(np.zeros(1), np.zeros(1), two, kernel)[0]
    assert value == pytest.approx(100 / np.e + 10 / np.e**2, rel=1e-12)


def test_without_taper_the_range_itself_counts_and_nothing_beyond():
    one = sources([3000, 4000, 100])
    here = np.zeros(1), np.zeros(1)
    assert exposure_at(*here, one, Kernel(taper=0, cutoff_m=5000))[0] > 0
    assert exposure_at(*here, one, Kernel(taper=0, cutoff_m=4999.9))[0] == 0


def test_parts_change_no_bit(monkeypatch):
    many = random_sources(np.random.default_rng(3), 20)
    xs, ys = GRID.xs(), np.full(GRID.width, GRID.ys()[7])
    whole = exposure_at(xs, ys, many, Kernel(wind=ROSE))
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 60)
    np.testing.assert_array_equal(exposure_at(xs, ys, many, Kernel(wind=ROSE)), whole)


def test_cubics_come_back_exactly_and_amounts_are_kept():
    generator = np.random.default_rng(5)
    rows, columns = np.mgrid[0:9, 0:11].astype(float)
    nodes = 1 + rows - 2 * rows**3 + columns**2 * rows + 0.5 * columns**3
    at = generator.uniform(1, 7, 12), generator.uniform(1, 9, 12)
    found = interpolate(nodes, Stencil.at(at[0]), Stencil.at(at[1]))
    y, x = at[0][:, None], at[1]
    expected = 1 + y - 2 * y**3 + x**2 * y + 0.5 * x**3
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-9)
    amounts = generator.lognormal(0, 3, 12)
    loads = deposit((9, 11), Stencil.at(at[0]), Stencil.at(at[1]), amounts)
    assert loads.sum() == pytest.approx(amounts.sum(), rel=1e-12)
    assert (loads * rows).sum() == pytest.approx((amounts * at[0]).sum(), rel=1e-10)


@pytest.mark.parametrize(
    "kernel",
    [
        Kernel(length_m=9000, cutoff_m=30_000),
        Kernel("gaussian", length_m=5000, cutoff_m=20_000),
        Kernel("inverse", length_m=5000, cutoff_m=30_000),
        Kernel(length_m=2000, cutoff_m=6000),
        Kernel(length_m=5000, cutoff_m=10_000, wind=ROSE),
    ],
    ids=lambda kernel: f"{kernel.shape}-{kernel.length_m:g}-{kernel.wind is not None}",
)
def test_fast_is_exact_to_a_thousandth(kernel):
    generator = np.random.default_rng(11)
    line = np.linspace(0, 9000, 60)
    for case in (
        sources([GRID.left + 8033.3, GRID.top - 4001.7, 1e5]),
        random_sources(generator, 40),
        Sources(GRID.left + 2000 + line, GRID.top - 2000 - line / 2, np.ones(60)),
    ):
        fast = exposure_grid(GRID, case, kernel, method="fast")
        exact = exposure_grid(GRID, case, kernel, method="exact")
        require_equal(fast, exact, case.emission_t.sum())


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.floats(2500, 9000))
def test_fast_is_exact_wherever_sources_lie(seed, count, length_m):
    some = random_sources(np.random.default_rng(seed), count, spread=2.0)
    kernel = Kernel(length_m=length_m, cutoff_m=4 * length_m)
    fast = exposure_grid(GRID, some, kernel, method="fast")
    exact = exposure_grid(GRID, some, kernel, method="exact")
    require_equal(fast, exact, some.emission_t.sum())


def test_tiles_make_one_map(monkeypatch):
    some = random_sources(np.random.default_rng(2), 10)
    kernel = Kernel(length_m=2000, cutoff_m=8000)
    whole = exposure_grid(GRID, some, kernel, method="fast")
    monkeypatch.setattr(module, "_MAX_NODES", 1050)
    parts = exposure_grid(GRID, some, kernel, method="fast")
    require_equal(parts, whole, some.emission_t.sum())
    assert module._tile_cells(GRID, kernel, 20.0) < GRID.width / 3


def test_far_sources_and_empty_ones_do_not_count():
    kernel = Kernel(length_m=1000, cutoff_m=3000)
    none = sources([GRID.left - 1e6, GRID.top, 1e9], [GRID.left, GRID.top, 0])
    for method in ("fast", "exact", "auto"):
        assert not exposure_grid(GRID, none, kernel, method=method).any()


def test_a_kernel_that_no_lattice_holds():
    one = sources([GRID.left, GRID.top, 1])
    for kernel in (Kernel(taper=0), Kernel(length_m=100, cutoff_m=100_000)):
        with pytest.raises(SettingsError, match="fast exposure") as error:
            exposure_grid(GRID, one, kernel, method="fast")
        assert "快速" in error.value.zh


def test_nearest_of_points_lines_and_areas():
    features = np.array(
        [
            shapely.Point(0, 0),
            shapely.LineString([(100, -50), (100, 50)]),
            shapely.box(200, -10, 300, 10),
            shapely.Point(0, 0),
        ],
        object,
    )
    index, apart = nearest_feature(np.array([10.0, 90, 250, 0]), np.zeros(4), features)
    assert index.tolist() == [0, 1, 2, 0]
    assert apart.tolist() == [10, 10, 0, 0]
    assert nearest_feature(np.zeros(1), np.zeros(1), features[:0])[0][0] == -1
