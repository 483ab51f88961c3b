"""How good a prediction is, asked at places the model has not seen."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import TooFewObservationsError
from models.carbon import Z_90

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Prediction = tuple[Floats, Floats | None]
"""Mean and, where the model has one, the standard deviation of a new observation."""

FitPredict = Callable[[Integers, Integers], Prediction]
"""Given the rows to learn from and the rows to predict, return a ``Prediction``."""


def significant(value: float, digits: int = 10) -> float:
    """Round to significant digits, below which machines may differ."""
    return float(f"{value:.{digits - 1}e}")


@dataclass(frozen=True, slots=True)
class Scores:
    """Agreement of predictions with observations; None where it is not defined.

    ``rmse`` and ``bias`` (predicted minus observed) are in the unit of the
    observations, ``relative_rmse`` is a share of their mean, ``r2`` is against the
    1:1 line, ``coverage_90`` is the share of observations in their 90 % interval.
    """

    n: int
    rmse: float
    relative_rmse: float | None
    bias: float
    r2: float | None
    coverage_90: float | None

    def record(self) -> dict[str, float | None]:
        """Return the scores for a card, to six significant digits."""
        return {
            name: value if value is None or name == "n" else significant(value, 6)
            for name, value in asdict(self).items()
        }


def score(observed: Floats, predicted: Floats, sd: Floats | None = None) -> Scores:
    """Compare ``predicted`` with ``observed``, both of shape (n,)."""
    if observed.size == 0:
        raise TooFewObservationsError(
            "There is nothing to score.",
            zh="没有可评分的观测；请检查训练数据。",
            cure="Check that the reference data overlap the composite.",
        )
    error = predicted - observed
    mean, spread = float(observed.mean()), float(np.var(observed))
    rmse = float(np.sqrt(np.mean(error**2)))
    return Scores(
        n=int(observed.size),
        rmse=rmse,
        relative_rmse=rmse / abs(mean) if mean else None,
        bias=float(error.mean()),
        r2=1 - float(np.mean(error**2)) / spread if spread else None,
        coverage_90=None if sd is None else float(np.mean(abs(error) <= Z_90 * sd)),
    )


def block_ids(x: ArrayLike, y: ArrayLike, *, block_m: float) -> Integers:
    """Return which ``block_m`` square holds each point, numbered from 0, west first.

    The squares are anchored at the origin of the projection, so a point keeps its
    square when others are added or taken away.
    """
    return _squares(x, y, block_m=block_m)[1]


def _squares(
    x: ArrayLike, y: ArrayLike, *, block_m: float
) -> tuple[Integers, Integers]:
    """Return the distinct squares as (column, row), and which one holds each point."""
    if not block_m > 0:
        raise ValueError(f"A block needs a size in metres, got block_m={block_m}.")
    squares = np.floor(np.column_stack([x, y]) / block_m).astype(np.int64)
    distinct, ids = np.unique(squares, axis=0, return_inverse=True)
    return distinct, np.asarray(ids, dtype=np.int64).reshape(-1)


def block_folds(x: ArrayLike, y: ArrayLike, *, block_m: float, folds: int) -> Integers:
    """Deal whole ``block_m`` squares into ``folds`` folds, the same way each time.

    The order of dealing is a hash of the square, so neighbouring squares rarely
    share a fold. Blocks ought to be wider than the range of the residual variogram.

    Raises
    ------
    TooFewObservationsError
        When there are fewer squares than folds.
    """
    squares, square_of_point = _squares(x, y, block_m=block_m)
    if folds < 2 or len(squares) < folds:
        raise TooFewObservationsError(
            f"{folds} spatial folds need at least as many {block_m:g} m blocks (and "
            f"two), the points lie in {len(squares)}.",
            zh=f"空间交叉验证需要 {folds} 折，但样点仅落在 {len(squares)} 个"
            f"{block_m:g} 米方块内；请增加训练面积或减小 block_m。",
            cure="Train on a larger area, or lower block_m or folds.",
            field="block_m",
        )
    hashes = [hashlib.sha256(b"%d,%d" % (i, j)).digest() for i, j in squares.tolist()]
    order = sorted(range(len(squares)), key=hashes.__getitem__)
    fold_of_square = np.empty(len(squares), dtype=np.int64)
    fold_of_square[order] = np.arange(len(squares)) % folds
    return fold_of_square[square_of_point]


def random_folds(n: int, *, folds: int, seed: int) -> Integers:
    """Deal ``n`` rows into ``folds`` folds by lot: neighbours help, so it flatters."""
    generator = np.random.default_rng(seed)
    return np.asarray(generator.permutation(np.arange(n) % folds), dtype=np.int64)


def cross_validate(
    fit_predict: FitPredict, observed: Floats, folds: Integers
) -> tuple[Floats, Scores]:
    """Predict every row from the other folds; return predictions and their scores.

    ``fit_predict`` gets row numbers rather than tables, so that it can look up the
    blocks of its training rows and tune itself inside them.
    """
    predicted = np.full(observed.shape, np.nan)
    sd = np.full(observed.shape, np.nan)
    has_sd = True
    for fold in np.unique(folds):
        test = np.flatnonzero(folds == fold)
        mean, spread = fit_predict(np.flatnonzero(folds != fold), test)
        predicted[test] = mean
        has_sd = has_sd and spread is not None
        sd[test] = np.nan if spread is None else spread
    return predicted, score(observed, predicted, sd if has_sd else None)
