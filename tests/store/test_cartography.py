from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.text import Text
from PIL import Image
from pyproj import Transformer
from shapely import Point, Polygon, box

from geo.grid import Grid
from geo.layers import LAYERS
from store import cartography
from store.cartography import (
    Scene,
    overview_figure,
    overview_map,
    raster_panel,
    true_colour,
)
from store.drawing import drawing, outlines, round_length, sheet, ticks_between, wrapped
from store.fonts import FILES, chinese_font, missing_font
from store.map_parts import (
    bearings,
    bounds_shown,
    compass_point,
    distance_text,
    font,
    grid_north_azimuth,
)
from tests.store import night_fixture as night

UTM = Grid("EPSG:32649", 499_000.0, 3_001_000.0, 10.0, 200, 100)
"""Its middle lies on the central meridian of zone 49."""


@pytest.fixture(scope="module")
def parcels():
    return night.parcels()


@pytest.fixture(scope="module")
def background():
    return true_colour(night.reflectance())


def _scene(parcels, background, **changes):
    parts = {
        "parcels": parcels,
        "background": background,
        "grid": night.GRID,
        "record": night.record(),
        "sources": night.sources(),
    }
    return Scene(**(parts | changes))


def _texts(figure):
    """Return every text that is drawn, with its box on the sheet."""
    figure.draw_without_rendering()
    found = [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip()
    ]
    return [(text.get_text(), text.get_window_extent()) for text in found]


def _collisions(figure):
    boxes = [(text, b.padded(-0.5)) for text, b in _texts(figure)]
    return [
        (one, other)
        for (one, a), (other, b) in combinations(boxes, 2)
        if a.overlaps(b) and one != other
    ]


def _outside(figure):
    wide, high = figure.bbox.width, figure.bbox.height
    edge = 0.4 * figure.dpi
    return [
        text
        for text, b in _texts(figure)
        if b.x0 < edge or b.y0 < edge or b.x1 > wide - edge or b.y1 > high - edge
    ]


def _record(**changes):
    return night.record().model_copy(update=changes)


CASES = {
    "as it is": {},
    "without sources": {"sources": None},
    "complete": {"record": night.record(complete=True)},
    "first night": {"record": _record(baseline_season=None)},
    "long titles": {
        "record": _record(
            title="An extraordinarily long title of a region " * 3,
            title_zh="名字特别特别长的监测区" * 5,
        )
    },
    "many licences": {
        "record": _record(
            sources=tuple(
                f"Source number {n}, whose citation is long, licence CC BY 4.0"
                for n in range(9)
            )
        )
    },
    "many sources": {
        "sources": night.sources().iloc[[0, 1, 2, 3, 4, 0, 1, 2, 3]],
    },
    "one total": {"record": _record(totals=night.record().totals[:1])},
    "no totals": {"record": _record(totals=())},
    "nothing simulated": {"record": _record(simulated=(), coefficients=())},
}


SHEETS = [(case, "chinese") for case in CASES] + [
    (case, "none") for case in ("as it is", "long titles", "many sources")
]


@pytest.mark.parametrize(("case", "family"), SHEETS)
def test_no_text_overlaps_another_or_leaves_the_sheet(
    case, family, parcels, background
):
    if family == "chinese" and chinese_font() is None:
        pytest.skip("This machine has no Chinese font.")
    with drawing(chinese_font() if family == "chinese" else None) as words:
        figure = overview_figure(words, _scene(parcels, background, **CASES[case]))
        assert _collisions(figure) == []
        assert _outside(figure) == []


@pytest.mark.parametrize("shape", [(40, 240), (240, 40)])
def test_long_regions_fit_the_sheet(shape, parcels):
    high, wide = shape
    grid = Grid("EPSG:3035", 5_271_960.0, 2_533_020.0, 10.0, wide, high)
    picture = np.full((high, wide, 3), 90, dtype=np.uint8)
    with drawing(chinese_font()) as words:
        figure = overview_figure(words, _scene(parcels, picture, grid=grid))
        assert _collisions(figure) == []
        assert _outside(figure) == []


def test_what_a_visitor_must_be_told_is_on_the_sheet(parcels, background):
    if chinese_font() is None:
        pytest.skip("This machine has no Chinese font.")
    with drawing(chinese_font()) as words:
        figure = overview_figure(words, _scene(parcels, background))
        said = "".join(text for text, _ in _texts(figure)).replace(" ", "")
    for word in (
        "喀尔巴阡山毛榉云杉林·碳汇监测",
        "不完整incomplete·已观测observed86.7%",
        "2020-09-01",
        "2020-06-01–2020-08-31",
        "EPSG:3035",
        "真北偏西8.9°",
        "200m",
        "含模拟数据simulated",
        "小班边界为模拟数据",
        "使用了1个未经核实的系数",
        "r-7c41d0b2e9aa",
        "CCBY4.0",
        "modifiedCopernicusSentineldata",
        "84kmESE·6.4MtCO2e/yr",
        "减少loss(2)",
        "无显著变化nosignificantchange(7)",
        "6,400±1,100t",
    ):
        assert word in said, word


def test_without_a_chinese_font_everything_is_english(parcels, background):
    with drawing(None) as words:
        figure = overview_figure(words, _scene(parcels, background))
        said = "".join(text for text, _ in _texts(figure))
    assert not any("\u4e00" <= character <= "\u9fff" for character in said)
    assert "CS-0001" in said
    assert "no significant change (7)" in said


def test_the_same_night_has_the_same_bytes_whatever_a_user_has_set(
    tmp_path, parcels, background
):
    everything = {"parcels": parcels, "background": background}
    everything |= {"grid": night.GRID, "record": night.record()}
    everything |= {"sources": night.sources()}
    overview_map(tmp_path / "a.png", **everything)
    odd = {"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9}
    with mpl.rc_context(odd):
        before = dict(mpl.rcParams)
        overview_map(tmp_path / "b.png", **everything)
        assert dict(mpl.rcParams) == before
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (2338, 1654)
        assert set(image.info) <= {"dpi"}


def test_pictures_are_not_kept_by_pyplot():
    assert sheet(1, 1, dpi=40).canvas.manager is None
    for file in sorted(Path(cartography.__file__).parent.glob("*.py")):
        assert "pyplot" not in file.read_text("utf-8").replace("pyplot never", "")


def test_losses_are_red_and_gains_green_on_the_sheet(parcels, background):
    with drawing(None) as words:
        figure = overview_figure(words, _scene(parcels, background))
        figure.canvas.draw()
        image = np.asarray(figure.canvas.buffer_rgba()).astype(int)
        axes = figure.axes[0]
        shades = {}
        for verdict in ("loss", "gain"):
            shape = parcels.geometry[parcels["verdict"] == verdict].iloc[0]
            x, y = axes.transData.transform(shape.centroid.coords[0])
            row, column = image.shape[0] - int(y), int(x)
            patch = image[row - 60 : row - 20, column - 30 : column + 30, :3]
            shades[verdict] = np.median(patch.reshape(-1, 3), axis=0)
    assert shades["loss"][0] > shades["loss"][1] + 60
    assert shades["gain"][1] > shades["gain"][0] + 60


def test_true_colour_by_hand():
    reflectance = np.array([[[0.0, 0.1]], [[0.2, 0.4]], [[np.nan, 0.05]]], np.float32)
    found = true_colour(reflectance, stop=0.2)
    assert found.shape == (1, 2, 3)
    assert found.tolist() == [[[0, 255, 230], [128, 255, 64]]]


@pytest.mark.parametrize("layer", ["agbd", "agbd_change", "exposure", "priority"])
def test_every_panel_is_drawn_the_same_twice(tmp_path, layer, parcels):
    band = LAYERS[layer].bands[-1]
    array = np.where(night.smooth_noise(5) > 0.5, 1.0, np.nan)
    for name in ("a.png", "b.png"):
        raster_panel(
            tmp_path / name, LAYERS[layer], band, array, night.GRID, parcels=parcels
        )
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_nodata_of_a_panel_is_grey_and_classes_have_their_colours(tmp_path):
    layer = LAYERS["agbd_change"]
    array = np.full(night.GRID.shape, 255, dtype=np.uint8)
    array[:, :50] = 1
    raster_panel(tmp_path / "p.png", layer, layer.bands[2], array, night.GRID)
    with Image.open(tmp_path / "p.png") as image:
        rgb = image.convert("RGB")
        assert rgb.getpixel((150, 300)) == (0xD7, 0x30, 0x27)
        assert rgb.getpixel((450, 300)) == (0xE4, 0xE4, 0xE0)


def test_a_panel_refuses_a_band_of_another_layer(tmp_path):
    with pytest.raises(ValueError, match="not 'score'"):
        raster_panel(
            tmp_path / "p.png",
            LAYERS["agbd"],
            LAYERS["priority"].bands[0],
            night.agbd(),
            night.GRID,
        )


def test_grid_north_is_true_north_on_the_central_meridian():
    assert grid_north_azimuth(UTM) == pytest.approx(0.0, abs=0.01)
    west = Grid("EPSG:32649", 300_000.0, 3_001_000.0, 10.0, 200, 100)
    # Convergence of a transverse Mercator: dlon * sin(lat), here -2.0 * sin(27.1).
    assert grid_north_azimuth(west) == pytest.approx(-0.91, abs=0.03)


def test_bearings_by_hand():
    to_degrees = Transformer.from_crs(UTM.crs, "EPSG:4326", always_xy=True)
    x, y = 500_000.0, 3_000_500.0
    places = [to_degrees.transform(x, y + 5000), to_degrees.transform(x + 3000, y)]
    sources = night.sources().iloc[:2].set_geometry([Point(place) for place in places])
    with drawing(None) as words:
        east, north = bearings(sources.set_crs("EPSG:4326"), UTM, words)
    # Lengths on the central meridian are 1/0.9996 of the grid's.
    assert north.distance_km == pytest.approx(5 / 0.9996, abs=1e-3)
    assert east.distance_km == pytest.approx(3 / 0.9996, abs=1e-3)
    assert compass_point(north.azimuth_deg) == "N"
    assert compass_point(east.azimuth_deg) == "E"
    assert compass_point(-90.0) == "W"
    assert compass_point(359.0) == "N"


@pytest.mark.parametrize(
    ("largest", "expected"), [(1.0, 1.0), (1.99, 1.0), (4.9, 2.0), (730.0, 500.0)]
)
def test_round_lengths(largest, expected):
    assert round_length(largest) == expected


def test_distances_and_ticks_read_well():
    assert distance_text(200.0) == "200 m"
    assert distance_text(1500.0) == "1.5 km"
    assert ticks_between(5_271_960, 5_272_960, count=4) == [
        5_272_000.0,
        5_272_200.0,
        5_272_400.0,
        5_272_600.0,
        5_272_800.0,
    ]


def test_the_map_widens_for_parcels_across_the_border_but_not_for_strays(parcels):
    left, bottom, right, top = night.GRID.bounds
    assert bounds_shown(night.GRID, parcels)[2] == pytest.approx(right + 31)
    stray = parcels.iloc[:1].set_geometry([box(left, bottom, right + 1e6, top)])
    stray = stray.set_crs(night.GRID.crs)
    assert bounds_shown(night.GRID, stray) == (left, bottom, right + 200, top)


def test_holes_stay_holes_whichever_way_they_run():
    square = [(0, 0), (4, 0), (4, 4), (0, 4)]
    hole = [(1, 1), (1, 3), (3, 3), (3, 1)]
    for ring in (hole, hole[::-1]):
        figure = sheet(1, 1, dpi=40)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 4), ylim=(0, 4))
        shape = outlines([Polygon(square, [ring])])
        axes.add_collection(PathCollection(shape, facecolors="#ff0000"))
        figure.canvas.draw()
        image = np.asarray(figure.canvas.buffer_rgba())
        assert image[5, 5, :3].tolist() == [255, 0, 0]
        assert image[20, 20, :3].tolist() == [255, 255, 255]


def test_wrapping_loses_nothing_and_fits():
    figure = sheet(4, 2, dpi=100)
    text = "森林碳汇 monitoring of forests, 含中文与 English words 混排。"
    with drawing(None):
        lines = wrapped(figure, "plain words that must wrap", font(8), width_in=0.8)
    assert " ".join(lines) == "plain words that must wrap"
    assert len(lines) > 1
    if chinese_font() is not None:
        with drawing(chinese_font()):
            lines = wrapped(figure, text, font(8), width_in=1.0)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert not any(line.startswith(("。", "，")) for line in lines)


def test_fonts_are_chosen_by_preference_not_by_order_on_disk(tmp_path):
    assert chinese_font([tmp_path]) is None
    for name in ("a.ttf", FILES[6], FILES[1].upper()):
        (tmp_path / name).write_bytes(b"")
    assert chinese_font([tmp_path]).name == FILES[1].upper()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / FILES[0]).write_bytes(b"")
    assert chinese_font([tmp_path / "absent", tmp_path]).name == FILES[0]


def test_a_missing_font_is_said_once_and_in_two_languages(tmp_path):
    said = missing_font([tmp_path])
    assert said.code == "font.missing"
    assert "中文字体" in said.message_zh
    assert "fonts-noto-cjk" in said.cure
    (tmp_path / FILES[0]).write_bytes(b"")
    assert missing_font([tmp_path]) is None
