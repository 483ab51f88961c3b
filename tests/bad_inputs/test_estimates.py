"""Tables that an estimate must not be made from, and what is said of each."""

import pytest

from geo.errors import InputError, TableError, TooFewObservationsError, UnsafePathError
from pipelines.estimate import Request, run_estimate
from store.estimate_tables import Columns

SAMPLE = "plot_id,zone,agb,lidar,slope\n" + "".join(
    f"{n},{'AB'[n % 2]},{30 + 9 * n + n % 3},{4 + n},{n * n % 7}\n" for n in range(12)
)
MEANS = "zone,lidar,slope,ha\nA,9,3,10\nB,10,3,20\n"


@pytest.fixture
def estimate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(sample=SAMPLE, population=MEANS, aux=("lidar", "slope"), **more):
        (tmp_path / "S.csv").write_text(sample, encoding="utf-8")
        (tmp_path / "P.csv").write_text(population, encoding="utf-8")
        columns = Columns("agb", aux, **{"area": "zone", **more})
        return run_estimate(
            Request("S.csv", "P.csv", columns, is_two_phase=False, level=0.9)
        )

    return run


def test_the_tables_are_good_as_they_are(estimate):
    assert len(estimate(size="ha").rows) == 3


TABLES = [
    ("T17", {"sample": SAMPLE.replace("slope", "incline")}, ["S.csv lacks slope"]),
    ("T17", {"sample": SAMPLE.replace("slope", "slop")}, ["mean it by 'slop'"]),
    ("T17", {"population": "zone,lidar\nA,9\n"}, ["P.csv lacks slope"]),
    ("T17", {"population": "lidar,slope\n9,3\n"}, ["P.csv lacks zone"]),
    ("T17", {"sample": SAMPLE, "size": "area"}, ["P.csv lacks area"]),
    ("T16", {"sample": SAMPLE + "3,B,57,7,2\n"}, ["plot_id 3 is on lines 5, 14"]),
    ("T16", {"sample": SAMPLE + "3,B,60,9,2\n"}, ["plot_id 3 is on lines", "once"]),
    ("T09", {"sample": SAMPLE + "99,A,nan,7,2\n"}, ["'nan' is not a finite number"]),
    ("T08", {"sample": SAMPLE + "99,A,30,,2\n"}, ["line 14", "lidar", "is missing"]),
    ("T08", {"sample": SAMPLE + "99,,30,1,2\n"}, ["line 14", "zone", "is missing"]),
    ("T08", {"population": MEANS + "C,9,,1\n"}, ["P.csv", "slope", "is missing"]),
    ("T22", {"sample": SAMPLE + "99,A,30\n"}, ["Line 14 has 3 cells"]),
    ("T04", {"population": MEANS + "C,9,1,-4\n", "size": "ha"}, ["'-4' is below 0"]),
    ("T04", {"population": "zone,lidar,slope,ha\nA,9,3,0\n", "size": "ha"}, ["to 0"]),
    ("T18", {"population": MEANS.replace("lidar", "lidar (cm)")}, ["lidar must be in"]),
]


@pytest.mark.parametrize(
    ("given", "fragments"),
    [case[1:] for case in TABLES],
    ids=[f"{case[0]}-{number}" for number, case in enumerate(TABLES)],
)
def test_an_estimate_is_refused_with_file_place_and_cure(estimate, given, fragments):
    sample = given.get("sample", SAMPLE)
    if "(cm)" in given.get("population", ""):
        given = given | {"sample": sample.replace("lidar", "lidar (m)")}
    with pytest.raises(TableError) as caught:
        estimate(**given)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert caught.value.where["file"].endswith(".csv")
    assert {"field", "item"} & set(caught.value.where)
    assert caught.value.zh
    assert caught.value.cure


def test_t16_equal_rows_without_ids_are_named(estimate):
    bare = "zone,agb,lidar,slope\n" + "".join(
        line.split(",", 1)[1] + "\n" for line in SAMPLE.splitlines()[1:]
    )
    result = estimate(sample=bare + bare.splitlines()[4] + "\n")
    assert any("Lines 5, 14 of S.csv are equal" in note for note in result.notes)
    assert not any("are equal" in note for note in estimate(sample=bare).notes)


def test_t16_the_same_number_in_two_clusters_is_two_plots(estimate):
    lines = SAMPLE.splitlines()
    rows = [
        f"{n % 2},c{n // 2},{line.split(',', 1)[1]}" for n, line in enumerate(lines[1:])
    ]
    text = "plot_id,group,zone,agb,lidar,slope\n" + "\n".join(rows) + "\n"
    assert estimate(sample=text, cluster="group").rows[0]["n2"] == 6


@pytest.mark.parametrize("plots", [1, 2, 4])
def test_m01_too_few_plots(estimate, plots):
    with pytest.raises(TooFewObservationsError) as caught:
        estimate(sample="\n".join(SAMPLE.splitlines()[: plots + 1]) + "\n")
    assert f"needs at least 5 plots, have {plots}" in caught.value.what
    assert caught.value.where["file"] == "S.csv"
    assert "样地" in caught.value.zh


def test_m01_few_plots_are_flagged(estimate):
    row = estimate(size="ha").rows[0]
    assert "few_plots" in row["flags"]


@pytest.mark.parametrize(
    ("column", "what"),
    [("5", "slope has the same value in all 12"), ("2x", "slope follows exactly")],
)
def test_an_auxiliary_that_explains_nothing(estimate, column, what):
    lines = ["plot_id,zone,agb,lidar,slope"]
    for line in SAMPLE.splitlines()[1:]:
        cells = line.split(",")
        slope = "5" if column == "5" else str(2 * float(cells[3]) + 1)
        lines.append(",".join([*cells[:4], slope]))
    with pytest.raises(TableError, match=what) as caught:
        estimate(sample="\n".join(lines) + "\n")
    assert caught.value.where == {
        "field": "slope",
        "value": caught.value.where["value"],
        "file": "S.csv",
    }


def test_v24_names_that_are_no_files(estimate):
    columns = Columns("agb", ("lidar",))
    for name in (
        "https://example.org/S.csv",
        "CSV:S.csv",
        "/vsicurl/x.csv",
        "none.csv",
    ):
        with pytest.raises(UnsafePathError):
            run_estimate(Request(name, name, columns, is_two_phase=False, level=0.9))
    assert issubclass(UnsafePathError, InputError)
    assert estimate().rows
