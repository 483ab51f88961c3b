"""The route by canopy heights: plots calibrate them, they train the model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features import features_from
from models.learning.model import LearnedModel
from models.learning.table import PlotTable
from models.scores import score, significant
from models.two_phase import METRICS, FirstPhase, Targets
from pipelines.canopy_sites import Canopy, cells_under
from pipelines.plot_season import PlotSeason
from pipelines.plot_sites import Sites

Numbers = NDArray[np.float64]

CARRYING = ("ridge", "gaussian_process")
"""Candidates whose coefficients can carry the error of a first phase."""
FEWEST_UNSEEN = 10
"""Plots away from the heights that a map is held against; else all plots are."""
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True, eq=False)
class TwoPhase:
    """What the second phase learns from, and the first phase behind it."""

    table: PlotTable
    targets: Targets
    first: FirstPhase
    canopy: Canopy


def two_phase(
    season: PlotSeason, sites: Sites, canopy: Canopy, *, seed: int
) -> TwoPhase:
    """Calibrate the heights on the plots under them, and apply that to cells.

    Raises
    ------
    TooFewObservationsError
        Too few plots under the heights.
    """
    agb = sites.computed.table["agb_t_ha"].to_numpy(np.float64)
    under = canopy.plots & np.isfinite(agb)
    first = FirstPhase.fit(
        canopy.metrics[under], agb[under], sites.x[under], sites.y[under]
    )
    cells = cells_under(season.night, season.maps, canopy)
    targets = first.targets(cells.metrics, seed=seed)
    table = PlotTable(
        features_from(season.night.bands),
        cells.features,
        targets.mean,
        cells.x,
        cells.y,
        cells.ids,
        np.full(len(cells.ids), np.datetime64(canopy.day, "D")),
    )
    return TwoPhase(table, targets, first, canopy)


def first_phase_card(phase: TwoPhase, sites: Sites) -> dict[str, object]:
    """Return what the card says of the calibration."""
    agb = sites.computed.table["agb_t_ha"].to_numpy(np.float64)
    under = phase.canopy.plots & np.isfinite(agb)
    observed, days = agb[under], sites.day[under]
    apart = (days - np.datetime64(phase.canopy.day, "D")).astype(np.float64)
    apart[np.isnat(days)] = np.nan
    known = apart[np.isfinite(apart)]
    years = np.median(np.abs(known)) / DAYS_A_YEAR if known.size else None
    first = phase.first
    se = np.sqrt((first.root**2).sum(axis=1))
    shared = float(np.sqrt(np.mean((phase.targets.loadings**2).sum(axis=1))))
    return {
        "plots": int(under.sum()),
        "metrics": list(METRICS),
        "heights": [raster.path.name for raster in phase.canopy.rasters],
        "heights_left_out": list(phase.canopy.left_out),
        "day": str(phase.canopy.day),
        "years_from_plots": None if years is None else significant(float(years), 3),
        "blocked": first.scores.record(),
        "plain_sd": significant(float(observed.std(ddof=1)), 6),
        "weights": [significant(value, 6) for value in first.beta.tolist()],
        "weights_se": [significant(value, 6) for value in se.tolist()],
        "cells": len(phase.table.ids),
        "rms_shared_error_of_targets": significant(shared, 4),
        "rms_scatter_of_targets": significant(
            float(np.sqrt(np.mean(phase.targets.scatter**2))), 4
        ),
    }


def against_plots(
    model: LearnedModel, phase: TwoPhase, sites: Sites, seen: Numbers, names: list[str]
) -> dict[str, object]:
    """Hold the map against measured plots away from the heights, if there are enough.

    ``seen`` (n, k) are the season's features at plots, ``names`` theirs.
    """
    agb = sites.computed.table["agb_t_ha"].to_numpy(np.float64)
    columns = [names.index(name) for name in model.names]
    found = model.predict(seen[:, columns].T, model.names)
    usable = np.isfinite(found.mean) & np.isfinite(agb) & found.in_domain
    away = usable & ~phase.canopy.plots
    is_unseen = int(away.sum()) >= FEWEST_UNSEEN
    rows = away if is_unseen else usable
    if not rows.any():
        return {"n": 0, "unseen": False, "rmse": None}
    told = score(
        agb[rows],
        found.mean[rows].astype(np.float64),
        found.sd[rows].astype(np.float64),
    )
    return {"unseen": is_unseen, **told.record()}
