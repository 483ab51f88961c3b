"""What parcels hold: the mean cover of each, its errors, and the stocks from both."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.biomass import (
    CarbonFactors,
    ParcelCover,
    Quantity,
    RegionBudget,
    SharedModel,
    parcel_budget,
    region_budget,
)
from models.carbon import limits_90
from models.change import Classes, DifferenceNoise
from models.status import StatusRules, parcel_status

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

QUANTITIES: tuple[Quantity, ...] = ("agb_t", "carbon_t", "co2_t")


@dataclass(frozen=True, slots=True, eq=False)
class ParcelAreas:
    """Parcels in the order of the weights' rows; areas on the ellipsoid, ha."""

    parcel_id: tuple[str, ...]
    area_ha: Floats
    area_se_ha: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Stocks:
    """A row per parcel, and the region's totals by quantity."""

    table: pd.DataFrame
    totals: dict[Quantity, RegionBudget]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a season says of each parcel (p,): cover and its errors, and how far.

    ``observed_pct`` and ``domain_pct`` are shares of the area: seen, and of the seen
    part inside the model's domain.
    """

    cover: ParcelCover
    observed_pct: Floats
    domain_pct: Floats

    def status(self, rules: StatusRules) -> NDArray[np.str_]:
        """Return the code of ``geo.layers.STATUSES`` of each parcel."""
        return parcel_status(
            self.cover.area_ha, self.observed_pct, self.domain_pct, rules
        )


def season_sd(noise: DifferenceNoise | None, strata: Classes) -> Floats:
    """Return the season error of each cell, %; none where ``noise`` is None."""
    if noise is None:
        return np.where(strata < 0, np.nan, 0.0)
    return noise.season_of(strata)


@dataclass(frozen=True, slots=True, eq=False)
class StockTerms:
    """What turns cover into stocks: the error that parcels share, factors, rules."""

    shared: SharedModel
    factors: CarbonFactors
    rules: StatusRules


def estimate_stocks(known: Known, terms: StockTerms, region_residual: float) -> Stocks:
    """Return the stocks of every parcel, and of all parcels together.

    Where a parcel was not observed it is taken to be what it is where it was; below
    ``min_observed_pct`` it has no figures, its status says so, and the totals leave
    it out. ``region_residual`` is the variance (%2) that the cells' residuals give to
    the mean cover of all parcels with figures, as one.
    """
    cover, status = known.cover, known.status(terms.rules)
    has_figures = status != "no_observation"
    columns: dict[str, NDArray[np.generic]] = {
        "parcel_id": np.array(cover.parcel_id),
        "observed_pct": known.observed_pct,
        "domain_pct": known.domain_pct,
        "cover_pct": np.where(has_figures, cover.cover_pct, np.nan),
        "status": status,
    }
    for quantity in QUANTITIES:
        columns |= _columns(cover, terms.factors, quantity, has_figures)
    totals = _totals(cover, terms, has_figures, region_residual)
    return Stocks(pd.DataFrame(columns), totals)


def _columns(
    known: ParcelCover, factors: CarbonFactors, quantity: Quantity, shown: Mask
) -> dict[str, NDArray[np.generic]]:
    budget = parcel_budget(known, factors, quantity=quantity)
    value = np.where(shown, budget["estimate"].to_numpy(), np.nan)
    se = np.where(shown, budget["se"].to_numpy(), np.nan)
    low, high = limits_90(value, se, stock=True)
    return {
        quantity: value,
        f"{quantity}_se": se,
        f"{quantity}_low": low,
        f"{quantity}_high": high,
    }


def _totals(
    cover: ParcelCover, terms: StockTerms, shown: Mask, residual: float
) -> dict[Quantity, RegionBudget]:
    if not shown.any():
        return {}
    some = cover.only(shown)
    shared = SharedModel(terms.shared.design[shown], terms.shared.covariance)
    return {
        quantity: region_budget(
            some, terms.factors, shared, quantity=quantity, residual_variance=residual
        )
        for quantity in QUANTITIES
    }
