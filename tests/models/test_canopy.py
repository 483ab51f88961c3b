import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import GridMismatchError
from geo.grid import Grid
from models import canopy
from models.canopy import CANOPY_METRICS, CANOPY_NAMES, canopy_metrics, strips

UTM = "EPSG:32650"


def grid(cell, shape, left=0.0, top=100.0, crs=UTM):
    return Grid(crs, left, top, cell, shape[1], shape[0])


def metrics(heights, fine_cell, coarse, **more):
    heights = np.asarray(heights, np.float32)
    return canopy_metrics(heights, grid(fine_cell, heights.shape), coarse, **more)


def test_one_cell_by_hand():
    found = metrics([[0.0, 4.0], [10.0, 20.0]], 5, grid(10, (1, 1)))
    values = dict(zip(CANOPY_NAMES, found.to_numpy()[:, 0, 0].tolist(), strict=True))
    assert values == pytest.approx(
        {
            "chm_max": 20.0,
            "chm_mean": 8.5,
            "chm_p25": 3.0,
            "chm_p50": 7.0,
            "chm_p75": 12.5,
            "chm_p95": 18.5,
            "chm_sd": np.std([0, 4, 10, 20]),
            "chm_cover_2m": 75.0,
            "chm_cover_5m": 50.0,
            "chm_gaps": 50.0,
        }
    )


def test_where_each_fine_cell_goes():
    heights = np.arange(24.0).reshape(4, 6)
    found = metrics(heights, 5, grid(10, (2, 3))).sel(feature="chm_max")
    np.testing.assert_array_equal(found, [[7, 9, 11], [19, 21, 23]])


def test_nan_is_no_data_and_the_ground_is_zero():
    heights = np.array([[np.nan, 6.0], [-0.4, 500.0]])
    found = metrics(heights, 5, grid(10, (1, 1))).squeeze()
    assert found.sel(feature="chm_mean") == 3.0
    assert found.sel(feature="chm_cover_2m") == 50.0
    mostly = metrics([[np.nan, 6.0], [np.nan, np.nan]], 5, grid(10, (1, 1)))
    assert np.isnan(mostly).all()
    kept = metrics(
        [[np.nan, 6.0], [np.nan, np.nan]], 5, grid(10, (1, 1)), fewest_share=0.2
    )
    assert kept.sel(feature="chm_max").item() == 6.0


def test_cells_beyond_the_raster_are_not_seen():
    wide = grid(10, (3, 3), left=-10.0, top=110.0)
    found = metrics(np.full((2, 2), 7.0), 5, wide).sel(feature="chm_max")
    expected = np.full((3, 3), np.nan)
    expected[1, 1] = 7.0
    np.testing.assert_array_equal(found, expected)
    far = grid(10, (1, 1), left=900.0)
    assert np.isnan(metrics(np.full((2, 2), 7.0), 5, far)).all()


@settings(deadline=None)
@given(
    st.integers(1, 5),
    st.sampled_from([2, 3, 4]),
    st.integers(0, 2**32 - 1),
    st.integers(1, 400),
)
def test_as_numpy_says_and_however_it_is_cut(cells, factor, seed, strip_cells):
    random = np.random.default_rng(seed)
    heights = random.uniform(0, 40, (cells * factor, cells * factor))
    heights[random.random(heights.shape) < 0.1] = np.nan
    coarse = grid(10 * factor, (cells, cells))
    fine = grid(10, heights.shape)
    found = canopy_metrics(heights, fine, coarse, fewest_share=0.0).to_numpy()
    blocks = heights.reshape(cells, factor, cells, factor).swapaxes(1, 2)
    blocks = blocks.reshape(cells, cells, -1)
    seen = np.isfinite(blocks).any(axis=2)
    for name, share in (("chm_p25", 0.25), ("chm_p95", 0.95)):
        expected = np.nanquantile(blocks[seen], share, axis=1)
        given = found[CANOPY_NAMES.index(name)][seen]
        np.testing.assert_allclose(given, expected, rtol=1e-6)
    expected = np.nanstd(blocks[seen], axis=1)
    given = found[CANOPY_NAMES.index("chm_sd")][seen]
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)
    assert np.isnan(found[:, ~seen]).all()
    again = np.concatenate(
        [
            canopy.strip_metrics(
                heights[one.fine_rows], fine, coarse, one, fewest_share=0.0
            )
            for one in strips(fine, coarse, cells=strip_cells)
        ],
        axis=1,
    )
    np.testing.assert_array_equal(again, found)


def test_cells_that_do_not_divide_go_where_their_centres_lie():
    """4 m cells in 10 m cells: centres 2 6 | 10 14 18 | 22 26 | ... belong down."""
    heights = np.tile(np.arange(5.0), (5, 1))
    found = metrics(heights, 4, grid(10, (2, 2))).sel(feature="chm_max")
    np.testing.assert_array_equal(found, [[1, 4], [1, 4]])


def test_constant_canopy_is_constant():
    found = metrics(np.full((8, 8), 12.5), 5, grid(20, (2, 2)))
    assert found.sel(feature="chm_sd").max() == 0
    assert found.sel(feature="chm_gaps").max() == 0
    assert (found.sel(feature=["chm_max", "chm_p25", "chm_mean"]) == 12.5).all()


def test_bare_ground_is_all_gap():
    found = metrics(np.full((2, 2), 0.3), 5, grid(10, (1, 1))).squeeze()
    assert found.sel(feature="chm_gaps") == 100
    assert found.sel(feature="chm_cover_2m") == 0


@pytest.mark.parametrize("metric", CANOPY_METRICS, ids=CANOPY_NAMES)
def test_every_metric_says_what_it_is_and_keeps_to_it(metric):
    assert metric.unit in {"m", "%"}
    assert metric.title
    assert metric.title_zh
    heights = np.random.default_rng(1).uniform(0, 60, (1, 500))
    heights.sort(axis=1)
    low, high = metric.valid_range
    assert low <= metric.formula(heights, np.array([500]))[0] <= high


@pytest.mark.parametrize(
    "coarse", [grid(9, (1, 1)), grid(10, (1, 1), crs="EPSG:32651")]
)
def test_grids_that_do_not_fit(coarse):
    with pytest.raises(GridMismatchError, match="at most half") as caught:
        metrics(np.zeros((2, 2)), 5, coarse)
    assert caught.value.zh


def test_heights_of_another_shape():
    with pytest.raises(GridMismatchError, match="not on"):
        canopy_metrics(np.zeros((3, 3)), grid(5, (2, 2)), grid(10, (1, 1)))


def test_a_spike_stands_alone_and_a_crown_does_not():
    heights = np.full((5, 5), 12.0)
    heights[2, 2] = 33.0
    expected = np.zeros((5, 5), bool)
    expected[2, 2] = True
    np.testing.assert_array_equal(canopy.spikes(heights), expected)
    heights[2, 3] = 30.0  # two cells are a crown
    assert not canopy.spikes(heights).any()
    assert not canopy.spikes(np.where(expected, 31.9, 12.0)).any()


def test_a_cell_among_nothing_is_no_spike():
    heights = np.full((3, 3), np.nan)
    heights[1, 1] = 40.0
    assert not canopy.spikes(heights).any()
    heights[0, :] = 1.0
    assert canopy.spikes(heights).sum() == 1


def test_metrics_of_outlines_are_those_of_cells():
    heights = np.random.default_rng(3).uniform(0, 40, (4, 4))
    cell = metrics(heights, 5, grid(20, (1, 1))).to_numpy()[:, 0, 0]
    found = canopy.metrics_of(heights.astype(np.float32).reshape(1, -1), 16.0)
    np.testing.assert_array_equal(found[:, 0], cell)
    few = np.array([[7.0, np.nan, np.nan, np.nan]])
    assert np.isnan(canopy.metrics_of(few, 4.0)).all()
    assert canopy.metrics_of(few, 4.0, fewest_share=0.25)[0] == 7.0
