"""Small scenes on disk, as an agency or a catalogue would deliver them."""

import hashlib
import json
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from geo.grid import Grid
from geo.masks import SCL
from store.providers.stac import StacProvider

GRID = Grid("EPSG:32634", 600_000.0, 5_010_000.0, 10.0, 64, 48)
"""Not square, so that rows and columns cannot be mixed up."""

BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
SIX = ("blue", "green", "red", "nir", "nir08", "swir16")
"""What a region may ask for; the last two these scenes do not have."""

LEVELS = {"B02": 300, "B03": 500, "B04": 400, "B08": 3000}


def write_tif(path, pixels, *, grid=GRID, nodata=0.0, crs="", **more):
    """Write pixels (rows, columns) or (band, rows, columns) at the grid corner."""
    pixels = np.asarray(pixels)
    stack = pixels if pixels.ndim == 3 else pixels[np.newaxis]
    profile = {
        "driver": "GTiff",
        "count": len(stack),
        "height": stack.shape[1],
        "width": stack.shape[2],
        "dtype": stack.dtype,
        "crs": crs or grid.crs,
        "transform": grid.transform,
        "nodata": nodata,
    } | more
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(stack)
    return path


def textured(level, *, shape=GRID.shape, seed=0, dtype="uint16"):
    """Return pixels around ``level``, each different from its neighbours."""
    noise = np.random.default_rng(seed).integers(0, max(level // 3, 1), shape)
    return (level + noise).astype(dtype)


def item_json(item_id, assets, *, grid=GRID, when="2020-07-01T09:30:00Z", **facts):
    """Return an item over ``grid`` whose assets are given as JSON by key."""
    west, south, east, north = lonlat(grid)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": when, "platform": "sentinel-2a", **facts},
        "links": [],
        "assets": assets,
        "stac_extensions": [],
    }


def lonlat(grid):
    from store.providers.intake import lonlat_of

    return lonlat_of(grid)


def reflectance_asset(href, *, scale=1e-4, offset=0.0, **more):
    return {
        "href": href,
        "raster:bands": [{"nodata": 0, "scale": scale, "offset": offset}],
        **more,
    }


def checksum(path):
    return "1220" + hashlib.sha256(path.read_bytes()).hexdigest()


class Catalogue:
    """A static STAC catalogue that grows scene by scene."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.items = []

    @property
    def href(self):
        return str(self.folder / "catalog.json")

    def add(self, item_id, *, scl=4, pixels=None, grid=GRID, edit=None, **facts):
        """Write an item with its pixels; ``edit`` changes its JSON; return its folder.

        ``pixels`` replaces the textured rasters by key of the asset.
        """
        place = self.folder / item_id
        shape = grid.shape
        written = {
            key: textured(level, shape=shape, seed=seed)
            for seed, (key, level) in enumerate(LEVELS.items())
        }
        written["SCL"] = np.broadcast_to(np.uint8(scl), shape)
        written |= pixels or {}
        for key, values in written.items():
            if values is not None:
                write_tif(place / f"{key}.tif", values, grid=grid)
        assets = {key: reflectance_asset(f"./{key}.tif") for key in LEVELS}
        assets["SCL"] = {"href": "./SCL.tif"}
        content = item_json(item_id, assets, grid=grid, **facts)
        if edit is not None:
            edit(content)
        (place / "item.json").write_text(json.dumps(content), encoding="utf-8")
        self.items.append(item_id)
        self._write()
        return place

    def _write(self):
        links = [{"rel": "item", "href": f"./{name}/item.json"} for name in self.items]
        content = {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "test",
            "description": "test",
            "links": links,
        }
        Path(self.href).write_text(json.dumps(content), encoding="utf-8")

    def provider(self, **more):
        options = {
            "name": "s2",
            "href": self.href,
            "roots": (self.folder,),
            "bands": BANDS,
            "mask_asset": "SCL",
            "mask": SCL,
            "timezone": "Europe/Bucharest",
        } | more
        return StacProvider(**options)


def shifted(grid, *, right=0.0, down=0.0):
    """Return ``grid`` moved by metres."""
    return Grid(
        grid.crs,
        grid.left + right,
        grid.top - down,
        grid.cell_m,
        grid.width,
        grid.height,
    )


def identity(dataset_path):
    """Take the georeference off a raster."""
    with rasterio.open(dataset_path, "r+") as dataset:
        dataset.transform = Affine.identity()
