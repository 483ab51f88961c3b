"""A small simulated county as a region, cut in tiles of any size."""

import json
import re
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import rasterio

from config.environment import CHECKOUT
from config.settings import Settings, read
from geo.grid import Tile
from models.twin.county import County
from pipelines.twin.make import make_twin
from tests.small_region import in_tiles

COUNTY = County(256, 2, 20210312, 16)
"""Two years, a scene every three weeks."""
SUMMER = re.compile(r"_20\d\d0[6-9]\d\d_")


def make_county(folder: Path) -> Path:
    """Make the county with the scenes of its summers, five to six of each."""
    inputs = make_twin(COUNTY, folder / "county").folder
    collection = json.loads((inputs / "collection.json").read_text(encoding="utf-8"))
    collection["links"] = [
        link
        for link in collection["links"]
        if link["rel"] != "item" or SUMMER.search(link["href"])
    ]
    _write(inputs / "collection.json", collection)
    return inputs


def make_region(home: Path, inputs: Path, tile_cells: int, **dask: str) -> Settings:
    """Return the region of the county whose files are in ``inputs``.

    ``dask`` are settings under ``[dask]``, as TOML.
    """
    built_in = CHECKOUT / "config" / "regions" / "twin.toml"
    text = built_in.read_text(encoding="utf-8")
    text = text.replace("{home}/twin/512", inputs.as_posix())
    text = re.sub(r"\n\[twin\].*?\n\n", "\n", text, flags=re.DOTALL)
    text = re.sub(r"(width|height) = 512", rf"\1 = {COUNTY.size}", text)
    text = text.replace("min_clear = 3", "min_clear = 2")
    told = "".join(f"{name} = {value}\n" for name, value in sorted(dask.items()))
    home.mkdir(parents=True, exist_ok=True)
    region = home / "twin.toml"
    region.write_text(f"{text}\n[dask]\n{told}", encoding="utf-8")
    settings = read(region).model_copy(update={"home": home})
    return in_tiles(settings, tile_cells)


def deliver_over(inputs: Path, tile: Tile, *, like: str, day: date) -> str:
    """Add a scene that saw one tile only, with the pixels of another day; name it."""
    (source,) = (inputs / "items").glob(f"*_{like}_*.json")
    name = source.stem.replace(like, f"{day:%Y%m%d}")
    item = json.loads(source.read_text(encoding="utf-8"))
    item["id"] = name
    seen = item["properties"]["datetime"]
    item["properties"]["datetime"] = f"{day}{seen[10:]}"
    for key, asset in item["assets"].items():
        del asset["file:checksum"], asset["file:size"]
        asset["href"] = f"../scenes/{name}/{key}.tif"
        _cut(inputs / "scenes" / source.stem / f"{key}.tif", inputs, name, tile)
    _write(inputs / "items" / f"{name}.json", item)
    collection = json.loads((inputs / "collection.json").read_text(encoding="utf-8"))
    link = {"href": f"./items/{name}.json", "rel": "item"}
    collection["links"].append(link | {"type": "application/geo+json"})
    _write(inputs / "collection.json", collection)
    return name


def copy_of(inputs: Path, folder: Path) -> Path:
    """Copy a county, to be changed."""
    return Path(shutil.copytree(inputs, folder / "county"))


def _cut(path: Path, inputs: Path, name: str, tile: Tile) -> None:
    with rasterio.open(path) as source:
        profile, tags, values = source.profile, source.tags(), source.read(1)
        coarse = round(source.res[0] / tile.grid.cell_m)
    rows = slice(tile.row // coarse, (tile.row + tile.grid.height) // coarse)
    columns = slice(tile.column // coarse, (tile.column + tile.grid.width) // coarse)
    kept = np.zeros_like(values)
    kept[rows, columns] = values[rows, columns]
    folder = inputs / "scenes" / name
    folder.mkdir(exist_ok=True)
    profile = {**profile, "driver": "GTiff"}
    with rasterio.open(folder / path.name, "w", **profile) as target:
        target.update_tags(**tags)
        target.write(kept, 1)


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
