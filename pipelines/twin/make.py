"""Make a simulated county: same settings, same bytes, whoever makes it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from config.simulated import flora
from config.twin_settings import TwinSettings
from geo.errors import SettingsError
from models.twin.county import VERSION, County
from models.twin.landscape import make_landscape
from pipelines.context import Progress, silent
from pipelines.twin.layers import write_ground
from pipelines.twin.scenes import write_scenes
from pipelines.twin.site import Site
from pipelines.twin.tables import write_tables
from pipelines.twin.visits import write_visits
from store.lockdown import lock_down
from store.twin import is_made, making, sizes

STAGE = "twin"
WORKERS = 2
SCENE_BYTES_PER_CELL = 9.0
OTHER_BYTES_PER_CELL = 40.0
"""Measured, and rounded up: what a scene and everything else take on disk."""


@dataclass(frozen=True, slots=True)
class Made:
    """Where a county is, and the bytes of its parts."""

    folder: Path
    sizes: dict[str, int]


def make_twin(
    county: County, out: Path, progress: Progress = silent, *, workers: int = WORKERS
) -> Made:
    """Make ``county`` in ``out``, replacing the county that may be there.

    Raises
    ------
    StoreError
        ``out`` holds something else, or the disk is too small.
    """
    lock_down()
    out = out.resolve()
    settings = settings_of(county)
    with (
        making(out, settings, needs_bytes=bytes_of(county)) as draft,
        ThreadPoolExecutor(workers) as pool,
    ):
        site = Site(draft, make_landscape(county, flora()), pool)
        total = len(site.deliveries) + 3
        progress(STAGE, 0, total)
        write_ground(site)
        progress(STAGE, 1, total)
        for done, _ in enumerate(write_scenes(site), start=2):
            progress(STAGE, done, total)
        write_visits(site)
        progress(STAGE, total - 1, total)
        write_tables(site)
        progress(STAGE, total, total)
    return Made(out, sizes(out))


def missing_twin(settings: Settings) -> County | None:
    """Return the county that a region is about if it has yet to be made, else None.

    Raises
    ------
    SettingsError
        The region's grid is not the county's.
    """
    told = settings.region.twin
    if told is None:
        return None
    county = county_of(told)
    if settings.region.grid.grid() != county.grid:
        raise SettingsError(
            f"The grid of region {settings.region.name} is not that of its simulated "
            f"county: {county.grid}.",
            zh=f"区域 {settings.region.name} 的网格与模拟县不一致，"
            f"应为 {county.grid}。",
            cure="Correct [grid] or [twin] in the region file.",
            field="grid",
        )
    return None if is_made(settings.data_root, settings_of(county)) else county


def county_of(told: TwinSettings) -> County:
    return County(told.size, told.years, told.seed, told.scenes_per_year)


def settings_of(county: County) -> dict[str, object]:
    """Return what decides every byte of a county."""
    return {
        "size": county.size,
        "years": county.years,
        "seed": county.seed,
        "scenes_per_year": county.scenes_per_year,
        "version": VERSION,
    }


def bytes_of(county: County) -> int:
    """Return about how much disk a county takes while it is made."""
    scenes = (county.scenes_per_year + 2) * county.years
    per_cell = SCENE_BYTES_PER_CELL * scenes + OTHER_BYTES_PER_CELL
    return int(county.size**2 * per_cell) + 20_000_000
