import numpy as np
import pytest

from geo.errors import TableError
from store.estimate_tables import Columns, read_population, read_sample
from store.phases import whole_first_phase
from store.rows import write_rows

BY = Columns("agb", ("lidar", "slope"), area="zone")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def put(name, *lines):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return name

    return put


def test_a_sample_by_hand(here):
    put = here("S.csv", "zone,agb,lidar,slope,note", "A,30,4,0.5,x", "B,48,6,1,y")
    table = read_sample(put, BY)
    assert table.name == "S.csv"
    assert table.lines.tolist() == [2, 3]
    assert table.y.tolist() == [30.0, 48.0]
    assert table.aux.tolist() == [[4.0, 0.5], [6.0, 1.0]]
    assert table.area.tolist() == ["A", "B"]
    assert table.cluster.tolist() == ["", ""]
    assert (table.plot_id, table.size, table.notes) == (None, None, ())


def test_paths_are_from_where_the_operator_stands(here, tmp_path):
    here("S.csv", "agb,lidar", "30,4")
    columns = Columns("agb", ("lidar",))
    (tmp_path / "sub").mkdir()
    found = [
        read_sample(name, columns).digest
        for name in ("S.csv", "./S.csv", "sub/../S.csv", str(tmp_path / "S.csv"))
    ]
    assert len(set(found)) == 1


def test_a_unit_in_the_sample_holds_for_the_population(here):
    columns = Columns("agb", ("h",))
    sample = here("S.csv", "agb (t/ha),h (m)", "30,4")
    assert read_sample(sample, columns).y.tolist() == [30.0]
    units = read_sample(sample, columns).units
    population = here("P.csv", "h (m)", "5")
    assert read_population(population, columns, units=units).aux.tolist() == [[5]]
    with pytest.raises(TableError, match="is in cm; h must be in m"):
        read_population(here("P.csv", "h (cm)", "500"), columns, units=units)


def test_areas_are_compared_as_people_read_them(here):
    columns = Columns("agb", ("lidar",), area="林班")
    sample = here("S.csv", "林班,agb,lidar", "１２,30,4")
    population = here("P.csv", "林班,lidar", "12,5")
    assert (
        read_sample(sample, columns).area == read_population(population, columns).area
    )


@pytest.mark.parametrize("aux", [("lidar", "Lidar"), ("agb",), ("",), ()])
def test_columns_are_asked_for_once(aux):
    with pytest.raises(TableError, match="The columns asked for"):
        Columns("agb", aux)


def first_phase(here, *lines, sample=("A,30,4,1", "A,48,6,1")):
    small = here("S.csv", "zone,agb,lidar,slope", *sample)
    large = here("P.csv", "zone,lidar,slope", *lines)
    return whole_first_phase(read_sample(small, BY), read_population(large, BY))


def test_plots_are_found_in_the_first_phase(here):
    found = first_phase(here, "A,4,1", "A,6,1", "B,9,2")
    assert len(found) == 3
    assert "among its rows" in found.notes[-1]


def test_a_first_phase_without_the_plots_is_joined_to_them(here):
    found = first_phase(here, "A,5,1", "B,9,2")
    assert found.aux[:, 0].tolist() == [5, 9, 4, 6]
    assert found.area.tolist() == ["A", "B", "A", "A"]
    assert "both tables together" in found.notes[-1]


def test_some_plots_in_the_first_phase_and_some_not(here):
    with pytest.raises(
        TableError, match=r"1 of 2 plots of S\.csv .* lines 3"
    ) as caught:
        first_phase(here, "A,4,1", "A,6.1,1", "B,9,2")
    assert "同" in caught.value.zh or "第一相" in caught.value.zh


def test_two_plots_alike_need_two_rows(here):
    alike = ("A,30,4,1", "A,31,4,1")
    assert len(first_phase(here, "A,4,1", "A,4,1", sample=alike)) == 2
    with pytest.raises(TableError, match="are not in the first"):
        first_phase(here, "A,4,1", "A,6,1", sample=(*alike, "A,9,6,1"))


def test_a_plot_id_decides_which_is_which(here):
    columns = Columns("agb", ("lidar",))
    sample = read_sample(here("S.csv", "plot_id,agb,lidar", "7,30,4"), columns)

    def large(*lines):
        return read_population(here("P.csv", "样地号,lidar", *lines), columns)

    assert len(whole_first_phase(sample, large("7,4", "8,4"))) == 2
    with pytest.raises(TableError, match=r"line 2 of S\.csv has another area"):
        whole_first_phase(sample, large("7,5", "8,4"))


def test_weights_of_the_first_phase_need_the_plots_in_it(here):
    columns = Columns("agb", ("lidar",), size="inside")
    sample = read_sample(here("S.csv", "agb,lidar", "30,4"), columns)
    large = read_population(here("P.csv", "lidar,inside", "5,0.5"), columns)
    with pytest.raises(TableError, match="are not in the first"):
        whole_first_phase(sample, large)


def test_rows_as_csv(tmp_path):
    rows = [
        {"area": None, "name": "合成", "flags": ["a", "b"], "value": 0.1},
        {"area": "A", "name": "x", "flags": [], "value": 2.0},
    ]
    write_rows(tmp_path / "o.csv", rows)
    written = (tmp_path / "o.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    assert written.decode("utf-8-sig") == (
        "area,name,flags,value\n,合成,a;b,0.1\nA,x,,2.0\n"
    )


def test_a_large_population_reads_as_numbers(here):
    values = np.arange(1000) / 7
    population = here("P.csv", "lidar,slope,zone", *(f"{v!s},1,A" for v in values))
    assert read_population(population, BY).aux[:, 0].tolist() == values.tolist()
