import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import correlation, together, zonal
from geo.correlation import Variogram, parcel_variance
from geo.errors import GridMismatchError
from geo.grid import Grid
from geo.together import PartTerms, block_of, region_variance

ROUGH = Variogram(0.4, 0.6, 45.0)


def covering(shares, grid):
    """Weights of a row of shares per parcel, cell by cell."""
    shares = np.asarray(shares, np.float64)
    parcel, cell = np.nonzero(shares)
    names = tuple(f"P{number}" for number in range(len(shares)))
    parts = parcel, cell, shares[parcel, cell]
    return zonal.from_shares(parts, names, grid, shares.sum(axis=1) * grid.cell_ha)


def part_of(weights, sd, region, *, observed=None, place=(0, 0)):
    return PartTerms.of(
        weights, sd, observed=observed, place=place, block=block_of(region)
    )


def cut_out(weights, sd, region, rows, columns):
    """Return the part of a region that lies at ``rows`` and ``columns``."""
    tile = region.window(rows, columns)
    here = weights.window(tile, row=rows.start, column=columns.start)
    place = rows.start, columns.start
    return part_of(here, sd[rows, columns], region, place=place)


def random_region(generator, height, width, *, parcels=5):
    """Parcels of random shares that overlap and leave gaps, and the errors of cells."""
    region = Grid("EPSG:3035", 0.0, 0.0, 20.0, width, height)
    shares = generator.random((parcels, height * width))
    shares *= generator.random(shares.shape) < 0.4
    sd = generator.uniform(1, 50, region.shape)
    sd[generator.random(region.shape) < 0.2] = np.nan
    return region, covering(shares, region), sd


def exact(weights, sd, variogram):
    return parcel_variance(zonal.union(weights), sd, variogram)[0]


def test_two_cells_in_two_parts_by_hand():
    """Halves that correlate by e^-1: (1 + e^-1) / 2 of the variance."""
    region = Grid("EPSG:3035", 0.0, 30.0, 30.0, 2, 1)
    cell = region.window(slice(0, 1), slice(0, 1))
    parts = [
        part_of(covering([[1.0]], cell), 10.0, region, place=(0, column))
        for column in (0, 1)
    ]
    assert [(part.own, part.area) for part in parts] == [(100, 1), (100, 1)]
    variance = region_variance(parts, region, Variogram(0.0, 5.0, 30.0))
    assert variance == pytest.approx(100 * (1 + np.exp(-1)) / 2)
    half = region_variance(parts, region, Variogram(1.0, 1.0, 30.0))
    assert half == pytest.approx(100 * (1 + np.exp(-1) / 2) / 2)


def test_blocks_of_a_part_begin_where_the_regions_do(monkeypatch):
    """Cells of a part that starts at row 1, column 2, in blocks of two by hand."""
    monkeypatch.setattr(together, "LARGEST_SIDE", 4)
    region = Grid("EPSG:3035", 0.0, 0.0, 10.0, 8, 7)
    assert block_of(region) == 2
    tile = region.window(slice(1, 4), slice(3, 6))
    weights = covering(np.ones((1, 9)), tile)
    sd = np.arange(1.0, 10.0).reshape(3, 3)
    part = part_of(weights, sd, region, place=(1, 3))
    # rows 1 | 2 3 and columns 3 | 4 5 of the region lie in different blocks
    assert (part.row, part.column) == (0, 1)
    assert part.placed.tolist() == [[1, 2 + 3], [4 + 7, 5 + 6 + 8 + 9]]
    assert part.own == (sd**2).sum()
    assert part.area == 9


def test_nothing_seen_is_no_variance():
    region = Grid("EPSG:3035", 0.0, 0.0, 10.0, 3, 3)
    weights = covering(np.ones((1, 9)), region)
    unseen = part_of(weights, 5.0, region, observed=np.zeros((3, 3), bool))
    nobody = part_of(weights.only(np.array([False])), 5.0, region)
    assert np.isnan(region_variance([unseen, nobody], region, ROUGH))
    seen = part_of(weights, 5.0, region)
    alone = region_variance([seen], region, ROUGH)
    assert region_variance([seen, unseen, nobody], region, ROUGH) == alone


def test_values_of_another_grid_are_refused():
    region = Grid("EPSG:3035", 0.0, 0.0, 10.0, 3, 3)
    with pytest.raises(GridMismatchError):
        part_of(covering(np.ones((1, 9)), region), np.ones((2, 3)), region)


@given(st.integers(0, 2**31), st.integers(1, 18), st.integers(1, 15), st.floats(0, 300))
@settings(max_examples=60, deadline=None)
def test_parts_in_any_split_are_the_region(seed, down, across, length_m):
    generator = np.random.default_rng(seed)
    region, weights, sd = random_region(generator, 19, 16)
    variogram = Variogram(generator.random(), generator.random(), length_m)
    parts = [
        cut_out(weights, sd, region, rows, columns)
        for rows in (slice(0, down), slice(down, 19))
        for columns in (slice(0, across), slice(across, 16))
    ]
    whole = exact(weights, sd, variogram)
    assert region_variance(parts, region, variogram) == pytest.approx(whole, rel=1e-9)
    turned = region_variance(parts[::-1], region, variogram)
    assert turned == pytest.approx(whole, rel=1e-9)


@given(st.integers(0, 2**31), st.lists(st.integers(0, 2), min_size=5, max_size=5))
@settings(max_examples=60, deadline=None)
def test_parcels_in_any_groups_are_the_region_though_they_share_cells(seed, homes):
    generator = np.random.default_rng(seed)
    region, weights, sd = random_region(generator, 12, 17)
    groups = [weights.only(np.array(homes) == home) for home in (0, 1, 2)]
    parts = [part_of(group, sd, region) for group in groups]
    found = region_variance(parts, region, ROUGH)
    assert found == pytest.approx(exact(weights, sd, ROUGH), rel=1e-9)


def test_a_region_of_a_thousand_cells_a_side_is_exact():
    generator = np.random.default_rng(7)
    region = Grid("EPSG:3035", 0.0, 0.0, 10.0, 1024, 1024)
    assert block_of(region) == 1
    home = np.kron(np.arange(64).reshape(8, 8), np.ones((128, 128), int)).reshape(-1)
    cells = np.flatnonzero(generator.random(home.size) < 0.7)
    shares = generator.choice([1.0, 1.0, 0.5], cells.size)
    weights = zonal.from_shares(
        (home[cells], cells, shares),
        tuple(f"P{number}" for number in range(64)),
        region,
        np.full(64, 163.84),
    )
    sd = generator.uniform(1, 50, region.shape)
    variogram = Variogram(0.3, 0.7, 400.0)
    parts = [
        cut_out(weights, sd, region, slice(row, row + 512), slice(column, column + 512))
        for row in (0, 512)
        for column in (0, 512)
    ]
    whole = exact(weights, sd, variogram)
    assert region_variance(parts, region, variogram) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("length_m", [15.0, 60.0, 300.0, 2000.0])
@pytest.mark.parametrize("splits", [(48, 48), (31, 57), (1, 95)])
def test_blocks_of_cells_stand_in_for_cells_within_a_per_cent(
    monkeypatch, length_m, splits
):
    """As beyond 1,024 cells a side, at a size where the exact sum can be done."""
    generator = np.random.default_rng(11)
    region, weights, sd = random_region(generator, 96, 96)
    variogram = Variogram(0.1, 1.0, length_m)
    whole = exact(weights, sd, variogram)
    for module in (together, correlation):
        monkeypatch.setattr(module, "LARGEST_SIDE", 24)
    assert block_of(region) == 4
    down, across = splits
    parts = [
        cut_out(weights, sd, region, rows, columns)
        for rows in (slice(0, down), slice(down, 96))
        for columns in (slice(0, across), slice(across, 96))
    ]
    found = region_variance(parts, region, variogram)
    assert found == pytest.approx(whole, rel=0.01)
    one = region_variance([part_of(weights, sd, region)], region, variogram)
    assert found == pytest.approx(one, rel=1e-12)


def test_strips_of_a_part_do_not_show(monkeypatch):
    monkeypatch.setattr(together, "LARGEST_SIDE", 8)
    generator = np.random.default_rng(2)
    region, weights, sd = random_region(generator, 40, 33)
    rows, columns = slice(3, 38), slice(6, 31)
    whole = cut_out(weights, sd, region, rows, columns)
    monkeypatch.setattr(together, "_STRIP_CELLS", 10)
    strips = cut_out(weights, sd, region, rows, columns)
    np.testing.assert_allclose(strips.placed, whole.placed, rtol=1e-12)
    assert strips.own == pytest.approx(whole.own, rel=1e-12)
    assert strips.area == pytest.approx(whole.area, rel=1e-12)


@given(st.integers(0, 2**31), st.floats(1, 5))
@settings(max_examples=30, deadline=None)
def test_the_region_never_errs_more_than_its_cells(seed, times):
    generator = np.random.default_rng(seed)
    region, weights, sd = random_region(generator, 9, 8)
    found = region_variance([part_of(weights, sd, region)], region, ROUGH)
    assert 0 < found <= np.nanmax(sd) ** 2
    larger = region_variance([part_of(weights, sd * times, region)], region, ROUGH)
    assert larger == pytest.approx(found * times**2, rel=1e-9)
