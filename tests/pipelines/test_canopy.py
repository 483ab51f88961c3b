"""The route by canopy heights: by hand, its choices, and on the simulated county."""

from datetime import date
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
from shapely import box

from config.environment import CHECKOUT
from config.plots import CanopySettings
from config.settings import read
from geo.errors import GridMismatchError, SettingsError, TooFewObservationsError
from geo.grid import Grid
from models.learning.gate import RegionFacts, gate
from pipelines import canopy_sites
from pipelines.canopy_sites import Canopy, canopy_at, cells_under
from pipelines.plot_model import RegionRequest, train_region
from pipelines.recipe import run_night
from store.canopy_heights import open_canopy
from tests.lidar import DAY, write_heights, write_lidar
from tests.twin_region import COUNTY, make_county, make_region

FINE = Grid("EPSG:4548", 450_000.0, 3_420_000.0, 2.5, 16, 12)
"""Four by three cells of the region's."""


@pytest.fixture
def settings(tmp_path):
    told = read(CHECKOUT / "config" / "regions" / "twin.toml")
    return told.model_copy(update={"home": tmp_path, "data_root": tmp_path})


def over(settings, *told):
    """Return the region with these canopy rasters."""
    canopy = tuple(CanopySettings(file=file, date=day) for file, day in told)
    region = settings.region.model_copy(update={"canopy": canopy})
    return settings.model_copy(update={"region": region})


def sites_of(*shapes, year=2021):
    outlines = gpd.GeoDataFrame(
        {"parcel_id": [str(n) for n in range(len(shapes))]},
        geometry=list(shapes),
        crs=FINE.crs,
    )
    ids = tuple(outlines["parcel_id"])
    return SimpleNamespace(outlines=outlines, ids=ids, year=year)


def cell(row, column, size=10):
    left, top = FINE.left + 10 * column, FINE.top - 10 * row
    return box(left, top - size, left + size, top)


def test_heights_at_plots_by_hand(settings):
    heights = np.zeros(FINE.shape)
    heights[:4, :4] = 10.0  # the first cell
    heights[:4, 4:6] = 20.0  # half of the second
    heights[8:, :] = np.nan
    write_heights(settings.data_root / "h.tif", FINE, heights)
    plots = sites_of(cell(0, 0), cell(0, 1), cell(0, 0, 20), cell(2, 0), cell(9, 9))
    found = canopy_at(over(settings, ("h.tif", DAY)), plots)
    np.testing.assert_allclose(
        found.metrics[:3], [[10, 100], [10, 200], [5, 75]], rtol=1e-6
    )
    assert found.plots.tolist() == [True, True, True, False, False]


def test_heights_of_the_plots_year_are_taken(settings):
    for name in ("a.tif", "b.tif", "c.tif"):
        write_heights(settings.data_root / name, FINE, np.ones(FINE.shape))
    told = over(
        settings,
        ("a.tif", date(2019, 8, 1)),
        ("b.tif", date(2023, 8, 1)),
        ("c.tif", date(2023, 9, 1)),
    )
    found = canopy_at(told, sites_of(cell(0, 0), year=2022))
    assert [raster.path.name for raster in found.rasters] == ["b.tif", "c.tif"]
    assert found.left_out == ("a.tif",)
    assert found.day.year == 2023
    assert canopy_at(told, sites_of(cell(0, 0), year=2021)).day.year == 2019
    assert canopy_at(settings, sites_of(cell(0, 0))) is None


def test_heights_as_coarse_as_the_cells_are_refused(settings):
    coarse = Grid(FINE.crs, FINE.left, FINE.top, 10.0, 4, 3)
    write_heights(settings.data_root / "h.tif", coarse, np.ones(coarse.shape))
    with pytest.raises(GridMismatchError, match="at most half"):
        canopy_at(over(settings, ("h.tif", DAY)), sites_of(cell(0, 0)))


def test_cells_under_the_heights_by_hand(settings, monkeypatch):
    """Forest cells that were seen, with what the heights say of just their area."""
    heights = np.full(FINE.shape, 4.0)
    heights[:4, 4:8] = np.nan
    heights[4:8, :2] = 12.0
    write_heights(settings.data_root / "h.tif", FINE, heights)
    raster = open_canopy(
        "h.tif", roots=[settings.data_root], crs=FINE.crs, declared_crs=None
    )
    grid = settings.region.grid.grid()
    night = SimpleNamespace(
        grid=grid, tiles=tuple(grid.tiles(2)), bands=settings.region.bands
    )

    def cover(_night, _keys, _file, piece, _bands):
        shape = [part.stop - part.start for part in (piece.rows, piece.columns)]
        values = np.full((1, *shape), 60.0, np.float32)
        column = piece.tile.column + np.arange(piece.columns.start, piece.columns.stop)
        values[:, :, column == 3] = 10.0  # no forest
        return values

    def features(night, _season, piece):
        shape = [part.stop - part.start for part in (piece.rows, piece.columns)]
        values = np.full((len(night.bands) + 2, *shape), 0.25, np.float32)
        if piece.tile.row == 2:
            values[:] = np.nan  # not seen
        return values

    monkeypatch.setattr(canopy_sites, "read_piece", cover)
    monkeypatch.setattr(canopy_sites, "features_of", features)
    season = SimpleNamespace(cover={})
    canopy = Canopy((raster, raster), DAY, (), np.empty((0, 2)))
    found = cells_under(night, season, canopy)
    assert found.ids == ("r0c0", "r0c2", "r1c0", "r1c1", "r1c2")
    np.testing.assert_allclose(found.metrics[0], [4, 16], rtol=1e-6)
    np.testing.assert_allclose(found.metrics[2], [8, 80], rtol=1e-6)
    assert found.x[1] == grid.left + 25
    assert found.y[3] == grid.top - 15
    assert found.features.shape == (5, len(night.bands) + 2)


def test_asking_for_heights_that_are_not_there(settings, monkeypatch):
    monkeypatch.setattr("pipelines.plot_model.read_sites", lambda _: sites_of())
    with pytest.raises(SettingsError, match=r"no \[\[canopy\]\]"):
        train_region(settings, RegionRequest(route="canopy"))


CARD = {
    "first_phase": {
        "plots": 20,
        "blocked": {"rmse": 40.0},
        "plain_sd": 60.0,
        "years_from_plots": 1.0,
    },
    "against_plots": {"coverage_90": 0.9, "n": 30},
}
PHASE_CHECKS = {
    "first_phase_plots": {"first_phase": CARD["first_phase"] | {"plots": 14}},
    "first_phase_against_mean": {
        "first_phase": CARD["first_phase"] | {"blocked": {"rmse": 58.0}}
    },
    "first_phase_age": {"first_phase": CARD["first_phase"] | {"years_from_plots": 3.5}},
    "against_plots": {"against_plots": {"coverage_90": 0.7, "n": 30}},
}


def failed_of(card):
    names = [c.name for c in gate(card, RegionFacts(1.0)) if not c.passed]
    return [name for name in names if name in PHASE_CHECKS]


def test_a_sound_first_phase_passes_its_checks():
    assert failed_of(CARD) == []
    assert failed_of({}) == []  # a model of plots alone is not asked


@pytest.mark.parametrize("name", PHASE_CHECKS)
def test_each_check_of_the_first_phase_can_fail(name):
    assert failed_of(CARD | PHASE_CHECKS[name]) == [name]


def test_m13_what_a_card_does_not_say_fails():
    assert failed_of({"first_phase": {}}) == list(PHASE_CHECKS)


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """A small county with lidar over all of it, and its region."""
    folder = tmp_path_factory.mktemp("county")
    inputs = make_county(folder)
    write_lidar(COUNTY, inputs / "lidar.tif")
    return over(make_region(folder / "home", inputs, 4096), ("lidar.tif", DAY))


@pytest.fixture(scope="module")
def trained(county):
    return train_region(county, RegionRequest(candidates=("ridge",)))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_heights_with_plots_under_them_are_the_route(trained):
    card = trained.learned.card
    assert card["route"] == "canopy"
    assert card["first_phase"]["plots"] >= 40
    assert card["first_phase"]["blocked"]["rmse"] < card["first_phase"]["plain_sd"]
    assert card["support_ha"] == 0.01
    assert card["training"]["n"] == 2000
    assert 0.85 <= card["intervals"]["coverage_90"] <= 0.95
    names = [check.name for check in trained.checks]
    assert names[-4:] == list(PHASE_CHECKS)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_too_few_plots_under_the_heights_leave_the_plots(county):
    """As under the county's own drone flights."""
    flight = over(county, ("drone/site1_20210820_chm.tif", DAY))
    found = train_region(flight, RegionRequest(candidates=("ridge",)))
    assert found.learned.card["route"] == "plots"
    assert "Fewer than 15 plots" in found.learned.notes[0]
    with pytest.raises(TooFewObservationsError, match="lie under"):
        train_region(flight, RegionRequest(route="canopy"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_night_by_canopy_heights_holds_the_truth(county, trained, monkeypatch):
    if not trained.promoted:
        monkeypatch.setattr("pipelines.plot_model.is_promoted", lambda _: True)
        train_region(county, RegionRequest(candidates=("ridge",)))
    record = run_night(county, date(2022, 10, 5)).record
    assert record.biomass.route == "canopy"
    assert record.biomass.area_pct["canopy"] > 50
    assert record.biomass.model["first_phase"]["plots"] >= 40
    total = next(one for one in record.totals if one.unit == "t")
    truth = 44_842.0  # t, of the parcels seen that night, by exactextract
    assert total.low < truth < total.high
    assert total.se < 0.3 * total.value
