"""Run by the system's Python: open a night in QGIS, say what was seen, draw it."""

import json
import os
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def describe(layer):
    renderer = layer.renderer()
    said = {
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "renderer": renderer.type() if renderer else "",
        "title": layer.name(),
        "source": layer.source(),
    }
    if isinstance(layer, QgsRasterLayer):
        provider = layer.dataProvider()
        centre = layer.extent().center()
        said["sample"] = [
            provider.sample(centre, band)[0] for band in range(1, layer.bandCount() + 1)
        ]
        said["scale"] = provider.bandScale(1)
        said["band"] = renderer.usesBands()[0]
        said["legend"] = [label for label, _ in renderer.legendSymbologyItems()]
    else:
        said["features"] = layer.featureCount()
        said["labels"] = layer.labelsEnabled()
        said["aliases"] = {
            field.name(): layer.attributeDisplayName(number)
            for number, field in enumerate(layer.fields())
        }
        said["widgets"] = {
            field.name(): layer.editorWidgetSetup(number).type()
            for number, field in enumerate(layer.fields())
        }
        said["legend"] = [item.label() for item in renderer.legendSymbolItems()]
    return said


def draw(layers, extent, crs, path):
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(crs)
    settings.setExtent(extent)
    settings.setOutputSize(QSize(900, 900))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(str(path))
    shades = {image.pixel(x, y) for x in range(0, 900, 15) for y in range(0, 900, 15)}
    return {"shades": len(shades), "errors": [e.message for e in job.errors()]}


def main(folder):
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    seen = {"read": project.read(str(next(folder.glob("*.qgs"))))}
    seen["title"] = project.title()
    seen["crs"] = project.crs().authid()
    root = project.layerTreeRoot()
    seen["groups"] = [group.name() for group in root.findGroups()]
    layers = [node.layer() for node in root.findLayers()]
    seen["visible"] = [n.layer().name() for n in root.findLayers() if n.isVisible()]
    seen["layers"] = [describe(layer) for layer in layers]
    view = project.viewSettings().defaultViewExtent()
    seen["view"] = [view.xMinimum(), view.yMinimum(), view.xMaximum(), view.yMaximum()]
    shown = [n.layer() for n in root.findLayers() if n.isVisible()]
    seen["drawn"] = draw(shown, view, project.crs(), folder / "project.png")
    for number, layer in enumerate(layers):
        inside = layer.crs() == project.crs()
        extent = view if inside else layer.extent().buffered(0.2)
        drawn = draw([layer], extent, layer.crs(), folder / f"layer_{number:02d}.png")
        seen["layers"][number]["drawn"] = drawn
    parcels = QgsVectorLayer(f"{folder}/parcels.gpkg|layername=parcels", "p", "ogr")
    seen["default_style"] = describe(parcels)
    Path(folder / "seen.json").write_text(
        json.dumps(seen, ensure_ascii=False), encoding="utf-8"
    )


main(Path(sys.argv[1]))
# QGIS's own exit may crash after everything is done and written.
os._exit(0)
