"""Change of all parcels, and of the region, between two seasons' maps."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.correlation import Empirical, Variogram, empirical_variogram, fit_exponential
from geo.errors import TooFewObservationsError
from geo.grid import Grid
from models.biomass import CarbonFactors
from models.carbon import Z_90, limits_90
from models.change import ChangeRules
from models.cover import CoverModel
from models.verdict import ParcelNoise, Stand, judge, known_change, parcel_change

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

VERDICT_CODES = {"not_observed": 0, "loss": 1, "no_significant_change": 2, "gain": 3}
"""Codes of the verdict band of the change layer."""

_BINS = 15
_PATCH = 128
"""Side of the patches that the noise is looked at in, in cells."""
_MOST_PATCHES = 4
_POINTS = 4000

UNKNOWN_NOISE = Variogram(0.0, 1.0, 1e6)
"""Where too little was seen to know how errors go together: they all go together."""


@dataclass(frozen=True, slots=True, eq=False)
class ChangeTerms:
    """Two seasons' mean design rows (p, k + 1), the model, and what the region told."""

    before: Floats
    after: Floats
    model: CoverModel
    factors: CarbonFactors
    rules: ChangeRules
    years: float


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """What was added up over each parcel: ``change_sums``, and what its noise may do.

    ``residual`` (p,) is the variance of the mean, ``polygon_ha`` the parcels' area in
    the plane of the grid.
    """

    sums: pd.DataFrame
    residual: Floats
    polygon_ha: Floats

    def changed(self, moved: Floats, model: CoverModel) -> pd.DataFrame:
        """Return ``parcel_change``; ``moved`` (p, k + 1) is the change of design."""
        noise = ParcelNoise(self.residual, model.variance(moved))
        return parcel_change(self.sums, noise, area=self.polygon_ha)


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """A row per parcel, and one row for the region or none."""

    table: pd.DataFrame
    region: pd.DataFrame


def measure_changes(
    summed: Summed,
    terms: ChangeTerms,
    areas: tuple[Floats, Floats],
    region_residual: float,
) -> Changes:
    """Return the change of every parcel and of the region, with error and verdict.

    Parameters
    ----------
    areas
        Area of each parcel on the ellipsoid and its standard error, ha.
    region_residual
        Variance of the mean of all parcels that were seen, as one.
    """
    moved = terms.after - terms.before
    change = summed.changed(moved, terms.model)
    stand = Stand(terms.factors, *areas, terms.years)
    table = _with_limits(judge(change, stand, terms.rules))
    known = known_change(change, terms.rules)
    if not known.any():
        return Changes(table, pd.DataFrame())
    area, area_se = areas[0][known], areas[1][known]
    # Errors that parcels share add up because the mean of all has them once.
    mean_move = (area[:, None] * moved[known]).sum(axis=0, keepdims=True) / area.sum()
    whole = Summed(
        summed.sums[known].sum().to_frame().T,
        np.array([region_residual]),
        np.array([summed.polygon_ha[known].sum()]),
    )
    all_of_it = Stand(
        terms.factors,
        np.array([area.sum()]),
        np.array([np.sqrt((area_se**2).sum())]),
        terms.years,
    )
    together = whole.changed(mean_move, terms.model)
    return Changes(table, _with_limits(judge(together, all_of_it, terms.rules)))


def noise_pairs(moved: NDArray[np.floating], grid: Grid) -> Empirical | None:
    """Return half the squared differences of quiet cells, in units of their class's sd.

    ``moved`` (4, y, x) is what ``models.change.moved_cells`` tells, on ``grid``.
    Looked at in a few patches spread over the grid: cells far apart say nothing of how
    neighbours go together. None where too few cells are near one another.
    """
    inside = _in_patches(grid)
    delta, sd, _, lost = moved[:, inside].astype(np.float64)
    apart = np.full(delta.shape, np.nan)
    np.divide(delta, sd, out=apart, where=(sd > 0) & (lost == 0))
    # Beyond three sd a cell has changed; it says nothing of the noise of the others.
    apart[abs(apart) > 3] = np.nan
    rows, columns = np.nonzero(inside)
    largest = 0.5 * min(grid.width, grid.height) * grid.cell_m
    try:
        return empirical_variogram(
            grid.xs()[columns],
            grid.ys()[rows],
            apart,
            max_distance_m=min(largest, 60 * grid.cell_m),
            bins=_BINS,
            most_points=_POINTS,
        )
    except TooFewObservationsError:
        return None


def noise_variogram(pairs: Empirical | None) -> Variogram:
    """Fit the correlation of the noise; all of it shared where it is not known."""
    if pairs is None or len(pairs.distance_m) < 3:
        return UNKNOWN_NOISE
    return fit_exponential(pairs)


def typical(variograms: list[Variogram]) -> Variogram:
    """Return one correlation for a region: the middle share and length of its parts.

    In units of the sd: the variance is 1. The middle, because a part where little was
    seen may fit a length of any size.
    """
    known = [one for one in variograms if one != UNKNOWN_NOISE]
    if not known:
        return UNKNOWN_NOISE
    share = float(np.median([one.structured_share for one in known]))
    length = float(np.median([one.range_m for one in known]))
    return Variogram(1.0 - share, share, length)


def _in_patches(grid: Grid) -> Mask:
    """Return the cells of up to ``_MOST_PATCHES`` patches a side, evenly spread."""
    inside = np.ones(grid.shape, dtype=bool)
    for axis, size in enumerate(grid.shape):
        count = min(size // (2 * _PATCH), _MOST_PATCHES)
        if count == 0:
            continue
        starts = (np.arange(count) + 0.5) * size / count - _PATCH / 2
        place = np.arange(size)[:, None] - starts.round().astype(np.int64)
        on: Mask = np.asarray(((place >= 0) & (place < _PATCH)).any(axis=1))
        inside &= on[:, None] if axis == 0 else on[None, :]
    return inside


def change_bands(
    moved: NDArray[np.floating], density_t_ha: float
) -> NDArray[np.float32]:
    """Return the bands of the change layer (3, n): t/ha, its sd, a verdict per cell.

    ``moved`` (4, n) is what ``models.change.moved_cells`` tells. A cell is a gain or a
    loss when its change is beyond 1.645 sd of its own noise; one cell in ten of a
    quiet place is: the verdict that counts is a parcel's.
    """
    bands = np.empty((3, *moved.shape[1:]), np.float32)
    np.multiply(moved[:2], np.float32(density_t_ha / 100), out=bands[:2])
    # Compared in per cent of cover, where no rounding has come in between.
    delta, limit, lost = moved[0], Z_90 * moved[1], moved[3]
    verdict = bands[2]
    verdict[...] = VERDICT_CODES["no_significant_change"]
    verdict[delta > limit] = VERDICT_CODES["gain"]
    verdict[(lost == 1) | (delta < -limit)] = VERDICT_CODES["loss"]
    verdict[np.isnan(lost)] = VERDICT_CODES["not_observed"]
    return bands


def _with_limits(judged: pd.DataFrame) -> pd.DataFrame:
    sink = judged["sink_tco2_yr"].to_numpy()
    low, high = limits_90(sink, judged["sink_tco2_yr_se"].to_numpy(), stock=False)
    return judged.assign(sink_tco2_yr_low=low, sink_tco2_yr_high=high)
