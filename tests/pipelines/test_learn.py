import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from typer.testing import CliRunner

from geo.errors import ModelError, RasterError, TableError
from models.learning.gate import RegionFacts, gate
from pipelines.cli import app
from pipelines.learn import TrainRequest, in_metres, train_table
from pipelines.predict import PredictRequest, load_model, predict_raster
from store.training_tables import TrainingColumns
from tests.models.learning.conftest import NAMES, simulated


def write_table(path, table, *, shift=0.0):
    rows = np.column_stack([table.x, table.y, table.observed + shift, table.features])
    names = ",".join(("X", "Y", "agb_t_ha", *NAMES))
    lines = [",".join(f"{value:.6g}" for value in row) for row in rows]
    path.write_text("\n".join([names, *lines]) + "\n", encoding="utf-8")


def write_raster(path, features, names=NAMES):
    """Write plots' features as a raster of one row."""
    values = features.T[:, None, :].astype(np.float32)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=values.shape[2],
        height=1,
        count=len(values),
        dtype="float32",
        nodata=np.nan,
        crs="EPSG:4547",
        transform=from_origin(5e5, 4e6, 20, 20),
    ) as target:
        target.write(values)
        target.descriptions = names


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table, a model of it and a raster of features."""
    there = tmp_path_factory.mktemp("learn")
    write_table(there / "plots.csv", simulated())
    words = ["train", "--table", str(there / "plots.csv"), "--target", "agb_t_ha"]
    words += ["--x", "X", "--y", "Y", "--crs", "EPSG:4547", "--out", str(there / "m")]
    done = CliRunner().invoke(app, [*words, "--candidates", "ridge", "--json"])
    assert done.exit_code == 0, done.output
    card = json.loads(done.output)
    assert [feature["name"] for feature in card["features"]] == list(NAMES)
    write_raster(there / "f.tif", simulated(n=500, seed=21).features)
    return there


def request(folder, **more):
    told = {"model": folder / "m", "raster": str(folder / "f.tif")}
    return PredictRequest(**(told | {"out": folder / "y.tif"} | more))


def test_a_model_folder_has_card_arrays_and_pictures(folder):
    names = {path.name for path in (folder / "m").iterdir()}
    assert names == {
        *("card.json", "model.npz", "predicted_observed.png"),
        *("residual_map.png", "variogram.png", "importance.png"),
    }
    card = json.loads((folder / "m" / "card.json").read_text(encoding="utf-8"))
    assert card["target"]["unit"] == "t/ha"
    assert card["target"]["valid_range"] == [0, 1200]
    assert len(card["source"]["sha256"]) == 64
    assert {check["name"] for check in card["gate"]} == {
        check.name for check in gate(card, RegionFacts(1.0)) if check.name != "domain"
    }


def test_a_map_by_the_command(folder):
    words = ["predict", "--model", str(folder / "m"), "--raster", str(folder / "f.tif")]
    words += ["--out", str(folder / "cli.tif"), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["predicted"] == 500
    assert told["domain_share"] > 0.9
    with rasterio.open(folder / "cli.tif") as found:
        assert found.descriptions == ("agb_t_ha", "agb_t_ha_sd", "in_domain")
        mean, sd, inside = found.read()[:, 0]
        assert float(found.tags()["DOMAIN_SHARE"]) == told["domain_share"]
    others = simulated(n=500, seed=21)
    model = load_model(folder / "m")
    expected = model.predict(others.features.T.astype(np.float32))
    np.testing.assert_allclose(mean, expected.mean, atol=0.006)
    np.testing.assert_array_equal(inside == 1, expected.in_domain)
    covered = np.abs(mean - others.observed) <= 1.645 * sd
    assert 0.84 <= covered.mean() <= 0.96


def test_training_again_writes_the_same_bytes(folder):
    asked = TrainRequest(
        str(folder / "plots.csv"),
        TrainingColumns("agb_t_ha", "X", "Y"),
        "EPSG:4547",
        folder / "again",
        candidates=("ridge",),
    )
    train_table(asked)
    for path in (folder / "m").iterdir():
        assert path.read_bytes() == (folder / "again" / path.name).read_bytes()


def test_bands_in_another_order_are_found_by_name(folder):
    """faults.md M06."""
    features = simulated(n=500, seed=21).features
    write_raster(folder / "turned.tif", features[:, ::-1], NAMES[::-1])
    predict_raster(request(folder, out=folder / "1.tif"))
    predict_raster(request(folder, raster=str(folder / "turned.tif")))
    with rasterio.open(folder / "1.tif") as one, rasterio.open(folder / "y.tif") as two:
        np.testing.assert_array_equal(one.read(), two.read())
    write_raster(folder / "other.tif", features, (*NAMES[:-1], "ndmi"))
    with pytest.raises(RasterError, match="lacks noise"):
        predict_raster(request(folder, raster=str(folder / "other.tif")))


def test_a_map_mostly_outside_the_domain_cannot_be_credited(folder):
    """faults.md M04."""
    features = simulated(n=500, seed=21).features.copy()
    features[:200, 0] += 60
    write_raster(folder / "far.tif", features)
    found = predict_raster(request(folder, raster=str(folder / "far.tif")))
    assert not found.is_creditable
    assert found.tally.domain_share() < 0.65
    with rasterio.open(folder / "y.tif") as written:
        assert written.tags()["CREDITABLE"] == "NO"
    assert {one.feature for one in found.drifts if one.has_drifted} >= {"h95"}


def test_a_scaled_feature_is_refused(folder):
    """faults.md M07."""
    features = simulated(n=500, seed=21).features.copy()
    features[:, 1] *= 1e-4
    write_raster(folder / "scaled.tif", features)
    with pytest.raises(ModelError, match="ndvi looks scaled"):
        predict_raster(request(folder, raster=str(folder / "scaled.tif")))


def test_a_table_that_changed_makes_the_model_stale(folder):
    """faults.md M15."""
    predict_raster(request(folder, trained_on=str(folder / "plots.csv")))
    write_table(folder / "changed.csv", simulated(), shift=1.0)
    with pytest.raises(ModelError, match="not the table"):
        predict_raster(request(folder, trained_on=str(folder / "changed.csv")))


def test_places_come_in_metres():
    x, y = np.array([112.0, 112.1]), np.array([38.0, 38.0])
    east, north = in_metres(x, y, "EPSG:4326")
    apart = float(np.hypot(*(np.diff(east), np.diff(north)))[0])
    assert apart == pytest.approx(8_780, rel=0.01)
    assert in_metres(x, y, "EPSG:4547")[0] is x
    for wrong, fragment in (
        ("EPSG:1", "no known"),
        ("EPSG:2249", "foot"),
        ("nonsense", "no known"),
    ):
        with pytest.raises(TableError, match=fragment):
            in_metres(x, y, wrong)
    with pytest.raises(TableError, match="longitude"):
        in_metres(x * 1000, y, "EPSG:4326")


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["--valid-range", "5"], "LOW,HIGH"),
        (["--imagery", "last year"], "2024-07-01"),
    ],
)
def test_options_that_make_no_sense(folder, words, fragment):
    told = ["train", "--table", "t.csv", "--target", "a", "--crs", "EPSG:4547"]
    done = CliRunner().invoke(app, [*told, "--out", str(folder / "n"), *words])
    assert done.exit_code == 2
    assert fragment in done.output


def test_a_map_is_a_tif(folder):
    words = ["predict", "--model", str(folder / "m"), "--raster", "f.tif"]
    done = CliRunner().invoke(app, [*words, "--out", "y.png"])
    assert done.exit_code == 2


def test_means_of_larger_cells(folder):
    """Half as many rows and columns; what is common to all cells stays."""
    features = simulated(n=500, seed=21).features.reshape(20, 25, -1)
    values = np.moveaxis(features, -1, 0).astype(np.float32)
    with rasterio.open(
        folder / "square.tif",
        "w",
        driver="GTiff",
        width=25,
        height=20,
        count=len(values),
        dtype="float32",
        nodata=np.nan,
        crs="EPSG:4547",
        transform=from_origin(5e5, 4e6, 20, 20),
    ) as target:
        target.write(values)
        target.descriptions = NAMES
    predict_raster(request(folder, raster=str(folder / "square.tif")))
    with rasterio.open(folder / "y.tif") as fine:
        mean, sd, _ = fine.read()
    words = ["predict", "--model", str(folder / "m"), "--over", "2", "--out"]
    words += [str(folder / "coarse.tif"), "--raster", str(folder / "square.tif")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    with rasterio.open(folder / "coarse.tif") as found:
        assert (found.height, found.width) == (10, 13)
        assert found.transform == from_origin(5e5, 4e6, 40, 40)
        means, errors, _ = found.read()
    expected = mean[:, :24].reshape(10, 2, 12, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(means[:, :12], expected, atol=0.011)
    typical = np.sqrt((sd[:, :24].reshape(10, 2, 12, 2) ** 2).mean(axis=(1, 3)))
    assert ((typical / 2.001 <= errors[:, :12]) & (errors[:, :12] <= typical)).all()


def test_an_error_that_all_plots_share_is_in_every_sd(folder):
    """10 % and 5 % of one size in all plots: 11.2 % of every prediction."""
    table = simulated()
    rows = (folder / "plots.csv").read_text(encoding="utf-8").splitlines()
    told = [rows[0] + ",se_a_t_ha,se_b_t_ha"]
    for row, observed in zip(rows[1:], table.observed, strict=True):
        told.append(f"{row},{0.1 * observed:.6f},{0.05 * observed:.6f}")
    (folder / "errors.csv").write_text("\n".join(told) + "\n", encoding="utf-8")
    words = ["train", "--table", str(folder / "errors.csv"), "--target", "agb_t_ha"]
    words += ["--features", ",".join(NAMES), "--crs", "EPSG:4547", "--x", "X"]
    words += ["--y", "Y", "--out", str(folder / "shared"), "--candidates", "ridge"]
    words += ["--shared-se", "se_a_t_ha,se_b_t_ha", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    shared = json.loads(done.output)["shared_error"]
    assert shared["relative"] == pytest.approx(np.hypot(0.1, 0.05), rel=1e-4)
    predict_raster(request(folder, out=folder / "alone.tif"))
    predict_raster(request(folder, model=folder / "shared", out=folder / "both.tif"))
    with (
        rasterio.open(folder / "alone.tif") as one,
        rasterio.open(folder / "both.tif") as two,
    ):
        alone, both = one.read(), two.read()
    np.testing.assert_array_equal(alone[0], both[0])
    expected = np.hypot(alone[1], shared["relative"] * alone[0])
    np.testing.assert_allclose(both[1], expected, atol=0.011)
    words = ["predict", "--model", str(folder / "shared"), "--without-shared"]
    words += ["--raster", str(folder / "f.tif"), "--out", str(folder / "own.tif")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    with rasterio.open(folder / "own.tif") as source:
        np.testing.assert_array_equal(source.read(), alone)
