"""The QGIS project of a night: one double click from its layers."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pyproj import CRS

from store.qgis_xml import VERSION, document, spatial_reference, text

Extent = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ProjectLayer:
    """A layer of the project, drawn with ``style`` (QML).

    ``source`` is relative to the project's file, with ``|layername=`` for a table of a
    GeoPackage. ``crs`` is the layer's own where it is not the project's.
    """

    title: str
    source: str
    style: str
    group: str
    kind: Literal["raster", "polygon", "point"] = "raster"
    visible: bool = False
    crs: str = ""


def project_qgs(
    title: str, crs: str, layers: Sequence[ProjectLayer], *, bounds: Extent
) -> str:
    """Return a project that shows ``layers``, the first one on top.

    Layers of a ``group`` stand together, in the order of first mention. Paths stay
    relative, styles are inlined, and the map opens on ``bounds`` (left, bottom, right,
    top in ``crs``) with a margin.
    """
    root = ET.Element("qgis", version=VERSION, projectname=title)
    text(root, "homePath", "").set("path", "")
    text(root, "title", title)
    _reference(ET.SubElement(root, "projectCrs"), crs)
    _tree(root, layers)
    _canvas(root, crs, bounds)
    _order(root, layers)
    parts = ET.SubElement(root, "projectlayers")
    for number, layer in enumerate(layers):
        parts.append(_map_layer(layer, number, crs))
    properties = ET.SubElement(root, "properties")
    paths = ET.SubElement(properties, "Paths")
    text(paths, "Absolute", "false").set("type", "bool")
    projected = ET.SubElement(properties, "SpatialRefSys")
    text(projected, "ProjectionsEnabled", "1").set("type", "int")
    _view(root, crs, bounds)
    return document(root)


def _identity(layer: ProjectLayer, number: int) -> str:
    return f"forestsink_{number:02d}_{layer.kind}"


def _reference(parent: ET.Element, crs: str) -> None:
    known = CRS.from_user_input(crs)
    authority = known.to_authority(min_confidence=100)
    authid = ":".join(authority) if authority else ""
    spatial_reference(parent, authid=authid, wkt=known.to_wkt("WKT2_2019"))


def _tree(root: ET.Element, layers: Sequence[ProjectLayer]) -> None:
    tree = ET.SubElement(root, "layer-tree-group")
    groups: dict[str, ET.Element] = {}
    for number, layer in enumerate(layers):
        if layer.group not in groups:
            shown = any(each.visible for each in layers if each.group == layer.group)
            groups[layer.group] = ET.SubElement(
                tree,
                "layer-tree-group",
                name=layer.group,
                checked="Qt::Checked",
                expanded="1" if shown else "0",
            )
        ET.SubElement(
            groups[layer.group],
            "layer-tree-layer",
            id=_identity(layer, number),
            name=layer.title,
            source=layer.source,
            providerKey=_provider(layer),
            checked="Qt::Checked" if layer.visible else "Qt::Unchecked",
            expanded="1" if layer.visible else "0",
        )


def _provider(layer: ProjectLayer) -> str:
    return "gdal" if layer.kind == "raster" else "ogr"


def _order(root: ET.Element, layers: Sequence[ProjectLayer]) -> None:
    order = ET.SubElement(root, "layerorder")
    for number, layer in enumerate(layers):
        ET.SubElement(order, "layer", id=_identity(layer, number))


def _map_layer(layer: ProjectLayer, number: int, crs: str) -> ET.Element:
    style = ET.fromstring(layer.style)
    vector = layer.kind != "raster"
    element = ET.Element("maplayer", type="vector" if vector else "raster")
    if vector:
        element.set("geometry", layer.kind.capitalize())
        element.set("labelsEnabled", style.get("labelsEnabled", "0"))
    text(element, "id", _identity(layer, number))
    text(element, "datasource", layer.source)
    text(element, "layername", layer.title)
    _reference(ET.SubElement(element, "srs"), layer.crs or crs)
    provider = text(element, "provider", _provider(layer))
    if vector:
        provider.set("encoding", "UTF-8")
    element.extend(style)
    return element


def _padded(bounds: Extent) -> dict[str, str]:
    left, bottom, right, top = bounds
    margin = 0.05 * max(right - left, top - bottom)
    return {
        "xmin": f"{left - margin:.3f}",
        "ymin": f"{bottom - margin:.3f}",
        "xmax": f"{right + margin:.3f}",
        "ymax": f"{top + margin:.3f}",
    }


def _canvas(root: ET.Element, crs: str, bounds: Extent) -> None:
    canvas = ET.SubElement(
        root, "mapcanvas", name="theMapCanvas", annotationsVisible="1"
    )
    text(canvas, "units", "meters")
    extent = ET.SubElement(canvas, "extent")
    for name, value in _padded(bounds).items():
        text(extent, name, value)
    text(canvas, "rotation", 0)
    _reference(ET.SubElement(canvas, "destinationsrs"), crs)


def _view(root: ET.Element, crs: str, bounds: Extent) -> None:
    settings = ET.SubElement(
        root, "ProjectViewSettings", rotation="0", UseProjectScales="0"
    )
    extent = ET.SubElement(settings, "DefaultViewExtent", attrib=_padded(bounds))
    _reference(extent, crs)
