"""Change of all parcels, and of the region, between two seasons' maps."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.correlation import (
    Variogram,
    empirical_variogram,
    fit_exponential,
    parcel_variance,
)
from geo.grid import Grid
from geo.zonal import CoverageWeights, union
from models.biomass import CarbonFactors
from models.carbon import Z_90, limits_90
from models.change import (
    CellChange,
    ChangeRules,
    SeasonNoise,
    SeasonPair,
    change_sums,
    compare,
    learn_noise,
)
from models.cover import CoverModel
from models.verdict import ParcelNoise, Stand, judge, parcel_change

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

VERDICT_CODES = {"not_observed": 0, "loss": 1, "no_significant_change": 2, "gain": 3}
"""Codes of the verdict band of the change layer."""

_BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class ChangeTerms:
    """Two seasons' mean design rows (p, k + 1), the model, and what the region told.

    ``floor_pct`` is the error of bringing the two seasons to one look, % cover.
    """

    before: Floats
    after: Floats
    model: CoverModel
    factors: CarbonFactors
    rules: ChangeRules
    years: float
    floor_pct: float


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """A row per parcel, one row for the region, the cells, and what they rest on."""

    table: pd.DataFrame
    region: pd.DataFrame
    cells: CellChange
    noise: SeasonNoise
    variogram: Variogram

    def card(self) -> dict[str, object]:
        """Return what a report says about how change was told from noise."""
        return {
            "cover_noise": self.noise.cover.record(),
            "ndmi_noise": self.noise.ndmi.record(),
            "variogram": {
                "structured_share": self.variogram.structured_share,
                "range_m": self.variogram.range_m,
            },
        }


def measure_changes(
    pair: SeasonPair,
    weights: CoverageWeights,
    terms: ChangeTerms,
    areas: tuple[Floats, Floats],
) -> Changes:
    """Return the change of every parcel, with its error and verdict.

    Parameters
    ----------
    pair
        Cells of the grid of ``weights``, row by row.
    areas
        Area of each parcel on the ellipsoid and its standard error, ha.

    Raises
    ------
    TooFewObservationsError
        When the two seasons share too few cells to know their noise.
    """
    noise = learn_noise(pair, terms.rules, floor_pct=terms.floor_pct)
    cells = compare(pair, noise, terms.rules)
    variogram = noise_variogram(cells, weights.grid)
    found = _Found(cells, noise, variogram, terms)
    table = found.judged(weights, terms.after - terms.before, areas)
    is_known = (table["verdict"] != "not_observed").to_numpy()
    region = found.region(weights, is_known, areas)
    return Changes(table, region, cells, noise, variogram)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    cells: CellChange
    noise: SeasonNoise
    variogram: Variogram
    terms: ChangeTerms

    def judged(
        self, weights: CoverageWeights, moved: Floats, areas: tuple[Floats, Floats]
    ) -> pd.DataFrame:
        """Return change, sink, limits and verdict of each row of ``weights``."""
        sd = self.cells.sd_pct.reshape(weights.grid.shape)
        own = ParcelNoise(
            residual=parcel_variance(weights, sd, self.variogram),
            model=self.terms.model.variance(moved),
            season=self.noise.cover,
        )
        sums = change_sums(weights, self.cells, self.terms.rules)
        change = parcel_change(sums, own, area=weights.polygon_ha)
        stand = Stand(self.terms.factors, *areas, self.terms.years)
        return _with_limits(judge(change, stand, self.terms.rules))

    def region(
        self, weights: CoverageWeights, known: Mask, areas: tuple[Floats, Floats]
    ) -> pd.DataFrame:
        """Return the same of all observed parcels together, as one row or none.

        Errors that parcels share add up because the union's mean has them once.
        """
        if not known.any():
            return pd.DataFrame()
        area, area_se = areas[0][known], areas[1][known]
        moved = (self.terms.after - self.terms.before)[known]
        mean_move = (area[:, None] * moved).sum(axis=0, keepdims=True) / area.sum()
        whole = np.array([area.sum()]), np.array([np.sqrt((area_se**2).sum())])
        return self.judged(union(weights.only(known)), mean_move, whole)


def noise_variogram(cells: CellChange, grid: Grid) -> Variogram:
    """Fit the correlation of the noise of quiet cells, in units of their class's sd."""
    is_quiet = cells.is_observed & ~cells.is_loss & (cells.sd_pct > 0)
    apart = np.where(is_quiet, cells.delta_pct / cells.sd_pct, np.nan)
    # Beyond three sd a cell has changed; it says nothing of the noise of the others.
    apart[abs(apart) > 3] = np.nan
    xs, ys = np.meshgrid(grid.xs(), grid.ys())
    largest = 0.5 * min(grid.width, grid.height) * grid.cell_m
    empirical = empirical_variogram(
        xs.reshape(-1),
        ys.reshape(-1),
        apart,
        max_distance_m=min(largest, 60 * grid.cell_m),
        bins=_BINS,
    )
    return fit_exponential(empirical)


def change_layer(
    changes: Changes, density_t_ha: float, shape: tuple[int, int]
) -> xr.DataArray:
    """Return the change layer: t/ha, its sd, and a verdict per cell.

    A cell is a gain or a loss when its change is beyond 1.645 sd of its own noise;
    one cell in ten of a quiet place is: the verdict that counts is a parcel's.
    """
    per_pct = density_t_ha / 100
    cells = changes.cells
    delta, sd = cells.delta_pct * per_pct, cells.sd_pct * per_pct
    verdict = np.select(
        [~cells.is_observed, cells.is_loss | (delta < -Z_90 * sd), delta > Z_90 * sd],
        [VERDICT_CODES[name] for name in ("not_observed", "loss", "gain")],
        default=VERDICT_CODES["no_significant_change"],
    )
    bands = [band.reshape(shape) for band in (delta, sd, verdict)]
    return xr.DataArray(np.stack(bands).astype(np.float32), dims=("band", "y", "x"))


def _with_limits(judged: pd.DataFrame) -> pd.DataFrame:
    sink = judged["sink_tco2_yr"].to_numpy()
    low, high = limits_90(sink, judged["sink_tco2_yr_se"].to_numpy(), stock=False)
    return judged.assign(sink_tco2_yr_low=low, sink_tco2_yr_high=high)
