"""Tree lists and plots as they should not be, and what is said of each."""

import json

import pandas as pd
import pytest

from geo.errors import TableError
from tests.plot_files import FIRS, PLOTS, TREES, run

MM = TREES + "".join(f"a,{n},马尾松,140,11\n" for n in range(40))
THICK_MM = "".join(f"a,{n},,180,\n" for n in range(40))
DIFFERENT = "".join(f"a,{n},杉木,{10 + n % 7},11\n" for n in range(40))
GIVEN = "plot_id,area_ha,agb ({unit})\na,0.04,{value}\n"

CASES = [
    ("T01", TREES + FIRS, "plot_id,area\na,0.6\n", ["area", "says no unit", "ha, mu"]),
    ("T01", TREES + FIRS, "plot_id,area_ha\na,400\n", ["areas", "400 ha", "like m2"]),
    ("T01", TREES + FIRS, "plot_id,area_ha\na,0\n", ["plot areas", "0 ha"]),
    (
        "T01",
        TREES + FIRS.replace(",14,", ",30,"),
        "plot_id,面积(亩)\na,0.04\n",
        ["m2/ha of basal area", "areas look like ha, read as mu"],
    ),
    (
        "T02",
        TREES + FIRS,
        GIVEN.format(unit="t/ha", value=50569),
        ["biomass given", "like biomass in kg/ha"],
    ),
    (
        "T02",
        TREES.replace("height_m", "height_m,wood_density")
        + FIRS.replace(",11\n", ",11,450\n"),
        PLOTS + "a,0.04\n",
        ["wood densities", "450 g/cm3", "like kg/m3"],
    ),
    ("T02", TREES + FIRS, "plot_id,area_ha,agb\na,0.04,50\n", ["agb", "no unit"]),
    (
        "T03",
        TREES + FIRS,
        GIVEN.format(unit="t/ha", value=23.77),
        ["0.47 times", "like carbon"],
    ),
    (
        "T03",
        TREES + FIRS,
        GIVEN.format(unit="t/ha", value=87.15),
        ["1.72 times", "like CO2"],
    ),
    ("T16", TREES + FIRS, PLOTS + "a,0.04\na,0.04\n", ["Plots are listed twice: a"]),
    (
        "T17",
        TREES.replace("dbh_cm", "dhb_cm") + FIRS,
        PLOTS + "a,0.04\n",
        ["lacks dbh_cm", "mean it by 'dhb_cm'"],
    ),
    (
        "T17",
        TREES.replace("height_m", "heigth_m") + FIRS,
        PLOTS + "a,0.04\n",
        ["height_m", "mean it by 'heigth_m'"],
    ),
    ("T17", TREES + FIRS, "id,area_ha\na,0.04\n", ["plots.csv lacks plot_id"]),
    ("T17", TREES + FIRS, PLOTS + "b,0.04\n", ["table of plots lacks: a"]),
    ("T18", MM, PLOTS + "a,0.04\n", ["diameters", "median of 140 cm", "like mm"]),
    (
        "T18",
        TREES + FIRS.replace(",11\n", ",1100\n"),
        PLOTS + "a,0.04\n",
        ["heights", "1100 m", "like cm"],
    ),
    (
        "T18",
        TREES + FIRS.replace(",11\n", ",110\n"),
        PLOTS + "a,0.04\n",
        ["heights", "median of 110 m", "like dm"],
    ),
    (
        "T18",
        TREES + FIRS.replace(",14,", ",0.14,"),
        PLOTS + "a,0.04\n",
        ["diameters", "0.14 cm", "like m"],
    ),
    (
        "T18",
        "plot_id,species,胸径(厘米),height_m\na,白桦,140,6\na,白桦,150,7\n",
        PLOTS + "a,0.04\n",
        ["diameters", "like mm"],
    ),
    (
        "T19",
        TREES + FIRS,
        "plot_id,area_ha,slope(%)\na,0.04,0.3\n",
        ["Slopes are declared in per cent", "shares of one"],
    ),
    (
        "T19",
        TREES + FIRS,
        "plot_id,area_ha,slope_degree\na,0.04,120\n",
        ["slopes", "120 degrees", "percent"],
    ),
]


@pytest.mark.parametrize(
    ("trees", "plots", "fragments"),
    [case[1:] for case in CASES],
    ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)],
)
def test_bad_plots(tmp_path, trees, plots, fragments):
    with pytest.raises(TableError) as caught:
        run(tmp_path, trees, plots)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert caught.value.zh
    assert caught.value.cure
    assert not (tmp_path / "out.csv").exists()


def test_t18_diameters_in_mm_that_only_the_basal_area_gives_away(tmp_path):
    with pytest.raises(TableError, match="diameters look like mm"):
        run(
            tmp_path,
            TREES + THICK_MM,
            PLOTS + "a,0.04\n",
            equation="chave_2014_stress",
        )


def test_t18_a_header_that_contradicts_what_was_declared(tmp_path):
    with pytest.raises(TableError, match="says cm but mm was declared"):
        run(tmp_path, tree_units={"dbh": "mm"})


def test_t18_mm_that_are_declared_are_fine(tmp_path):
    trees = TREES.replace("dbh_cm", "dbh") + FIRS.replace(",14,", ",140,")
    card = run(tmp_path, trees, tree_units={"dbh": "mm"})
    assert card["mean_agb_t_ha"] == pytest.approx(50.569, abs=1e-3)


REFUSALS = [
    ("T16", FIRS + "a,1,杉木,20,15\n", "a tree is listed twice"),
    ("T05", FIRS + 'a,41,杉木,"1,400",15\n', "write 1400"),
    ("T09", FIRS + "a,41,杉木,inf,15\n", "not a finite number"),
    ("T18", FIRS + "a,41,杉木,-3,15\n", "is below 0"),
    ("T08", FIRS + "a,41,杉木,—,15\n", "is missing"),
    ("T08", FIRS + "a,41,杉木,14,\n", "has no height"),
    ("T08", FIRS + "a,41,杉木,0,9\n", "has no diameter"),
]


@pytest.mark.parametrize(
    ("trees", "why"),
    [case[1:] for case in REFUSALS],
    ids=[f"{case[0]}-{number}" for number, case in enumerate(REFUSALS)],
)
def test_a_bad_tree_refuses_its_plot_and_no_other(tmp_path, trees, why):
    """Leaving the tree out would pass for a plot with less biomass."""
    others = FIRS.replace("a,", "b,")
    card = run(tmp_path, TREES + trees + others, PLOTS + "a,0.04\nb,0.04\n")
    assert list(card["refused"]) == ["a"]
    assert why in card["refused"]["a"]
    rows = pd.read_csv(tmp_path / "out.csv").set_index("plot_id")
    assert rows["status"].to_dict() == {"a": "refused", "b": "estimated"}
    assert why in rows.loc["a", "reason"]
    assert pd.isna(rows.loc["a", "agb_t_ha"])
    assert rows.loc["b", "agb_t_ha"] == pytest.approx(50.569, abs=1e-3)
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == card


def test_t16_a_plot_entered_twice_without_tree_numbers(tmp_path):
    header = TREES.replace("tree_id,", "")
    once = "".join(f"a,杉木,{d / 10},11\n" for d in range(120, 160))
    other = once.replace("a,", "b,")
    card = run(tmp_path, header + once + once + other, PLOTS + "a,0.04\nb,0.04\n")
    assert "every tree is listed twice" in card["refused"]["a"]
    assert list(card["refused"]) == ["a"]


def test_t14_gbk_and_full_width_ids_are_read_and_noted(tmp_path):
    trees = ("样地号,样木号,树种,胸径（厘米）,树高（米）\n" + FIRS).encode("gbk")
    plots = "样地号,样地面积（亩）\nａ,0.6\n".encode("gbk")
    card = run(tmp_path, trees, plots)
    assert card["mean_agb_t_ha"] == pytest.approx(50.569, abs=1e-3)
    assert "trees.csv was read as gb18030, not UTF-8." in card["notes"]


def test_a_species_without_an_equation_is_named(tmp_path):
    with pytest.raises(
        TableError, match=r"No equation for 1 species.*望天树"
    ) as caught:
        run(tmp_path, TREES + FIRS + "a,41,望天树,14,11\n")
    assert "--species-map" in caught.value.zh


def test_a_row_that_cannot_be_told_to_a_plot_refuses_the_list(tmp_path):
    with pytest.raises(TableError, match="Line 42 has 3 cells"):
        run(tmp_path, TREES + FIRS + "a,41,杉木\n")
    with pytest.raises(TableError, match="column plot_id: '' is missing"):
        run(tmp_path, TREES + FIRS + ",41,杉木,14,11\n")
