"""Plots to a model in a folder: read, train, save."""

from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo.correlation import empirical_variogram
from geo.errors import TableError, TooFewObservationsError
from geo.layers import LAYERS
from models.feature_table import known_units
from models.learning.blocks import CLASSES
from models.learning.gate import RegionFacts, gate
from models.learning.model import Card
from models.learning.recipe import CANDIDATES, Recipe
from models.learning.table import PlotTable, Target
from models.learning.training import Trained, train
from models.scores import significant
from store.model_files import require_model_folder, write_model
from store.model_pictures import ModelPictures, draw_model
from store.training_tables import (
    TrainingColumns,
    TrainingTable,
    day_of,
    read_training_table,
)

Floats = NDArray[np.float64]

_CURVE = 60


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What ``forestsink train`` was asked for."""

    table: str
    columns: TrainingColumns
    crs: str
    out: Path
    imagery: str = ""
    valid_range: tuple[float, float] | None = None
    block_m: float | None = None
    folds: int | None = None
    seed: int = 0
    candidates: tuple[str, ...] = CANDIDATES
    shared_se: tuple[str, ...] = ()
    """Columns of those parts of the target's standard error that all plots share."""


@dataclass(frozen=True, slots=True)
class LearnedFolder:
    """A model as written: its card, and what there is to say about the table."""

    folder: Path
    card: Card
    rejected: tuple[TableError, ...]
    notes: tuple[str, ...]


def train_table(request: TrainRequest) -> LearnedFolder:
    """Train on a table and write model, card and pictures into a folder."""
    require_model_folder(request.out)
    table = read_training_table(request.table, request.columns)
    x, y = in_metres(table.x, table.y, request.crs)
    plots = PlotTable(
        table.names, table.features, table.target, x, y, table.ids, table.day
    )
    recipe = Recipe(
        _target(table, request),
        block_m=request.block_m,
        folds=request.folds,
        seed=request.seed,
        candidates=request.candidates,
        imagery=day_of(request.imagery) if request.imagery else None,
        units=tuple(sorted(_units(table).items())),
    )
    trained = train(plots, recipe)
    card = trained.card | {
        "source": {
            "table": table.name,
            "sha256": table.digest,
            "rejected_rows": len(table.rejected),
            "crs": request.crs,
        }
    }
    if request.shared_se:
        card["shared_error"] = _shared_error(request, table)
    checks = gate(card, RegionFacts(domain_share=None))
    # What a region must add, its share in the domain, is asked when it is known.
    card["gate"] = [check.record() for check in checks if check.name != "domain"]
    written = write_model(request.out, trained.model.to_arrays(), card)
    draw_model(request.out, pictures_of(trained))
    return LearnedFolder(request.out, written, table.rejected, table.notes)


def _units(table: TrainingTable) -> dict[str, str]:
    """Return the unit of each feature, ours where the table says none."""
    told = {name: unit for name, unit in table.units.items() if unit}
    return known_units(table.names) | told


def _shared_error(request: TrainRequest, table: TrainingTable) -> dict[str, object]:
    """Return the error that no number of plots averages out, relative to the target.

    Sums of squares of the columns' means: each is one error, alike in all plots.
    """
    parts = read_training_table(
        request.table, replace(request.columns, features=request.shared_se)
    )
    means = np.nanmean(parts.features, axis=0) / float(np.mean(table.target))
    return {
        "columns": list(parts.names),
        "relative": significant(float(np.sqrt((means**2).sum())), 6),
    }


def in_metres(x: Floats, y: Floats, crs: str) -> tuple[Floats, Floats]:
    """Return places in metres: as they are, or degrees in the UTM zone around them.

    Raises
    ------
    TableError
        For an unknown CRS, one in feet, or degrees that no place on Earth has.
    """
    try:
        known = CRS.from_user_input(crs)
    except CRSError as error:
        raise _wrong_crs(f"{crs} is no known coordinate system", crs) from error
    if known.is_geographic:
        if not (np.abs(x) <= 180).all() or not (np.abs(y) <= 90).all():
            raise _wrong_crs(f"x and y are no longitude and latitude in {crs}", crs)
        points = gpd.GeoSeries(gpd.points_from_xy(x, y), crs=known)
        there = points.to_crs(points.estimate_utm_crs())
        return there.x.to_numpy(np.float64), there.y.to_numpy(np.float64)
    units = {axis.unit_name for axis in known.axis_info[:2]}
    if units != {"metre"}:
        raise _wrong_crs(f"{crs} is in {', '.join(sorted(units)) or 'no unit'}", crs)
    return x, y


def _wrong_crs(what: str, crs: str) -> TableError:
    return TableError(
        f"{what}.",
        zh=f"坐标系 {crs} 无法使用（{what}）；请给出以米为单位的投影坐标系或经纬度。",
        cure="Give the EPSG code of the plots' coordinates: projected, in metres, or "
        "longitude and latitude.",
        field="--crs",
        value=crs,
    )


def _target(table: TrainingTable, request: TrainRequest) -> Target:
    """Return the target with its valid range: given, known for its name, or not < 0."""
    name = request.columns.target
    if request.valid_range is not None:
        return Target(name, table.units[name], request.valid_range)
    bands = {band.name: band for band in LAYERS["agbd"].bands}
    known = bands.get("agbd_t_ha")
    if known is not None and name in {"agb_t_ha", "agbd_t_ha"}:
        return Target(name, table.units[name], known.valid_range)
    low = 0.0 if table.target.size and np.nanmin(table.target) >= 0 else -np.inf
    return Target(name, table.units[name], (low, np.inf))


def pictures_of(trained: Trained) -> ModelPictures:
    """Return what is drawn of a model."""
    card, shown = trained.card, trained.figures
    target, scores, limit = card["target"], card["scores"], card["saturation"]
    if not (isinstance(target, dict) and isinstance(scores, dict)):
        raise TypeError("The card has no target or no scores.")
    saturates = isinstance(limit, dict) and limit["saturates"]
    residual = shown.observed - shown.predicted
    reach = float(np.hypot(np.ptp(shown.x), np.ptp(shown.y))) / 3
    distance, semivariance = _empirical(shown.x, shown.y, residual, reach)
    curve = np.linspace(reach / _CURVE, reach, _CURVE)
    fitted = shown.variogram.nugget + shown.variogram.sill * (
        1 - shown.variogram.structure(curve)
    )
    rmse, random = scores["blocked"]["rmse"], scores["random"]["rmse"]
    return ModelPictures(
        target=target["name"],
        unit=target["unit"],
        headline=f"RMSE {rmse:.4g} in unseen blocks ({random:.4g} at random)",
        headline_zh=f"分块验证 RMSE {rmse:.4g}（随机验证 {random:.4g}）",
        observed=shown.observed,
        predicted=shown.predicted,
        sd=shown.sd,
        x=shown.x,
        y=shown.y,
        distance_m=distance,
        semivariance=semivariance,
        fitted=np.column_stack([curve, fitted]),
        importance=shown.importance,
        upper_valid_limit=limit["upper_valid_limit"]
        if isinstance(limit, dict) and saturates
        else None,
    )


def _empirical(
    x: Floats, y: Floats, residual: Floats, reach: float
) -> tuple[Floats, Floats]:
    try:
        found = empirical_variogram(x, y, residual, max_distance_m=reach, bins=CLASSES)
    except TooFewObservationsError:
        return np.empty(0), np.empty(0)
    return found.distance_m, found.semivariance
