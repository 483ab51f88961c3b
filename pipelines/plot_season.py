"""The season that field plots are held against: found, or built, in the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from config.settings import Settings
from geo.errors import TooFewObservationsError
from geo.period import Period
from pipelines.composite import build_composite
from pipelines.context import Night, Progress
from pipelines.ingest import ingest
from pipelines.journal import Journal
from pipelines.plan import make_plan
from pipelines.recipe import opened
from pipelines.season import SeasonMaps, Trained, map_season
from pipelines.sources import providers_of
from pipelines.train import sample_reference, train_model

MOST_YEARS = 5
"""How far from the plots' year a season with scenes is looked for."""


@dataclass(frozen=True, slots=True)
class PlotSeason:
    """The night whose season was chosen, its maps, and how many years it is off."""

    night: Night
    maps: SeasonMaps
    scenes: int
    gap_years: int

    @property
    def middle(self) -> np.datetime64:
        """Day in the middle of the season."""
        period = self.maps.period
        return np.datetime64(str(period.start + timedelta(days=period.days // 2)))


@contextmanager
def season_for(
    settings: Settings, year: int, progress: Progress
) -> Iterator[PlotSeason]:
    """Give the season of ``year``, or the nearest with scenes, and hold the region.

    What a night of the region made is found in the store; the rest is built as a night
    would. Of two seasons as near the earlier one is taken.

    Raises
    ------
    BusyError
        A night of the region is running.
    TooFewObservationsError
        No season within ``MOST_YEARS`` has the scenes that a composite needs.
    """
    region = settings.region
    journal = Journal(settings.home)
    first = region.season.season().of(year)
    with (
        journal.holding(region.name, purpose="training"),
        opened(settings, first.stop, progress) as night,
    ):
        period = _nearest(night, year)
        chosen = replace(night, night=period.stop)
        yield _mapped(chosen, period, period.start.year - year)


def _nearest(night: Night, year: int) -> Period:
    told = night.settings.region.season
    providers = providers_of(night.settings, night.digest)
    for gap in sorted(range(-MOST_YEARS, MOST_YEARS + 1), key=abs):
        period = told.season().of(year + gap)
        count = sum(len(one.search(night.grid, period).scenes) for one in providers)
        if count >= told.min_clear:
            return period
    raise TooFewObservationsError(
        f"No season within {MOST_YEARS} years of {year}, when the plots were measured, "
        f"has {told.min_clear} scenes.",
        zh=f"样地调查年份 {year} 前后 {MOST_YEARS} 年内，"
        f"没有任何生长季有 {told.min_clear} 景以上影像；请补充影像。",
        cure="Add scenes of the plots' year to the region's sources.",
        field="scenes",
        expected=told.min_clear,
    )


def _mapped(night: Night, period: Period, gap_years: int) -> PlotSeason:
    plan = make_plan(night)
    wanted = tuple(
        scene
        for scene in plan.scenes
        if scene.day in period or scene.day in night.training
    )
    ingested = ingest(night, replace(plan, scenes=wanted))
    learnt_from = build_composite(night, ingested, night.training)
    sample = sample_reference(night, learnt_from, night.training)
    trained = Trained(train_model(night, sample), sample)
    maps = map_season(night, ingested, period, trained)
    return PlotSeason(night, maps, len(ingested.of(period)), gap_years)
