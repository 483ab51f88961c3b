"""What parcels hold: the mean cover of each, its errors, and the stocks from both."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.correlation import Variogram, parcel_variance
from geo.zonal import CoverageWeights, means, observed_share, union
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
class CoverMaps:
    """A season on the region's grid, ``(y, x)``, NaN where not observed.

    ``cover`` in %, ``in_domain`` 0-1, ``season_sd`` in %: how far the whole class of a
    cell looks off from the training season.
    """

    cover: NDArray[np.float32]
    in_domain: NDArray[np.float32]
    season_sd: Floats


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


def season_sd_map(
    noise: DifferenceNoise | None, strata: Classes, shape: tuple[int, int]
) -> Floats:
    """Return the season error of each cell, %; none where ``noise`` is None."""
    if noise is None:
        return np.where(strata < 0, np.nan, 0.0).reshape(shape)
    return np.array([*noise.season_sd, np.nan])[strata].reshape(shape)


def parcel_cover(
    areas: ParcelAreas,
    weights: CoverageWeights,
    maps: CoverMaps,
    model_variance: Floats,
    variogram: Variogram,
) -> ParcelCover:
    """Return the mean cover of each parcel with the variances of that mean."""
    return ParcelCover(
        parcel_id=areas.parcel_id,
        area_ha=areas.area_ha,
        area_se_ha=areas.area_se_ha,
        cover_pct=means(weights, maps.cover),
        residual=_residual(weights, maps, variogram),
        model=model_variance,
        season=means(weights, maps.season_sd) ** 2,
    )


@dataclass(frozen=True, slots=True, eq=False)
class StockTerms:
    """What turns cover into stocks: the error that parcels share, factors, rules."""

    shared: SharedModel
    factors: CarbonFactors
    rules: StatusRules
    variogram: Variogram


def estimate_stocks(
    known: ParcelCover, weights: CoverageWeights, maps: CoverMaps, terms: StockTerms
) -> Stocks:
    """Return the stocks of every parcel, and of all parcels together.

    Where a parcel was not observed it is taken to be what it is where it was; below
    ``min_observed_pct`` it has no figures, its status says so, and the totals leave
    it out.
    """
    observed_pct = 100 * observed_share(weights, maps.cover)
    domain_pct = 100 * means(weights, maps.in_domain)
    status = parcel_status(known.area_ha, observed_pct, domain_pct, terms.rules)
    has_figures = status != "no_observation"
    columns: dict[str, NDArray[np.generic]] = {
        "parcel_id": np.array(known.parcel_id),
        "observed_pct": observed_pct,
        "domain_pct": domain_pct,
        "cover_pct": np.where(has_figures, known.cover_pct, np.nan),
        "status": status,
    }
    for quantity in QUANTITIES:
        columns |= _columns(known, terms.factors, quantity, has_figures)
    totals = _totals(known, weights, maps, terms, has_figures)
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
    known: ParcelCover,
    weights: CoverageWeights,
    maps: CoverMaps,
    terms: StockTerms,
    shown: Mask,
) -> dict[Quantity, RegionBudget]:
    if not shown.any():
        return {}
    some = known.only(shown)
    shared = SharedModel(terms.shared.design[shown], terms.shared.covariance)
    whole = union(weights.only(shown))
    (residual,) = _residual(whole, maps, terms.variogram)
    return {
        quantity: region_budget(
            some,
            terms.factors,
            shared,
            quantity=quantity,
            residual_variance=float(residual),
        )
        for quantity in QUANTITIES
    }


def _residual(
    weights: CoverageWeights, maps: CoverMaps, variogram: Variogram
) -> Floats:
    """Return the variance of each mean cover that the cells' residuals make, %2."""
    sd, observed = float(np.sqrt(variogram.variance)), np.isfinite(maps.cover)
    return parcel_variance(weights, sd, variogram, observed=observed)
