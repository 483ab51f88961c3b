"""Two answers laid over one another, by hand."""

import json

import geopandas as gpd
import pytest

from geo.errors import StoreError
from store.catalog import write_whole
from store.zone_compare import compared, read_stored, table_rows
from store.zone_compare_files import write_comparison
from store.zone_files import write_answer
from tests.small_region import tree
from tests.store import zone_fixture as made


def stored(folder, **changes):
    """Write the made-up answer, changed, as the command does; return its folder."""
    answer = made.answer(**changes)
    answer.units["cost_cny"] = 1000.0
    answer.units["uptake_tco2"] = 10.0

    def build(temporary):
        write_answer(temporary, answer, made.GRID, request=made.REQUEST)
        return {}

    write_whole(folder, build, about={"answer_id": answer.record.answer_id})
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("first") / "a")


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """Return the answer without its third zone, for another price."""
    zones = tuple(made.zone(rank) for rank in (1, 2))
    return stored(
        tmp_path_factory.mktemp("second") / "b",
        answer_id="ffffffffffff",
        zones=zones,
        cost_cny=200_000.0,
        area_ha=5.0,
        weights={"cost": 1.0},
    )


@pytest.fixture(scope="module")
def both(first, second):
    return compared(read_stored(first), read_stored(second))


def test_what_is_in_both_and_in_one_only(both):
    parts = {part.where: part for part in both.record.parts}
    assert parts["both"].area_ha == pytest.approx(5.0)  # zones 1 and 2, five squares
    assert parts["only_a"].area_ha == pytest.approx(1.0)  # zone 3
    assert parts["only_b"].area_ha == 0
    assert parts["both"].cost_cny == 6000.0  # by unit: all six are marked chosen
    shapes = both.parts.geometry
    assert shapes[0].intersection(shapes[1]).area == 0


def test_the_table_says_b_less_a(both):
    rows = {row.name[1]: row for row in table_rows(both.record)}
    assert (rows["Area"].a, rows["Area"].b) == ("6.00", "5.00")
    assert rows["Area"].difference == "−1.00"
    assert rows["Cost"].difference == "−40,000"
    assert rows["Zones"].difference == "−1"
    assert rows["Uptake by 2060"].difference == "0"
    assert rows["Benefit"].difference == "—"  # the weights differ
    assert "权重不同" in both.record.notes_zh[0]


def test_an_answer_beside_itself_differs_in_nothing(first):
    same = compared(read_stored(first), read_stored(first))
    assert [part.area_ha > 0 for part in same.record.parts] == [True, False, False]
    for row in table_rows(same.record):
        assert not row.difference.strip("0.,")


def test_the_other_way_round_the_signs_are_turned(first, second):
    turned = compared(read_stored(second), read_stored(first))
    rows = {row.name[1]: row for row in table_rows(turned.record)}
    assert rows["Area"].difference == "+1.00"
    assert turned.record.parts[2].area_ha == pytest.approx(1.0)


def test_files_are_the_same_again_and_fetch_nothing(both, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_comparison(tmp_path / name, both)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    names = {path.name for path in (tmp_path / "one").iterdir()}
    kinds = ("gpkg", "json", "png", "pdf", "html")
    assert names == {f"compare.{kind}" for kind in kinds}
    page = (tmp_path / "one" / "compare.html").read_text(encoding="utf-8")
    assert made.NASTY not in page
    assert "http://" not in page
    assert "https://" not in page
    assert page.count('<span class="zh"') == page.count('<span class="en"')
    table = gpd.read_file(tmp_path / "one" / "compare.gpkg", layer="compare")
    assert table["where"].tolist() == ["both", "only_a", "only_b"]


def test_answers_of_two_regions_are_not_compared(first, tmp_path):
    other = stored(tmp_path / "other", region="elsewhere")
    with pytest.raises(StoreError, match="elsewhere") as caught:
        compared(read_stored(first), read_stored(other))
    assert "同一区域" in caught.value.zh


def test_what_is_no_answer_or_has_changed_is_refused(tmp_path):
    with pytest.raises(StoreError, match="holds no answer"):
        read_stored(tmp_path)
    folder = stored(tmp_path / "changed")
    (folder / "zones.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StoreError, match=r"zones\.json"):
        read_stored(folder)


def test_an_answer_of_another_version_is_refused(tmp_path):
    def build(temporary):
        told = {"answer_id": "0"}
        (temporary / "zones.json").write_text(json.dumps(told), encoding="utf-8")
        return {}

    write_whole(tmp_path / "old", build, about={"answer_id": "0"})
    with pytest.raises(StoreError, match="another version"):
        read_stored(tmp_path / "old")
