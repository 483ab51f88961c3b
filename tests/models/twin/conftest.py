"""A county small enough for every test, with its first block surveyed."""

import pytest

from config.simulated import flora
from models.twin.county import County
from models.twin.ground import survey
from models.twin.landscape import make_landscape


@pytest.fixture(scope="package")
def landscape():
    return make_landscape(County(128, 3, 7, 6), flora())


@pytest.fixture(scope="package")
def ground(landscape):
    return survey(landscape.county.grid, landscape)
