"""A region of few real scenes, quick enough to be run many times."""

import json
import shutil
from pathlib import Path

from config.environment import CHECKOUT
from config.settings import Settings, read

SAMPLE = CHECKOUT / "data-samples" / "carpathians"
DAYS = (
    *("20170606", "20170701", "20170721", "20170815"),
    *("20180606", "20180701", "20180721", "20180815", "20180825"),
    *("20200630", "20200705", "20200710", "20200804"),
)
"""A few mostly clear scenes of each summer that a night of 2020 needs."""


def make_region(home: Path, **changes: str) -> Settings:
    """Copy the sample's inputs with a few of its scenes below ``home``.

    ``changes`` are settings under ``[dask]``, as TOML.
    """
    inputs = home / "inputs"
    (inputs / "items").mkdir(parents=True)
    for name in ("catalog.json", "parcels.gpkg", "sources.csv", "tree_cover_2018.tif"):
        shutil.copyfile(SAMPLE / name, inputs / name)
    collection = json.loads((SAMPLE / "collection.json").read_text(encoding="utf-8"))
    collection["links"] = [
        link
        for link in collection["links"]
        if link["rel"] != "item" or Path(link["href"]).stem[3:] in DAYS
    ]
    (inputs / "collection.json").write_text(json.dumps(collection), encoding="utf-8")
    for day in DAYS:
        name = f"S2_{day}"
        shutil.copyfile(
            SAMPLE / "items" / f"{name}.json", inputs / "items" / f"{name}.json"
        )
        shutil.copytree(SAMPLE / "scenes" / name, inputs / "scenes" / name)
    built_in = CHECKOUT / "config" / "regions" / "carpathians.toml"
    text = built_in.read_text(encoding="utf-8")
    text = text.replace("../../data-samples/carpathians", str(inputs))
    told = "".join(f"{name} = {value}\n" for name, value in sorted(changes.items()))
    region = home / "carpathians.toml"
    region.write_text(f"{text}\n[dask]\n{told}", encoding="utf-8")
    return read(region).model_copy(update={"home": home})


def in_tiles(settings: Settings, tile_cells: int) -> Settings:
    """Return the same region in smaller tiles than a region file may ask for."""
    region = settings.region
    grid = region.grid.model_copy(update={"tile_cells": tile_cells})
    changed = region.model_copy(update={"grid": grid})
    return settings.model_copy(update={"region": changed})


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` by its path, locks and links left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.suffix != ".lock"
    }
