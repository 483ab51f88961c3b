"""Many tiles as one layer: a VRT beside the files that it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pyproj import CRS

from geo.grid import Grid, Tile
from geo.layers import Band, Layer
from store.files import writing

GDAL_TYPES = {"int16": "Int16", "float32": "Float32"}


@dataclass(frozen=True, slots=True)
class TileFile:
    """A tile and the name of its file, in the folder of the VRT."""

    tile: Tile
    name: str


def write_vrt(path: Path, layer: Layer, grid: Grid, files: Sequence[TileFile]) -> None:
    """Write what lets a GIS open the tiles of ``layer`` on ``grid`` as one raster.

    The files are named relative to ``path``; overviews are those of the tiles.
    """
    root = Element(
        "VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height)
    )
    axes = {"dataAxisToSRSAxisMapping": "1,2"}
    SubElement(root, "SRS", axes).text = CRS(grid.crs).to_wkt()
    place = (grid.left, grid.cell_m, 0.0, grid.top, 0.0, -grid.cell_m)
    SubElement(root, "GeoTransform").text = ", ".join(f"{one:.17g}" for one in place)
    for number, band in enumerate(layer.bands, start=1):
        _band(root, number, band, files)
    indent(root)
    with writing(path) as temporary:
        temporary.write_bytes(tostring(root, encoding="utf-8") + b"\n")


def _band(root: Element, number: int, band: Band, files: Sequence[TileFile]) -> None:
    kind = GDAL_TYPES[band.dtype]
    element = SubElement(root, "VRTRasterBand", dataType=kind, band=str(number))
    SubElement(element, "Description").text = band.name
    SubElement(element, "UnitType").text = band.unit
    SubElement(element, "NoDataValue").text = f"{band.nodata:g}"
    SubElement(element, "Scale").text = f"{band.scale:g}"
    for file in files:
        tile = file.tile
        source = SubElement(element, "SimpleSource")
        SubElement(source, "SourceFilename", relativeToVRT="1").text = file.name
        SubElement(source, "SourceBand").text = str(number)
        size = {"xSize": str(tile.grid.width), "ySize": str(tile.grid.height)}
        SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **size})
        corner = {"xOff": str(tile.column), "yOff": str(tile.row)}
        SubElement(source, "DstRect", {**corner, **size})
