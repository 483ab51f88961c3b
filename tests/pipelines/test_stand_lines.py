"""Scatter inside parcels and beside, group by group: the same however it is cut."""

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
from shapely import box

from geo.grid import Grid
from geo.outlines import MovedSums, knight_moves
from geo.zonal import coverage_weights
from pipelines import stand_lines
from pipelines.parcels import Group
from pipelines.routed_maps import NUMBERS
from pipelines.stored import Window
from store.arrays import read_arrays

REGION = Grid("EPSG:4548", 450_000.0, 3_420_000.0, 10.0, 40, 30)
MOVES = knight_moves(4)


def parcels(*places):
    """Rectangles of whole cells: first row and column, rows and columns."""
    left, top = REGION.left, REGION.top
    shapes = [
        box(left + 10 * c, top - 10 * (r + h), left + 10 * (c + w), top - 10 * r)
        for r, c, h, w in places
    ]
    names = [f"P{number}" for number in range(len(shapes))]
    return gpd.GeoDataFrame({"parcel_id": names}, geometry=shapes, crs=REGION.crs)


@pytest.mark.parametrize("side", [7, 16, 64])
def test_a_group_sees_what_lies_around_it_and_only_the_model_s(
    side, tmp_path, monkeypatch
):
    generator = np.random.default_rng(2)
    mean = generator.normal(90, 30, REGION.shape).astype(np.float32)
    route = np.where(generator.random(REGION.shape) < 0.7, NUMBERS["plots"], 1)
    table = parcels((12, 14, 5, 6), (10, 20, 4, 4), (0, 36, 3, 4))
    mine = MovedSums(coverage_weights(table, REGION), MOVES)
    mine.add(np.where(route == NUMBERS["plots"], mean, np.nan), row=0, column=0)
    expected = mine.result

    def read(_night, _keys, _file, piece, bands):
        rows = slice(
            piece.tile.row + piece.rows.start, piece.tile.row + piece.rows.stop
        )
        first = piece.tile.column
        columns = slice(first + piece.columns.start, first + piece.columns.stop)
        assert bands == (1, 4)
        return np.stack([mean[rows, columns], route[rows, columns]])

    window = Window(0, 14, 20, 26)
    here = coverage_weights(table, window.grid(REGION))
    monkeypatch.setattr(stand_lines, "read_piece", read)
    monkeypatch.setattr(stand_lines, "read_weights", lambda *_: here)
    night = SimpleNamespace(grid=REGION, tiles=tuple(REGION.tiles(side)))
    group = Group("r000c000", SimpleNamespace(), window)
    season = SimpleNamespace(learned={})
    asked = NUMBERS["plots"], MOVES
    stand_lines._build(night, group, season, asked, tmp_path)
    found = read_arrays(tmp_path / stand_lines.SCATTER_FILE)
    np.testing.assert_allclose(found["area_ha"].T, expected.area_ha)
    np.testing.assert_allclose(found["variance"].T, expected.variance, rtol=1e-9)
    assert (expected.area_ha[:, 2] == 0).any()  # moved out of the region
