import numpy as np
import pytest

from geo.errors import TableError, UnsafePathError
from store.training_tables import TrainingColumns, day_of, read_training_table, unit_of

ASKED = TrainingColumns("agb_t_ha", "x", "y")
HEADER = "plot_id,species,x,y,agb_t_ha,h95_m,NDVI,year\n"
ROWS = (
    "1,fir,0,0,100,20,0.8,2019\n2,oak,10,0,120,22,0.9,2020\n3,fir,20,0,90,,0.7,2020\n"
)


def read(folder, text, columns=ASKED):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return read_training_table(str(folder / "t.csv"), columns)


def test_all_other_numbers_are_features(tmp_path):
    table = read(tmp_path, HEADER + ROWS)
    assert table.names == ("h95_m", "NDVI", "year")
    np.testing.assert_array_equal(
        table.features, [[20, 0.8, 2019], [22, 0.9, 2020], [np.nan, 0.7, 2020]]
    )
    assert table.target.tolist() == [100, 120, 90]
    assert table.units == {"agb_t_ha": "t/ha", "h95_m": "m", "NDVI": "", "year": ""}
    assert table.ids == ("line 2", "line 3", "line 4")
    assert np.isnat(table.day).all()
    assert len(table.digest) == 64
    notes = " ".join(table.notes)
    assert "plot_id" in notes
    assert "species" in notes


def test_named_columns_and_days(tmp_path):
    columns = TrainingColumns("agb_t_ha", "x", "y", ("NDVI",), "plot_id", "year")
    table = read(tmp_path, HEADER + ROWS, columns)
    assert table.names == ("NDVI",)
    assert table.ids == ("1", "2", "3")
    assert table.day.astype(str).tolist() == ["2019-07-01", "2020-07-01", "2020-07-01"]
    assert str(day_of("2024-03-04")) == "2024-03-04"


def test_a_unit_in_brackets_is_taken(tmp_path):
    table = read(tmp_path, (HEADER + ROWS).replace("h95_m", "h95 (cm)"))
    assert table.names[0] == "h95"
    assert table.units["h95"] == "cm"
    assert unit_of(["G_m2_ha"], "G_m2_ha") == "m2/ha"


def test_a_mistake_in_a_column_of_numbers_costs_its_row_only(tmp_path):
    rows = "".join(f"{i},fir,{i},0,{100 + i},20,0.{i},2019\n" for i in range(1, 9))
    table = read(tmp_path, HEADER + rows + '9,fir,9,0,110,"1,234.5",0.9,2019\n')
    assert table.names == ("h95_m", "NDVI", "year")
    assert len(table.target) == 8
    (error,) = table.rejected
    assert "write 1234.5" in error.what


@pytest.mark.parametrize(
    ("columns", "fragment"),
    [
        (TrainingColumns("agb_t_h", "x", "y"), "lacks agb_t_h"),
        (TrainingColumns("agb_t_ha", "x", "y", ("ndvl",)), "ndvl"),
        (TrainingColumns("agb_t_ha", "x", "y", ("agb_t_ha",)), "asked for twice"),
        (TrainingColumns("agb_t_ha", "x", "y", ("species",)), "'fir' is not a number"),
        (TrainingColumns("agb_t_ha", "x", "y", None, "species"), "more than once"),
        (TrainingColumns("agb_t_ha", "x", "y", None, "", "species"), "not a date"),
    ],
)
def test_columns_that_cannot_be_used(tmp_path, columns, fragment):
    with pytest.raises(TableError) as caught:
        read(tmp_path, HEADER + ROWS, columns)
    assert fragment in str(caught.value)
    assert caught.value.zh


def test_without_features_or_path(tmp_path):
    with pytest.raises(TableError, match="no column of numbers"):
        read(tmp_path, "x,y,agb_t_ha,who\n1,2,3,me\n")
    with pytest.raises(UnsafePathError):
        read_training_table("https://example.org/t.csv", ASKED)


def test_patterns_name_features(tmp_path):
    path = tmp_path / "plots.csv"
    path.write_text("x,y,agb,chm_p95,ndvi,chm_mean\n1,2,3,4,5,6\n", encoding="utf-8")
    asked = TrainingColumns("agb", "x", "y", ("ndvi", "chm_*", "chm_p95"))
    found = read_training_table(str(path), asked)
    assert found.names == ("ndvi", "chm_p95", "chm_mean")
    with pytest.raises(TableError, match=r"zz_\*"):
        read_training_table(str(path), TrainingColumns("agb", "x", "y", ("zz_*",)))


def test_what_a_table_of_plots_tells_of_its_trees_is_no_feature(tmp_path):
    """Carbon, errors and basal area of the same trees would predict too well."""
    path = tmp_path / "plots.csv"
    path.write_text(
        "plot_id,trees,basal_area_m2_ha,agb_t_ha,agb_t_ha_se,carbon_t_ha,"
        "equation_status,x,y,area_ha,h_mean\n"
        "a,1,2,3,4,5,confirmed,6,7,8,9\nb,1,2,3,4,5,confirmed,6,7,8,9\n",
        encoding="utf-8",
    )
    found = read_training_table(str(path), TrainingColumns("agb_t_ha", "x", "y"))
    assert found.names == ("h_mean",)
    assert any("basal_area_m2_ha" in note for note in found.notes)
