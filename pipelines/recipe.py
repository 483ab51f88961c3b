"""The night, top to bottom. How each step is called is the caller's business."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial

from config.settings import Settings
from pipelines.anchored import anchor_total
from pipelines.calls import Call, Watched, plainly
from pipelines.change import map_change, measure_change
from pipelines.composite import build_composite
from pipelines.context import Night, Progress, silent
from pipelines.emissions import expose
from pipelines.ingest import ingest
from pipelines.journal import Journal
from pipelines.parcels import load_parcels
from pipelines.plan import Plan, make_plan
from pipelines.priority import rank
from pipelines.publish import Finished, publish
from pipelines.results import Results
from pipelines.routed_stocks import measure_routed
from pipelines.routes import choose_route, find_model
from pipelines.season import Trained, map_season
from pipelines.stocks import measure_stocks
from pipelines.train import sample_reference, train_model
from store.catalog import Catalog, NotBuiltError
from store.digests import Digests


def night_recipe(night: Night, call: Call = plainly) -> Finished:
    """Do a night. Every step finds what is there already and builds only the rest."""
    route = call(choose_route, night)
    plan = call(make_plan, night)
    ingested = call(ingest, night, plan)
    parcels = call(load_parcels, night)

    learnt_from = call(build_composite, night, ingested, night.training)
    sample = call(sample_reference, night, learnt_from, night.training)
    model = call(train_model, night, sample)
    trained = Trained(model, sample, route)

    reference = call(map_season, night, ingested, night.training, trained)
    season = call(map_season, night, ingested, night.season, trained)
    year = season.composite
    if ingested.of(night.year) != ingested.of(night.season):
        year = call(build_composite, night, ingested, night.year)
    stocks = measure_stocks if route.model is None else measure_routed
    stock = call(stocks, night, parcels, trained, season, reference)

    anchored = call(anchor_total, night, parcels, season)

    before, changed, change = None, None, None
    if night.baseline is not None:
        before = call(map_season, night, ingested, night.baseline, trained)
        changed = call(map_change, night, trained, before, season)
        seasons = (before, season)
        change = call(measure_change, night, parcels, trained, seasons, changed)

    exposed = call(expose, night, parcels)
    priority = call(rank, night, parcels, season, stock, exposed)
    results = Results(
        ingested=ingested,
        parcels=parcels,
        trained=trained,
        season=season,
        year=year,
        before=before,
        stock=stock,
        anchored=anchored,
        changed=changed,
        change=change,
        exposed=exposed,
        priority=priority,
    )
    return call(publish, night, results)


def plan_of(settings: Settings, night: date) -> Plan:
    """Return what a night would take, without doing any of it.

    Raises
    ------
    SettingsError, ModelError
        The route that is asked for cannot be taken.
    """
    with opened(settings, night, silent) as context:
        find_model(context)
        return make_plan(context)


def find_finished(settings: Settings, night: date) -> Finished | None:
    """Return the published night if there is nothing left to do, all of it verified."""
    with opened(settings, night, silent) as context:
        try:
            with context.catalog.only_finding():
                return night_recipe(context, Watched(context))
        except NotBuiltError:
            return None


def run_night(
    settings: Settings,
    night: date,
    progress: Progress = silent,
    call: Call = plainly,
) -> Finished:
    """Run a night while holding its region, and write down how it ended.

    Raises
    ------
    BusyError
        Another run holds the region.
    """
    journal = Journal(settings.home)
    region = settings.region.name
    with journal.running(region, night):
        with opened(settings, night, progress) as context:
            began = partial(journal.began, region, night)
            finished = night_recipe(context, Watched(context, call, began=began))
        record = finished.record
        journal.note(region, night, record.status, run_id=record.run_id)
    return finished


@contextmanager
def opened(settings: Settings, night: date, progress: Progress) -> Iterator[Night]:
    """Give what stages need; keep the digests of files for the night after."""
    digests = Digests(settings.home / "cache" / f"{settings.region.name}.digests.json")
    workers = settings.region.dask.workers
    catalog = Catalog(settings.store_root, digests, builds_at_once=workers)
    yield Night(settings, night, catalog, progress, digests.of)
    digests.save()
