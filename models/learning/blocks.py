"""How wide blocks must be for the plots of one to tell nothing of the next."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from geo.correlation import Variogram, empirical_variogram, fit_exponential
from geo.errors import TooFewObservationsError
from models.learning.candidates import Floats
from models.learning.columns import Standard, rounded
from models.learning.table import MIN_BLOCKS, PlotTable
from models.ridge import choose_penalty
from models.scores import block_folds, block_ids, significant

CLASSES = 15
LEAST_M = 10.0
"""Smallest block: plots within less stand in one place, or are not in metres."""
FEW_PLOTS = 500
"""Below this, ten folds: of few plots none should be held back needlessly."""
_STRUCTURE = 0.05
"""Share of the variance below which residuals count as independent."""
_NEIGHBOURS = 8
_SHUFFLES = 199
_ALIKE = 0.05
"""Level at which neighbours' residuals are more alike than chance makes them."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The side of the blocks and what it rests on."""

    block_m: float
    reason: str
    """``variogram``, ``spacing`` (no correlation), ``few_blocks`` or ``given``."""
    range_m: float
    """Practical range of first residuals, 0 for none."""


def folds_for(plots: int, blocks: int) -> int:
    """Return how many folds to deal: ten for few plots, else five."""
    return min(10 if plots < FEW_PLOTS else 5, blocks)


def choose_blocks(plots: PlotTable) -> Blocks:
    """Return blocks as wide as first residuals are correlated.

    The residuals are those of a plain ridge across coarse blocks. The block is the
    practical range of their variogram (95 % of the sill), at least twice the median
    distance to the next plot, and no wider than leaves ``MIN_BLOCKS`` blocks.

    Raises
    ------
    TooFewObservationsError
        When no block size leaves ``MIN_BLOCKS`` blocks.
    """
    largest = _largest_side(plots)
    residual = _first_residuals(plots, largest)
    range_m = 0.0
    if _neighbours_are_alike(plots, residual):
        variogram = residual_variogram(plots, residual)
        range_m = min(practical_range(variogram), _reach(plots))
    least = 2 * spacing_m(plots.x, plots.y)
    wanted, reason = max((range_m, "variogram"), (least, "spacing"))
    block = _two_digits(wanted)
    if _count(plots, block) < MIN_BLOCKS:
        block, reason = largest, "few_blocks"
    return Blocks(block, reason, range_m)


def given_blocks(plots: PlotTable, block_m: float) -> Blocks:
    """Return blocks of a size that somebody chose, if there are enough of them."""
    if _count(plots, block_m) < MIN_BLOCKS:
        raise _too_few_blocks(plots, block_m)
    return Blocks(block_m, "given", 0.0)


def residual_variogram(plots: PlotTable, residual: Floats) -> Variogram:
    """Fit a variogram over a third of the longest way between plots."""
    try:
        empirical = empirical_variogram(
            plots.x, plots.y, residual, max_distance_m=_reach(plots), bins=CLASSES
        )
        fitted = fit_exponential(empirical)
    except TooFewObservationsError:
        return Variogram(float(np.var(residual)), 0.0, 0.0)
    told = (fitted.nugget, fitted.sill, fitted.range_m)
    nugget, sill, length = rounded(np.array(told), digits=6).tolist()
    return Variogram(nugget, sill, length)


def practical_range(variogram: Variogram) -> float:
    """Return the distance at which 95 % of the sill is reached, 0 without structure."""
    if variogram.variance == 0 or variogram.sill < _STRUCTURE * variogram.variance:
        return 0.0
    return 3.0 * variogram.range_m


def _reach(plots: PlotTable) -> float:
    """Return how far apart plots are compared: a third of the longest way, m."""
    return float(np.hypot(np.ptp(plots.x), np.ptp(plots.y))) / 3


def _neighbours_are_alike(plots: PlotTable, residual: Floats) -> bool:
    """Return whether neighbours differ less than the same residuals dealt by lot.

    A variogram alone finds some range in any noise.
    """
    places = np.column_stack([plots.x, plots.y])
    count = min(_NEIGHBOURS + 1, len(places))
    _, near = cKDTree(places).query(places, k=count)

    def apart(values: Floats) -> float:
        return float(np.mean((values[:, None] - values[near[:, 1:]]) ** 2))

    found = apart(residual)
    generator = np.random.default_rng(0)
    by_lot = [apart(generator.permutation(residual)) for _ in range(_SHUFFLES)]
    return (1 + sum(one <= found for one in by_lot)) / (1 + _SHUFFLES) <= _ALIKE


def _first_residuals(plots: PlotTable, block_m: float) -> Floats:
    features = Standard.of(plots.features).columns(plots.features.T)
    columns = features.T.astype(np.float64)
    count = _count(plots, block_m)
    folds = block_folds(
        plots.x, plots.y, block_m=block_m, folds=folds_for(plots.observed.size, count)
    )
    residual = np.empty_like(plots.observed)
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        seen, observed = columns[train], plots.observed[train]
        penalty, _ = choose_penalty(seen, observed, folds=folds[train])
        centre = seen.mean(axis=0)
        left = (seen - centre).T @ (seen - centre) / train.sum()
        left += penalty * np.eye(len(left))
        moment = (seen - centre).T @ (observed - observed.mean()) / train.sum()
        slopes = np.linalg.solve(left, moment)
        predicted = observed.mean() + (columns[test] - centre) @ slopes
        residual[test] = plots.observed[test] - predicted
    return rounded(residual, digits=8)


def _largest_side(plots: PlotTable) -> float:
    """Return the widest block, of a fixed series, that leaves ``MIN_BLOCKS`` blocks."""
    extent = max(float(np.ptp(plots.x)), float(np.ptp(plots.y)))
    side = _two_digits(max(extent, 1.0))
    while _count(plots, side) < MIN_BLOCKS:
        side = _two_digits(side / 1.25)
        if side < LEAST_M:
            raise _too_few_blocks(plots, LEAST_M)
    return side


def _count(plots: PlotTable, block_m: float) -> int:
    return int(block_ids(plots.x, plots.y, block_m=block_m).max()) + 1


def spacing_m(x: Floats, y: Floats) -> float:
    """Return the median distance from a place to the next one elsewhere, m."""
    places = np.unique(np.column_stack([x, y]), axis=0)
    if len(places) < 2:
        return 1.0
    distance, _ = cKDTree(places).query(places, k=2)
    return max(float(np.median(distance[:, 1])), 1.0)


def _two_digits(value: float) -> float:
    return significant(value, 2)


def _too_few_blocks(plots: PlotTable, block_m: float) -> TooFewObservationsError:
    n, blocks = plots.observed.size, _count(plots, block_m)
    return TooFewObservationsError(
        f"Honest scores need {MIN_BLOCKS} blocks; the {n} plots lie in {blocks} of "
        f"{block_m:g} m.",
        zh=f"空间分块验证至少需要 {MIN_BLOCKS} 个方块，{n} 个样地仅落在 {blocks} 个"
        f"{block_m:g} 米方块内；请增加分散的样地，并检查坐标单位是否为米。",
        cure="Add plots elsewhere, lower the block size if plots are independent, and "
        "check that x and y are in metres.",
        field="block_m",
        value=blocks,
        expected=MIN_BLOCKS,
    )
