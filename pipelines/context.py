"""What every stage of a night is given."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from typing import Protocol, Self, TypeVar

import dask

from config.settings import DaskSettings, Settings
from geo.errors import ClusterError
from geo.grid import Grid, Tile
from geo.layers import LAYERS, Layer
from geo.period import Period
from store.catalog import Catalog, Digest
from store.files import sha256_file
from store.keys import LayerKey

Progress = Callable[[str, int, int], None]
"""Told the stage, how many of its pieces are done, and how many there are."""

TileKeys = dict[str, LayerKey]
"""A layer of a whole region: its key in each tile, by the tile's name."""

T = TypeVar("T")


class Future(Protocol):
    """What a worker will have found."""

    def result(self) -> LayerKey: ...


class Cluster(Protocol):
    """What is asked of a Dask cluster's client."""

    def map(
        self, function: Callable[[T], LayerKey], pieces: list[T], *, pure: bool
    ) -> Sequence[Future]: ...


LARGEST_CHUNK = 1024
"""Cells along the side of a chunk, however much memory there is: a band of it is given
back to the next by the allocator, a larger one to the system, which clears it anew."""
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
    digest: Digest = field(default=sha256_file, compare=False)

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """Travel to a worker of a cluster without the bars of this terminal."""
        told = self.settings, self.night, self.catalog, silent, self.digest
        return type(self), told

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

    def label(self, period: Period) -> str:
        """Return how keys call a period: the same however far a season has run.

        What it is made of is in a key's inputs; without a new scene nothing is new.
        """
        whole = self.settings.region.season.season().of(period.stop.year)
        if period.start == whole.start:
            return str(whole)
        whole = self.settings.region.season.season().of(self.season.start.year)
        return f"{whole}-year" if period == self.year else str(period)

    def layer(self, name: str) -> Layer:
        """Return a layer with the bands that the region's sensors have."""
        return LAYERS[name].seen_in(self.bands)

    def fits(self, grid: Grid, bytes_per_cell: int) -> bool:
        """Return whether each worker may hold that much of every cell of ``grid``."""
        told = self.settings.region.dask
        share = max(told.memory_mb - RESERVED_MB, 100) * 2**20 / (2 * told.workers)
        return grid.width * grid.height * bytes_per_cell <= share

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

    Pieces are tiles or groups of parcels; each is worked on by one thread, here or on a
    worker of the cluster, which writes its artefact itself. Only a piece that is alone
    is spread over all of them. The first error, in the order of pieces, ends the
    stage. Progress is told unless ``stage`` has no name.
    """
    todo = list(pieces)
    keys: list[LayerKey] = []
    is_alone = len(todo) == 1
    with computing(night.settings, alone=is_alone) as cluster:
        if cluster is None or is_alone:
            working = _in_threads(night, todo, work)
        else:
            working = _on_workers(cluster, todo, work)
        for done, key in enumerate(working, start=1):
            if stage:
                night.progress(stage, done, len(todo))
            keys.append(key)
    return keys


def _in_threads(
    night: Night, todo: list[T], work: Callable[[T], LayerKey]
) -> Iterator[LayerKey]:
    # The catalogue lets as many build as there are workers; the other threads wait
    # for the disk meanwhile.
    pool = _threads(2 * night.settings.region.dask.workers)
    # What the asking thread was told for its graphs holds for those of the pieces.
    futures = [pool.submit(work, piece) for piece in todo]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()
        wait(futures)


@lru_cache(maxsize=1)
def _threads(count: int) -> ThreadPoolExecutor:
    """Return threads that stay: pyproj and GDAL keep things by thread, dear to make."""
    return ThreadPoolExecutor(count, thread_name_prefix="pieces")


# A forked process has the pool and none of its threads: it would wait for ever.
os.register_at_fork(after_in_child=_threads.cache_clear)


def _on_workers(
    cluster: Cluster, todo: list[T], work: Callable[[T], LayerKey]
) -> Iterator[LayerKey]:
    # Not pure: a piece that is there already is looked for again, not remembered.
    futures = cluster.map(partial(_alone_on_worker, work), todo, pure=False)
    for piece, future in zip(todo, futures, strict=True):
        try:
            key = future.result()
        except Exception as error:
            # A worker that was killed could not say what it was building.
            if not getattr(error, "__notes__", ()):
                error.add_note(str(getattr(piece, "name", piece)))
            raise
        yield key


def _alone_on_worker(work: Callable[[T], LayerKey], piece: T) -> LayerKey:
    """Do the work in this thread: its graphs must not wait for workers in turn."""
    with dask.config.set(scheduler="synchronous"):
        return work(piece)


def each_tile(night: Night, stage: str, work: Callable[[Tile], LayerKey]) -> TileKeys:
    """Do ``work`` on every tile; return the keys by the tiles' names."""
    tiles = night.tiles
    keys = each(night, stage, tiles, work)
    return {tile.name: key for tile, key in zip(tiles, keys, strict=True)}


@contextmanager
def computing(settings: Settings, *, alone: bool = True) -> Iterator[Cluster | None]:
    """Run Dask graphs where the settings say: threads here, or any Dask cluster.

    Unless a graph is ``alone`` it runs in the thread that asks for it. Yields the
    cluster, if there is one.

    Raises
    ------
    ClusterError
        Nobody answers at the cluster's address.
    """
    chosen = settings.region.dask
    if chosen.scheduler == "threads":
        kind = "threads" if alone else "synchronous"
        with dask.config.set(scheduler=kind, num_workers=chosen.workers):
            yield None
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
    with client as cluster:
        yield cluster
