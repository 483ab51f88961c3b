"""How errors of neighbouring cells go together, and what that does to a parcel.

The error of a parcel's mean is not the cells' error over the square root of their
number: neighbours err alike. With correlation rho, shares a_i of the parcel's area
and standard deviations s_i, Var = sum_i sum_j a_i a_j rho(d_ij) s_i s_j.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from geo.errors import TooFewObservationsError
from geo.terms import (
    Blocks,
    Boxes,
    CellErrors,
    block_terms,
    bounding_boxes,
    placed_terms,
)
from geo.zonal import CoverageWeights

Numbers = NDArray[np.float64]

LARGEST_SIDE = 1024
"""Blocks along the side of the largest lattice that is transformed."""
_SIDES = np.unique([1, 2, 3, *(k * 2**n for n in range(9) for k in (4, 5, 6))])
"""Sides of the lattices that parcels are laid on: lengths whose transform is fast."""
_BATCH_CELLS = 2**19
"""Cells of the lattices that are transformed at a time."""
_NEAR = 3
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True, slots=True)
class Variogram:
    """Exponential: gamma(d) = nugget + sill (1 - exp(-d / range_m)) for d > 0.

    ``nugget`` and the partial ``sill`` are variances in the squared unit of the error;
    ``range_m`` is the length over which correlation falls to 1/e (the practical range
    is three times that). A length of zero means independent cells.
    """

    nugget: float
    sill: float
    range_m: float

    def __post_init__(self) -> None:
        numbers = (self.nugget, self.sill, self.range_m)
        if not all(np.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError(f"A variogram needs numbers not below zero, got {self}.")

    @property
    def variance(self) -> float:
        return self.nugget + self.sill

    @property
    def structured_share(self) -> float:
        """Share of the variance that neighbours have in common, 0-1."""
        if self.variance == 0 or self.range_m == 0:
            return 0.0
        return self.sill / self.variance

    def semivariance(self, distance_m: Numbers) -> Numbers:
        return self.variance * (1.0 - self.correlation(distance_m))

    def correlation(self, distance_m: Numbers) -> Numbers:
        """rho(d): 1 at d = 0, ``structured_share`` exp(-d / range_m) beyond."""
        rho = self.structured_share * self.structure(distance_m)
        return np.where(distance_m == 0, 1.0, rho)

    def structure(self, distance_m: Numbers) -> Numbers:
        """exp(-d / range_m), the correlation without the nugget."""
        if self.range_m == 0:
            return np.where(distance_m == 0, 1.0, 0.0)
        with np.errstate(over="ignore"):  # exp(-inf) is the right answer
            return np.exp(-distance_m / self.range_m)


@dataclass(frozen=True, slots=True, eq=False)
class Empirical:
    """Half the mean squared difference of pairs, by classes of distance."""

    distance_m: Numbers
    semivariance: Numbers
    pairs: NDArray[np.int64]


def empirical_variogram(
    x: Numbers,
    y: Numbers,
    residual: Numbers,
    *,
    max_distance_m: float,
    bins: int,
    most_points: int = 4000,
) -> Empirical:
    """Matheron's estimator over ``bins`` equal classes up to ``max_distance_m``.

    Residuals that are not finite are left out. Of more than ``most_points``, a subset
    spread evenly through the given order is used, always the same one. Classes
    without pairs are left out; each stands at the mean distance of its pairs.

    Raises
    ------
    TooFewObservationsError
        When no two points are within ``max_distance_m``.
    """
    x, y, residual = _some_points(x, y, residual, most_points)
    tree = cKDTree(np.column_stack([x, y]))
    pairs = tree.query_pairs(max_distance_m, output_type="ndarray")
    a, b = pairs[:, 0], pairs[:, 1]
    distance = np.hypot(x[a] - x[b], y[a] - y[b])
    apart = distance > 0
    if not apart.any():
        raise TooFewObservationsError(
            f"No two of {len(x)} residuals lie within {max_distance_m} m.",
            zh=f"{len(x)} 个残差点中没有相距 {max_distance_m} 米以内的点对。",
            cure="Take more points, or a larger distance.",
            field="max_distance_m",
            value=max_distance_m,
        )
    half_square = 0.5 * (residual[a] - residual[b]) ** 2
    place = np.minimum((distance * bins / max_distance_m).astype(np.int64), bins - 1)
    place, distance, half_square = place[apart], distance[apart], half_square[apart]
    count = np.bincount(place, minlength=bins)
    some = count > 0
    return Empirical(
        np.bincount(place, distance, minlength=bins)[some] / count[some],
        np.bincount(place, half_square, minlength=bins)[some] / count[some],
        count[some],
    )


def _some_points(
    x: Numbers, y: Numbers, residual: Numbers, most_points: int
) -> tuple[Numbers, Numbers, Numbers]:
    finite = np.flatnonzero(np.isfinite(residual))
    if len(finite) > most_points:
        # Multiples of the golden ratio spread evenly whatever the raster's width.
        turn = np.arange(len(finite)) * _GOLDEN % 1.0
        finite = finite[np.sort(np.argsort(turn, kind="stable")[:most_points])]
    return x[finite], y[finite], residual[finite]


def fit_exponential(empirical: Empirical) -> Variogram:
    """Fit by least squares, each class weighted by its pairs over its distance.

    Bounded (nothing below zero, length at most three times the largest distance) and
    started from the same five lengths every time; the best of the five is returned.

    Raises
    ------
    TooFewObservationsError
        When there are fewer than three classes.
    """
    distance, gamma = empirical.distance_m, empirical.semivariance
    if len(distance) < 3:
        raise TooFewObservationsError(
            f"A variogram needs 3 classes of distance, got {len(distance)}.",
            zh=f"变异函数拟合至少需要 3 个距离组，只有 {len(distance)} 个。",
            cure="Take more points, or a larger distance.",
            field="bins",
            value=len(distance),
            expected=3,
        )
    top = float(gamma.max())
    if top == 0:
        return Variogram(0.0, 0.0, 0.0)
    root_weight = np.sqrt(empirical.pairs / distance)
    root_weight = root_weight / root_weight.max()

    def misfit(guess: Numbers) -> Numbers:
        nugget, sill, length = guess
        model = nugget + sill * (1.0 - np.exp(-distance / (length * distance[-1])))
        return np.asarray(root_weight * (model - gamma / top))

    bounds = ([0.0, 0.0, 1e-3], [2.0, 4.0, 3.0])
    fits = [
        least_squares(misfit, [0.1, 0.8, start], bounds=bounds)
        for start in (0.05, 0.1, 0.2, 0.4, 1.0)
    ]
    nugget, sill, length = min(fits, key=lambda fit: fit.cost).x
    return Variogram(
        float(nugget * top), float(sill * top), float(length * distance[-1])
    )


def parcel_variance(
    weights: CoverageWeights,
    sd: NDArray[np.floating[Any]] | float,
    variogram: Variogram,
    *,
    observed: NDArray[np.bool_] | None = None,
) -> Numbers:
    """Variance of each parcel's area-weighted mean, in the squared unit of ``sd``.

    The double sum over the parcel's cells, exact (to rounding) up to 1,024 cells
    either way and within about a per cent beyond, where blocks of cells stand in.
    For a region pass ``zonal.union(weights)``: that respects what its parcels share.

    Parameters
    ----------
    sd
        Standard deviation of a cell's error: ``(y, x)`` on the grid with NaN for
        cells that were not observed and so are not in the mean, or one number.
    variogram
        Only its correlation is used; its variance need not be that of ``sd``.
    observed
        ``(y, x)``: cells where this is false are not in the mean.

    Returns
    -------
    NDArray
        float64 per parcel; NaN where no cell was observed.

    Raises
    ------
    GridMismatchError
        When ``sd`` or ``observed`` does not have the shape of the grid.
    """
    errors = CellErrors(sd, observed)
    errors.require_shape(weights.grid)
    boxes = bounding_boxes(weights)
    result = np.full(len(weights.parcel_ids), np.nan)
    for sides, parcels in _by_lattice(boxes):
        kernel = _kernel(sides, weights.grid.cell_m, variogram)
        for some in _batches(parcels, sides):
            terms = placed_terms(weights, errors, boxes, some, sides)
            result[some] = _quadratic(terms, kernel)
    for parcel in np.flatnonzero(boxes.side > LARGEST_SIDE):
        blocks = block_terms(weights, errors, boxes, int(parcel), LARGEST_SIDE)
        result[parcel] = coarse_variance(blocks, weights.grid.cell_m, variogram)
    return result


def alike_variance(
    weights: CoverageWeights,
    sd: NDArray[np.floating[Any]] | float,
    variogram: Variogram,
) -> Numbers:
    """Variance of each parcel's mean if its cells shared all that neighbours share.

    That of ``parcel_variance`` with the structured part of the correlation 1 at any
    distance: ``c (sum a_i s_i)^2 + (1 - c) sum (a_i s_i)^2``, c its share.

    Raises
    ------
    GridMismatchError
        When ``sd`` does not have the shape of the grid.
    """
    errors = CellErrors(sd)
    errors.require_shape(weights.grid)
    boxes = bounding_boxes(weights)
    whole, own = np.full((2, len(weights.parcel_ids)), np.nan)
    for sides, parcels in _by_lattice(boxes):
        for some in _batches(parcels, sides):
            terms = placed_terms(weights, errors, boxes, some, sides)
            terms = terms.reshape(len(some), -1)
            whole[some] = terms.sum(axis=1)
            own[some] = (terms * terms).sum(axis=1)
    for parcel in np.flatnonzero(boxes.side > LARGEST_SIDE):
        blocks = block_terms(weights, errors, boxes, int(parcel), LARGEST_SIDE)
        whole[parcel], own[parcel] = blocks.placed.sum(), blocks.own
    structured = variogram.structured_share
    return structured * whole**2 + (1.0 - structured) * own


def effective_cells(weights: CoverageWeights, variogram: Variogram) -> Numbers:
    """Return the number of independent cells whose mean errs as the parcel's does."""
    return 1.0 / parcel_variance(weights, 1.0, variogram)


def _by_lattice(
    boxes: Boxes,
) -> Iterator[tuple[tuple[int, int], NDArray[np.int64]]]:
    """Yield the sides of a lattice and the parcels that fit it and none smaller."""
    ladder = np.append(_SIDES[_SIDES < LARGEST_SIDE], LARGEST_SIDE)
    fits = np.flatnonzero((boxes.side > 0) & (boxes.side <= LARGEST_SIDE))
    down = ladder[np.searchsorted(ladder, boxes.height[fits])]
    across = ladder[np.searchsorted(ladder, boxes.width[fits])]
    for sides in sorted(set(zip(down.tolist(), across.tolist(), strict=True))):
        yield sides, fits[(down == sides[0]) & (across == sides[1])]


def _batches(
    parcels: NDArray[np.int64], sides: tuple[int, int]
) -> list[NDArray[np.int64]]:
    most = max(1, _BATCH_CELLS // (4 * sides[0] * sides[1]))
    return [parcels[k : k + most] for k in range(0, len(parcels), most)]


def _kernel(sides: tuple[int, int], cell_m: float, variogram: Variogram) -> Numbers:
    """Weights of the power spectrum that make it the double sum over a lattice.

    The sum over lags of autocorrelation x rho is, by Parseval, the mean over
    frequencies of power x spectrum of rho. Half the frequencies stand for all.
    """
    lags = 2 * sides[0], 2 * sides[1]
    structured = variogram.structured_share
    rho = structured * _lattice_structure(lags, cell_m, 1, variogram)
    rho[0, 0] = 1.0
    kernel = fft.rfft2(rho).real / rho.size
    kernel[:, 1:-1] *= 2.0
    # Once for the real and once for the imaginary part.
    return np.repeat(kernel, 2, axis=1)


def _quadratic(terms: Numbers, kernel: Numbers) -> Numbers:
    """Sum of rho(d_ij) term_i term_j of each lattice ``(n, y, x)``."""
    height, half = kernel.shape[0], kernel.shape[1] // 2
    along = fft.rfft(terms, 2 * (half - 1), axis=2)
    power = fft.fft(along, height, axis=1).view(np.float64)
    power *= power
    power *= kernel
    return np.asarray(power.reshape(len(terms), -1).sum(axis=1))


def coarse_variance(blocks: Blocks, cell_m: float, variogram: Variogram) -> float:
    """Return the double sum over blocks of cells, the cells' own variance exact."""
    structured = variogram.structured_share
    if structured == 0:
        return blocks.own
    lags = _autocorrelation(blocks.placed)
    rho = _lattice_structure(lags.shape, cell_m, blocks.block, variogram)
    together = float((lags * rho).sum())
    if blocks.block > 1:
        # The mean correlation of a block's cells takes their terms to be equal. What
        # they scatter goes with itself alone: give it 1, not that of two cells.
        cells = blocks.block**2
        scatter = blocks.own - float((blocks.placed**2).sum()) / cells
        together += scatter * (1.0 - (rho[0, 0] * cells - 1.0) / (cells - 1.0))
    return (1.0 - structured) * blocks.own + structured * together


def _autocorrelation(terms: Numbers) -> Numbers:
    """Sum of products of ``terms`` at every lag; lag (0, 0) first, then wrapping."""
    size = tuple(2 * side for side in terms.shape)
    spectrum = np.fft.rfft2(terms, size)
    return np.fft.irfft2(spectrum * spectrum.conj(), size)


def _lattice_structure(
    shape: tuple[int, ...], cell_m: float, block: int, variogram: Variogram
) -> Numbers:
    """exp(-d/L) at every lag of a wrapped lattice of blocks of ``block`` cells.

    Blocks up to ``_NEAR`` apart take the mean over their cells, others their centres.
    """
    down, across = (
        np.minimum(np.arange(side), side - np.arange(side)) for side in shape
    )
    step = cell_m * block
    rho = variogram.structure(np.hypot(down[:, None], across[None, :]) * step)
    if block > 1:
        for i in range(_NEAR + 1):
            for j in range(_NEAR + 1):
                near = _between_blocks(i, j, block, cell_m, variogram)
                rho[np.ix_(down == i, across == j)] = near
    return rho


def _between_blocks(
    down: int, across: int, block: int, cell_m: float, variogram: Variogram
) -> float:
    """Mean of exp(-d/L) over pairs of cells of two blocks."""
    lag = np.arange(-block + 1, block)
    weight = (block - np.abs(lag)) / block**2
    distance = np.hypot(
        (down * block + lag)[:, None] * cell_m, (across * block + lag) * cell_m
    )
    return float(weight @ variogram.structure(distance) @ weight)
