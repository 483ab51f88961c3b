from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.grid import Grid
from geo.layers import LAYERS
from pipelines import stored
from pipelines.stored import (
    Window,
    digests,
    pieces,
    read_piece,
    region_picture,
    tiles_of,
)
from store.keys import LayerKey
from store.rasters import write_layer

REGION = Grid("EPSG:3035", 1000.0, 2000.0, 10.0, 23, 17)


def names(parts):
    return [part.tile.name for part in parts]


def test_a_window_over_four_tiles_by_hand():
    tiles = tuple(REGION.tiles(10))
    window = Window(row=8, column=9, height=4, width=2)
    parts = list(pieces(tiles, window))
    assert names(parts) == ["r000c000", "r000c001", "r001c000", "r001c001"]
    first, _, _, last = parts
    assert (first.rows, first.columns) == (slice(8, 10), slice(9, 10))
    assert first.place == (slice(0, 2), slice(0, 1))
    assert (last.rows, last.columns) == (slice(0, 2), slice(0, 1))
    assert last.place == (slice(2, 4), slice(1, 2))
    assert window.grid(REGION) == REGION.window(slice(8, 12), slice(9, 11))


def test_strips_end_where_rows_of_blocks_do(monkeypatch):
    monkeypatch.setattr(stored, "STRIP", 4)
    (tile,) = Grid("EPSG:3035", 0.0, 0.0, 10.0, 5, 14).tiles(64)
    parts = list(pieces([tile], Window(3, 1, 10, 4)))
    assert [(part.rows.start, part.rows.stop) for part in parts] == [
        (3, 4),
        (4, 8),
        (8, 12),
        (12, 13),
    ]
    assert [part.row for part in parts] == [0, 1, 5, 9]


sides = st.integers(1, 40)


@st.composite
def windows(draw):
    height, width = draw(sides), draw(sides)
    row, column = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return (
        Grid("EPSG:3035", 0.0, 0.0, 10.0, width, height),
        Window(
            row,
            column,
            draw(st.integers(1, height - row)),
            draw(st.integers(1, width - column)),
        ),
    )


@given(windows(), st.integers(1, 45), st.integers(1, 50))
@settings(deadline=None)
def test_pieces_cover_a_window_exactly_once(grid_and_window, tile_cells, strip):
    grid, window = grid_and_window
    tiles = tuple(grid.tiles(tile_cells))
    region = np.arange(grid.height * grid.width).reshape(grid.shape)
    found = np.full((window.height, window.width), -1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "STRIP", strip)
        parts = list(pieces(tiles, window))
    for part in parts:
        tile = part.tile
        assert part.rows.start // strip == (part.rows.stop - 1) // strip
        assert 0 <= part.rows.start < part.rows.stop <= tile.grid.height
        assert 0 <= part.columns.start < part.columns.stop <= tile.grid.width
        assert (found[part.place] == -1).all()
        whole = region[tile.row :, tile.column :]
        found[part.place] = whole[part.rows, part.columns]
    rows = slice(window.row, window.row + window.height)
    columns = slice(window.column, window.column + window.width)
    np.testing.assert_array_equal(found, region[rows, columns])
    assert tiles_of(tiles, window) == sorted(set(names(parts)))


def stored_region(folder, tile_cells, monkeypatch):
    """Return a night whose ``exposure`` is stored in tiles, its keys and its values."""
    layer, tiles = LAYERS["exposure"], tuple(REGION.tiles(tile_cells))
    values = np.random.default_rng(4).integers(0, 99, REGION.shape).astype(np.float32)
    values[0, 0] = np.nan
    keys = {}
    for tile in tiles:
        rows = slice(tile.row, tile.row + tile.grid.height)
        columns = slice(tile.column, tile.column + tile.grid.width)
        part = xr.DataArray(values[None, rows, columns], dims=("band", "y", "x"))
        keys[tile.name] = LayerKey.of(
            "exposure", region="r", period="all", tile=tile.name, inputs={}, settings={}
        )
        (folder / tile.name).mkdir()
        write_layer(folder / tile.name / "a.tif", layer, part, tile.grid)

    def need(key):
        return SimpleNamespace(path=lambda file: folder / key.tile / file)

    night = SimpleNamespace(
        grid=REGION, tiles=tiles, catalog=SimpleNamespace(need=need)
    )
    monkeypatch.setattr(stored, "STRIP", 4)
    return night, keys, values


def test_a_window_reads_the_cells_of_the_region(tmp_path, monkeypatch):
    night, keys, values = stored_region(tmp_path, 10, monkeypatch)
    window = Window(0, 5, 17, 18)
    found = np.empty((window.height, window.width), np.float32)
    for piece in pieces(night.tiles, window):
        found[piece.place] = read_piece(night, keys, "a.tif", piece, (1,))[0]
    np.testing.assert_array_equal(found, values[:, 5:])


@pytest.mark.parametrize("most", [100, 9, 6, 2, 1])
def test_a_picture_of_tiles_is_that_of_the_region(tmp_path, monkeypatch, most):
    night, keys, values = stored_region(tmp_path, 10, monkeypatch)
    picture = region_picture(night, keys, "a.tif", 1, most=most)
    assert max(picture.shape) <= most
    if most == 100:
        np.testing.assert_array_equal(picture, values)
    assert np.isfinite(picture).any()


def test_a_tile_without_a_key_is_blank_in_a_picture(tmp_path, monkeypatch):
    night, keys, values = stored_region(tmp_path, 10, monkeypatch)
    del keys["r000c001"]
    picture = region_picture(night, keys, "a.tif", 1, most=100)
    assert np.isnan(picture[:10, 10:20]).all()
    np.testing.assert_array_equal(picture[10:], values[10:])


def test_digests_name_the_tiles_that_are_asked_for(tmp_path, monkeypatch):
    _, keys, _ = stored_region(tmp_path, 10, monkeypatch)
    assert list(digests(keys)) == sorted(keys)
    assert digests(keys, ["r001c002"]) == {"r001c002": keys["r001c002"].digest}
