"""The folder of an answer: every file says the same, in the same bytes."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import geopandas as gpd
import pytest
from PIL import Image

from config.environment import CHECKOUT
from store.zone_files import SURENESS, write_answer
from store.zone_map import zone_map
from store.zone_report_view import summary, what_if_table, zone_row
from store.zone_sheet import SHEET_IN, land_of
from tests.small_region import tree
from tests.store import zone_fixture as made

FILES = {
    *("request.toml", "zones.gpkg", "zones.json", "zones.png", "zones.pdf"),
    *("zones.qgs", "report.html"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answer")
    write_answer(folder, made.answer(), made.GRID, request=made.REQUEST)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_folder_holds_every_file(folder):
    assert {path.name for path in folder.iterdir()} == {*FILES, "layers"}


AGAIN = """
import sys
from pathlib import Path
from store.lockdown import lock_down
lock_down()
from store.zone_files import write_answer
from tests.store import zone_fixture as made
write_answer(Path(sys.argv[1]), made.answer(), made.GRID, request=made.REQUEST)
"""


def test_another_process_another_day_writes_the_same_bytes(folder, tmp_path):
    subprocess.run(
        [sys.executable, "-c", AGAIN, str(tmp_path)],
        env={
            "PYTHONHASHSEED": "7",
            "TZ": "America/Lima",
            "SOURCE_DATE_EPOCH": "1",
            "PYTHONPATH": str(CHECKOUT),
            "HOME": str(tmp_path.parent),
        },
        check=True,
    )
    ours, theirs = tree(folder), tree(tmp_path)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_the_pdf_is_one_page_of_vectors_without_a_date(folder):
    pdf = (folder / "zones.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf)
    assert [float(side) / 72 for side in box.groups()] == pytest.approx(SHEET_IN)
    for stamp in (b"CreationDate", b"ModDate", b"Producer", b"/ID"):
        assert stamp not in pdf


def test_the_map_is_drawn_and_names_what_it_must(folder, monkeypatch, tmp_path):
    with Image.open(folder / "zones.png") as image:
        colours = {tuple(c) for _, c in image.convert("RGB").getcolors(2**24)}
    for _, _, colour in SURENESS.values():
        assert tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) in colours
    texts = texts_of_map(monkeypatch, tmp_path)
    for needed in (
        "EPSG:4548",
        "2023-10-05",
        "Contains made-up data",
        "feedbeef0123",
        "永久基本农田",
        "everything",
        "Firm (1)",
        "耕地",
    ):
        assert needed in texts, needed


def texts_of_map(monkeypatch, tmp_path, **changes):
    """Return all texts of the map, whatever font there is."""
    from matplotlib.text import Text

    seen = []
    monkeypatch.setattr(
        "store.zone_map.save_sheet",
        lambda figure, _path: seen.extend(
            text.get_text() for text in figure.findobj(Text)
        ),
    )
    given = made.answer(**changes)
    land = land_of(given.cells.code, given.cells.reasons, made.GRID)
    told = {"record": given.record, "zones": given.zones, "units": given.units}
    zone_map(tmp_path / "m.png", **told, land=land, colours=SURENESS)
    return "\n".join(seen)


def test_no_two_texts_of_the_map_overlap(monkeypatch, tmp_path):
    from matplotlib.text import Text

    clashes = []

    def look(figure, _path):
        figure.canvas.draw()
        texts = [
            (text.get_text(), text.get_window_extent().padded(-1.5))
            for text in figure.findobj(Text)
            if text.get_text().strip() and text.get_visible()
        ]
        page = figure.bbox
        for number, (said, box) in enumerate(texts):
            assert page.x0 <= box.x0, said
            assert box.x1 <= page.x1, said
            clashes.extend(
                (said, other)
                for other, theirs in texts[number + 1 :]
                if box.overlaps(theirs)
            )

    monkeypatch.setattr("store.zone_map.save_sheet", look)
    given = made.answer()
    land = land_of(given.cells.code, given.cells.reasons, made.GRID)
    told = {"record": given.record, "zones": given.zones, "units": given.units}
    zone_map(tmp_path / "m.png", **told, land=land, colours=SURENESS)
    assert clashes == []


def test_without_a_chinese_font_the_map_is_english(monkeypatch, tmp_path):
    monkeypatch.setattr("store.zone_map.chinese_font", lambda: None)
    texts = texts_of_map(monkeypatch, tmp_path, request_title_zh="规划")
    assert "where new sink forest goes first" in texts
    assert not re.search(r"[\u4e00-\u9fff]", texts)


def test_the_project_has_every_layer_on_relative_paths(folder):
    root = ET.parse(folder / "zones.qgs").getroot()
    sources = [one.text for one in root.iterfind("projectlayers/maplayer/datasource")]
    assert sources[:2] == ["zones.gpkg|layername=zones", "zones.gpkg|layername=units"]
    assert "layers/eligible.tif" in sources
    assert sources.count("layers/selection.tif") == 2
    for source in sources:
        assert (folder / source.partition("|")[0]).is_file()


def test_the_report_fetches_nothing_and_runs_no_text(page):
    assert made.NASTY not in page
    assert "&lt;script&gt;alert" in page
    links = set(re.findall(r'(?:src|href)="([^"]{0,5})', page))
    assert links == {"data:"}
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_the_report_says_what_it_must_in_both_languages(page):
    for needed in (
        "在 3 片优先区新造林 6.00 公顷",
        "New forest on 6.00 ha in 3 zones",
        "永久基本农田",
        "Permanent basic farmland",
        "planting_base",
        "面积上限超出全部可造林地",
        "max_area_ha is beyond all land.",
        "CR = 0.042",
        "0.2380",
        "Contains made-up data",
        "ab" * 32,
        "c0de",
        "feedbeef0123",
        "max_area_ha = 9 # 上限",
        "阔叶混交",
        "耕地",
        "2025 <b>3.50 ha</b>",
    ):
        assert needed in page, needed
    assert page.count('class="asked"') == 1
    both = page.count('<span class="zh"'), page.count('<span class="en"')
    assert both[0] == both[1] > 50


def test_the_report_without_zones_of_some_kind_still_counts_them():
    zh, en = summary(made.record(zones=(made.zone(1), made.zone(1))))
    assert "稳定 2 片、较稳定 0 片" in zh
    assert "firm zones: 2, likely: 0, sensitive: 0" in en


def test_the_table_of_budgets_and_areas_is_in_order():
    table = what_if_table(made.record())
    assert [english for _, english in table.areas] == ["≤ 6.00 ha", "≤ 9.00 ha"]
    (low, first), (most, last) = table.rows
    assert (low[1], most[1]) == ("≤ 200,000 CNY", "no limit")
    assert first[1].why
    assert last[0].is_request
    assert last[1] is None


def test_a_row_has_a_cell_for_each_column():
    row = zone_row(made.zone(2), 2060, SURENESS)
    assert [cell.text for cell in row[:2]] == ["2", "2.00"]
    assert row[4].detail == "30–120"
    assert row[6].text == "480"
    assert row[7].detail == "100–400"


def test_units_of_the_package_are_titled(folder):
    units = gpd.read_file(folder / "zones.gpkg", layer="units")
    assert len(units) == 24
    assert units["parcel_id"].is_unique
