"""Biomass to carbon to CO2, with the error that each coefficient brings.

Every function takes arrays or numbers; t is tonnes of dry matter (biomass), of carbon
or of CO2 as the name says. Coefficients come from ``config/coefficients/*.csv``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

CO2_PER_CARBON = 44 / 12
"""t CO2 per t C: the ratio of molar masses."""

Z_90 = NormalDist().inv_cdf(0.95)
"""Standard normal quantile of two-sided 90 % limits, 1.6449."""


@dataclass(frozen=True, slots=True)
class RatioClass:
    """Root:shoot ratio of stands with above-ground biomass in (low, high] t/ha."""

    low_t_ha: float
    high_t_ha: float
    ratio: float


def root_shoot(agbd_t_ha: Numbers, classes: Sequence[RatioClass]) -> Numbers:
    """Root:shoot ratio of each stand by the class of its density; NaN stays NaN.

    Raises
    ------
    ValueError
        When the classes leave a gap, overlap, or do not start at 0 and end at infinity.
    """
    ordered = sorted(classes, key=lambda one: one.low_t_ha)
    edges = [0.0, *(one.high_t_ha for one in ordered)]
    if [one.low_t_ha for one in ordered] != edges[:-1] or edges[-1] != np.inf:
        raise ValueError(f"Root:shoot classes must join from 0 to infinity: {ordered}.")
    density = np.asarray(agbd_t_ha, np.float64)
    place = np.searchsorted(np.array(edges[1:-1]), density, side="left")
    ratio = np.array([one.ratio for one in ordered])[place]
    return np.where(np.isnan(density), np.nan, ratio)


def root_shoot_function(
    agbd_t_ha: Numbers, *, intercept: float, slope: float
) -> Numbers:
    """R = exp(intercept + slope ln b) / b, b in t/ha (CDM AR-TOOL14 v04.2).

    Smooth where the classes jump, so a small change of biomass is never a large change
    of roots. NaN where b is not positive.
    """
    density = np.asarray(agbd_t_ha, np.float64)
    positive = np.where(density > 0, density, np.nan)
    return np.exp(intercept + slope * np.log(positive)) / positive


def carbon_t(
    agb_t: Numbers, *, root_shoot: Numbers | float, carbon_fraction: float
) -> Numbers:
    """Carbon above and below ground, t C = t dry matter x (1 + R) x CF."""
    return np.asarray(agb_t * (1.0 + np.asarray(root_shoot)) * carbon_fraction)


def co2_t(carbon: Numbers) -> Numbers:
    """CO2 that holds ``carbon`` t C, in t."""
    return np.asarray(carbon * CO2_PER_CARBON)


def relative_se_of_product(*relative_se: Numbers | float) -> Numbers:
    """Relative error of a product or quotient of independent factors.

    U = sqrt(sum U_i^2), IPCC 2006 vol. 1 eq. 3.1; good while U_i is below about 30 %.
    """
    total: Numbers | float = 0.0
    for one in relative_se:
        total = total + np.asarray(one, np.float64) ** 2
    return np.asarray(np.sqrt(total))


def se_of_sum(*se: Numbers | float) -> Numbers:
    """Error of a sum or difference of independent terms (IPCC 2006 vol. 1 eq. 3.2)."""
    return relative_se_of_product(*se)


def limits_90(value: Numbers, se: Numbers, *, stock: bool) -> tuple[Numbers, Numbers]:
    """Lower and upper normal 90 % limits; a stock's never below zero.

    Normal limits stay readable (value +- 1.645 se) and add up; where they reach below
    zero the cut says that the error is as large as the stock itself.
    """
    low, high = value - Z_90 * se, value + Z_90 * se
    if stock:
        low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
    return np.asarray(low), np.asarray(high)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one source of error does to every parcel.

    ``effect`` is signed: by how much a parcel's figure moves when the source moves by
    one standard deviation. A ``shared`` source moves all parcels at once, so its
    effects add up in a total; others are independent between parcels.
    """

    name: str
    effect: Numbers
    shared: bool


def coefficient_parts(
    figure: Numbers, relative_se: Mapping[str, Numbers | float]
) -> tuple[Part, ...]:
    """Shared parts of ``figure`` from factors with these relative errors.

    A root:shoot ratio R enters as the factor 1 + R: its relative error is
    se(R) / (1 + R). To first order a factor's error moves the figure in proportion.
    """
    return tuple(
        Part(name, np.asarray(figure * relative, np.float64), shared=True)
        for name, relative in relative_se.items()
    )


def parcel_se(parts: Sequence[Part]) -> Numbers:
    """Combine independent ``parts`` to the standard error of every parcel."""
    return se_of_sum(*(part.effect for part in parts))


def total_variances(parts: Sequence[Part]) -> dict[str, float]:
    """Variance that each part brings to the sum over parcels; NaN effects are left out.

    Shared effects add before squaring, others after.
    """
    return {
        part.name: float(
            np.nansum(part.effect) ** 2 if part.shared else np.nansum(part.effect**2)
        )
        for part in parts
    }


def budget_pct(variances: Mapping[str, float]) -> dict[str, float]:
    """Share of each source in the whole variance, in per cent."""
    whole = sum(variances.values())
    if whole == 0:
        return dict.fromkeys(variances, 0.0)
    return {name: 100.0 * variance / whole for name, variance in variances.items()}
