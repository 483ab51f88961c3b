import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from geo.layers import LAYERS
from store.report import MOST_ROWS, TEMPLATES, render_report, write_report
from store.report_view import (
    MISSING,
    budget_bar,
    caption,
    card_rows,
    parcel_rows,
    score_rows,
    shown,
)
from tests.store import night_fixture as night

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
VOID = {"meta", "img", "rect", "link", "br"}
FETCHES = {"src", "href", "srcset", "action", "data", "poster", "background"}


class Page(HTMLParser):
    """Reads a page strictly: what it fetches, its rows, its text, unclosed tags."""

    def __init__(self, text):
        super().__init__()
        self.open, self.fetched, self.words, self.rows = [], [], [], []
        self.scripts = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.fetched += [value for name, value in attrs if name in FETCHES]
        self.scripts += tag == "script"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def parcels():
    return night.parcels()


@pytest.fixture
def pictures(tmp_path):
    for name in ("overview.png", "agbd.png"):
        (tmp_path / name).write_bytes(PIXEL)
    return {
        "overview": tmp_path / "overview.png",
        "agbd_t_ha": tmp_path / "agbd.png",
    }


@pytest.fixture
def text(parcels, pictures):
    return render_report(record=night.record(), parcels=parcels, pictures=pictures)


def test_the_page_is_well_formed_and_fetches_nothing(text):
    page = Page(text)
    assert page.open == []
    assert page.fetched
    assert all(value.startswith("data:image/png;base64,") for value in page.fetched)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_only_the_reports_own_script_may_run(text):
    digest = re.search(r"script-src 'sha256-([^']+)'", text).group(1)
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL).group(1)
    assert digest == base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert Page(text).scripts == 1


def test_a_script_in_a_name_is_only_a_name(text):
    assert night.NASTY not in text
    assert "&lt;script&gt;alert(&#39;林&#39;)&lt;/script&gt;" in text
    assert night.NASTY in Page(text).text


def test_every_text_of_the_record_is_escaped(parcels):
    bad = "\"><img src=x onerror=alert(1)>'"
    record = night.record()
    attention = record.attentions[0].model_copy(
        update={
            "subject": bad,
            "code": bad,
            "message": bad,
            "message_zh": bad,
            "cure": bad,
            "where": {bad: bad},
        }
    )
    record = record.model_copy(
        update={
            "title": bad,
            "title_zh": bad,
            "run_id": bad,
            "simulated": (bad,),
            "sources": (bad,),
            "attentions": (attention,),
            "model_card": {bad: {bad: bad}, "scores": {bad: {bad: bad}}},
            "change_card": {bad: [bad]},
            "budget": {bad: 100.0},
            "versions": {bad: bad},
            "inputs": {bad: bad},
        }
    )
    page = render_report(record=record, parcels=parcels, pictures={})
    assert "<img" not in page
    assert Page(page).fetched == []


def test_no_cell_is_blank_and_every_dash_says_why(text, parcels):
    page = Page(text)
    table = [row for row in page.rows if len(row) == 10]
    assert len(table) == 1 + len(parcels)
    for row in table[1:]:
        for cell in row:
            assert cell.strip()
            assert cell.strip() != MISSING
    cloudy = next(row for row in table if "CS-0007" in row[0])
    assert cloudy[2] == f"{MISSING}无观测no observation"
    small = next(row for row in table if "CS-0014" in row[0])
    assert "面积过小" in small[5]


def test_losses_come_first_and_sort_keys_are_numbers(parcels):
    rows = parcel_rows(parcels, night.record())
    assert [row[7].sort for row in rows[:3]] == ["loss", "loss", "gain"]
    for row in rows:
        assert row[2].sort == "" or float(row[2].sort) > 0
        assert (row[2].sort == "") == (row[2].reason is not None)


def test_a_row_by_hand(parcels):
    row = next(
        row for row in parcel_rows(parcels, night.record()) if row[0].sort == "CS-0003"
    )
    assert [cell.text for cell in row[:7]] == [
        "北沟采伐地",
        "5.18",
        "176 ± 62",
        "103 ± 38",
        "380 ± 140",
        "−109 ± 12",
        "< 0.001",
    ]
    assert row[5].detail == "90 %: [−129.3; −88.4]"
    assert row[7].pair == ("减少", "loss")


def test_without_a_baseline_a_dash_says_so(parcels):
    record = night.record().model_copy(update={"baseline_season": None})
    blind = parcels.assign(sink_tco2_yr=np.nan, change_p=np.nan)
    row = parcel_rows(blind, record)[0]
    assert row[5].text == MISSING
    assert row[5].reason == ("无基期", "no baseline")
    page = Page(render_report(record=record, parcels=blind, pictures={}))
    assert "无基期，故无变化" in page.text


def test_the_face_says_incomplete_simulated_and_unverified(text):
    page = Page(text).text
    for said in (
        "不完整",
        "含模拟数据",
        "小班边界为模拟数据",
        "使用了未经核实的系数",
        "红光波段在41%的瓦片之后中断。",
        "Fetch the scene again; the others were used.",
        "file: scenes/S2_L2A_20200621/B04.tif",
    ):
        assert said in page


def test_a_complete_night_has_no_warnings(parcels):
    record = night.record(complete=True)
    verified = tuple(c for c in record.coefficients if c.status != "unverified")
    record = record.model_copy(update={"coefficients": verified, "simulated": ()})
    page = Page(render_report(record=record, parcels=parcels, pictures={})).text
    for unsaid in ("不完整 ", "含模拟数据", "未经核实", "incomplete "):
        assert unsaid not in page.replace("不完整之处与原因", "")
    assert "完整" in page


def test_both_languages_and_all_facts_are_there(text):
    page = Page(text).text
    record = night.record()
    for said in (
        "碳汇监测报告",
        "forest carbon sink report",
        "6,400 ± 1,100",
        "[4,590; 8,280]",
        "t CO2e/yr",
        "2020-06-01 – 2020-08-31",
        "空间分块(应采信)",
        "random folds (too hopeful)",
        record.run_id,
        record.inputs["sources.csv"],
        *record.sources,
        *(scene.scene_id for scene in record.scenes),
    ):
        assert said in page


def test_more_parcels_than_a_browser_sorts_are_counted(parcels):
    many = parcels.iloc[np.zeros(MOST_ROWS + 3, dtype=int)]
    page = Page(render_report(record=night.record(), parcels=many, pictures={}))
    assert sum(len(row) == 10 for row in page.rows) == 1 + MOST_ROWS
    assert "3 more parcels are in the GeoPackage." in page.text


def test_the_same_night_has_the_same_bytes(tmp_path, parcels, pictures):
    for name in ("a.html", "b.html"):
        write_report(
            tmp_path / name, record=night.record(), parcels=parcels, pictures=pictures
        )
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert b"\r" not in (tmp_path / "a.html").read_bytes()


def test_other_kinds_of_picture_are_refused(tmp_path, parcels):
    (tmp_path / "map.svg").write_text("<svg/>", encoding="utf-8")
    with pytest.raises(ValueError, match=r"map\.svg"):
        render_report(
            record=night.record(),
            parcels=parcels,
            pictures={"overview": tmp_path / "map.svg"},
        )


def test_the_budget_bar_is_as_long_as_its_parts():
    bar = budget_bar({"area": 10.0, "model": 60.0, "mystery_part": 30.0})
    assert [(part.start, part.share) for part in bar] == [
        (0.0, 60.0),
        (60.0, 30.0),
        (90.0, 10.0),
    ]
    assert bar[1].name == ("mystery part", "mystery part")
    assert budget_bar({}) == []


def test_blocked_scores_stand_first():
    scores = score_rows(night.record().model_card)
    assert [way[1][:7] for way in scores.ways] == ["spatial", "random ", "the pla"]
    named = {pair[1]: values for pair, values in scores.rows}
    assert named["RMSE"] == ("11.84", "8.911", "17.02")
    assert named["R²"] == ("0.523", "0.731", MISSING)
    assert score_rows({}) is None


def test_a_card_is_told_in_full():
    rows = dict(card_rows(night.record().model_card, without=("scores",)))
    assert rows["target.unit"] == "%"
    assert rows["features"] == "ndvi, ndmi"
    assert not any(name.startswith("scores") for name in rows)
    assert shown(None) == MISSING
    assert shown([]) == MISSING
    assert shown([True, 2]) == "✓, 2"


@pytest.mark.parametrize(
    "band", [band for layer in LAYERS.values() for band in layer.bands]
)
def test_every_band_has_a_caption(band):
    zh, en = caption(band.name)
    assert zh.startswith(band.title_zh)
    assert en.startswith(band.title)


def test_the_templates_are_counted_in_the_codes_digest():
    assert {file.suffix for file in TEMPLATES.iterdir()} <= {".j2", ".css"}
