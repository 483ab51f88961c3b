import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from config.environment import CHECKOUT
from geo.errors import SettingsError, TableError
from tests.plot_files import FIRS, PLOTS, TREES, run
from tests.shared_data import shared


def out_of(folder):
    return pd.read_csv(folder / "out.csv", dtype={"plot_id": str}).set_index("plot_id")


def test_t10_from_files(tmp_path):
    card = run(tmp_path, trees_out=tmp_path / "each.csv")
    row = out_of(tmp_path).loc["a"]
    assert row["biomass_t_ha"] == pytest.approx(61.231, abs=6e-4)
    assert row["co2_t_ha"] == pytest.approx(105.5217, abs=1e-3)
    assert row["agb_t_ha_low"] < row["agb_t_ha"] < row["agb_t_ha_high"]
    (equation,) = card["equations"]
    assert equation["status"] == "confirmed"
    assert equation["trees"] == 40
    assert "Anhui" in equation["source"]
    assert card["equations_not_used"] == {"杉木": ["cunninghamia_lanceolata_lyt2264"]}
    assert "height_se_share" in card["not_confirmed"]
    each = pd.read_csv(tmp_path / "each.csv")
    assert each["agb_kg"].tolist() == [50.5692] * 40


def test_same_tables_same_bytes(tmp_path):
    read = []
    for _ in range(2):
        run(tmp_path)
        read.append([(tmp_path / f"out.{end}").read_bytes() for end in ("csv", "json")])
    assert read[0] == read[1]


def test_other_columns_of_the_plots_come_along(tmp_path):
    plots = "plot_id,easting_m,area_ha,note,date\na,500000.5,0.04,=1+1,2020-08-01\n"
    run(tmp_path, TREES + FIRS, plots)
    row = out_of(tmp_path).loc["a"]
    assert row["easting_m"] == 500000.5
    assert (row["note"], row["date"]) == ("'=1+1", "2020-08-01")


def test_areas_along_the_slope(tmp_path):
    plots = "plot_id,area_m2,坡度(°)\na,400,60\n"
    run(tmp_path, TREES + FIRS, plots, area_along_slope=True)
    row = out_of(tmp_path).loc["a"]
    assert row["area_ha"] == pytest.approx(0.02)
    assert row["agb_t_ha"] == pytest.approx(2 * 50.569, abs=1e-3)
    with pytest.raises(TableError, match="has no slope"):
        run(tmp_path, area_along_slope=True)


def test_a_plot_without_trees_is_told(tmp_path):
    card = run(tmp_path, TREES + FIRS, PLOTS + "a,0.04\nb,0.04\n")
    assert card["no_trees"] == ["b"]
    assert out_of(tmp_path)["status"].to_dict() == {"a": "estimated", "b": "no_trees"}


def test_a_map_of_species_and_equations_of_ones_own(tmp_path):
    mine = tmp_path / "mine.csv"
    header, *_ = (
        (CHECKOUT / "config/coefficients/tree_equations.csv")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    mine.write_text(
        f"{header}\nours,望天树,Parashorea chinensis,above,power_density_d2h,0.07,0.97,"
        ",,,0.3,,5,90,,,Typed from our own felled trees,2024,confirmed\n",
        encoding="utf-8",
    )
    species = tmp_path / "map.csv"
    species.write_text("species,equation,wood_density\nX,ours,0.5\n", encoding="utf-8")
    trees = TREES + "a,1,X,30,20\na,2,望天树,30,20\n"
    more = {"own_equations": mine, "species_map": species}
    card = run(tmp_path, trees, **more)
    assert "has no wood density" in card["refused"]["a"]
    card = run(tmp_path, trees.replace("望天树", "X"), root_shoot="boreal", **more)
    kg = 0.07 * (0.5 * 900 * 20) ** 0.97
    assert card["agb_t"] == pytest.approx(2 * kg / 1000, abs=1e-4)
    assert out_of(tmp_path).loc["a", "roots"] == "ratio"
    assert {"root_shoot (boreal)"} < {one["name"] for one in card["coefficients"]}


def test_heights_from_a_curve_of_the_measured_ones(tmp_path):
    dbh = np.linspace(6, 40, 40).round(1)
    rows = [f"a,{n},杉木,{d},{d**0.7:.3f}" for n, d in enumerate(dbh)]
    rows.append("a,99,杉木,20,")
    trees = TREES + "\n".join(rows) + "\n"
    assert "has no height" in run(tmp_path, trees)["refused"]["a"]
    card = run(tmp_path, trees, height_curve="own", trees_out=tmp_path / "each.csv")
    assert card["refused"] == {}
    assert card["height_curve"]["pairs"] == 40
    each = pd.read_csv(tmp_path / "each.csv", dtype={"tree_id": str})
    assert each["height_m"].iloc[-1] == pytest.approx(20**0.7, rel=0.01)


def test_a_zone_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="atlantis"):
        run(tmp_path, root_shoot="atlantis")


def test_unverified_equations_are_named(tmp_path):
    card = run(tmp_path, TREES + "a,1,毛竹,10,13\n")
    assert "moso_bamboo_zhejiang" in card["not_confirmed"]


def test_nouragues_by_the_command(tmp_path):
    given = shared("nouragues_agb") / "NouraguesTreesAGB_reference.csv"
    plots = tmp_path / "plots.csv"
    plots.write_text("Plot,area_ha\n201,1\n204,1\n213,1\n223,1\n", encoding="utf-8")
    words = f"""plots --trees {given} --plots {plots} --out {tmp_path}/out.csv
        --species-column SpeciesCorrected --dbh-column D --height-column H_model
        --wood-density-column WD --equation chave_2014 --draws 200 --json"""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *words.split()],
        env={"FORESTSINK_HOME": str(tmp_path / "home"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["agb_t"] == pytest.approx(1669.84, abs=5e-3)
    agb = out_of(tmp_path)["agb_t_ha"].round(2).to_dict()
    assert agb == {"201": 456.39, "204": 541.97, "213": 386.52, "223": 284.95}
