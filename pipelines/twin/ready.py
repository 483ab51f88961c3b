"""A region on demand: what it needs that can be made is made before a night begins."""

from config.settings import Settings, load
from pipelines.console import progress_bars
from pipelines.twin.make import make_twin, missing_twin


def load_ready(region: str) -> Settings:
    """Load a region; if it is about a simulated county that is not there, make it.

    Raises
    ------
    SettingsError
        As ``load``, or the region's grid is not its county's.
    """
    settings = load(region)
    county = missing_twin(settings)
    if county is not None:
        title = f"making 正在生成 {settings.region.title_zh} {settings.region.title}"
        with progress_bars(title) as progress:
            make_twin(county, settings.data_root, progress)
    return settings
