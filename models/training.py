"""Train the cover model and say honestly how good it is."""

from dataclasses import asdict, dataclass, replace
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import ModelError, TooFewObservationsError
from models.cover import Card, CoverModel, arrays_digest, describe
from models.domain import Domain
from models.ridge import choose_penalty, fit_ridge
from models.scores import (
    FitPredict,
    Prediction,
    Scores,
    block_folds,
    block_ids,
    cross_validate,
    random_folds,
    significant,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MIN_CELLS = 30
MIN_BLOCKS = 10
"""Fewer cells or blocks than these say too little about the error of a model."""


@dataclass(frozen=True, slots=True, eq=False)
class CoverTable:
    """Cells with a known cover: features (n, k), cover in %, easting and northing, m.

    Features come in the order of ``names``.
    """

    names: tuple[str, ...]
    features: Floats
    cover_pct: Floats
    x: Floats
    y: Floats

    def __post_init__(self) -> None:
        n = self.cover_pct.size
        if self.features.shape != (n, len(self.names)) or self.x.size != n != 0:
            raise ValueError(
                f"{n} cells with {len(self.names)} features do not match an array of "
                f"shape {self.features.shape}."
            )
        known = self.cover_pct[np.isfinite(self.cover_pct)]
        if known.size and not 0 <= known.min() <= known.max() <= 100:
            raise ModelError(
                f"Tree cover lies in 0-100 %, got {known.min():g} to {known.max():g}.",
                zh=f"树冠覆盖应在 0–100% 之间，实为 {known.min():g}–{known.max():g}；"
                "请检查训练栅格的无数据值。",
                cure="Declare the nodata value of the reference raster.",
                field="cover_pct",
            )

    @classmethod
    def from_maps(cls, stack: xr.DataArray, cover_pct: xr.DataArray) -> Self:
        """Line up a feature stack (feature, y, x) with a cover map (y, x)."""
        names = tuple(str(name) for name in stack["feature"].to_numpy())
        northing, easting = np.meshgrid(stack["y"], stack["x"], indexing="ij")
        features = stack.to_numpy().reshape(len(names), -1).T
        return cls(
            names,
            features.astype(np.float64),
            cover_pct.to_numpy().ravel().astype(np.float64),
            easting.ravel().astype(np.float64),
            northing.ravel().astype(np.float64),
        )

    def usable(self) -> "CoverTable":
        """Return the cells with a cover and all features, in the order of y, then x."""
        order = np.lexsort((self.x, self.y))
        is_whole = np.isfinite(self.features).all(axis=1) & np.isfinite(self.cover_pct)
        rows = order[is_whole[order]]
        return CoverTable(
            self.names,
            self.features[rows],
            self.cover_pct[rows],
            self.x[rows],
            self.y[rows],
        )

    def digest(self) -> str:
        """Return the SHA-256 of all that is learnt from."""
        columns = {
            "features": self.features,
            "cover_pct": self.cover_pct,
            "x": self.x,
            "y": self.y,
        }
        return arrays_digest(columns)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train: blocks wider than the residual range, folds, and the gate."""

    block_m: float
    folds: int = 5
    seed: int = 0
    allow_weak: bool = False
    """Accept a model no better than the plain mean (to look at it, not to use it)."""

    def __post_init__(self) -> None:
        if self.folds < 3:
            raise ValueError(f"Tuning inside folds takes 3 or more, got {self.folds}.")


@dataclass(frozen=True, slots=True, eq=False)
class TrainedCover:
    """A model and what is left over: blocked residuals (observed - predicted), %.

    ``residual_pct`` (n,) with ``x`` and ``y`` is what a residual variogram is fitted
    to. Being those of a model that had not seen the block, they hold some of the
    model error too, and so err on the large side.
    """

    model: CoverModel
    residual_pct: Floats
    x: Floats
    y: Floats


def train_cover(table: CoverTable, recipe: Recipe) -> TrainedCover:
    """Fit the cover model, score it on blocks it has not seen, and write its card.

    Every score and the residual sd come from spatial blocks; the penalty is chosen
    inside the training folds. Random folds are scored too, as a warning beside it.

    Raises
    ------
    TooFewObservationsError
        With fewer than ``MIN_CELLS`` cells or ``MIN_BLOCKS`` blocks.
    ModelError
        When the blocked RMSE does not beat the plain mean (unless ``allow_weak``).
    """
    cells = table.usable()
    block = block_ids(cells.x, cells.y, block_m=recipe.block_m)
    _require_enough(cells, block)
    folds = block_folds(cells.x, cells.y, block_m=recipe.block_m, folds=recipe.folds)
    lot = random_folds(cells.x.size, folds=recipe.folds, seed=recipe.seed)
    predicted, blocked = cross_validate(
        _learner(cells, block, folds), cells.cover_pct, folds
    )
    _, at_random = cross_validate(_learner(cells, block, lot), cells.cover_pct, lot)
    _, plain = cross_validate(_plain_mean(cells.cover_pct), cells.cover_pct, folds)
    if not recipe.allow_weak:
        _require_better(blocked, plain)
    card: Card = {
        "scores": {
            "blocked": blocked.record(),
            "random": at_random.record(),
            "plain_mean_blocked": plain.record(),
        },
        "residual_sd_pct": significant(blocked.rmse, 6),
        "training": asdict(recipe)
        | {
            "digest": cells.digest(),
            "n": cells.x.size,
            "dropped": table.x.size - cells.x.size,
            "blocks": int(block.max()) + 1,
        },
    }
    model = _fit(cells, block, folds, card)
    return TrainedCover(model, cells.cover_pct - predicted, cells.x, cells.y)


def _fit(cells: CoverTable, block: Integers, folds: Integers, card: Card) -> CoverModel:
    penalty, _ = choose_penalty(cells.features, cells.cover_pct, folds=folds)
    fit = fit_ridge(cells.features, cells.cover_pct, block=block, penalty=penalty)
    standard = fit.design(cells.features)[:, 1:]
    domain = Domain.fit(standard, abs(fit.beta[1:]), folds)
    model = CoverModel(cells.names, fit, domain, card)
    rows = len(cells.names) + 1
    whole = describe(cells.names, fit.beta) | {
        "alpha": penalty,
        "arrays_digest": arrays_digest(model.to_arrays()),
        "domain": {
            "threshold": domain.threshold,
            "points": len(domain.points),
            "training_share_inside": float(domain.contains(standard).mean()),
        },
        "cost": {
            "products_per_cell": 2 * rows + rows * (rows + 1) // 2,
            "nearest_point_searches_per_cell": 1,
        },
    }
    return replace(model, card=whole | card)


def _learner(cells: CoverTable, block: Integers, folds: Integers) -> FitPredict:
    """Return what is cross-validated: tune on the training folds, fit, predict."""

    def fit_predict(train: Integers, test: Integers) -> Prediction:
        features, observed = cells.features[train], cells.cover_pct[train]
        penalty, residual_sd = choose_penalty(features, observed, folds=folds[train])
        fit = fit_ridge(features, observed, block=block[train], penalty=penalty)
        mean, variance = fit.predict(cells.features[test])
        return np.clip(mean, 0, 100), np.sqrt(variance + residual_sd**2)

    return fit_predict


def _plain_mean(observed: Floats) -> FitPredict:
    def fit_predict(train: Integers, test: Integers) -> Prediction:
        return np.full(test.size, observed[train].mean()), None

    return fit_predict


def _require_enough(cells: CoverTable, block: Integers) -> None:
    blocks = int(block.max()) + 1 if block.size else 0
    if cells.x.size < MIN_CELLS or blocks < MIN_BLOCKS:
        raise TooFewObservationsError(
            f"Training needs {MIN_CELLS} cells in {MIN_BLOCKS} blocks, there are "
            f"{cells.x.size} usable cells in {blocks}.",
            zh=f"训练至少需要 {MIN_CELLS} 个像元、{MIN_BLOCKS} 个方块，"
            f"实有 {cells.x.size} 个可用像元、{blocks} 个方块；请扩大训练范围，"
            "若云量过多请延长合成季节。",
            cure="Train on a larger area, or lower block_m; where clouds hid the "
            "cells, lengthen the season.",
            value=cells.x.size,
            expected=MIN_CELLS,
        )


def _require_better(scores: Scores, plain: Scores) -> None:
    if scores.rmse >= plain.rmse:
        raise ModelError(
            f"In blocks it has not seen the cover model errs by {scores.rmse:.1f} %, "
            f"the plain mean by {plain.rmse:.1f} %.",
            zh=f"空间分块验证中模型误差为 {scores.rmse:.1f}%，不优于简单均值的"
            f"{plain.rmse:.1f}%；该模型不予采用，请检查训练数据或增加特征。",
            cure="Check that reference and composite show the same place and year.",
            field="rmse",
        )
