"""What every stage of a night is given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import dask

from config.settings import Settings
from geo.errors import ClusterError
from geo.grid import Grid, Tile
from geo.period import Period
from store.catalog import Catalog
from store.keys import LayerKey

Progress = Callable[[str, int, int], None]
"""Told the stage, how many of its pieces are done, and how many there are."""

TileKeys = dict[str, LayerKey]
"""A layer of a whole region: its key in each tile, by the tile's name."""


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


@contextmanager
def computing(settings: Settings) -> Iterator[None]:
    """Run Dask graphs where the settings say: threads here, or any Dask cluster.

    Raises
    ------
    ClusterError
        Nobody answers at the cluster's address.
    """
    chosen = settings.region.dask
    if chosen.scheduler == "threads":
        with dask.config.set(scheduler="threads", num_workers=chosen.workers):
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
