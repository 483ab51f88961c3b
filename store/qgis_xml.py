"""The pieces of QGIS's XML that the styles are put together from."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
VERSION = "3.22.0"
"""The oldest QGIS that the styles are tried with."""

FONT = "Noto Sans CJK SC"
"""Asked for in labels; QGIS takes another Chinese font where it is missing."""


def document(root: ET.Element) -> str:
    """Return the file's text; equal trees give equal text."""
    ET.indent(root, " ")
    return DOCTYPE + ET.tostring(root, encoding="unicode") + "\n"


def style_root(categories: str = "AllStyleCategories") -> ET.Element:
    return ET.Element("qgis", version=VERSION, styleCategories=categories)


def text(parent: ET.Element, tag: str, content: object) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = str(content)
    return element


def rgba(colour: str, opacity: float = 1.0) -> str:
    """Return ``#rrggbb`` as QGIS writes it: ``r,g,b,a`` out of 255."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return ",".join(str(part) for part in (*parts, round(opacity * 255)))


def options(parent: ET.Element, values: Mapping[str, object]) -> ET.Element:
    holder = ET.SubElement(parent, "Option", type="Map")
    for name, value in values.items():
        ET.SubElement(holder, "Option", name=name, value=str(value), type="QString")
    return holder


def symbol(
    parent: ET.Element,
    name: str,
    kind: str,
    layers: Sequence[tuple[str, Mapping[str, object]]],
) -> ET.Element:
    """Add a symbol of ``kind`` fill, line or marker, drawn from ``layers`` in order."""
    element = ET.SubElement(
        parent, "symbol", name=name, type=kind, alpha="1", clip_to_extent="1"
    )
    for what, values in layers:
        layer = ET.SubElement(
            element, "layer", attrib={"class": what, "enabled": "1", "pass": "0"}
        )
        options(layer, values)
    return element


def fill(
    colour: str, *, opacity: float = 0.75, pattern: str = "solid"
) -> tuple[str, dict[str, object]]:
    """Return a fill with a thin dark outline; ``pattern`` as QGIS names brushes."""
    return "SimpleFill", {
        "color": rgba(colour, opacity),
        "style": pattern,
        "outline_color": rgba("#3c3c3c"),
        "outline_style": "solid",
        "outline_width": 0.2,
        "outline_width_unit": "MM",
    }


def circle(colour: str, size_mm: float) -> tuple[str, dict[str, object]]:
    return "SimpleMarker", {
        "name": "circle",
        "color": rgba(colour, 0.85),
        "outline_color": rgba("#ffffff"),
        "outline_width": 0.3,
        "size": size_mm,
        "size_unit": "MM",
    }


def labelling(parent: ET.Element, expression: str, *, around: bool = False) -> None:
    """Add labels with a white halo: inside polygons, or ``around`` points."""
    holder = ET.SubElement(parent, "labeling", type="simple")
    settings = ET.SubElement(holder, "settings", calloutType="simple")
    style = ET.SubElement(
        settings,
        "text-style",
        fieldName=expression,
        isExpression="1",
        fontFamily=FONT,
        fontSize="8",
        fontSizeUnit="Point",
        textColor=rgba("#1f1f1f"),
        namedStyle="Regular",
    )
    ET.SubElement(
        style,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.7",
        bufferSizeUnits="MM",
        bufferColor=rgba("#ffffff"),
        bufferOpacity="0.85",
    )
    ET.SubElement(
        settings,
        "placement",
        placement="6" if around else "1",
        dist="1",
        distUnits="MM",
        offsetType="1",
        centroidInside="1",
        polygonPlacementFlags="2",
    )
    ET.SubElement(
        settings, "rendering", obstacle="1", drawLabels="1", scaleVisibility="0"
    )


def spatial_reference(parent: ET.Element, *, authid: str, wkt: str) -> None:
    """Add a CRS; QGIS reads the WKT, and finds the authority's own entry by it."""
    element = ET.SubElement(parent, "spatialrefsys")
    text(element, "wkt", wkt)
    text(element, "authid", authid)


def categorized(attribute: str, looks: Sequence[tuple[str, str, str]]) -> str:
    """Return a style of polygons coloured by a text: value, label and colour."""
    root = style_root()
    add_categories(root, attribute, looks)
    text(root, "layerGeometryType", 2)
    return document(root)


def add_categories(
    root: ET.Element, attribute: str, looks: Sequence[tuple[str, str, str]]
) -> None:
    """Add a renderer that fills polygons by a text: value, label and colour."""
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr=attribute
    )
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, (code, title, colour) in enumerate(looks):
        ET.SubElement(
            categories,
            "category",
            value=code,
            label=title,
            symbol=str(number),
            render="true",
        )
        symbol(symbols, str(number), "fill", [fill(colour)])
