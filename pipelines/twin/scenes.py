"""The county's scenes: a folder of bands for every delivery, and the catalogue."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid, Tile
from models.twin.clouds import Look, outline
from models.twin.county import BAND_KEYS
from models.twin.optics import Light, cell_m_of, character_of, surfaces_of
from models.twin.scene import SceneBlock, scene_block
from models.twin.schedule import QUANTIFICATION, TILE, Delivery
from pipelines.twin.site import Site
from store.twin_rasters import Content, rasters
from store.twin_stac import Item, scene_folder, write_catalogue, write_item

CLOUD_CODES = (8, 9, 10)


def write_scenes(site: Site) -> Iterator[str]:
    """Write every delivery, yielding its id, and the catalogue after the last."""
    character = character_of(site.landscape)
    items = []
    for delivery in site.deliveries:
        items.append(_write_scene(site, delivery, character))
        yield delivery.item_id
    write_catalogue(site.draft, items)


def _write_scene(
    site: Site, delivery: Delivery, character: NDArray[np.float32]
) -> Item:
    light = Light(delivery.day)
    seen = surfaces_of(site.landscape, light, character)
    look = Look(site.county, delivery, light)

    def make(tile: Tile) -> SceneBlock:
        return scene_block(site.ground(tile), tile, site.landscape, seen, look)

    grids = _grids(site)
    counts = np.zeros(12, np.int64)
    with rasters(_targets(site, delivery, grids), tags=_tags(delivery)) as writer:
        for tile, block in site.blocks(make):
            named = {BAND_KEYS[band]: block.numbers[band] for band in BAND_KEYS}
            writer.write(tile.row, tile.column, named | {"scl": block.codes})
            counts += np.bincount(block.codes.ravel(), minlength=12)
    item = _item(site, look, counts)
    bands = {key: band for band, key in BAND_KEYS.items()}
    write_item(site.draft, item, grids, bands)
    return item


def _grids(site: Site) -> dict[str, Grid]:
    grids = {key: site.grid(cell_m_of(band)) for band, key in BAND_KEYS.items()}
    return grids | {"scl": site.grid(20)}


def _targets(
    site: Site, delivery: Delivery, grids: dict[str, Grid]
) -> dict[str, tuple[Path, Grid, Content]]:
    folder = scene_folder(site.draft, delivery.item_id)
    offset = delivery.add_offset / QUANTIFICATION
    targets = {}
    for band, key in BAND_KEYS.items():
        title = f"{band} surface reflectance"
        content = Content(
            title, f"{band}地表反射率", "1", "uint16", 0, 1 / QUANTIFICATION, offset
        )
        targets[key] = (folder / f"{key}.tif", grids[key], content)
    scl = Content("Scene classification", "场景分类", "class", "uint8", 0)
    return targets | {"scl": (folder / "scl.tif", grids["scl"], scl)}


def _tags(delivery: Delivery) -> dict[str, str]:
    return {
        "ITEM": delivery.item_id,
        "PROCESSING_BASELINE": delivery.baseline,
        "BOA_ADD_OFFSET": str(delivery.add_offset),
    }


def _item(site: Site, look: Look, counts: NDArray[np.int64]) -> Item:
    delivery = look.delivery
    recorded = max(int(counts[1:].sum()), 1)
    cloudy = int(counts[list(CLOUD_CODES)].sum())
    ring = [site.lonlat(x, y) for x, y in outline(site.county, delivery.part)]
    return Item(
        item_id=delivery.item_id,
        sensed=delivery.sensed,
        made=delivery.made,
        platform=delivery.platform,
        orbit=delivery.orbit,
        tile=TILE,
        baseline=delivery.baseline,
        datastrip=delivery.datastrip,
        add_offset=delivery.add_offset,
        cloud_pct=round(100 * cloudy / recorded, 2),
        sun_zenith_deg=look.light.zenith_deg,
        sun_azimuth_deg=look.light.azimuth_deg,
        ring=ring,
    )
