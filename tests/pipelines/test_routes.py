"""Nights of the sample region with a made-up model promoted, damaged, demoted."""

import shutil
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from config.plots import PlotSettings
from geo.errors import ModelError, SettingsError
from geo.layers import LAYERS, ROUTES
from pipelines.recipe import find_finished, plan_of, run_night
from store.stac_out import validate
from tests.plot_models import PLOT_HA, plots_of, read, shelved, trained_on
from tests.small_region import make_region, tree

NIGHT = date(2020, 9, 1)
FIR_T = (0.0411 * 6000**0.8941 + 0.0015 * 6000**1.062 + 0.0108 * 6000**0.8246) / 1000
"""Above ground, of a fir of 20 cm and 15 m (T7's equations)."""
LOOK = "20180601-20180901"
SEASON = "20200601-20200901"


def asking(settings, route):
    """Return the same region with another route."""
    biomass = settings.region.biomass.model_copy(update={"route": route})
    region = settings.region.model_copy(update={"biomass": biomass})
    return settings.model_copy(update={"region": region})


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return make_region(tmp_path_factory.mktemp("routes"))


@pytest.fixture(scope="module")
def before(settings):
    """The night by tier 1: nothing was promoted yet."""
    return run_night(settings, NIGHT)


@pytest.fixture(scope="module")
def model(settings, before):
    return trained_on(settings, before.folder)


@pytest.fixture(scope="module")
def night(settings, model):
    """The night after a model was promoted."""
    shelved(settings, model, looks_like=LOOK)
    return run_night(settings, NIGHT)


@pytest.fixture(scope="module")
def parcels(night):
    return gpd.read_parquet(night.folder / "parcels.parquet")


def layer(night, name):
    return read(night.folder / "layers" / f"{name}_{SEASON}.tif")


def test_nothing_promoted_is_tier_1(before):
    assert before.record.biomass.route == "tier1"
    assert before.record.biomass.area_pct == {"tier1": 100.0}
    told = gpd.read_parquet(before.folder / "parcels.parquet")
    assert set(told["method"]) == {"tier1"}
    assert (told["model_pct"] == 0).all()
    assert not list((before.folder / "layers").glob("route_*"))


def test_a_promoted_model_is_another_run_with_the_same_change(before, night, parcels):
    assert night.record.run_id != before.record.run_id
    assert night.record.biomass.route == "plots"
    old = gpd.read_parquet(before.folder / "parcels.parquet")
    same = ["parcel_id", "area_ha", "observed_pct", "verdict", "change_p", "loss_pct"]
    for name in [*same, "sink_tco2_yr", "sink_tco2_yr_se", "priority_score"]:
        assert parcels[name].equals(old[name]), name
    seen = parcels["agb_t"].notna()
    assert not np.allclose(parcels["agb_t"][seen], old["agb_t"][seen], rtol=0.05)


def test_cells_go_by_the_model_or_by_tier_1_and_say_which(before, night):
    route = layer(night, "route")[0]
    density, sd, inside = layer(night, "agbd")
    default = layer(before, "agbd")
    cover = layer(night, "cover")[0]
    numbers = {code: number for code, number, *_ in ROUTES}
    mine, rest = route == numbers["plots"], route == numbers["tier1"]
    assert mine.mean() > 0.4
    assert rest.mean() > 0.02
    np.testing.assert_array_equal(np.isnan(route), np.isnan(density))
    np.testing.assert_array_equal(density[rest], default[0][rest])
    np.testing.assert_array_equal(sd[rest], default[1][rest])
    assert (inside[mine] == 1).all()
    assert (cover[mine] >= 20).all()
    assert (cover[rest] < 20).any()
    # Learnt as 200 t/ha at full cover, squared below: far from tier 1's straight line.
    expected = 200 * (cover[mine] / 100) ** 2
    assert np.corrcoef(density[mine], expected)[0, 1] > 0.8


def test_parcels_hold_what_the_map_says_by_other_means(night, parcels, settings):
    bounds = settings.region.grid.grid().bounds
    route = layer(night, "route")[0]
    for values, column, scale in (
        (layer(night, "agbd")[0], "agb_t", parcels["area_ha"]),
        (np.where(np.isnan(route), np.nan, route == 2), "model_pct", 100.0),
    ):
        raster = NumPyRasterSource(values, *bounds)
        mean = exact_extract(raster, parcels[["geometry"]], ["mean"], output="pandas")
        seen = parcels["agb_t"].notna()
        expected = (mean["mean"] * scale)[seen]
        np.testing.assert_allclose(
            parcels[column][seen], expected, rtol=1e-3, atol=0.02
        )
    shares = parcels["model_pct"] >= 50
    assert set(parcels["method"][shares]) == {"plots"}
    assert set(parcels["method"][~shares]) == {"tier1"}


def test_the_region_adds_up_and_its_error_is_shared(night, parcels):
    total = next(one for one in night.record.totals if one.unit == "t")
    assert total.value == pytest.approx(parcels["agb_t"].sum())
    in_quadrature = np.sqrt((parcels["agb_t_se"] ** 2).sum())
    assert in_quadrature < total.se <= parcels["agb_t_se"].sum()
    budget = night.record.budget
    assert sum(budget.values()) == pytest.approx(100, abs=0.1)
    assert {"allometry", "model", "residual", "default_agbd"} <= set(budget)
    assert budget["allometry"] > 0


def test_the_night_says_how_far_parcels_follow_stands(night):
    told = night.record.biomass.model["parcels_along_stands"]
    assert set(told) == {"scatter_kept_out_of_parcels", "residual_sd_widened_by"}
    assert 0 <= told["scatter_kept_out_of_parcels"] < 1
    assert 1 <= told["residual_sd_widened_by"] < 2
    report = (night.folder / "report.html").read_text(encoding="utf-8")
    assert "parcels_along_stands.residual_sd_widened_by" in report


def test_everything_that_is_opened_says_which_route(night, parcels):
    share = night.record.biomass.area_pct
    assert set(share) == {"tier1", "plots"}
    assert sum(share.values()) == pytest.approx(100, abs=0.02)
    report = (night.folder / "report.html").read_text(encoding="utf-8")
    for words in ("样地回归法", "learnt from field plots", "缺省值法"):
        assert words in report
    assert "not on the model of biomass above" in report
    project = (night.folder / "forestsink.qgs").read_text(encoding="utf-8")
    assert f"layers/route_{SEASON}.tif" in project
    table = gpd.read_file(night.folder / "parcels.gpkg", layer="parcels")
    assert set(table["method"]) == set(parcels["method"])
    uses = [use for use in night.record.layers if use.layer == "route"]
    assert len(uses) == 1
    assert LAYERS["route"].published
    assert validate(night.folder) == []


def test_the_night_is_found_again_without_work(settings, night):
    again = find_finished(settings, NIGHT)
    assert again is not None
    assert again.folder == night.folder


@pytest.mark.usefixtures("night")
def test_asking_for_tier_1_gives_its_figures_again(settings, before):
    told = run_night(asking(settings, "tier1"), NIGHT)
    assert told.record.biomass.route == "tier1"
    ours = gpd.read_parquet(told.folder / "parcels.parquet")
    theirs = gpd.read_parquet(before.folder / "parcels.parquet")
    assert ours.drop(columns="run_id").equals(theirs.drop(columns="run_id"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_chunks_and_threads_change_no_byte(settings, night, tmp_path):
    """All is mapped and summed again in another home, in other pieces."""
    home = tmp_path / "other"
    other = make_region(home, workers="4", chunk_cells="32")
    shutil.copytree(settings.home / "models", home / "models")
    found = run_night(other, NIGHT)
    assert found.record.run_id == night.record.run_id
    ours, theirs = tree(night.folder), tree(found.folder)
    assert {name for name in ours if ours[name] != theirs.get(name)} == set()


def test_a_route_without_a_model_is_refused_before_any_work(settings, tmp_path):
    fresh = asking(settings, "canopy").model_copy(update={"home": tmp_path})
    for work in (run_night, plan_of):
        with pytest.raises(SettingsError, match="no promoted model") as caught:
            work(fresh, NIGHT)
        assert "canopy" in caught.value.zh
    assert not (tmp_path / "store").exists()


@pytest.fixture
def elsewhere(settings, tmp_path):
    """The region with an empty home: nothing is mapped there."""
    return settings.model_copy(update={"home": tmp_path})


def test_m08_a_tampered_model_is_refused(elsewhere, model):
    folder = shelved(elsewhere, model, looks_like=LOOK)
    kept = (folder / "model.npz").read_bytes()
    (folder / "model.npz").write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"model\.npz") as caught:
        plan_of(elsewhere, NIGHT)
    assert "tier1" in caught.value.cure
    (folder / "model.npz").write_bytes(kept)
    assert plan_of(elsewhere, NIGHT).scenes
    card = folder / "card.json"
    card.write_text(card.read_text("utf-8").replace('"ridge"', '"rigde"'), "utf-8")
    with pytest.raises(ModelError, match=r"card\.json"):
        plan_of(elsewhere, NIGHT)
    assert plan_of(asking(elsewhere, "tier1"), NIGHT).scenes


def test_a_model_whose_gate_refused_it_is_not_used(elsewhere, model):
    failed = {"name": "domain", "passed": False}
    shelved(elsewhere, model, looks_like=LOOK, promoted=False, gate=[failed])
    with pytest.raises(ModelError, match="refused by its gate: domain"):
        plan_of(elsewhere, NIGHT)


def test_a_demoted_model_is_not_used(elsewhere, model):
    shelved(elsewhere, model, looks_like=LOOK)
    (elsewhere.home / "models" / "carpathians" / "promoted.json").unlink()
    assert plan_of(elsewhere, NIGHT).scenes
    with pytest.raises(SettingsError, match="no promoted model"):
        plan_of(asking(elsewhere, "plots"), NIGHT)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"looks_like": "20170601-20170901"}, "the look of 20180601-20180901 now"),
        (
            {
                "looks_like": LOOK,
                "source": {"region": "other", "equations_not_confirmed": []},
            },
            "trained for other",
        ),
        ({"looks_like": LOOK, "support_ha": None}, "older version"),
    ],
)
def test_a_model_that_does_not_fit_is_left_out_or_refused(
    elsewhere, model, change, why
):
    shelved(elsewhere, model, **change)
    with pytest.raises(SettingsError, match="does not fit") as caught:
        plan_of(asking(elsewhere, "plots"), NIGHT)
    assert why in str(caught.value)
    assert plan_of(elsewhere, NIGHT).scenes


def with_plots(settings, folder, sample, count=45, year=2020):
    """Return the region with fir trees at forest cells of a night as its plots."""
    told = plots_of(settings, folder, count)
    trees, plots = ["plot,species,dbh_cm,height_m"], ["plot,area_ha,e,n,year"]
    for name, x, y, agb in zip(told.ids, told.x, told.y, told.observed, strict=True):
        number = max(round(agb * PLOT_HA / FIR_T), 1)
        trees += [f"{name},杉木,20,15"] * number
        plots.append(f"{name},{PLOT_HA},{x},{y},{year}")
    for file, lines in (("t.csv", trees), ("p.csv", plots)):
        path = settings.data_root / file
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    section = PlotSettings(
        trees="t.csv", plots="p.csv", x="e", y="n", measured="year", sample=sample
    )
    region = settings.region.model_copy(update={"plots": section})
    return settings.model_copy(update={"region": region})


def test_a_sample_carries_a_total_beside_the_map_s(settings, before):
    told = asking(with_plots(settings, before.folder, "probability"), "tier1")
    record = run_night(told, NIGHT).record
    plots = record.plots_total
    assert not plots.reason
    assert (plots.plots, plots.year) == (42, 2020)  # three lie in no parcel
    assert plots.low < plots.total < plots.high
    assert 0 < plots.sampling_se < plots.se
    by_plots, by_map = [one for one in record.totals if one.unit == "t"][::-1]
    assert by_plots.value == plots.total
    assert "42 plots of 2020" in by_plots.name
    # Nearly all biomass of the parcels stands in their forest.
    assert 0.9 * by_map.value < plots.map_total <= by_map.value
    # Made up as 200 t/ha at full cover, squared below; tier 1 has another density.
    density, cover = layer(before, "agbd")[0], layer(before, "cover")[0]
    forest = cover >= 20
    expected = (200 * (cover[forest] / 100) ** 2).mean() / density[forest].mean()
    assert plots.total / plots.map_total == pytest.approx(expected, rel=0.15)
    assert before.record.plots_total is None


@pytest.mark.parametrize(
    ("sample", "more", "why", "zh"),
    [
        ("purposive", {}, "not said to be a probability sample", "概率抽样"),
        ("probability", {"count": 12}, "12 plots were seen", "12 个可用样地"),
        ("probability", {"year": 2015}, "5 years from the season", "相差 5 年"),
    ],
)
def test_where_plots_carry_no_total_the_night_says_why(
    settings, before, sample, more, why, zh
):
    told = with_plots(settings, before.folder, sample, **more)
    finished = run_night(asking(told, "tier1"), NIGHT)
    plots = finished.record.plots_total
    assert plots.total is None
    assert why in plots.reason
    assert zh in plots.reason_zh
    assert why in (finished.folder / "report.html").read_text(encoding="utf-8")
    assert [one.unit for one in finished.record.totals].count("t") == 1


def test_t17_plots_that_cannot_be_read_stop_no_night(settings, before):
    told = with_plots(settings, before.folder, "probability")
    path = settings.data_root / "t.csv"
    path.write_text(path.read_text("utf-8").replace("dbh_cm", "girth"), "utf-8")
    plots = run_night(asking(told, "tier1"), NIGHT).record.plots_total
    assert plots.total is None
    assert "could not be read" in plots.reason
    assert "t.csv" in plots.reason
