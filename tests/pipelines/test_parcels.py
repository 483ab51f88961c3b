from dataclasses import dataclass
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
from shapely import box

from config.settings import load
from geo.zonal import StripSums, coverage_weights
from pipelines.context import Night
from pipelines.parcels import (
    PARCELS_FILE,
    Parcels,
    group_rows,
    load_parcels,
    read_group,
    read_parcel_table,
    read_weights,
    stacked,
)
from pipelines.stored import pieces, tiles_of
from store.catalog import Catalog
from tests.small_region import in_tiles, make_region

NIGHT = date(2020, 9, 1)
TILE_CELLS = (100, 64, 34)
"""One tile, four and nine."""
OUTSIDE = "3300210014"
"""The parcel of the sample that lies in no tile."""


@dataclass(frozen=True)
class Loaded:
    """The parcels of the sample, grouped by tiles of some size."""

    night: Night
    parcels: Parcels

    @property
    def ids(self):
        return list(read_parcel_table(self.night, self.parcels)["parcel_id"])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    made = {}
    for cells in TILE_CELLS:
        home = tmp_path_factory.mktemp(f"tiles{cells}")
        settings = in_tiles(load("carpathians"), cells)
        settings = settings.model_copy(update={"home": home})
        night = Night(settings, NIGHT, Catalog(settings.store_root))
        made[cells] = Loaded(night, load_parcels(night))
    return made


@pytest.mark.parametrize("cells", TILE_CELLS)
def test_every_parcel_is_in_exactly_one_group(loaded, cells):
    night, parcels = loaded[cells].night, loaded[cells].parcels
    assert len(night.tiles) == {100: 1, 64: 4, 34: 9}[cells]
    rows = np.concatenate(group_rows(night, parcels))
    assert sorted(rows) == list(range(40))
    held = [
        read_group(night, group)["parcel_id"].to_numpy() for group in parcels.groups
    ]
    assert stacked(night, parcels, held).tolist() == loaded[cells].ids
    for group, ids in zip(parcels.groups, held, strict=True):
        assert read_weights(night, group).parcel_ids == tuple(ids)
        assert read_weights(night, group).grid == group.window.grid(night.grid)


@pytest.mark.parametrize("cells", TILE_CELLS)
def test_a_group_has_the_parcels_whose_middle_is_in_its_tile(loaded, cells):
    night = loaded[cells].night
    tiles = {tile.name: box(*tile.grid.bounds) for tile in night.tiles}
    for group in loaded[cells].parcels.groups:
        table = read_group(night, group).query("parcel_id != @OUTSIDE")
        middles = table.geometry.envelope.centroid
        assert middles.within(tiles[group.tile].buffer(1e-6)).all()


def test_a_parcel_in_no_tile_is_kept_without_coverage(loaded):
    for cells in TILE_CELLS:
        night = loaded[cells].night
        region = box(*night.grid.bounds)
        table = read_parcel_table(night, loaded[cells].parcels)
        outside = table[~table.geometry.intersects(region)]
        assert list(outside["parcel_id"]) == [OUTSIDE]
        covered = np.concatenate(
            [
                read_weights(night, group).covered
                for group in loaded[cells].parcels.groups
            ]
        )
        assert (covered == 0).sum() == 1
        (empty,) = np.flatnonzero(stacked(night, loaded[cells].parcels, [covered]) == 0)
        assert loaded[cells].ids[empty] == OUTSIDE


def sums_of(case, values):
    """Add up region-wide ``values`` as a stage does: group by group, piece by piece."""
    found = []
    for group in case.parcels.groups:
        added = StripSums(read_weights(case.night, group))
        for piece in pieces(case.night.tiles, group.window):
            rows = slice(piece.tile.row + piece.rows.start, None)
            columns = slice(piece.tile.column + piece.columns.start, None)
            height, width = (part.stop - part.start for part in piece.place)
            part = values[rows, columns][:height, :width]
            added.add(part, row=piece.row, column=piece.column)
        total, observed = added.result
        found.append(np.stack([total[0], observed[0]], axis=1))
    return stacked(case.night, case.parcels, found)


@pytest.mark.parametrize("cells", TILE_CELLS[1:])
def test_parcels_over_borders_of_tiles_have_the_sums_of_one_tile(loaded, cells):
    case, one = loaded[cells], loaded[100]
    crossing = [
        group
        for group in case.parcels.groups
        if len(tiles_of(case.night.tiles, group.window)) > 1
    ]
    assert len(crossing) >= 3
    generator = np.random.default_rng(0)
    values = generator.normal(100, 30, case.night.grid.shape)
    values[generator.random(values.shape) < 0.1] = np.nan
    expected = sums_of(one, values)
    np.testing.assert_allclose(sums_of(case, values), expected, rtol=1e-9, atol=1e-9)
    weights = coverage_weights(
        read_parcel_table(one.night, one.parcels), one.night.grid
    )
    added = StripSums(weights)
    added.add(values, row=0)
    np.testing.assert_array_equal(expected, np.stack([r[0] for r in added.result], 1))


def digests_of(parcels):
    return {group.tile: group.coverage.digest for group in parcels.groups}


def test_a_parcel_that_moves_changes_its_groups_coverage_and_no_other(tmp_path):
    settings = in_tiles(make_region(tmp_path), 34)
    night = Night(settings, NIGHT, Catalog(settings.store_root))
    before = load_parcels(night)
    assert load_parcels(night) == before
    source = settings.data_root / "parcels.gpkg"
    table = gpd.read_file(source)
    (row,) = table.index[table["parcel_id"] == "3300210010"]
    table.loc[row, "geometry"] = table.geometry[row].buffer(-3)
    table.to_file(source, layer="parcels")
    after = load_parcels(night)
    assert after.parcels.digest != before.parcels.digest
    old, new = digests_of(before), digests_of(after)
    changed = [tile for tile in old if old[tile] != new[tile]]
    (home,) = changed
    (group,) = (group for group in after.groups if group.tile == home)
    assert "3300210010" in set(read_group(night, group)["parcel_id"])
    kept = night.catalog.need(before.parcels).path(PARCELS_FILE)
    assert len(gpd.read_parquet(kept)) == 40  # the earlier layer is still there


def test_the_order_of_the_file_does_not_matter(tmp_path):
    settings = in_tiles(make_region(tmp_path), 34)
    night = Night(settings, NIGHT, Catalog(settings.store_root))
    before = load_parcels(night)
    source = settings.data_root / "parcels.gpkg"
    gpd.read_file(source).iloc[::-1].to_file(source, layer="parcels")
    assert digests_of(load_parcels(night)) == digests_of(before)
