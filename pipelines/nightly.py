"""The night as a Prefect flow: schedules, retries and what Prefect's pages show."""

from collections.abc import Callable
from datetime import date, datetime
from typing import ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from config.settings import Settings, load
from pipelines.context import Progress, silent
from pipelines.publish import Finished
from pipelines.recipe import run_night
from pipelines.retry import DELAYS_SECONDS, is_transient
from pipelines.twin.ready import make_ready
from store.lockdown import lock_down

P = ParamSpec("P")
R = TypeVar("R")


@flow(name="nightly", persist_result=False)
def nightly(region: str, night: date | None = None) -> str:
    """Run the night of ``region``; return the folder that it is published in.

    Without a date it is the day, in the region's calendar, that the run was scheduled
    for: a late or repeated run is still that night's. A region about a simulated
    county that is not there has it made first.
    """
    lock_down()
    settings = load(region)
    as_task(make_ready, settings)
    logical = night if night is not None else _scheduled_day(settings)
    return str(run_night(settings, logical, silent, as_task).folder)


def run_as_flow(settings: Settings, night: date, progress: Progress) -> Finished:
    """Run a night as a flow in this process, with its progress shown."""
    finished: list[Finished] = []

    @flow(name="nightly", persist_result=False)
    def shown(region: str, night: date) -> str:
        finished.append(run_night(load(region), night, progress, as_task))
        return str(finished[0].folder)

    shown(settings.region.name, night)
    return finished[0]


def as_task(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a step as a task, tried again only when a provider did not answer."""
    as_a_task = task(
        name=step.__name__,
        retries=len(DELAYS_SECONDS),
        retry_delay_seconds=[float(delay) for delay in DELAYS_SECONDS],
        retry_condition_fn=_may_retry,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    return as_a_task(step)(*args, **kwargs)


def _scheduled_day(settings: Settings) -> date:
    scheduled: datetime = flow_run.scheduled_start_time
    return scheduled.astimezone(ZoneInfo(settings.region.timezone)).date()


def _may_retry(_task: object, _run: object, state: State[object]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)
