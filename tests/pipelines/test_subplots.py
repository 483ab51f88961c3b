import pandas as pd
import pytest
from typer.testing import CliRunner

from geo.errors import TableError
from pipelines.cli import app

CORNERS = "Plot,fx,fy,X,Y\n" + "".join(
    f"a,{x},{y},{500000 + x},{4000000 + y}\n" for x in (0, 40) for y in (0, 40)
)
TREES = "Plot,fx,fy,D,Family,family\na,1,1,12,A,a\na,30,5,20,B,b\na,39,39,31,C,c\n"


def divided(folder, *, trees=TREES, corners=CORNERS):
    (folder / "trees.csv").write_text(trees, encoding="utf-8")
    (folder / "corners.csv").write_text(corners, encoding="utf-8")
    words = ["subplots", "--trees", str(folder / "trees.csv"), "--side", "20"]
    words += ["--corners", str(folder / "corners.csv"), "--plot-column", "Plot"]
    words += ["--field-x", "fx", "--field-y", "fy", "--x", "X", "--y", "Y"]
    words += ["--out", str(folder / "s.csv"), "--trees-out", str(folder / "t.csv")]
    return CliRunner().invoke(app, words)


def test_a_plot_of_four_squares(tmp_path):
    done = divided(tmp_path)
    assert done.exit_code == 0, done.output
    trees = pd.read_csv(tmp_path / "t.csv")
    assert trees["plot_id"].tolist() == ["a-0-0", "a-20-0", "a-20-20"]
    assert trees["whole_plot"].tolist() == ["a"] * 3
    assert trees["D"].tolist() == [12, 20, 31]
    assert not {"Family", "family"} & set(trees)  # they differ only in capitals
    plots = pd.read_csv(tmp_path / "s.csv")
    assert plots["plot_id"].tolist() == ["a-0-0", "a-0-20", "a-20-0", "a-20-20"]
    assert plots[["x", "y"]].to_numpy()[1].tolist() == [500010, 4000030]
    assert (plots["area_ha"] == 0.04).all()
    assert plots["outline"][0].startswith("POLYGON ((500000 4000000")


@pytest.mark.parametrize(
    ("trees", "fragment"),
    [
        (TREES + "b,1,1,9,D,d\n", "no corners of the plot b"),
        (TREES + "a,,1,9,D,d\n", "fx"),
        (TREES.replace("a,1,1", "a,900,1"), "outside its corners"),
        ("Plot,fx,D\na,1,12\n", "fy"),
    ],
)
def test_trees_that_cannot_be_placed(tmp_path, trees, fragment):
    done = divided(tmp_path, trees=trees)
    assert isinstance(done.exception, TableError)
    assert fragment in str(done.exception)
    assert not (tmp_path / "s.csv").exists()
