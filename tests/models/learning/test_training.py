import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from geo.errors import ModelError, TooFewObservationsError
from models.learning.gate import RegionFacts, gate
from models.learning.limits import Tally, require_possible
from models.learning.model import LearnedModel, domain_codes
from models.learning.recipe import CANDIDATES, Recipe
from models.learning.spread import coverage_by_third
from models.learning.table import PlotTable, Target
from models.learning.training import train
from models.scores import block_ids
from tests.models.learning.conftest import NAMES, QUICK, TARGET, simulated
from tests.shared_data import shared

RIDGE = Recipe(TARGET, candidates=("ridge",))


def _bytes(model):
    return {name: values.tobytes() for name, values in model.to_arrays().items()}


def test_the_card_says_what_a_reader_needs(trained, plots):
    card = json.loads(json.dumps(trained.card, allow_nan=False))
    assert [feature["name"] for feature in card["features"]] == list(NAMES)
    scores = card["scores"]
    assert scores["blocked"]["n"] == scores["random"]["n"] == plots.observed.size
    assert scores["blocked"]["rmse"] < 0.6 * scores["plain_mean_blocked"]["rmse"]
    assert abs(scores["blocked"]["bias"]) < 3
    assert 0.85 <= card["intervals"]["coverage_90"] <= 0.95
    assert len(card["intervals"]["coverage_90_by_third"]) == 3
    assert card["blocks"]["blocks"] >= 10
    assert card["training"]["n"] == plots.observed.size
    assert len(card["training"]["digest"]) == 64
    assert card["domain"]["training_share_inside"] > 0.9
    assert card["cost"]["declared_ns_per_cell"] > 0
    assert card["residual"]["rmse"] == scores["blocked"]["rmse"]
    names = [one["name"] for one in card["candidates"]]
    assert names == ["plain_ridge", "ridge", "gaussian_process"]
    by_name = {feature["name"]: feature for feature in card["features"]}
    assert by_name["h95"]["importance"] > 5 * by_name["noise"]["importance"]
    assert card["chosen"]["why"]
    assert card["chosen"]["why_zh"]


def test_unseen_places_are_covered_in_every_third(trained, others):
    predicted = trained.model.predict(others.features.T, NAMES)
    inside = predicted.in_domain
    assert inside.mean() > 0.9
    mean = predicted.mean[inside].astype(float)
    sd, observed = predicted.sd[inside].astype(float), others.observed[inside]
    error = mean - observed
    assert abs(error.mean()) < 0.05 * observed.mean()
    rmse = float(np.sqrt(np.mean(error**2)))
    assert rmse == pytest.approx(trained.card["scores"]["blocked"]["rmse"], rel=0.2)
    shares = coverage_by_third(mean, sd, observed)
    assert all(0.83 <= share <= 0.97 for share in shares)


def test_the_order_of_rows_and_columns_changes_no_byte(plots, trained):
    generator = np.random.default_rng(0)
    rows, columns = generator.permutation(240), generator.permutation(5)
    turned = plots.take(rows)
    turned = replace(
        turned,
        names=tuple(plots.names[i] for i in columns),
        features=turned.features[:, columns],
    )
    again = train(turned, QUICK)
    ours, theirs = _bytes(trained.model), _bytes(again.model)
    assert again.model.names == turned.names
    assert ours.pop("order") != theirs.pop("order")
    assert ours == theirs
    first = trained.model.predict(plots.features.T, plots.names)
    second = again.model.predict(plots.features[:, columns].T, turned.names)
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.in_domain, second.in_domain)


def test_training_again_gives_the_same_bytes_and_all_candidates_take_part():
    table = simulated(n=70, seed=5)
    recipe = Recipe(TARGET, folds=3, block_m=2500)
    first, second = train(table, recipe), train(table, recipe)
    assert _bytes(first.model) == _bytes(second.model)
    assert first.card == second.card
    names = {one["name"] for one in first.card["candidates"]}
    assert names == {"plain_ridge", *CANDIDATES}
    best = min(one["blocked"]["rmse"] for one in first.card["candidates"])
    chosen = first.card["scores"]["blocked"]["rmse"]
    assert chosen < 1.15 * best


@pytest.mark.parametrize("kind", CANDIDATES)
def test_every_kind_of_model_is_kept_and_predicts_the_same(kind, plots):
    recipe = replace(QUICK, candidates=(kind,), folds=3, block_m=2500)
    model = train(plots.take(np.arange(0, 240, 2)), recipe).model
    card = json.loads(json.dumps(model.card))
    again = LearnedModel.from_arrays(model.to_arrays(), card)
    cells = np.random.default_rng(0).normal(size=(5, 7, 11)) * 10 + 20
    whole, back = model.predict(cells, NAMES), again.predict(cells, NAMES)
    for ours, theirs in zip(whole, back, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for row in range(7):  # cut elsewhere: the same bytes
        part = model.predict(cells[:, row, 3:], NAMES)
        np.testing.assert_array_equal(part.mean, whole.mean[row, 3:])
        np.testing.assert_array_equal(part.sd, whole.sd[row, 3:])
        np.testing.assert_array_equal(part.in_domain, whole.in_domain[row, 3:])


def test_the_domain_is_the_exact_one(trained, others):
    model = trained.model
    order = [model.names.index(name) for name in sorted(NAMES)]
    columns = model.standard.columns(others.features.T[order])
    exact = model.domain.contains(columns.T.astype(np.float64))
    predicted = model.predict(others.features.T)
    np.testing.assert_array_equal(predicted.in_domain, exact)


def test_a_lazy_map_is_the_eager_one(trained):
    xr = pytest.importorskip("xarray")
    generator = np.random.default_rng(0)
    values = generator.normal([20, 0.8, -10, 15, 0], [3, 0.1, 2, 5, 1], (12, 17, 5))
    stack = xr.DataArray(
        np.moveaxis(values, -1, 0).astype(np.float32),
        dims=("feature", "y", "x"),
        coords={"feature": list(NAMES)},
    )
    stack[2, 3, 4] = np.nan
    eager = trained.model.map(stack)
    lazy = trained.model.map(stack.chunk(feature=2, y=5, x=7))
    assert lazy["mean"].chunks
    xr.testing.assert_identical(lazy.compute(), eager)
    assert eager["in_domain"].to_numpy()[3, 4] == 255
    with pytest.raises(ModelError, match="another order"):
        trained.model.map(stack[::-1])


def test_a_missing_feature_never_predicts(trained, others):
    """faults.md M05."""
    cells = others.features[:50].T.copy()
    cells[:, 0] = np.nan
    cells[2, 1] = np.inf
    predicted = trained.model.predict(cells)
    assert np.isnan(predicted.mean[:2]).all()
    assert np.isnan(predicted.sd[:2]).all()
    assert not predicted.in_domain[:2].any()
    assert domain_codes(predicted)[:2].tolist() == [255, 255]
    assert np.isfinite(predicted.mean[2:]).all()


def test_extrapolation_is_marked(trained, others):
    """faults.md M03: a ramp out of the plots leaves the domain and stays outside."""
    typical = np.median(others.features, axis=0)
    ramp = np.repeat(typical[:, None], 60, axis=1)
    ramp[0] = np.linspace(20, 200, 60)
    inside = trained.model.predict(ramp).in_domain
    assert inside[0]
    last = int(np.flatnonzero(inside).max())
    assert ramp[0, last] < 60
    assert not inside[last + 1 :].any()
    far = typical[:, None].copy()
    far[4] = 1e9  # unimportant, and yet 64 sd away
    assert not trained.model.predict(far).in_domain[0]


def test_impossible_predictions_are_told_and_never_cut(plots):
    """faults.md M12."""
    table = replace(plots, observed=plots.observed - 60)
    table = table.take(np.flatnonzero(table.observed > 0))
    recipe = replace(RIDGE, target=Target("agb", "t/ha", (0.0, 200.0)), block_m=2500)
    over = replace(table, observed=np.minimum(table.observed, 200))
    model = train(over, recipe).model
    cells = np.repeat(np.median(plots.features, axis=0)[:, None], 40, axis=1)
    cells[0] = np.linspace(20, 60, 40)
    predicted = model.predict(cells)
    beyond = predicted.mean > 200
    assert beyond.any()
    assert not predicted.in_domain[beyond].any()
    tally = Tally.of(predicted, model.valid_range)
    assert tally.out_of_range == beyond.sum() + (predicted.mean < 0).sum()
    assert tally + Tally() == tally
    require_possible(replace(tally, impossible=2), model)
    with pytest.raises(ModelError, match="predicted outside"):
        require_possible(replace(tally, impossible=3), model)


def test_leakage_shows_as_the_gap_between_random_and_blocked():
    """faults.md M02: plots of one stand share a soil that features only remember."""
    generator = np.random.default_rng(1)
    stand = np.repeat(np.arange(30), 8)
    centre = generator.uniform(0, 40_000, (30, 2))
    x, y = (centre[stand] + generator.normal(0, 30, (240, 2))).T
    fingerprint = generator.normal(size=(30, 6))[stand]
    observed = 150 + 30 * generator.normal(size=30)[stand]
    observed += generator.normal(0, 3, 240)
    columns = {
        f"f{i}": fingerprint[:, i] + 0.02 * generator.normal(size=240) for i in range(6)
    }
    table = PlotTable.of(columns, observed, x=x, y=y)
    recipe = replace(RIDGE, candidates=("gaussian_process",))
    card = train(table, recipe).card
    scores = card["scores"]
    assert scores["random"]["r2"] > 0.5
    assert scores["blocked"]["r2"] < 0.2
    failed = {c.name for c in gate(card, RegionFacts(1.0)) if not c.passed}
    assert "against_mean" in failed


def test_blocks_hold_clusters_together(plots):
    table = replace(plots, x=np.round(plots.x / 4000) * 4000 + plots.x % 50)
    card = train(table, RIDGE).card
    blocks = card["blocks"]
    ids = block_ids(table.x, table.y, block_m=blocks["block_m"])
    assert ids.max() + 1 == blocks["blocks"]


def test_one_plot_that_drives_the_fit_is_named(plots):
    """faults.md M16."""
    ids = tuple(f"P{i}" for i in range(60))
    few = replace(plots.take(np.arange(60)), ids=ids)
    recipe = replace(RIDGE, block_m=2000, folds=5)
    assert train(few, recipe).card["influence"]["driving_plots"] == []
    features, observed = few.features.copy(), few.observed.copy()
    features[7, 0], observed[7] = 90.0, 20.0
    card = train(replace(few, features=features, observed=observed), recipe).card
    assert card["influence"]["driving_plots"] == ["P7"]
    assert card["influence"]["plots"][0]["plot"] == "P7"


def test_plots_older_than_the_imagery_are_in_the_card(plots):
    """faults.md M13."""
    day = np.full(240, np.datetime64("2015-07-01"), dtype="datetime64[D]")
    recipe = replace(RIDGE, block_m=2500, imagery=np.datetime64("2020-07-01"))
    card = train(replace(plots, day=day), recipe).card
    assert card["age_of_plots"]["median_years"] == 5.0
    failed = {c.name for c in gate(card, RegionFacts(1.0)) if not c.passed}
    assert "age_of_plots" in failed


def test_saturation_is_in_the_card(plots):
    """faults.md M14."""
    generator = np.random.default_rng(0)
    flat = np.minimum(plots.observed, 130) + generator.normal(0, 4, 240)
    table = PlotTable.of({"s": flat}, plots.observed, x=plots.x, y=plots.y)
    told = train(table, replace(RIDGE, block_m=2500)).card["saturation"]
    assert told["saturates"]
    assert told["upper_valid_limit"] == pytest.approx(130, abs=25)


def test_tables_that_cannot_be_learnt_from(plots):
    """faults.md M01 and kin."""
    with pytest.raises(TooFewObservationsError, match="needs 30 plots"):
        train(plots.take(np.arange(29)), RIDGE)
    features = plots.features.copy()
    features[20:, 2] = np.nan
    with pytest.raises(TooFewObservationsError, match="220 lack vv"):
        train(replace(plots, features=features), RIDGE)
    near = replace(plots, x=plots.x / 1e6, y=plots.y / 1e6)
    with pytest.raises(TooFewObservationsError, match="10 blocks"):
        train(near, RIDGE)
    with pytest.raises(ModelError, match="varies"):
        train(replace(plots, features=np.ones((240, 5))), RIDGE)
    with pytest.raises(ModelError, match="has to vary"):
        train(replace(plots, observed=np.full(240, 7.0)), RIDGE)
    with pytest.raises(ModelError, match="within 0 to 1200"):
        train(replace(plots, observed=plots.observed * 1000), RIDGE)
    with pytest.raises(ModelError, match="names of their own"):
        replace(plots, names=("a",) * 5)
    with pytest.raises(ModelError, match="No such candidate: svm"):
        Recipe(TARGET, candidates=("ridge", "svm"))


def test_a_constant_feature_is_left_out_and_told(plots):
    features = np.column_stack([plots.features, np.full(240, 3.0)])
    table = replace(plots, names=(*NAMES, "flat"), features=features)
    card = train(table, replace(RIDGE, block_m=2500)).card
    assert card["training"]["constant_features"] == ["flat"]
    assert [feature["name"] for feature in card["features"]] == list(NAMES)


def test_features_go_by_name(trained, plots):
    """faults.md M06."""
    cells = plots.features.T
    for names in (NAMES[::-1], (*NAMES[:-1], "ndmi"), NAMES[:-1]):
        with pytest.raises(ModelError, match="not those of the model") as caught:
            trained.model.predict(cells, names)
        assert caught.value.zh
    with pytest.raises(ModelError, match="4 features"):
        trained.model.predict(cells[:-1])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("centre", lambda v: v + 1),
        ("points", lambda v: v[:-1]),
        ("fit_weights", lambda v: v * 2),
        ("order", lambda v: v[::-1].copy()),
    ],
)
def test_changed_numbers_are_refused(trained, name, change):
    """faults.md M08."""
    arrays = trained.model.to_arrays()
    arrays[name] = change(arrays[name])
    with pytest.raises(ModelError, match="arrays_digest"):
        LearnedModel.from_arrays(arrays, trained.card)


def test_changed_cards_are_refused(trained):
    arrays, card = trained.model.to_arrays(), json.loads(json.dumps(trained.card))
    LearnedModel.from_arrays(arrays, card)
    swapped = card | {"features": card["features"][::-1]}
    for wrong, field in (
        (swapped, "schema_digest"),
        (card | {"format": 99}, "format"),
        (card | {"kind": "pickle"}, "format"),
        (card | {"features": []}, "features"),
    ):
        with pytest.raises(ModelError) as caught:
            LearnedModel.from_arrays(arrays, wrong)
        assert caught.value.where["field"] == field


def test_basal_area_of_quatre_montagnes():
    """data/README.md: blocked RMSE of random forest 10.3, ridge 10.4 m2/ha."""
    path = shared("quatre_montagnes") / "quatre_montagnes.csv"
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = list(rows[0])[8:]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    place = {n.lower(): np.array([float(row[n]) for row in rows]) for n in ("X", "Y")}
    observed = np.array([float(row["G_m2_ha"]) for row in rows])
    table = PlotTable.of(columns, observed, **place)
    recipe = Recipe(
        Target("G_m2_ha", "m2/ha", (0.0, 200.0)),
        candidates=("ridge", "gaussian_process"),
    )
    card = train(table, recipe).card
    assert len(names) == 65 + 3
    assert card["scores"]["blocked"]["n"] == 96
    assert card["scores"]["blocked"]["rmse"] <= 10.4
    assert abs(card["scores"]["blocked"]["bias"]) < 1
    assert all(0.84 <= s <= 0.96 for s in card["intervals"]["coverage_90_by_third"])
