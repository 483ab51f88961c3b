"""``forestsink train --region``: plots and imagery of a region to a gated model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.settings import Settings
from geo.correlation import Variogram
from geo.errors import SettingsError
from geo.layers import LAYERS
from models.features import features_from, schema
from models.learning.blocks import spacing_m
from models.learning.gate import Check, RegionFacts, gate, is_promoted
from models.learning.model import LearnedModel
from models.learning.recipe import CANDIDATES, Recipe
from models.learning.table import PlotTable, Target
from models.learning.training import Trained, train
from models.routes import not_nearer_than_plots
from models.scores import significant
from models.two_phase import FEWEST
from pipelines.canopy_model import (
    CARRYING,
    TwoPhase,
    against_plots,
    first_phase_card,
    two_phase,
)
from pipelines.canopy_sites import Canopy, canopy_at
from pipelines.context import Progress, silent
from pipelines.learn import LearnedFolder, pictures_of
from pipelines.plot_features import MIN_SEEN, domain_share, features_at
from pipelines.plot_season import PlotSeason, season_for
from pipelines.plot_sites import Sites, plots_of, read_sites
from pipelines.stored import digests
from store.model_files import card_digest, read_card, write_model
from store.model_pictures import draw_model
from store.model_shelf import promote, shelve, write_table

Numbers = NDArray[np.float64]

TARGET = "agb_t_ha"


@dataclass(frozen=True, slots=True)
class RegionRequest:
    """What ``forestsink train --region`` was asked for, beside the region."""

    block_m: float | None = None
    folds: int | None = None
    seed: int = 0
    candidates: tuple[str, ...] = CANDIDATES
    route: Literal["auto", "plots", "canopy"] = "auto"


@dataclass(frozen=True, slots=True)
class RegionModel:
    """A region's model as written, and whether it may speak for the region."""

    learned: LearnedFolder
    promoted: bool
    checks: tuple[Check, ...]


def train_region(
    settings: Settings, request: RegionRequest, progress: Progress = silent
) -> RegionModel:
    """Train on the region's plots, keep the model, promote it if its card passes.

    Where the region has canopy heights with enough plots under them, the plots
    calibrate these, and they train the model (route ``canopy``); else the plots train
    it (route ``plots``).

    The model goes to ``{home}/models/{region}/{digest}`` whole, whether it passes or
    not. ``promoted.json`` beside it changes only when it passes: a model that was
    promoted before stays. A night takes the promoted model (``pipelines.routes``).

    Raises
    ------
    SettingsError
        The region has no ``[plots]``, or no ``[[canopy]]`` and its route is asked for.
    TooFewObservationsError
        The route ``canopy`` is asked for, and too few plots lie under the heights.
    BusyError
        A night of the region is running.
    """
    sites = read_sites(settings)
    canopy = _heights(settings, request, sites)
    year = sites.year if canopy is None else canopy.day.year
    with season_for(settings, year, progress) as season:
        learnt = _learn(request, season, sites, canopy)
    card = _card(settings, learnt)
    checks = gate(card, RegionFacts(learnt.share))
    card["gate"] = [check.record() for check in checks]
    card["promoted"] = is_promoted(checks)
    return _kept(settings, learnt, card, checks)


@dataclass(frozen=True, slots=True, eq=False)
class _Learnt:
    """All that came of a region's plots and imagery."""

    season: PlotSeason
    sites: Sites
    seen: Numbers
    phase: TwoPhase | None
    trained: Trained
    share: float | None
    cells: int
    asked: str
    """Route that was asked for."""

    @property
    def route(self) -> str:
        return "plots" if self.phase is None else "canopy"


def _learn(
    request: RegionRequest, season: PlotSeason, sites: Sites, canopy: Canopy | None
) -> _Learnt:
    seen = features_at(season.night, season.maps, sites.outlines)
    phase = None
    if canopy is not None:
        phase = two_phase(season, sites, canopy, seed=request.seed)
    table = _table(season, sites, seen) if phase is None else phase.table
    targets = None if phase is None else phase.targets
    trained = train(table, _recipe(season, request, phase), targets)
    share, cells = domain_share(season.night, season.maps, trained.model)
    return _Learnt(season, sites, seen, phase, trained, share, cells, request.route)


def _card(settings: Settings, learnt: _Learnt) -> dict[str, object]:
    season, sites, seen = learnt.season, learnt.sites, learnt.seen
    card = learnt.trained.card | {"route": learnt.route}
    card |= _about(settings, season, sites, seen)
    card["plot_error"] = _plot_error(sites, seen, learnt.trained.card)
    card["residual_of_cells"] = _residual_of_cells(learnt, card)
    card["region"] = _region(season, learnt.share, learnt.cells)
    if learnt.phase is not None:
        shown = (season, sites, seen)
        card |= _two_phase_facts(learnt.phase, learnt.trained.model, shown)
    return card


def _kept(
    settings: Settings, learnt: _Learnt, card: dict[str, object], checks: list[Check]
) -> RegionModel:
    season, sites, seen = learnt.season, learnt.sites, learnt.seen
    digest = card_digest(card)
    shelf = settings.home / "models" / settings.region.name

    def build(folder: Path) -> None:
        write_model(folder, learnt.trained.model.to_arrays(), card)
        draw_model(folder, pictures_of(learnt.trained))
        sites.computed.write(folder / "plots.csv")
        write_table(folder / "features.csv", _shown(season, sites, seen))

    folder = shelve(shelf, digest, build)
    promoted = bool(card["promoted"])
    if promoted:
        promote(folder, digest, learnt.route)
    notes = _canopy_notes(settings, learnt) + _notes(season, sites, seen)
    learned = LearnedFolder(folder, read_card(folder), (), notes)
    return RegionModel(learned, promoted, tuple(checks))


def _heights(settings: Settings, request: RegionRequest, sites: Sites) -> Canopy | None:
    """Return the canopy heights to learn through; None for the plots alone."""
    if request.route == "plots":
        return None
    canopy = canopy_at(settings, sites)
    if request.route == "canopy" and canopy is None:
        raise SettingsError(
            f"The region {settings.region.name} has no [[canopy]].",
            zh=f"区域 {settings.region.name} 的配置没有 [[canopy]]，无法按冠层高训练。",
            cure="Add [[canopy]] with file and date to its file.",
            field="canopy",
        )
    if request.route == "canopy" or canopy is None:
        return canopy
    return canopy if int(canopy.plots.sum()) >= FEWEST else None


def _two_phase_facts(
    phase: TwoPhase, model: LearnedModel, shown: tuple[PlotSeason, Sites, Numbers]
) -> dict[str, object]:
    season, sites, seen = shown
    names = list(features_from(season.night.bands))
    return {
        "support_ha": season.night.grid.cell_ha,
        "first_phase": first_phase_card(phase, sites),
        "against_plots": against_plots(model, phase, sites, seen, names),
        "canopy": {raster.path.name: raster.digest for raster in phase.canopy.rasters},
    }


def _canopy_notes(settings: Settings, learnt: _Learnt) -> tuple[str, ...]:
    phase = learnt.phase
    if phase is not None:
        return (
            f"{phase.first.unseen.size} plots calibrate canopy heights of "
            f"{phase.canopy.day}; {len(phase.table.ids)} cells train the model. "
            f"{phase.first.unseen.size} 个样地校准冠层高，"
            f"{len(phase.table.ids)} 个像元训练模型。",
        )
    if settings.region.canopy and learnt.asked == "auto":
        return (
            f"Fewer than {FEWEST} plots lie under the canopy heights: the plots train "
            f"the model directly. 冠层高范围内样地不足 {FEWEST} 个，直接用样地训练。",
        )
    return ()


def _table(season: PlotSeason, sites: Sites, seen: Numbers) -> PlotTable:
    return PlotTable(
        features_from(season.night.bands),
        seen,
        sites.computed.table[TARGET].to_numpy(np.float64),
        sites.x,
        sites.y,
        sites.ids,
        sites.day,
    )


def _recipe(
    season: PlotSeason, request: RegionRequest, phase: TwoPhase | None
) -> Recipe:
    band = next(one for one in LAYERS["agbd"].bands if one.name == "agbd_t_ha")
    candidates = request.candidates
    if phase is not None:
        candidates = tuple(one for one in candidates if one in CARRYING) or CARRYING
    units = ((str(one["name"]), str(one["unit"])) for one in _schema(season))
    return Recipe(
        Target(TARGET, "t/ha", band.valid_range),
        block_m=request.block_m,
        folds=request.folds,
        seed=request.seed,
        candidates=candidates,
        imagery=season.middle,
        units=tuple(sorted(units)),
    )


def _schema(season: PlotSeason) -> list[dict[str, object]]:
    return schema(features_from(season.night.bands))


def _about(
    settings: Settings, season: PlotSeason, sites: Sites, seen: Numbers
) -> dict[str, object]:
    """Return where the numbers come from, and which plots were not learnt from."""
    card, region = sites.computed.card, settings.region
    unseen = ~np.isfinite(seen).all(axis=1)
    plots = plots_of(settings)
    area_ha = sites.computed.table["area_ha"].to_numpy(np.float64)
    return {
        "support_ha": significant(float(area_ha[~unseen].mean()), 6),
        "source": {
            "region": region.name,
            "inputs": card["inputs"],
            "plots": plots.model_dump(mode="json"),
            "equations_not_confirmed": card["not_confirmed"],
            "simulated": list(region.simulated),
            "crs": region.grid.crs,
        },
        "plots": {
            "listed": len(sites.computed.plots),
            "refused": sites.computed.refused,
            "not_seen": [
                name
                for name, lost in zip(sites.ids, np.asarray(unseen), strict=True)
                if lost
            ],
            "min_seen_share": MIN_SEEN,
            "year": sites.year,
        },
        "imagery": {
            "season": str(season.maps.period),
            "years_after_plots": season.gap_years,
            "scenes": season.scenes,
            "looks_like": str(season.night.training),
            "composites": digests(season.maps.composite),
            "shifts": digests(season.maps.shifts),
        },
    }


def _plot_error(
    sites: Sites, seen: Numbers, card: Mapping[str, object]
) -> dict[str, object]:
    """Return the plots' own error, and how much of the blocked error it may be.

    What the equations share between plots (``shared``) is no scatter about the model:
    it shifts all of them together, so it is left out of the share.
    """
    table = sites.computed.table[np.isfinite(seen).all(axis=1)]
    se = table[f"{TARGET}_se"].to_numpy(np.float64)
    common = table["se_equation_shared_t_ha"].to_numpy(np.float64)
    own = float(np.mean(np.maximum(se**2 - common**2, 0.0)))
    scores = card["scores"]
    if not isinstance(scores, dict):
        raise TypeError("The card has no scores.")
    squared = float(scores["blocked"]["rmse"]) ** 2
    mean = float(table[TARGET].mean())
    return {
        "unit": "t/ha",
        "shared_relative_se": significant(float(np.sqrt(np.mean(common**2))) / mean, 4),
        "rms_se": significant(float(np.sqrt(np.mean(se**2))), 4),
        "rms_se_shared_by_equations": significant(
            float(np.sqrt(np.mean(common**2))), 4
        ),
        "share_of_blocked_mse": significant(own / squared, 3) if squared else None,
    }


def _residual_of_cells(learnt: _Learnt, card: Mapping[str, Any]) -> dict[str, float]:
    """Return the residual's variogram as parcels take it: see ``models.routes``.

    It was seen from as near as what was learnt from lies: plots, or cells under the
    canopy heights.
    """
    told, error = card["residual"], card["plot_error"]
    if learnt.phase is None:
        used = np.isfinite(learnt.seen).all(axis=1)
        spacing = spacing_m(learnt.sites.x[used], learnt.sites.y[used])
    else:
        spacing = spacing_m(learnt.phase.table.x, learnt.phase.table.y)
    own = error["rms_se"] ** 2 - error["rms_se_shared_by_equations"] ** 2
    found = not_nearer_than_plots(
        Variogram(told["nugget"], told["sill"], told["range_m"]),
        spacing_m=significant(spacing, 4),
        own_variance=significant(max(own, 0.0), 4),
    )
    return asdict(found) | {"learnt_from_apart_m": significant(spacing, 4)}


def _region(season: PlotSeason, share: float | None, cells: int) -> dict[str, object]:
    told = season.night.settings.region
    return {
        "name": told.name,
        "domain_share": None if share is None else significant(share, 4),
        "forest_cells": cells,
        "forest_from_cover_pct": told.model.reference_cover_pct,
    }


def _shown(season: PlotSeason, sites: Sites, seen: Numbers) -> pd.DataFrame:
    """Return what was learnt from, plot by plot."""
    names = features_from(season.night.bands)
    told = {
        "plot_id": sites.ids,
        "x": sites.x,
        "y": sites.y,
        "measured": sites.day.astype(str),
        TARGET: sites.computed.table[TARGET].to_numpy(np.float64),
        f"{TARGET}_se": sites.computed.table[f"{TARGET}_se"].to_numpy(np.float64),
    }
    return pd.DataFrame(told | dict(zip(names, seen.T, strict=True)))


def _notes(season: PlotSeason, sites: Sites, seen: Numbers) -> tuple[str, ...]:
    """Return what a person should know of the plots, beside the card's scores."""
    lost = int(np.count_nonzero(~np.isfinite(seen).all(axis=1)))
    refused, gap = len(sites.computed.refused), season.gap_years
    told = [
        f"{len(sites.ids)} plots of {sites.year}, imagery of {season.maps.period} "
        f"({season.scenes} scenes). 样地 {len(sites.ids)} 个（{sites.year} 年），"
        f"影像 {season.scenes} 景。"
    ]
    if gap:
        told.append(
            f"The imagery is {abs(gap)} years {'after' if gap > 0 else 'before'} the "
            f"plots. 影像比样地调查{'晚' if gap > 0 else '早'} {abs(gap)} 年。"
        )
    if refused:
        told.append(
            f"{refused} plots were refused, see plots.csv. {refused} 个样地被拒绝。"
        )
    if lost:
        told.append(
            f"{lost} plots were not seen clear, or lie outside the region. "
            f"{lost} 个样地无清晰影像或在区域之外。"
        )
    return tuple(told)
