import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import TableError
from models.inventory import COLUMNS, count_once, intensity, inventory, of_year


def table(*rows):
    usual = {
        "year": 2020,
        "scope": 1,
        "name": "",
        "sector": "power",
        "se_t_yr": 0.0,
        "method": "reported",
        "is_estimated": False,
        "factors": "",
        "x": 0.0,
        "y": 0.0,
        "file": "a.csv",
        "item": "line 2",
    }
    return pd.DataFrame([usual | row for row in rows], columns=list(COLUMNS))


def test_the_same_source_in_two_files_counts_once():
    found = count_once(
        table(
            {"source_id": "A", "co2e_t_yr": 10.0},
            {"source_id": "A", "co2e_t_yr": 10.0, "file": "b.csv", "x": 60.0},
            {"source_id": "B", "co2e_t_yr": 1.0},
        )
    )
    assert found.sources["co2e_t_yr"].sum() == 11
    assert found.rejected == ()
    assert "2 times" in found.notes[0].what
    assert "a.csv line 2; b.csv line 2" in found.notes[0].where["item"]


@pytest.mark.parametrize(
    "other", [{"co2e_t_yr": 11.0}, {"co2e_t_yr": 10.0, "y": 5000.0}]
)
def test_files_that_contradict_one_another_count_for_nothing(other):
    rows = {"source_id": "A", "co2e_t_yr": 10.0}, {"source_id": "A", **other}
    found = count_once(table(*rows, {"source_id": "B", "co2e_t_yr": 1.0}))
    assert found.sources["source_id"].tolist() == ["B"]
    assert "contradict" in found.rejected[0].what
    assert found.rejected[0].where["field"] == "source_id + year + scope"


def test_years_and_scopes_are_kept_apart():
    rows = [
        {"source_id": "A", "co2e_t_yr": t, "year": year, "scope": scope}
        for t, year, scope in ((10.0, 2019, 1), (12.0, 2020, 1), (3.0, 2020, 2))
    ]
    assert len(count_once(table(*rows)).sources) == 3


def test_two_ids_at_one_place_are_noted_and_stay():
    found = count_once(
        table(
            {"source_id": "A", "co2e_t_yr": 10.0},
            {"source_id": "A2", "co2e_t_yr": 10.0, "x": 20.0},
        )
    )
    assert len(found.sources) == 2
    assert "counted twice" in found.notes[0].what


def test_an_older_figure_stands_in_when_asked_and_says_so():
    sources = table(
        {"source_id": "A", "co2e_t_yr": 10.0, "year": 2018},
        {"source_id": "A", "co2e_t_yr": 11.0, "year": 2019},
        {"source_id": "B", "co2e_t_yr": 5.0, "year": 2020},
        {"source_id": "C", "co2e_t_yr": 5.0, "year": 2021},
    )
    assert of_year(sources, 2020)["source_id"].tolist() == ["B"]
    carried = of_year(sources, 2020, carry_years=2)
    assert carried["co2e_t_yr"].tolist() == [11.0, 5.0]
    assert carried["is_estimated"].tolist() == [True, False]
    assert carried["carried_from"].tolist()[0] == 2019
    with pytest.raises(TableError, match="2017") as error:
        of_year(sources, 2017)
    assert "2018, 2019, 2020, 2021" in error.value.cure


def test_inventory_by_hand():
    """Errors of the same factors add up, others as independent ones."""
    sources = table(
        {
            "source_id": "A",
            "co2e_t_yr": 10.0,
            "se_t_yr": 3.0,
            "factors": "coal",
            "is_estimated": True,
        },
        {
            "source_id": "B",
            "co2e_t_yr": 20.0,
            "se_t_yr": 1.0,
            "factors": "coal",
            "is_estimated": True,
        },
        {
            "source_id": "C",
            "co2e_t_yr": 8.0,
            "se_t_yr": 3.0,
            "factors": "gas",
            "sector": "heat",
        },
        {"source_id": "D", "co2e_t_yr": 99.0},
        {"source_id": "E", "co2e_t_yr": 7.0, "scope": 2},
    )
    found = inventory(sources, region_ha=200.0, share_inside=[1, 1, 0.5, 0, 1])
    rows = found.set_index(["sector", "scope"])
    assert rows.loc[("power", 1), "co2e_t_yr"] == 30
    assert rows.loc[("power", 1), "se_t_yr"] == pytest.approx(4)
    assert rows.loc[("all", 1), "co2e_t_yr"] == 34
    assert rows.loc[("all", 1), "se_t_yr"] == pytest.approx(np.hypot(4, 1.5))
    assert rows.loc[("all", 1), "intensity_t_km2"] == 17
    assert rows.loc[("all", 1), "estimated_pct"] == pytest.approx(100 * 30 / 34)
    assert rows.loc[("all", 2), "co2e_t_yr"] == 7  # never added to scope 1
    per = intensity(
        found,
        pd.DataFrame({"sector": ["power"], "year": [2020], "value": [15.0]}),
        unit="10k_cny",
    )
    at = per.set_index(["sector", "scope"])["t_per_10k_cny"]
    assert at[("power", 1)] == 2
    assert np.isnan(at[("heat", 1)])


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.floats(0, 1e6), st.floats(0, 1)),
        min_size=1,
        max_size=20,
    )
)
def test_sectors_add_up_to_all(rows):
    sources = table(
        *(
            {"source_id": str(n), "sector": sector, "co2e_t_yr": t}
            for n, (sector, t, _) in enumerate(rows)
        )
    )
    shares = [share for *_, share in rows]
    found = inventory(sources, region_ha=100.0, share_inside=shares)
    whole = found.loc[found["sector"] == "all", "co2e_t_yr"].sum()
    parts = found.loc[found["sector"] != "all", "co2e_t_yr"].sum()
    assert whole == pytest.approx(parts, rel=1e-12)
    assert whole == pytest.approx(sum(t * s for _, t, s in rows), rel=1e-9)
