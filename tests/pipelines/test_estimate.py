"""``forestsink estimate`` from files to figures."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from models.estimation import Sample, fit, regression
from models.small_areas import estimate_area
from models.targets import Target
from pipelines.cli import app

T21 = "lidar,agb\n4,30\n6,48\n8,61\n10,85\n12,96\n14,118\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def runner(sample, population, *words, aux="lidar", code=0):
        (tmp_path / "S.csv").write_text(sample, encoding="utf-8")
        (tmp_path / "P.csv").write_text(population, encoding="utf-8")
        done = CliRunner().invoke(
            app,
            [
                *("estimate", "--sample", "S.csv", "--y", "agb", "--aux", aux),
                *("--population", "P.csv", *words),
            ],
        )
        assert done.exit_code == code, done.output
        return done.output

    return runner


@pytest.fixture(scope="module")
def plots():
    """Sixty first-phase plots, every second one measured, in three areas."""
    rng = np.random.default_rng(8)
    aux = np.round(rng.gamma(4, 3, (60, 2)), 6)
    area = np.repeat(["A", "B", "C"], [30, 20, 10])
    y = np.round(5 + aux @ [6.0, 2] + rng.normal(0, 5, 60), 6)
    return aux, area, y


def table(columns, *arrays):
    rows = zip(*arrays, strict=True)
    return "\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n"


def test_t21_from_the_command_line(run):
    found = json.loads(run(T21, "lidar\n9.5\n", "--json"))
    (row,) = found["results"]
    assert row["method"] == "regression"
    assert row["method_zh"]
    assert row["estimate"] == pytest.approx(77.342857, abs=5e-7)
    assert row["g_variance"] == pytest.approx(1.069899, abs=5e-7)
    assert row["ext_variance"] == pytest.approx(1.169524, abs=5e-7)
    assert (row["n"], row["n1"], row["degrees"]) == (6, None, 4)
    assert row["lower"] < row["estimate"] < row["upper"]
    (plain,) = found["comparison"]
    assert (plain["method"], plain["estimate"]) == ("plain_mean", 73.0)
    assert found["model"]["coefficients"]["lidar"] == pytest.approx(8.685714, abs=5e-7)
    assert found["population"]["kind"] == "means"


def test_units_and_their_mean_are_the_same_population(run):
    means = json.loads(run(T21, "lidar\n9.5\n", "--json"))
    units = json.loads(run(T21, "lidar\n4\n9\n12.5\n12.5\n", "--json"))
    assert units["results"] == means["results"]
    assert units["population"]["kind"] == "units"
    sizes = run(T21, "lidar,ha\n4,1\n15,1\n9.5,8\n", "--json", "--size", "ha")
    (row,) = json.loads(sizes)["results"]
    assert row["estimate"] == pytest.approx(77.342857, abs=5e-7)
    assert row["total"] == pytest.approx(773.42857, abs=5e-6)
    assert row["total_se"] == pytest.approx(10.3436, abs=5e-5)


def test_areas_by_the_models(run, plots):
    aux, area, y = plots
    rows = np.arange(0, 60, 2)
    sample = table("zone,agb,a,b", area[rows], y[rows], *aux[rows].T)
    population = table("zone,a,b", area, *aux.T)
    words = ("--by", "zone", "--json")
    found = json.loads(run(sample, population, *words, aux="a,b"))
    assert [row["area"] for row in found["results"]] == [None, "A", "B", "C"]
    assert [row["n"] for row in found["results"]] == [30, 15, 10, 5]
    methods = [row["method"] for row in found["results"][1:]]
    assert methods == ["extended_synthetic", "extended_synthetic", "small_area"]
    given = Sample(y[rows], aux[rows])
    for row in found["results"][1:]:
        target = Target.known(aux[area == row["area"]].mean(axis=0))
        expected = estimate_area(given, area[rows] == row["area"], target).chosen
        assert row["estimate"] == pytest.approx(expected.estimate, rel=1e-9)
        assert row["g_variance"] == pytest.approx(expected.g_variance, rel=1e-9)


def test_two_phases_with_and_without_the_plots_in_the_first(run, plots):
    aux, area, y = plots
    rows = np.arange(0, 60, 2)
    sample = table("zone,agb,a,b", area[rows], y[rows], *aux[rows].T)
    words = ("--by", "zone", "--design", "two-phase", "--json")
    whole = json.loads(run(sample, table("zone,a,b", area, *aux.T), *words, aux="a,b"))
    others = rows + 1
    rest = table("zone,a,b", area[others], *aux[others].T)
    joined = json.loads(run(sample, rest, *words, aux="a,b"))
    for here, there in zip(whole["results"], joined["results"], strict=True):
        assert here["estimate"] == pytest.approx(there["estimate"], rel=1e-9)
        assert here["g_variance"] == pytest.approx(there["g_variance"], rel=1e-9)
    region = whole["results"][0]
    expected = regression(fit(Sample(y[rows], aux[rows])), Target.first_phase(aux))
    assert region["method"] == "two_phase_regression"
    assert (region["n"], region["n1"]) == (30, 60)
    assert region["estimate"] == pytest.approx(expected.estimate, rel=1e-9)
    assert region["g_variance"] == pytest.approx(expected.g_variance, rel=1e-9)
    assert [row["n1"] for row in whole["results"]] == [60, 30, 20, 10]
    assert whole["results"][1]["method"] == "pseudo_extended_synthetic"
    assert region["total"] is None


def test_clusters_from_the_command_line(run, plots):
    aux, _, y = plots
    cluster = np.arange(60) // 3
    sample = table("agb,a,b,c", y[:30], *aux[:30].T, cluster[:30])
    words = ("--design", "two-phase", "--cluster", "c", "--json")
    population = table("a,b,c", *aux.T, cluster)
    (row,) = json.loads(run(sample, population, *words, aux="a,b"))["results"]
    expected = regression(
        fit(Sample(y[:30], aux[:30], cluster[:30])),
        Target.first_phase(aux, cluster=cluster),
    )
    assert (row["n"], row["n1"]) == (10, 20)
    assert row["g_variance"] == pytest.approx(expected.g_variance, rel=1e-9)


def test_areas_without_plots_and_plots_without_areas(run):
    lines = T21.splitlines()[1:]
    zones = ["A", "A", "A", "Z", "Z", "Z"]
    sample = table("zone,lidar,agb", zones, lines)
    population = "zone,lidar\nA,6\nC,9\n"
    found = json.loads(run(sample, population, "--by", "zone", "--json"))
    assert [row["area"] for row in found["results"]] == ["A", "C"]
    empty = found["results"][1]
    assert (empty["method"], empty["n"]) == ("synthetic", 0)
    assert empty["flags"] == ["synthetic_only"]
    assert empty["ext_variance"] is None
    assert "synthetic_only" in found["flags"]
    assert any(note.startswith("Z of S.csv is not in P.csv") for note in found["notes"])
    assert any("without sizes" in note for note in found["notes"])


def test_one_first_phase_plot_in_an_area_is_said_and_the_rest_goes_on(run):
    zones = ["A", "A", "A", "B", "B", "B"]
    sample = table("zone,lidar,agb", zones, T21.splitlines()[1:])
    first = table("zone,lidar", [*zones, "C"], [4, 6, 8, 10, 12, 14, 9])
    words = ("--by", "zone", "--design", "two-phase", "--json")
    found = json.loads(run(sample, first, *words))
    assert [row["area"] for row in found["results"]] == [None, "A", "B"]
    assert any("C: A first phase needs at least 2" in note for note in found["notes"])


def test_the_table_and_the_files(run, tmp_path):
    shown = run(T21, "lidar\n9.5\n", "--out", "o.json")
    assert "77.34286" in shown
    assert "回归估计" in shown
    written = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert written["results"][0]["estimate"] == 77.34285714
    run(T21, "lidar\n9.5\n", "--out", "o.csv")
    first = (tmp_path / "o.csv").read_bytes()
    header, *rows = first.decode("utf-8-sig").splitlines()
    assert header.startswith("area,method,method_en,method_zh,estimate,ext_variance")
    assert [row.split(",")[-1] for row in rows] == ["True", "False"]
    run(T21, "lidar\n9.5\n", "--out", "o.csv")
    assert (tmp_path / "o.csv").read_bytes() == first


def test_only_json_and_csv_are_written(run):
    assert ".json" in run(T21, "lidar\n9.5\n", "--out", "o.xlsx", code=2)


def test_the_order_of_rows_does_not_matter(run):
    lines = T21.splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    here, there = (
        json.loads(run(text, "lidar\n9.5\n", "--json"))["results"]
        for text in (T21, turned)
    )
    for row, other in zip(here, there, strict=True):
        assert row["estimate"] == pytest.approx(other["estimate"], rel=1e-9)
        assert row["flags"] == other["flags"]
