"""Scenes from a STAC catalogue on disk, or from a STAC API."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import pystac
import shapely
import xarray as xr
from pystac.errors import STACError, STACTypeError

from geo.align import Method
from geo.errors import InputError, SettingsError
from geo.grid import Grid
from geo.masks import MaskRule
from geo.period import Period
from store.files import sha256_file
from store.providers.base import (
    Acquisition,
    Provider,
    Scene,
    Search,
    group_passes,
)
from store.providers.intake import examine_scene, lonlat_of
from store.providers.reading import Reading, load_scene
from store.providers.remote import Downloads, Hosts, host_of
from store.providers.stac_items import (
    Bands,
    acquired_at,
    acquisition_of,
    newest,
    place_of,
)
from store.providers.stac_sources import (
    Found,
    Json,
    items_of_api,
    items_of_catalogue,
    locate_file,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StacProvider:
    """A STAC catalogue: a local ``catalog.json``, or the http(s) address of an API.

    A local catalogue never reaches the network. An API is asked only at its own host,
    and its assets are downloaded only from there and from ``asset_hosts``.
    """

    name: str
    href: str
    roots: tuple[Path, ...]
    """Folders in which a local catalogue and its assets must lie."""
    bands: Mapping[str, str]
    """Key of the asset by our name of the band."""
    mask_asset: str
    mask: MaskRule
    timezone: str
    collections: tuple[str, ...] = ()
    resampling: Method = "nearest"
    cache: Path | None = None
    """Where downloads are kept; an API needs one."""
    max_asset_mb: int = 2048
    asset_hosts: tuple[str, ...] = ()
    digest: Callable[[Path], str] = sha256_file
    """How local files are hashed."""

    def __post_init__(self) -> None:
        if self.is_remote and self.cache is None:
            raise SettingsError(
                f"The STAC API {self.name} has no folder for its downloads.",
                zh=f"STAC API {self.name} 未设置下载缓存目录。",
                cure="Set its cache in the region file.",
                field="cache",
            )

    @property
    def is_remote(self) -> bool:
        return self.href.lower().startswith(("http://", "https://"))

    def search(self, grid: Grid, period: Period) -> Search:
        """Find scenes as ``Provider`` says; older deliveries of one become notes.

        Scale and offset come from the metadata alone; an item that states none, or
        two that disagree, is rejected.
        """
        rejected: list[InputError] = []
        usable = self._usable(self._items(grid, period, rejected), rejected)
        kept, notes = newest([item for item, _ in usable])
        chosen = {id(item) for item in kept}
        acquisitions = [one for item, one in usable if id(item) in chosen]
        rejected.sort(key=lambda error: sorted(error.where.items()))
        scenes = group_passes(self.name, acquisitions)
        return Search(scenes, tuple(rejected), tuple(notes))

    def fetch(self, scene: Scene) -> Scene:
        if not self.is_remote:
            return examine_scene(scene, roots=self.roots, digest=self.digest)
        downloads = self._downloads()
        assets = []
        for asset in scene.assets:
            try:
                path = downloads.get(asset.href, stated=asset.sha256)
            except InputError as error:
                raise error.at(file=asset.href, item=asset.item_id) from error
            assets.append(replace(asset, href=str(path)))
        local = replace(scene, assets=tuple(assets))
        return examine_scene(local, roots=(downloads.folder,), digest=self.digest)

    def load(
        self, scene: Scene, grid: Grid, *, bands: Sequence[str], chunk_cells: int
    ) -> xr.Dataset:
        roots = (self._downloads().folder,) if self.is_remote else self.roots
        reading = Reading(roots, self.mask, self.resampling, tuple(bands), chunk_cells)
        return load_scene(scene, grid, reading)

    def _downloads(self) -> Downloads:
        folder = cast("Path", self.cache).absolute()
        return Downloads(folder, self._hosts(), self.max_asset_mb)

    def _hosts(self) -> Hosts:
        return Hosts(frozenset({host_of(self.href), *self.asset_hosts}))

    def _items(
        self, grid: Grid, period: Period, rejected: list[InputError]
    ) -> list[pystac.Item]:
        items = []
        for href, content in self._found(grid, period, rejected):
            try:
                item = _item(href, content)
                if self._is_wanted(item, grid, period):
                    items.append(item)
            except InputError as error:
                rejected.append(error.at(file=href, item=content.get("id", "")))
        return items

    def _found(
        self, grid: Grid, period: Period, rejected: list[InputError]
    ) -> Iterator[Found]:
        if not self.is_remote:
            return items_of_catalogue(self.href, roots=self.roots, rejected=rejected)
        return items_of_api(
            self.href,
            hosts=self._hosts(),
            collections=self.collections,
            bbox=lonlat_of(grid),
            span=_span(period, ZoneInfo(self.timezone)),
        )

    def _is_wanted(self, item: pystac.Item, grid: Grid, period: Period) -> bool:
        if self.collections and item.collection_id not in self.collections:
            return False
        day = acquired_at(item).astimezone(ZoneInfo(self.timezone)).date()
        return day in period and shapely.box(*lonlat_of(grid)).intersects(
            place_of(item)
        )

    def _usable(
        self, items: list[pystac.Item], rejected: list[InputError]
    ) -> list[tuple[pystac.Item, Acquisition]]:
        usable = []
        bands, zone = Bands(self.bands, self.mask_asset), ZoneInfo(self.timezone)
        for item in items:
            base = item.get_self_href() or ""
            try:
                locate = partial(self._at, base)
                usable.append((item, acquisition_of(item, bands, zone, locate)))
            except InputError as error:
                rejected.append(error.at(file=base, item=item.id))
        return usable

    def _at(self, base: str, href: str) -> str:
        if not self.is_remote:
            return locate_file(base, href)
        url = urljoin(base, href)
        self._hosts().require(url)
        return url


def _item(href: str, content: Json) -> pystac.Item:
    try:
        item = pystac.Item.from_dict(dict(content), href=href, migrate=False)
    except (
        STACError,
        STACTypeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise InputError(
            f"This is no STAC item: {type(error).__name__}: {error}.",
            zh=f"不是有效的 STAC 条目：{error}。请重新生成或获取该条目。",
            cure="Deliver the item again.",
        ) from error
    item.set_self_href(href)
    return item


def _span(period: Period, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First and last instant of the region's days, in UTC, to the second."""
    start = datetime.combine(period.start, time(), zone).astimezone(UTC)
    stop = datetime.combine(period.stop, time(), zone).astimezone(UTC)
    return start, stop - timedelta(seconds=1)


_: type[Provider] = StacProvider
