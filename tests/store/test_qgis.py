import xml.etree.ElementTree as ET

import pytest

from geo.layers import LAYERS, STATUSES, VERDICTS
from geo.parcels import COLUMNS, Column
from store.qgis import (
    SOURCE_COLUMNS,
    _along,
    alias,
    parcels_qml,
    raster_qml,
    sources_qml,
    true_colour_qml,
)
from store.qgis_project import ProjectLayer, project_qgs

BANDS = [
    (layer, band)
    for layer in LAYERS.values()
    if layer.published or layer.name == "scene"
    for band in layer.bands
]
"""All that is drawn, or may be by who looks into the store."""
NAMES = [f"{layer.name}-{band.name}" for layer, band in BANDS]


@pytest.mark.parametrize(("layer", "band"), BANDS, ids=NAMES)
def test_every_band_is_drawn_as_its_table_says(layer, band):
    root = ET.fromstring(raster_qml(layer, band, 3))
    renderer = root.find("pipe/rasterrenderer")
    assert renderer.get("band") == "3"
    if band.classes:
        entries = renderer.findall("colorPalette/paletteEntry")
        assert renderer.get("type") == "paletted"
        assert [(int(e.get("value")), e.get("color")) for e in entries] == [
            (value, colour) for value, colour, _, _ in band.classes
        ]
        for entry, (_, _, title, title_zh) in zip(entries, band.classes, strict=True):
            assert title in entry.get("label")
            assert title_zh in entry.get("label")
    else:
        shader = renderer.find("rastershader/colorrampshader")
        items = shader.findall("item")
        assert renderer.get("type") == "singlebandpseudocolor"
        assert [(float(i.get("value")), i.get("color")) for i in items] == list(
            band.ramp
        )
        if band.unit != "1":
            assert all(item.get("label").endswith(band.unit) for item in items)


def test_reflectance_is_drawn_in_reflectance_not_in_stored_numbers():
    composite = LAYERS["composite"]
    root = ET.fromstring(raster_qml(composite, composite.bands[0], 1))
    assert float(root.find(".//colorrampshader").get("maximumValue")) == 0.5


def test_a_band_of_another_layer_is_refused():
    with pytest.raises(ValueError, match=r"agbd has no band 'score'"):
        raster_qml(LAYERS["agbd"], LAYERS["priority"].bands[0], 1)
    with pytest.raises(ValueError, match="counted from 1"):
        raster_qml(LAYERS["agbd"], LAYERS["agbd"].bands[0], 0)


def test_true_colour_finds_its_bands_by_name():
    names = ("blue", "green", "red", "nir")
    renderer = ET.fromstring(true_colour_qml(names)).find("pipe/rasterrenderer")
    assert renderer.get("type") == "multibandcolor"
    assert [renderer.get(f"{c}Band") for c in ("red", "green", "blue")] == [
        "3",
        "2",
        "1",
    ]
    assert renderer.findtext("redContrastEnhancement/maxValue") == "0.2"


def test_parcels_are_coloured_by_verdict_and_none_vanishes():
    root = ET.fromstring(parcels_qml())
    categories = root.findall("renderer-v2/categories/category")
    codes = [category.get("value") for category in categories]
    assert codes == [code for code, _, _, _ in VERDICTS] + [""]
    for category, (_, _, zh, colour) in zip(categories, VERDICTS, strict=False):
        drawn = root.find(f".//symbols/symbol[@name='{category.get('symbol')}']")
        value = drawn.find(".//Option[@name='color']").get("value")
        assert zh in category.get("label")
        assert value.split(",")[:3] == [
            str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)
        ]


@pytest.mark.parametrize("column", ["verdict", "agbd", "priority_score"])
def test_every_column_has_its_chinese_name_and_unit(column):
    root = ET.fromstring(parcels_qml(column))
    aliases = {a.get("field"): a.get("name") for a in root.findall("aliases/alias")}
    assert set(aliases) == {known.name for known in COLUMNS}
    assert aliases["area_ha"] == "面积 (ha)"
    assert aliases["verdict"] == "变化判定"
    assert root.get("labelsEnabled") == "1"
    assert "name_zh" in root.find(".//text-style").get("fieldName")


def test_codes_are_shown_as_words():
    root = ET.fromstring(parcels_qml())
    for name, rows in (("verdict", VERDICTS), ("status", STATUSES)):
        path = f"fieldConfiguration/field[@name='{name}']//Option[@type='QString']"
        shown = {o.get("value"): o.get("name") for o in root.findall(path)}
        assert shown == {row[0]: f"{row[2]} {row[1]}" for row in rows}


def test_biomass_classes_leave_no_gap_and_say_what_is_doubtful():
    rules = ET.fromstring(parcels_qml("agbd")).findall("renderer-v2/rules/rule")
    labels = [rule.get("label") for rule in rules]
    assert labels[:5] == [
        "0–40 t/ha",
        "40–80 t/ha",
        "80–120 t/ha",
        "120–160 t/ha",
        "≥ 160 t/ha",
    ]
    tests = [rule.get("filter") for rule in rules]
    assert tests[5] == '"agb_t" / "area_ha" IS NULL'
    assert tests[6] == '"agb_t_se" > 0.5 * "agb_t"'


def test_sources_grow_with_their_emissions():
    root = ET.fromstring(sources_qml())
    sizes = [
        float(option.get("value")) for option in root.findall(".//Option[@name='size']")
    ]
    assert sizes == sorted(sizes)
    aliases = {a.get("field") for a in root.findall("aliases/alias")}
    assert aliases == {column.name for column in SOURCE_COLUMNS}


def test_a_colour_along_a_ramp_by_hand():
    ramp = ((0.0, "#000000"), (10.0, "#ff0000"), (20.0, "#ffffff"))
    assert _along(ramp, 0.0) == "#000000"
    assert _along(ramp, 0.25) == "#800000"
    assert _along(ramp, 0.5) == "#ff0000"
    assert _along(ramp, 1.0) == "#ffffff"


@pytest.mark.parametrize(
    ("unit", "expected"), [("", "面积"), ("1", "面积"), ("ha", "面积 (ha)")]
)
def test_an_alias_carries_a_unit_only_where_there_is_one(unit, expected):
    assert alias(Column("area_ha", "Area", "面积", unit)) == expected


def _project(title="夜 <2020> & more"):
    layers = [
        ProjectLayer(
            "判定",
            "./parcels.gpkg|layername=parcels",
            parcels_qml(),
            "小班",
            kind="polygon",
            visible=True,
        ),
        ProjectLayer(
            "密度",
            "./layers/agbd.tif",
            raster_qml(LAYERS["agbd"], LAYERS["agbd"].bands[0], 1),
            "生物量",
        ),
        ProjectLayer(
            "优先度",
            "./parcels.gpkg|layername=parcels",
            parcels_qml("priority_score"),
            "小班",
            kind="polygon",
        ),
    ]
    return project_qgs(title, "EPSG:3035", layers, bounds=(0.0, 0.0, 100.0, 200.0))


def test_the_project_keeps_order_groups_styles_and_relative_paths():
    text = _project()
    root = ET.fromstring(text)
    assert root.findtext("title") == "夜 <2020> & more"
    assert root.findtext("properties/Paths/Absolute") == "false"
    assert [g.get("name") for g in root.findall("layer-tree-group/*")] == [
        "小班",
        "生物量",
    ]
    shown = {
        node.get("name"): node.get("checked") for node in root.iter("layer-tree-layer")
    }
    assert shown["判定"] == "Qt::Checked"
    assert shown["密度"] == shown["优先度"] == "Qt::Unchecked"
    for layer in root.findall("projectlayers/maplayer"):
        assert layer.findtext("datasource").startswith("./")
        assert layer.find("srs/spatialrefsys/authid").text == "EPSG:3035"
        assert layer.find("pipe") is not None or layer.find("renderer-v2") is not None
    ids = [layer.findtext("id") for layer in root.findall("projectlayers/maplayer")]
    assert ids == [layer.get("id") for layer in root.findall("layerorder/layer")]
    assert len(set(ids)) == 3


def test_the_project_opens_on_its_bounds_with_a_margin():
    root = ET.fromstring(_project())
    extent = root.find("mapcanvas/extent")
    found = [float(extent.findtext(n)) for n in ("xmin", "ymin", "xmax", "ymax")]
    assert found == [-10.0, -10.0, 110.0, 210.0]


def test_the_same_project_has_the_same_bytes():
    assert _project() == _project()
    assert _project("other") != _project()
