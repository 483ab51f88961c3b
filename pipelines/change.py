"""Two seasons against each other: map, every parcel's verdict, the region's sink."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from geo.errors import TooFewObservationsError
from geo.layers import LAYERS
from models.changes import Changes, ChangeTerms, change_layer, measure_changes
from models.cover import CoverModel
from models.harmonise import Shifts, harmonisation_error_pct
from pipelines.context import Night
from pipelines.parcels import Parcels, read_parcel_table, read_weights
from pipelines.season import (
    SeasonMaps,
    Trained,
    factors_of,
    full_density,
    pair_of,
)
from pipelines.stocks import areas_of, change_rules, mean_design, told_coefficients
from pipelines.stored import digests
from pipelines.train import BAND_NAMES, load_model
from store.arrays import read_arrays
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey
from store.rasters import write_layer

CHANGE_FILE = "change.parquet"
REGION_FILE = "region.parquet"
CHANGE_LAYER_FILE = "agbd_change.tif"


def measure_change(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    before: SeasonMaps,
    after: SeasonMaps,
) -> LayerKey:
    """Compare two seasons.

    The facts say ``measured``: false, with the reason, when the two seasons share too
    few cells to tell change from noise. Then no parcel has a verdict.
    """
    key = LayerKey.of(
        "agbd_change",
        region=night.settings.region.name,
        period=f"{before.period}-{after.period}",
        inputs={
            "parcels": parcels.parcels.digest,
            "weights": parcels.weights.digest,
            "model": trained.model.digest,
            "before": digests(before.cover),
            "after": digests(after.cover),
        },
        settings={
            "rules": asdict(change_rules(night)),
            "coefficients": told_coefficients(night),
        },
    )

    def build(folder: Path) -> Facts:
        try:
            changes = _changes(night, parcels, trained, before, after)
        except TooFewObservationsError as error:
            write_json(folder / "reason.json", error.record())
            return {"measured": False, "reason": error.what, "reason_zh": error.zh}
        _write(night, folder, changes)
        return {"measured": True, **changes.card()}

    return night.catalog.produce(key, build).key


def _changes(
    night: Night,
    parcels: Parcels,
    trained: Trained,
    before: SeasonMaps,
    after: SeasonMaps,
) -> Changes:
    table = read_parcel_table(night, parcels)
    weights = read_weights(night, parcels)
    model = load_model(night, trained.model)
    terms = ChangeTerms(
        before=mean_design(night, before, weights, model),
        after=mean_design(night, after, weights, model),
        model=model,
        factors=factors_of(night.settings.region.biomass)[0],
        rules=change_rules(night),
        years=(after.period.start - before.period.start).days / 365.25,
        floor_pct=float(
            np.hypot(
                _harmonisation_error(night, model, before),
                _harmonisation_error(night, model, after),
            )
        ),
    )
    areas = areas_of(table)
    return measure_changes(
        pair_of(night, before, after),
        weights,
        terms,
        (areas.area_ha, areas.area_se_ha),
    )


def _harmonisation_error(night: Night, model: CoverModel, season: SeasonMaps) -> float:
    facts = night.catalog.need(season.shifts).facts
    if not facts["usable"]:
        raise TooFewObservationsError(
            str(facts["reason"]), zh=str(facts["reason_zh"]), cure="Wait for scenes."
        )
    shifts = Shifts.from_record(facts)
    held = read_arrays(night.catalog.need(season.sample).path("sample.npz"))
    threshold = night.settings.region.model.reference_cover_pct
    cells = held["bands"][held["cover_pct"] >= threshold]
    bands = xr.DataArray(
        cells.T[:, None, :],
        dims=("band", "y", "x"),
        coords={"band": list(BAND_NAMES)},
    )
    return harmonisation_error_pct(model, shifts.apply(bands), shifts)


def _write(night: Night, folder: Path, changes: Changes) -> None:
    density = full_density(night.settings.region.biomass).value
    changes.table.to_parquet(folder / CHANGE_FILE, index=False)
    changes.region.to_parquet(folder / REGION_FILE, index=False)
    write_layer(
        folder / CHANGE_LAYER_FILE,
        LAYERS["agbd_change"],
        change_layer(changes, density, night.grid.shape),
        night.grid,
    )


def read_changes(night: Night, key: LayerKey) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the parcels' rows and the region's row."""
    artefact = night.catalog.need(key)
    return (
        pd.read_parquet(artefact.path(CHANGE_FILE)),
        pd.read_parquet(artefact.path(REGION_FILE)),
    )
