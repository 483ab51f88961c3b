"""The county's nature: what grows, what happens, what is never out of bounds."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shapely

from models.twin.county import (
    FIRST_YEAR,
    FOREST,
    County,
    day_of,
    decimal_year,
    midyear,
)
from models.twin.ground import survey
from models.twin.growth import fire_left, grown, state_at
from models.twin.layers import ground_arrays, ground_of, standing, year_state
from models.twin.parcels import attributes, draw_parcels
from models.twin.plots import plots, stems_kg
from models.twin.sensors import soil_moisture, stem_growth, weather
from models.twin.stands import NEVER
from models.twin.terrain import slope_deg, sun_at, sun_on_slope


@pytest.mark.parametrize("wrong", [{"size": 63}, {"size": 65}, {"years": 0}])
def test_an_impossible_county_is_refused(wrong):
    with pytest.raises(ValueError, match=r"size must be|county needs"):
        County(**({"size": 64, "years": 1, "seed": 1} | wrong))


def test_days_and_decimal_years_are_each_others_inverse():
    for day in (date(2021, 1, 1), date(2023, 3, 12), date(2024, 12, 31)):
        assert day_of(decimal_year(day)) == day


def test_a_block_does_not_depend_on_its_neighbours(landscape, ground):
    part = landscape.county.grid.window(slice(30, 90), slice(50, 128))
    cut = ground_arrays(survey(part, landscape))
    for name, whole in ground_arrays(ground).items():
        np.testing.assert_array_equal(cut[name], whole[30:90, 50:128], err_msg=name)
    again = ground_of(cut)
    assert again.cover is cut["cover"]


def test_slope_and_sun_by_hand():
    assert slope_deg(np.array(1.0), np.array(0.0)) == pytest.approx(45)
    level, tilted = np.array([0.0, -1.0]), np.array([0.0, 0.0])
    lit = sun_on_slope(level, tilted, zenith_deg=45, azimuth_deg=90)
    np.testing.assert_allclose(lit, [np.cos(np.pi / 4), 1.0], atol=1e-12)


def test_the_sun_of_summer_stands_higher_and_in_the_south_east():
    summer, winter = sun_at(172), sun_at(355)
    assert summer[0] < 25
    assert 50 < winter[0] < 65
    assert all(90 < azimuth < 180 for _, azimuth in (summer, winter))


def test_growth_starts_at_nothing_rises_and_ends_at_its_limit():
    share = grown(np.array([-1.0, 0, 10, 50, 500]), np.array(0.05), np.array(2.0))
    np.testing.assert_allclose(share[:2], 0)
    assert (np.diff(share[1:]) > 0).all()
    assert share[-1] == pytest.approx(1)


def _one(landscape, **values):
    pick = np.flatnonzero(landscape.stands.land == FOREST)[:1]
    one = landscape.stands.only(pick)
    return replace(one, **{name: np.array([value]) for name, value in values.items()})


def test_events_do_what_they_are_called(landscape):
    quiet = {"birth": 2000.0, "cut": NEVER, "planted": NEVER, "thinned": NEVER}
    flora = landscape.flora

    def density(instant, **events):
        stand = _one(landscape, **(quiet | events))
        return float(state_at(stand, flora, instant).agbd_t_ha[0])

    grows = density(2022.5)
    assert grows > density(2021.5)
    assert density(2022.5, cut=2022.2, planted=2023.2) == 0
    assert density(2022.1, cut=2022.2, planted=2023.2) == density(2022.1)
    assert 0 < density(2024.5, cut=2022.2, planted=2023.2) < 20
    thinned = density(2022.5, thinned=2022.4, thinned_share=0.3)
    assert thinned == pytest.approx(0.7 * grows, rel=0.01)
    assert density(2029.5, thinned=2022.4, thinned_share=0.3) > 0.75 * density(2029.5)


def test_fire_takes_by_severity_from_its_day_on():
    severity, burnt = np.array([0.0, 0.5, 1.0]), np.full(3, 2022.25)
    np.testing.assert_allclose(fire_left(severity, burnt, 2022.24), 1)
    np.testing.assert_allclose(fire_left(severity, burnt, 2022.25), [1, 0.575, 0.15])
    assert (fire_left(severity, burnt, 2032.0)[1:] > [0.575, 0.15]).all()


def test_what_stands_is_possible(landscape, ground):
    there = standing(ground, landscape, year_state(landscape, 2022))
    woods = there.species > 0
    assert 0.3 < woods.mean() < 1
    assert (there.height_m[~woods] == 0).all()
    assert 0 <= there.agbd_t_ha.min() < there.agbd_t_ha.max() < 900
    assert 40 < there.agbd_t_ha[woods].mean() < 180
    assert there.cover_pct.max() <= 100
    assert there.height_m.max() < 45


def test_events_fall_into_the_years_that_are_simulated(landscape):
    stands, county = landscape.stands, landscape.county
    for dates in (stands.cut, stands.thinned):
        happened = dates[dates < NEVER]
        assert len(happened)
        assert (happened > FIRST_YEAR).all()
        assert (happened < county.last_year + 1).all()
    assert (stands.planted[stands.cut < NEVER] > stands.cut[stands.cut < NEVER]).all()
    assert {fire.day.year for fire in landscape.fires} <= set(county.calendar)


def test_parcels_neither_overlap_nor_leave_the_county(landscape):
    parcels = draw_parcels(landscape)
    areas = shapely.area(parcels.geometry)
    assert shapely.is_valid(parcels.geometry).all()
    union = shapely.union_all(parcels.geometry)
    assert union.area == pytest.approx(areas.sum(), abs=1.0)
    left, bottom, right, top = landscape.county.grid.bounds
    box = shapely.box(left, bottom, right, top).buffer(0.01)
    assert box.covers(union)


def test_parcels_are_of_all_kinds(landscape):
    county = replace(landscape.county, size=512)
    from models.twin.landscape import make_landscape

    large = make_landscape(county, landscape.flora)
    parcels = draw_parcels(large)
    areas = shapely.area(parcels.geometry)
    assert 1.5e4 < np.median(areas) < 3.5e4
    tiny, sliver = (areas[parcels.kind == kind] for kind in ("tiny", "sliver"))
    np.testing.assert_allclose(tiny, 400, rtol=0.02)
    assert len(sliver) > 5
    assert sliver.max() < 1500
    columns = attributes(large, parcels)
    assert len(set(columns["parcel_id"])) == len(areas)
    assert set(columns["remark_zh"]) == {"模拟数据"}
    for name, values in columns.items():
        assert len(values) == len(areas), name


def test_trees_weigh_what_their_equations_say(landscape):
    fir = landscape.flora.by_code(1)
    mass = stems_kg((fir,), np.array([14.0]), np.array([11.0]))
    assert mass[0] == pytest.approx(39.306 + 5.205 + 6.058, abs=0.01)


def test_plots_weigh_what_the_place_weighs_and_are_measured_with_error(landscape):
    found = list(plots(landscape, 2021, 40))
    assert [plot.plot_id for plot in found] == [f"LJ-{n:04d}" for n in range(1, 41)]
    actual = np.array([plot.agbd_t_ha for plot in found])
    measured = np.array([plot.measured_t_ha for plot in found])
    error = measured / actual - 1
    assert 0.02 < error.std() < 0.25
    assert abs(error.mean()) < 0.1
    grid = landscape.county.grid
    for plot in found[:10]:
        column = int((plot.x - grid.left) / 10)
        row = int((grid.top - plot.y) / 10)
        near = grid.window(slice(row - 1, row + 2), slice(column - 1, column + 2))
        there = standing(
            survey(near, landscape), landscape, year_state(landscape, 2021)
        ).agbd_t_ha.mean()
        assert plot.agbd_t_ha == pytest.approx(there, rel=0.5, abs=5)
        assert (plot.measured.dbh_cm >= 5).all()


def test_sensors_follow_the_weather_and_lie_on_known_days(landscape):
    sky = weather(landscape.county)
    assert len(sky.days) == 3 * 365
    assert 900 < sky.rain_mm.sum() / 3 < 2100
    assert (sky.low_c < sky.high_c).all()
    water = soil_moisture(landscape, sky)
    assert {one.sensor_id for one in water} == {f"SM-{n:02d}" for n in range(1, 7)}
    for one in (*water, *stem_growth(landscape, sky)):
        told = {day for day, _ in one.faults}
        assert len(told) >= 3
        assert np.isnan(one.readings).any()
        assert np.isfinite(one.actual).all()
    for one in stem_growth(landscape, sky):
        assert (np.diff(one.actual) >= 0).all()


def test_the_middle_of_a_year_is_its_first_of_july():
    assert day_of(midyear(2022)) == date(2022, 7, 1)
