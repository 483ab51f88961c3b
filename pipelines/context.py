"""What every stage of a night is given."""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import dask

from config.settings import DaskSettings, Settings
from geo.errors import ClusterError
from geo.grid import Grid, Tile
from geo.layers import LAYERS, Layer
from geo.period import Period
from store.catalog import Catalog
from store.keys import LayerKey

Progress = Callable[[str, int, int], None]
"""Told the stage, how many of its pieces are done, and how many there are."""

TileKeys = dict[str, LayerKey]
"""A layer of a whole region: its key in each tile, by the tile's name."""

T = TypeVar("T")

LARGEST_CHUNK = 2048
"""Cells along the side of a chunk, however much memory there is."""
RESERVED_MB = 700
"""What libraries, parcels and their coverage take, whatever the size of chunks."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Night:
    """One logical date of one region; stages pass keys, and the catalogue the rest."""

    settings: Settings
    night: date
    catalog: Catalog
    progress: Progress = field(default=silent, compare=False)

    @property
    def grid(self) -> Grid:
        return self.settings.region.grid.grid()

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(self.grid.tiles(self.settings.region.grid.tile_cells))

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands of reflectance that the region's sensors have."""
        return self.settings.region.bands

    @property
    def season(self) -> Period:
        told = self.settings.region.season
        return told.season().before(self.night, min_days=told.min_days)

    @property
    def year(self) -> Period:
        return self.settings.region.season.season().year_to(self.season)

    @property
    def training(self) -> Period:
        return self.settings.region.season.season().of(self.settings.region.model.year)

    @property
    def baseline(self) -> Period | None:
        """The season to compare with; None when it is not earlier than the night's."""
        change = self.settings.region.change
        baseline = self.settings.region.season.season().of(change.baseline_year)
        return baseline if baseline.stop <= self.season.start else None

    @property
    def periods(self) -> tuple[Period, ...]:
        """Every period that needs scenes, the longest last, each once."""
        wanted = {self.season, self.training, self.year}
        if self.baseline is not None:
            wanted.add(self.baseline)
        return tuple(sorted(wanted, key=lambda period: (period.days, period)))

    def layer(self, name: str) -> Layer:
        """Return a layer with the bands that the region's sensors have."""
        return LAYERS[name].seen_in(self.bands)

    def chunk_cells(self, bytes_per_cell: int) -> int:
        """Return the side of chunks that keep to the memory that was allowed."""
        return chunk_side(self.settings.region.dask, bytes_per_cell)


def chunk_side(dask_settings: DaskSettings, bytes_per_cell: int) -> int:
    """Return the side of a chunk, in cells, that leaves a run within its memory.

    ``bytes_per_cell`` is what the work on one cell of a chunk holds at its peak; as
    many chunks as there are workers are worked on at a time.
    """
    if dask_settings.chunk_cells is not None:
        return dask_settings.chunk_cells
    free = max(dask_settings.memory_mb - RESERVED_MB, 100) * 2**20
    side = math.sqrt(free / (dask_settings.workers * bytes_per_cell))
    # Powers of two: a chunk is whole blocks of a file, or a whole part of one.
    return int(min(2 ** math.floor(math.log2(max(side, 16))), LARGEST_CHUNK))


def each(
    night: Night, stage: str, pieces: Iterable[T], work: Callable[[T], LayerKey]
) -> list[LayerKey]:
    """Do ``work`` on every piece, several at a time; return keys in their order.

    Pieces are tiles or groups of parcels; each is worked on by one thread, and only a
    piece that is alone is spread over all of them. The first error, in the order of
    pieces, ends the stage. Progress is told unless ``stage`` has no name.
    """
    todo = list(pieces)
    keys: list[LayerKey] = []
    with (
        computing(night.settings, alone=len(todo) == 1),
        ThreadPoolExecutor(night.settings.region.dask.workers) as pool,
    ):
        try:
            for done, key in enumerate(pool.map(work, todo), start=1):
                if stage:
                    night.progress(stage, done, len(todo))
                keys.append(key)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return keys


def each_tile(night: Night, stage: str, work: Callable[[Tile], LayerKey]) -> TileKeys:
    """Do ``work`` on every tile; return the keys by the tiles' names."""
    tiles = night.tiles
    keys = each(night, stage, tiles, work)
    return {tile.name: key for tile, key in zip(tiles, keys, strict=True)}


@contextmanager
def computing(settings: Settings, *, alone: bool = True) -> Iterator[None]:
    """Run Dask graphs where the settings say: threads here, or any Dask cluster.

    Unless a graph is ``alone`` it runs in the thread that asks for it.

    Raises
    ------
    ClusterError
        Nobody answers at the cluster's address.
    """
    chosen = settings.region.dask
    if chosen.scheduler == "threads":
        kind = "threads" if alone else "synchronous"
        with dask.config.set(scheduler=kind, num_workers=chosen.workers):
            yield
        return
    from distributed import Client

    try:
        client = Client(chosen.scheduler, set_as_default=True)
    except OSError as error:
        raise ClusterError(
            f"The Dask cluster {chosen.scheduler} does not answer: {error}.",
            zh=f"Dask 集群 {chosen.scheduler} 无应答：{error}。请先启动集群，"
            '或将 [dask] scheduler 设为 "threads"。',
            cure='Start it, or set [dask] scheduler = "threads".',
            field="dask.scheduler",
        ) from error
    with client:
        yield
