"""The county's rasters that no satellite delivers: registers, reference, truth."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid, Tile
from models.twin.layers import mapped_cover, registers, standing, year_state
from pipelines.twin.site import Site
from store.twin_rasters import Content, rasters

Arrays = dict[str, NDArray[np.generic]]

_REGISTERS: Mapping[str, tuple[str, Content]] = {
    "dem": ("terrain", Content("Height above sea", "海拔", "m", "int16", -32768, 0.1)),
    "slope": ("constraints", Content("Slope", "坡度", "degree", "int16", -1, 0.1)),
    "farmland": ("constraints", Content("Farmland, 1 = yes", "耕地", "1", "uint8")),
    "wetland": (
        "constraints",
        Content("Wetland and water, 1 = yes", "湿地与水域", "1", "uint8"),
    ),
    "settlement": (
        "constraints",
        Content("Settlement, 1 = yes", "建设用地", "1", "uint8"),
    ),
}
_COVER = Content("Tree cover", "林木覆盖度", "%", "uint8", 255)
_STATIC: Mapping[str, Content] = {
    "land_cover": Content("Land cover, code", "地类代码", "class", "uint8"),
    "stand": Content("Number of the stand", "林分编号", "1", "int32"),
    "fire_severity": Content("Severity of the fire", "火烧强度", "%", "uint8"),
}
_YEARLY: Mapping[str, Content] = {
    "agbd": Content(
        "Above-ground biomass density", "地上生物量密度", "t/ha", "uint16", None, 0.1
    ),
    "height": Content("Height of the stand", "林分高", "m", "uint16", None, 0.1),
    "cover": Content("Tree cover", "林木覆盖度", "%", "uint8"),
    "species": Content("Species, code", "树种代码", "class", "uint8"),
}


def write_ground(site: Site) -> None:
    """Survey every tile, keep it for the scenes, and write what follows from it."""
    years = [year_state(site.landscape, year) for year in site.county.calendar]

    def make(tile: Tile) -> Arrays:
        ground = site.keep_ground(tile)
        found: Arrays = dict(registers(ground))
        found["land_cover"], found["stand"] = ground.cover, ground.stand
        found["fire_severity"] = np.rint(100 * ground.severity).astype(np.uint8)
        for when in years:
            there = standing(ground, site.landscape, when)
            found[f"agbd_{when.year}"] = _tenths(there.agbd_t_ha)
            found[f"height_{when.year}"] = _tenths(there.height_m)
            found[f"cover_{when.year}"] = np.rint(there.cover_pct).astype(np.uint8)
            found[f"species_{when.year}"] = there.species
            if when.year == site.county.calendar[0]:
                seed = site.county.seed
                found["tree_cover"] = mapped_cover(
                    there.cover_pct, seed=seed, block=tile.name
                )
        return found

    with rasters(_targets(site)) as writer:
        for tile, blocks in site.blocks(make):
            writer.write(tile.row, tile.column, blocks)


def _targets(site: Site) -> dict[str, tuple[Path, Grid, Content]]:
    fine, first = site.grid(10), site.county.calendar[0]
    cover = site.draft / f"tree_cover_{first}.tif"
    targets = {"tree_cover": (cover, site.grid(20), _COVER)}
    for name, (folder, content) in _REGISTERS.items():
        targets[name] = (site.draft / folder / f"{name}.tif", fine, content)
    for name, content in _STATIC.items():
        targets[name] = (site.truth / f"{name}.tif", fine, content)
    for year in site.county.calendar:
        for name, content in _YEARLY.items():
            path = site.truth / f"{name}_{year}.tif"
            targets[f"{name}_{year}"] = (path, fine, content)
    return targets


def _tenths(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.rint(values * 10).astype(np.uint16)
