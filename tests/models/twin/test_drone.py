"""Flights: crowns of the right height, and a clear-cut that the second flight sees."""

from dataclasses import replace

import numpy as np
import pytest

from geo.grid import Grid
from models.twin.drone import SITE_CELLS, canopy_m, flights, ortho
from models.twin.ground import survey
from models.twin.landscape import make_landscape
from models.twin.layers import standing, year_state


@pytest.fixture(scope="module")
def large(landscape):
    return make_landscape(replace(landscape.county, size=384), landscape.flora)


def test_sites_are_flown_twice_and_lie_apart_in_the_county(large):
    found = flights(large)
    sites = {one.site: (one.row, one.column) for one in found}
    assert len(found) == 2 * len(sites)
    assert len(sites) == 4
    places = list(sites.values())
    for n, (row, column) in enumerate(places):
        assert min(row, column) >= 0
        assert max(row, column) + SITE_CELLS <= 384
        for other, across in places[n + 1 :]:
            assert max(abs(row - other), abs(column - across)) > SITE_CELLS
    days = {one.day.year for one in found}
    assert days == {2021, 2023}


def test_crowns_are_as_high_as_the_stand(landscape):
    flight = flights(landscape)[0]
    canopy = canopy_m(landscape, flight)
    rows = slice(flight.row, flight.row + SITE_CELLS)
    columns = slice(flight.column, flight.column + SITE_CELLS)
    ground = survey(landscape.county.grid.window(rows, columns), landscape)
    there = standing(ground, landscape, year_state(landscape, 2021)).height_m
    cells = canopy.reshape(SITE_CELLS, 20, SITE_CELLS, 20).max(axis=(1, 3))
    woods = there > 3
    assert np.corrcoef(cells[woods], there[woods])[0, 1] > 0.8
    assert np.median(cells[woods] / there[woods]) == pytest.approx(1, abs=0.15)
    assert canopy.min() >= 0
    assert canopy.max() < 45


def test_the_second_flight_sees_the_clear_cut(large):
    before, after = (
        canopy_m(large, one) for one in flights(large) if one.site == "site1"
    )
    middle = slice(200, 280)
    assert before[middle, middle].mean() > 2
    assert after[middle, middle].mean() < 0.5 * before[middle, middle].mean()


def test_a_picture_is_a_picture(landscape):
    flight = flights(landscape)[0]
    picture = ortho(landscape, flight, canopy_m(landscape, flight))
    assert picture.shape == (3, 480, 480)
    assert picture.dtype == np.uint8
    assert picture.min() >= 1
    assert isinstance(flight.grid, Grid)
    assert flight.grid.cell_m == 0.5
