"""What every source of scenes promises, and the fake that tests use."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import xarray as xr

from geo.errors import InputError
from geo.grid import Grid
from geo.period import Period
from store.keys import digest_of

PASS_GAP = timedelta(minutes=15)
"""Items of one platform further apart in time belong to different passes."""

Note = Mapping[str, str | int]
"""Something a reader may want to know that is no error; plain JSON."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One band of one item: where its pixels are and what they mean.

    ``reflectance = pixel * scale + offset``; a pixel equal to ``nodata`` is none.
    """

    band: str
    """A name of ``REFLECTANCE``, or ``mask``."""
    href: str
    item_id: str
    scale: float
    offset: float
    nodata: float | None
    sha256: str = ""
    """Before ``fetch`` what the catalogue states, if it does; after it, what is."""
    index: int = 1
    """Band of the file, from one."""
    crs: str = ""
    """Declared by the operator for a file that has none."""
    alpha: int = 0
    """Band of the file that is zero where there is no data, or 0."""
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees, where the catalogue says that it lies."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One pass of one platform over the region on one local day, in one or more items.

    Items are neighbouring tiles or the halves of a split datastrip: they are merged.
    """

    scene_id: str
    provider: str
    acquired: datetime
    """The earliest of its items, in UTC."""
    day: date
    """In the region's own calendar."""
    platform: str
    assets: tuple[Asset, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of its items; where they overlap, the first with data counts."""
        return tuple(sorted({asset.item_id for asset in self.assets}))

    def of_item(self, item_id: str) -> dict[str, Asset]:
        return {asset.band: asset for asset in self.assets if asset.item_id == item_id}

    def digest(self) -> str:
        """Return the SHA-256 of what the pixels are and mean, wherever they lie.

        Only a fetched scene knows: raises ``ValueError`` for any other.
        """
        order = {item_id: rank for rank, item_id in enumerate(self.items)}
        rows = [
            [
                order[asset.item_id],
                asset.band,
                asset.sha256,
                asset.scale,
                asset.offset,
                str(asset.nodata),
                asset.index,
                asset.crs,
                asset.alpha,
            ]
            for asset in self.assets
        ]
        if not all(asset.sha256 for asset in self.assets):
            raise ValueError(f"{self.scene_id} has no digest before it is fetched.")
        return digest_of(sorted(rows, key=lambda row: (row[0], row[1])))


@dataclass(frozen=True, slots=True)
class Search:
    """What a source has for a place and period, by time; what it has to leave out."""

    scenes: tuple[Scene, ...]
    rejected: tuple[InputError, ...] = ()
    """Each names its ``file`` or ``item``; none stops the others."""
    notes: tuple[Note, ...] = ()


class Provider(Protocol):
    """A source of scenes."""

    @property
    def name(self) -> str: ...

    def search(self, grid: Grid, period: Period) -> Search:
        """Return the scenes over ``grid``, from metadata only, by (acquired, id).

        Raises ``ProviderUnavailableError`` if the source does not answer.
        """
        ...

    def fetch(self, scene: Scene) -> Scene:
        """Return ``scene`` with local paths and digests of its files.

        Raises ``ProviderUnavailableError`` to try again and ``InputError`` if one of
        its files is missing, is not what was promised, or lies elsewhere.
        """
        ...

    def load(
        self, scene: Scene, grid: Grid, *, bands: Sequence[str], chunk_cells: int
    ) -> xr.Dataset:
        """Return a fetched scene on ``grid``, lazily; a block that is damaged raises.

        ``reflectance`` (band, y, x) float32, in the order of ``bands``, NaN where
        there is no data and under no cloud mask; ``status`` (y, x) uint8 as in
        ``geo.masks``; ``invalid`` (y, x), true where the source held NaN or infinity.
        """
        ...


class MemoryProvider:
    """Scenes held in memory for tests, their datasets by scene id."""

    def __init__(
        self, name: str, scenes: tuple[Scene, ...], datasets: Mapping[str, xr.Dataset]
    ) -> None:
        self._name = name
        self._scenes = scenes
        self._datasets = datasets

    @property
    def name(self) -> str:
        return self._name

    def search(self, grid: Grid, period: Period) -> Search:  # noqa: ARG002 protocol
        found = [scene for scene in self._scenes if scene.day in period]
        return Search(tuple(sorted(found, key=_by_time)))

    def fetch(self, scene: Scene) -> Scene:
        stated = [
            asset
            if asset.sha256
            else replace(asset, sha256=digest_of([scene.scene_id, asset.band]))
            for asset in scene.assets
        ]
        return replace(scene, assets=tuple(stated))

    def load(
        self, scene: Scene, grid: Grid, *, bands: Sequence[str], chunk_cells: int
    ) -> xr.Dataset:
        whole = self._datasets[scene.scene_id]
        dataset = whole.sel(y=grid.ys(), x=grid.xs(), band=list(bands))
        return dataset.chunk({"y": chunk_cells, "x": chunk_cells})


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One item on its way into a scene."""

    item_id: str
    platform: str
    acquired: datetime
    day: date
    assets: tuple[Asset, ...]


def group_passes(provider: str, acquisitions: list[Acquisition]) -> tuple[Scene, ...]:
    """Join the items of each pass into one scene, by time."""
    passes: list[list[Acquisition]] = []
    for one in sorted(
        acquisitions, key=lambda a: (a.platform, a.day, a.acquired, a.item_id)
    ):
        last = passes[-1][-1] if passes else None
        if (
            last is not None
            and (last.platform, last.day) == (one.platform, one.day)
            and one.acquired - last.acquired <= PASS_GAP
        ):
            passes[-1].append(one)
        else:
            passes.append([one])
    return tuple(sorted((_joined(provider, items) for items in passes), key=_by_time))


def _joined(provider: str, items: list[Acquisition]) -> Scene:
    first = items[0]
    acquired = first.acquired.astimezone(UTC)
    platform = re.sub(r"[^\w-]+", "-", first.platform)
    return Scene(
        scene_id=f"{acquired:%Y%m%dT%H%M%SZ}_{platform}",
        provider=provider,
        acquired=acquired,
        day=first.day,
        platform=first.platform,
        assets=tuple(
            asset
            for item in sorted(items, key=lambda item: item.item_id)
            for asset in sorted(item.assets, key=lambda asset: asset.band)
        ),
    )


def _by_time(scene: Scene) -> tuple[datetime, str]:
    return scene.acquired, scene.scene_id


_: type[Provider] = MemoryProvider
