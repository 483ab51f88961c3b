"""A region on demand: what it needs that can be made is made before a night begins."""

from config.settings import Settings, load
from pipelines.console import progress_bars
from pipelines.context import Progress, silent
from pipelines.twin.make import make_twin, missing_twin


def load_ready(region: str) -> Settings:
    """Load a region; make its simulated county, if it lacks one, with progress shown.

    Raises
    ------
    SettingsError
        As ``load``, or the region's grid is not its county's.
    """
    settings = load(region)
    if missing_twin(settings) is not None:
        title = f"making 正在生成 {settings.region.title_zh} {settings.region.title}"
        with progress_bars(title) as progress:
            make_ready(settings, progress)
    return settings


def make_ready(settings: Settings, progress: Progress = silent) -> bool:
    """Make the county that a region is about if it is not there; say whether it was.

    Raises
    ------
    SettingsError
        The region's grid is not its county's.
    """
    county = missing_twin(settings)
    if county is not None:
        make_twin(county, settings.data_root, progress)
    return county is not None
