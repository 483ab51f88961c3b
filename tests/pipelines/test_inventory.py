"""The inventory of a small region: table, layer, record; the same again."""

import json

import numpy as np
import pandas as pd
import pytest
import rasterio

from geo.errors import StoreError, TableError
from pipelines.emission_inventory import make_inventory
from tests.pipelines.test_siting import region
from tests.small_region import tree

__all__ = ["region"]
"""A fixture: works of 60 MW, a road, a row that says nothing."""


def test_table_layer_and_record_agree(region, tmp_path):
    out = make_inventory(region, None, tmp_path / "one")
    table = pd.read_csv(out / "inventory.csv")
    assert table["sector"].tolist() == ["all", "power", "road"]
    whole, *parts = table["co2e_t_yr"]
    assert whole == pytest.approx(sum(parts))
    area_km2 = 0.36
    assert table["intensity_t_km2"].iloc[0] == pytest.approx(whole / area_km2)
    with rasterio.open(out / "emission_density_2021.tif") as file:
        values = file.read(1)
        assert "直接排放强度" in json.dumps(file.tags(), ensure_ascii=False)
    assert (values >= 0).all()
    assert values.astype(np.float64).sum() * 0.01 == pytest.approx(whole, rel=1e-5)
    record = json.loads((out / "inventory.json").read_text(encoding="utf-8"))
    assert record["by_scope"]["1"]["co2e_t_yr"] == pytest.approx(whole)
    assert "neither an emission" in record["left_out"][0]["what"]
    again = make_inventory(region, 2021, tmp_path / "two")
    assert tree(out) == tree(again)


def test_z08_a_year_without_figures_leaves_nothing(region, tmp_path):
    with pytest.raises(TableError, match="2030"):
        make_inventory(region, 2030, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(region, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="left alone"):
        make_inventory(region, 2021, tmp_path / "kept")
