"""What the satellite sees: it saturates, it is clouded, it says what it did."""

from datetime import date

import numpy as np
import pytest

from geo.grid import Tile
from models.twin.clouds import Look, outline, overcast, recorded
from models.twin.county import BANDS, FOREST, County
from models.twin.fields import grid_places
from models.twin.growth import state_at
from models.twin.layers import mapped_cover
from models.twin.optics import Light, leafing, surface, surfaces_of
from models.twin.scene import scene_block
from models.twin.schedule import deliveries

NIR, SWIR = BANDS.index("B08"), BANDS.index("B11")


def _block(landscape, ground, delivery):
    light = Light(delivery.day)
    tile = Tile("r000c000", 0, 0, landscape.county.grid)
    look = Look(landscape.county, delivery, light)
    seen = surfaces_of(landscape, light)
    return scene_block(ground, tile, landscape, seen, look)


def test_the_catalogue_has_duplicates_halves_and_two_offsets():
    found = deliveries(County(64, 3, 1, 24))
    assert len({one.item_id for one in found}) == len(found) == 3 * 26
    for year in (2021, 2022, 2023):
        of_year = [one for one in found if one.day.year == year]
        parts = [one.part for one in of_year]
        assert parts.count("upper") == parts.count("lower") == 1
        assert parts.count("wedge") == 3
        names = [one.pass_name for one in of_year]
        assert sorted(names.count(name) for name in set(names))[-2:] == [2, 2]
    for one in found:
        late = one.day.year >= 2022 or one.baseline == "05.10"
        assert one.add_offset == (-1000 if late else 0)
        assert one.made > one.sensed


def test_deciduous_leaves_come_and_go():
    winter, summer = (
        leafing(day, seed=1, early_day=92, late_day=318)
        for day in (date(2021, 1, 15), date(2021, 7, 15))
    )
    assert winter < 0.01
    assert summer > 0.99


def test_reflectance_saturates_with_density(landscape):
    """Where density is high, the same step of it changes reflectance less."""
    light = Light(date(2022, 8, 1))
    seen = surfaces_of(landscape, light)
    density = state_at(landscape.stands, landscape.flora, light.instant).agbd_t_ha
    forest = landscape.stands.land == FOREST
    thin, thick = (forest & (density < 40)), (forest & (density > 150))
    lively = seen.lively[: len(density)]
    assert lively[thin].min() > 5 * lively[thick].max()
    swir = seen.colours[SWIR, : len(density)]
    assert swir[thin].mean() > swir[thick].mean()
    assert swir[thin].std() > swir[thick].std()


def test_a_surface_is_a_possible_reflectance(landscape, ground):
    light = Light(date(2022, 8, 1))
    bands = surface(
        ground, landscape.county.grid, landscape, surfaces_of(landscape, light)
    )
    assert bands.shape == (10, 128, 128)
    assert 0 < bands.min() < bands.max() < 0.9


def test_numbers_are_shifted_by_the_offset_that_is_stated(landscape, ground):
    pair = [
        one for one in deliveries(landscape.county) if one.pass_name.startswith("2021")
    ]
    names = [one.pass_name for one in pair]
    twice = next(
        name
        for name in names
        if [one.part for one in pair if one.pass_name == name] == ["whole", "whole"]
    )
    old, new = (
        _block(landscape, ground, one) for one in pair if one.pass_name == twice
    )
    for band in BANDS:
        shift = new.numbers[band].astype(int) - old.numbers[band]
        held = (old.numbers[band] > 1) & (new.numbers[band] > 1)
        assert set(np.unique(np.abs(shift[held]))) == {1000}


def test_two_halves_of_a_strip_are_the_whole_once(landscape, ground):
    halves = [
        one for one in deliveries(landscape.county) if one.part in ("upper", "lower")
    ][:2]
    upper, lower = (_block(landscape, ground, one) for one in halves)
    assert halves[0].datastrip != halves[1].datastrip
    for band in ("B02", "B11"):
        both = (upper.numbers[band] > 0) & (lower.numbers[band] > 0)
        neither = (upper.numbers[band] == 0) & (lower.numbers[band] == 0)
        assert not both.any()
        assert neither.mean() < 0.02  # cells of 20 m that the cut goes through
    places = grid_places(landscape.county.grid.xs(), landscape.county.grid.ys())
    for one in halves:
        look = Look(landscape.county, one, Light(one.day))
        ring = np.array(outline(landscape.county, one.part))
        share = _area(ring) / (landscape.county.size * 10) ** 2
        assert recorded(places, look).mean() == pytest.approx(share, abs=0.02)


def _area(ring):
    x, y = ring.T
    return abs((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2


def test_clouds_cover_what_they_should_and_the_mask_misses_little(landscape, ground):
    light = Light(date(2022, 8, 1))
    clean = surface(
        ground, landscape.county.grid, landscape, surfaces_of(landscape, light)
    )
    wrong = []
    for one in deliveries(landscape.county):
        if one.part != "whole":
            continue
        look = Look(landscape.county, one, light)
        seen, codes = overcast(
            clean, ground, landscape.county.grid, landscape.flora, look
        )
        clear = np.isin(codes, (4, 5, 6, 7))
        off = np.abs(seen[NIR] / clean[NIR] - 1)
        if clear.any():
            wrong.append((off[clear] > 0.1).mean())
        hidden = np.isin(codes, (3, 8, 9, 10))
        if hidden.any():
            assert off[hidden].mean() > 0.1
    assert 0 < np.mean(wrong) < 0.15


def test_noise_belongs_to_the_block_and_not_to_the_order(landscape, ground):
    one = deliveries(landscape.county)[0]
    first, again = (_block(landscape, ground, one) for _ in range(2))
    for band in BANDS:
        np.testing.assert_array_equal(first.numbers[band], again.numbers[band])


def test_mapped_cover_errs_but_not_beyond_its_range():
    cover = np.repeat(np.linspace(0, 100, 64)[None], 64, axis=0)
    mapped = mapped_cover(cover, seed=1, block="r000c000")
    means = cover.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    assert mapped.dtype == np.uint8
    assert mapped.max() <= 100
    assert 3 < (mapped - means).std() < 7
