"""Plots and models as they should not be; each case by its id.

M05 a cell without a feature, M06 features in another order, M07 another scale, M12
impossible predictions and M14 saturation are provoked through the commands here, the
numbers behind them in tests/models/learning.
"""

import json
import sys

import numpy as np
import pytest
import rasterio

from geo.errors import ModelError, RasterError, TooFewObservationsError
from pipelines.learn import TrainRequest, train_table
from pipelines.predict import PredictRequest, predict_raster
from store.training_tables import TrainingColumns
from tests.models.learning.conftest import NAMES, simulated
from tests.pipelines.test_learn import write_raster, write_table


def _train(folder, table, **more):
    write_table(folder / "plots.csv", table)
    columns = more.pop("columns", TrainingColumns("agb_t_ha", "X", "Y"))
    told = {"candidates": ("ridge",), "block_m": 2500.0} | more
    path = str(folder / "plots.csv")
    return train_table(TrainRequest(path, columns, "EPSG:4547", folder / "m", **told))


def _predict(folder, features, names=NAMES):
    write_raster(folder / "f.tif", features, names)
    asked = PredictRequest(folder / "m", str(folder / "f.tif"), folder / "y.tif")
    return predict_raster(asked)


@pytest.fixture
def trained(tmp_path):
    _train(tmp_path, simulated())
    return tmp_path


def test_m01_too_few_plots(tmp_path):
    with pytest.raises(TooFewObservationsError, match="30 plots") as caught:
        _train(tmp_path, simulated(n=20))
    assert caught.value.zh
    assert not (tmp_path / "m").exists()


def test_m02_clustered_plots_have_two_scores_and_one_counts(trained):
    card = json.loads((trained / "m" / "card.json").read_text(encoding="utf-8"))
    assert card["scores"]["blocked"]["rmse"] > 0
    assert card["scores"]["random"]["rmse"] > 0
    assert card["residual"]["rmse"] == card["scores"]["blocked"]["rmse"]


def test_m03_m04_beyond_the_plots_is_outside_and_not_creditable(trained):
    features = np.repeat(np.median(simulated().features, axis=0)[None], 50, axis=0)
    features[:, 0] = np.linspace(20, 60, 50)
    found = _predict(trained, features)
    assert not found.is_creditable
    with rasterio.open(trained / "y.tif") as written:
        inside = written.read(3)[0]
    assert inside[0] == 1
    assert inside[-1] == 0


def test_m05_a_cell_without_a_feature_predicts_nothing(trained):
    features = simulated(n=40).features.copy()
    features[3] = np.nan
    features[4, 1] = np.nan
    _predict(trained, features)
    with rasterio.open(trained / "y.tif") as written:
        values = written.read()[:, 0]
    assert (values[:, 3:5] == -9999).all()
    assert (values[0, 5:] > 0).all()


def test_m06_features_under_other_names(trained):
    with pytest.raises(RasterError, match="lacks h95"):
        _predict(trained, simulated(n=40).features, ("H", *NAMES[1:]))


def test_m07_a_feature_in_another_scale(trained):
    with pytest.raises(ModelError, match="h95 looks scaled"):
        _predict(trained, simulated(n=40).features * np.array([1e-4, 1, 1, 1, 1]))
    assert not (trained / "y.tif").exists()


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_m08_a_poisoned_model_runs_no_code(trained):
    pickle = sys.modules.get("pickle") or __import__("pickle")
    bomb = np.array([Bomb(trained / "touched")], dtype=object)
    for poison in ("whole", "inside"):
        path = trained / "m" / "model.npz"
        if poison == "whole":
            path.write_bytes(pickle.dumps(Bomb(trained / "touched")))
        else:
            np.savez(path, centre=bomb)
        # Whoever can write the arrays can write a card that vouches for them.
        _forge(trained / "m")
        with pytest.raises(ModelError):
            _predict(trained, simulated(n=40).features)
        assert not (trained / "touched").exists()


def _forge(folder):
    from store.files import sha256_file
    from store.model_files import card_digest

    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card["files"] = {"model.npz": sha256_file(folder / "model.npz")}
    card["card_digest"] = card_digest(card)
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")


def test_m09_tampered_arrays_with_a_forged_card(trained):
    from store.arrays import read_arrays, write_arrays

    path = trained / "m" / "model.npz"
    arrays = read_arrays(path)
    arrays["order"] = arrays["order"] + 99
    write_arrays(path, arrays)
    _forge(trained / "m")
    with pytest.raises(ModelError):
        _predict(trained, simulated(n=40).features)


def test_m12_impossible_predictions_are_flagged_not_cut(tmp_path):
    _train(tmp_path, simulated(), valid_range=(0.0, 300.0), block_m=2500.0)
    features = np.repeat(np.median(simulated().features, axis=0)[None], 100, axis=0)
    features[:4, 0] = 45.0
    found = _predict(tmp_path, features)
    assert found.tally.out_of_range == 4
    with rasterio.open(tmp_path / "y.tif") as written:
        values = written.read()[:, 0]
    assert (values[0, :4] > 300).all()
    assert (values[2, :4] == 0).all()
    features[:, 0] = 70.0
    with pytest.raises(ModelError, match="predicted outside"):
        _predict(tmp_path, features)


def test_m13_plots_much_older_than_the_imagery(tmp_path):
    table = simulated()
    write_table(tmp_path / "plots.csv", table)
    lines = (tmp_path / "plots.csv").read_text().splitlines()
    dated = [lines[0] + ",year", *(line + ",2014" for line in lines[1:])]
    (tmp_path / "plots.csv").write_text("\n".join(dated) + "\n")
    columns = TrainingColumns("agb_t_ha", "X", "Y", measured="year")
    asked = TrainRequest(
        str(tmp_path / "plots.csv"),
        columns,
        "EPSG:4547",
        tmp_path / "m",
        imagery="2020",
        block_m=2500.0,
        candidates=("ridge",),
    )
    card = train_table(asked).card
    assert card["age_of_plots"]["median_years"] == 6.0
    (check,) = [one for one in card["gate"] if one["name"] == "age_of_plots"]
    assert not check["passed"]


def test_m14_a_saturated_model_says_up_to_where(tmp_path):
    table = simulated()
    generator = np.random.default_rng(0)
    features = table.features.copy()
    features[:, 0] = np.minimum(table.observed, 130) / 5 + generator.normal(0, 0.8, 240)
    features[:, 1:] = generator.normal(size=(240, 4))
    from dataclasses import replace

    card = _train(tmp_path, replace(table, features=features)).card
    assert card["saturation"]["saturates"]
    assert 100 < card["saturation"]["upper_valid_limit"] < 165


def test_m15_a_label_table_changed_after_training(trained):
    write_table(trained / "plots.csv", simulated(), shift=5.0)
    write_raster(trained / "f.tif", simulated(n=40).features)
    with pytest.raises(ModelError, match="not the table"):
        predict_raster(
            PredictRequest(
                trained / "m",
                str(trained / "f.tif"),
                trained / "y.tif",
                trained_on=str(trained / "plots.csv"),
            )
        )


def test_m16_one_plot_that_drives_the_fit(tmp_path):
    table = simulated(n=60)
    table.features[7, 0], table.observed[7] = 90.0, 20.0
    card = _train(tmp_path, table, block_m=2000.0, folds=5).card
    assert card["influence"]["driving_plots"] == ["line 9"]
    (check,) = [one for one in card["gate"] if one["name"] == "influence"]
    assert not check["passed"]
    assert "line 9" in check["sentence"]
