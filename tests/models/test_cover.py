import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from geo.errors import ModelError, TooFewObservationsError
from models.cover import CoverModel
from models.features import features_from
from models.training import CoverTable, Recipe, train_cover


def _card(model):
    return json.loads(json.dumps(model.card, allow_nan=False))


def test_the_card_says_what_was_learnt(forest):
    card = _card(forest.model)
    names = [feature["name"] for feature in card["features"]]
    assert tuple(names) == features_from(forest.band_names)
    assert all(feature["unit"] for feature in card["features"])
    blocked, random = card["scores"]["blocked"], card["scores"]["random"]
    assert blocked["n"] == random["n"] == 2500
    assert blocked["rmse"] < card["scores"]["plain_mean_blocked"]["rmse"] / 2
    assert abs(blocked["bias"]) < 1
    assert 0.85 <= blocked["coverage_90"] <= 0.95
    assert card["residual_sd_pct"] == blocked["rmse"]
    assert card["training"]["n"] == 2500
    assert card["training"]["blocks"] == 25
    assert len(card["training"]["digest"]) == 64
    assert card["domain"]["training_share_inside"] > 0.9


def test_residuals_are_those_of_unseen_blocks(forest):
    trained = forest.trained
    rmse = forest.model.card["scores"]["blocked"]["rmse"]
    assert np.sqrt(np.mean(trained.residual_pct**2)) == pytest.approx(rmse, rel=1e-5)
    assert trained.x.shape == trained.y.shape == trained.residual_pct.shape


def test_the_mean_and_its_sd_by_hand(forest):
    model, ridge = forest.model, forest.model.ridge
    features = forest.stack.to_numpy()[:, 20, 20].astype(np.float64)
    z = np.concatenate([[1.0], (features - ridge.centre) / ridge.scale])
    predicted = model.predict(forest.stack.to_numpy()[:, 20:21, 20:21])
    assert predicted.cover_pct.dtype == predicted.sd_pct.dtype == np.float32
    assert predicted.cover_pct[0, 0] == pytest.approx(z @ ridge.beta, rel=1e-6)
    expected = np.sqrt(z @ ridge.covariance @ z)
    assert predicted.sd_pct[0, 0] == pytest.approx(expected, rel=1e-6)


def test_the_shared_error_of_a_mean_is_that_of_the_mean_features(forest):
    model = forest.model
    group = forest.table.features[:40]
    rows = model.design(group)
    together = rows @ model.ridge.covariance @ rows.T
    mean_row = model.design(group.mean(axis=0, keepdims=True))
    assert model.variance(mean_row)[0] == pytest.approx(together.mean())
    assert model.variance(rows - rows)[0] == 0.0  # one season twice: all cancels


def test_chunks_do_not_show(forest):
    whole = forest.model.map(forest.stack)
    lazy = forest.model.map(forest.stack.chunk(feature=3, y=7, x=13))
    assert lazy["cover_pct"].chunks
    xr.testing.assert_identical(lazy.compute(), whole)
    cells = forest.stack.to_numpy().reshape(8, -1)
    one_by_one = [forest.model.predict(cells[:, i]) for i in (0, 777, 2499)]
    flat = whole["cover_sd_pct"].to_numpy().ravel()
    assert [float(p.sd_pct) for p in one_by_one] == flat[[0, 777, 2499]].tolist()


@pytest.mark.parametrize("absent", [np.nan, np.inf])
def test_a_missing_feature_predicts_nothing(forest, absent):
    stack = forest.stack.copy(deep=True)
    stack[3, 0, 0] = absent
    stack[:, 1, 1] = np.nan  # faults.md M05
    mapped = forest.model.map(stack)
    for place in ((0, 0), (1, 1)):
        assert np.isnan(mapped["cover_pct"].to_numpy()[place])
        assert np.isnan(mapped["cover_sd_pct"].to_numpy()[place])
        assert mapped["in_domain"].to_numpy()[place] == 255
    assert int(np.isnan(mapped["cover_pct"]).sum()) == 2
    assert not forest.model.predict(np.full((8, 3), np.nan)).in_domain.any()


def test_cover_stays_a_percentage_and_strange_cells_are_outside(forest):
    stack = forest.stack.copy(deep=True)
    stack[:, 0, 0] = 1.5  # faults.md M03: nothing like it was trained on
    mapped = forest.model.map(stack)
    assert float(mapped["cover_pct"].min()) >= 0
    assert float(mapped["cover_pct"].max()) <= 100
    assert mapped["in_domain"].to_numpy()[0, 0] == 0
    assert float((mapped["in_domain"] == 1).mean()) > 0.9


def test_swapped_features_are_refused(forest):
    swapped = forest.stack.isel(feature=[0, 1, 3, 2, 4, 5, 6, 7])  # faults.md M06
    with pytest.raises(ModelError, match="red, nir08"):
        forest.model.map(swapped)
    with pytest.raises(ModelError, match="takes 8 features, got 7"):
        forest.model.predict(np.zeros((7, 3)))


def test_a_model_survives_the_disk(forest, tmp_path):
    np.savez(tmp_path / "model.npz", **forest.model.to_arrays())
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        again = CoverModel.from_arrays(arrays, _card(forest.model))
    xr.testing.assert_identical(again.map(forest.stack), forest.model.map(forest.stack))


@pytest.mark.parametrize("name", ["beta", "covariance", "points", "limits", "scale"])
def test_a_changed_number_is_refused(forest, name):
    arrays = {key: value.copy() for key, value in forest.model.to_arrays().items()}
    arrays[name].flat[0] *= 1 + 1e-12
    with pytest.raises(ModelError, match="arrays_digest"):
        CoverModel.from_arrays(arrays, _card(forest.model))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", np.zeros(3)),
        ("weights", np.full(8, np.nan)),
        ("points", np.array([None, {}], dtype=object)),
        ("centre", np.zeros(8, dtype=np.float32)),
        ("points", np.float64(1.0)),
    ],
)
def test_an_array_of_another_kind_is_refused(forest, name, value):
    arrays = forest.model.to_arrays() | {name: np.asarray(value)}
    with pytest.raises(ModelError, match=name):
        CoverModel.from_arrays(arrays, _card(forest.model))


def test_a_missing_array_or_another_meaning_is_refused(forest):
    arrays = forest.model.to_arrays()
    with pytest.raises(ModelError, match="scale"):
        CoverModel.from_arrays(
            {name: a for name, a in arrays.items() if name != "scale"},
            _card(forest.model),
        )
    card = _card(forest.model)
    card["features"][0], card["features"][1] = card["features"][1], card["features"][0]
    with pytest.raises(ModelError, match="schema_digest"):
        CoverModel.from_arrays(arrays, card)
    with pytest.raises(ModelError, match="kind"):
        CoverModel.from_arrays(arrays, card | {"kind": "forest"})


def test_training_repeats_whatever_the_order_of_rows(forest):
    table = forest.table
    order = np.random.default_rng(0).permutation(table.x.size)
    turned = CoverTable(
        table.names,
        table.features[order],
        table.cover_pct[order],
        table.x[order],
        table.y[order],
    )
    again = train_cover(turned, Recipe(block_m=200)).model
    assert again.card == forest.model.card
    for name, values in again.to_arrays().items():
        np.testing.assert_array_equal(values, forest.model.to_arrays()[name])


def test_another_training_table_has_another_digest(forest):
    cover = forest.table.cover_pct.copy()
    cover[0] = 100 - cover[0]
    changed = replace(forest.table, cover_pct=cover).usable()
    assert changed.digest() != forest.table.usable().digest()


def test_rows_without_all_values_are_dropped_and_counted(forest):
    cover = forest.table.cover_pct.copy()
    features = forest.table.features.copy()
    cover[:10], features[5:20, 2] = np.nan, np.nan
    holed = replace(forest.table, cover_pct=cover, features=features)
    card = train_cover(holed, Recipe(block_m=200)).model.card
    assert card["training"]["dropped"] == 20
    assert card["training"]["n"] == 2480


def test_a_model_no_better_than_the_mean_is_not_used(forest):
    generator = np.random.default_rng(3)
    noise = replace(forest.table, cover_pct=generator.uniform(0, 100, 2500))
    with pytest.raises(ModelError, match="the plain mean by"):
        train_cover(noise, Recipe(block_m=200))
    weak = train_cover(noise, Recipe(block_m=200, allow_weak=True))
    assert weak.model.card["scores"]["blocked"]["r2"] < 0.05


def test_too_few_cells_or_blocks_says_how_many(forest):
    table = forest.table
    few = CoverTable(
        table.names,
        table.features[:20],
        table.cover_pct[:20],
        table.x[:20],
        table.y[:20],
    )
    with pytest.raises(TooFewObservationsError, match="20 usable cells"):
        train_cover(few, Recipe(block_m=20))
    with pytest.raises(TooFewObservationsError, match="in 4"):
        train_cover(table, Recipe(block_m=500))


def test_tables_and_recipes_that_cannot_be_are_refused(forest):
    table = forest.table
    with pytest.raises(ModelError, match="to 255"):
        replace(table, cover_pct=np.full(2500, 255.0))
    with pytest.raises(ValueError, match="do not match"):
        replace(table, features=table.features[:, :3])
    with pytest.raises(ValueError, match="got 2"):
        Recipe(block_m=200, folds=2)
