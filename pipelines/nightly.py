"""The night, top to bottom: the recipe, and two ways to run it."""

from collections.abc import Callable
from datetime import date
from typing import ParamSpec, TypeVar

from config.settings import Settings
from pipelines.biomass import estimate_stocks, map_agbd
from pipelines.change import measure_change
from pipelines.composite import build_composite
from pipelines.context import Night, Progress, silent
from pipelines.cover import harmonise, map_cover
from pipelines.emissions import expose
from pipelines.ingest import Ingested, ingest
from pipelines.journal import Journal
from pipelines.parcels import load_parcels
from pipelines.plan import Plan, make_plan
from pipelines.priority import rank
from pipelines.publish import Finished, Made, find_finished, publish, run_id_of
from pipelines.train import sample_reference, train_model
from store.catalog import Catalog

P = ParamSpec("P")
R = TypeVar("R")

STEPS = 14
