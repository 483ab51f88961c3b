"""How sure a mean of plots is, what is taken off for it, and how many plots to measure.

CDM AR-TOOL14 v04.2: uncertainty U is the half-width of the two-sided 90 % limits over
the mean.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from geo.errors import TooFewObservationsError


@dataclass(frozen=True, slots=True)
class Stratum:
    """Plots of one stratum: its area, and mean, standard deviation and number."""

    area_ha: float
    mean_t_ha: float
    sd_t_ha: float
    plots: int


@dataclass(frozen=True, slots=True)
class DiscountClass:
    """Share of the half-width that is taken off where U is in (low, high]."""

    low: float
    high: float
    share: float


def t_90(degrees_of_freedom: int) -> float:
    """Student's t of two-sided 90 % limits."""
    return float(student.ppf(0.95, degrees_of_freedom))


def stratified_mean(strata: Sequence[Stratum]) -> tuple[float, float]:
    """Return the mean by area, t/ha, and its relative half-width U (eq. 15).

    U = t sqrt(sum w_i^2 s_i^2 / n_i) / mean with plots - strata degrees of freedom.

    Raises
    ------
    TooFewObservationsError
        When there are no more plots than strata.
    """
    freedom = sum(one.plots for one in strata) - len(strata)
    if freedom < 1:
        raise TooFewObservationsError(
            f"{freedom + len(strata)} plots in {len(strata)} strata leave no error.",
            zh=f"{len(strata)} 个层共 {freedom + len(strata)} 个样地，无法估计误差。",
            cure="Measure more plots than there are strata.",
        )
    area = sum(one.area_ha for one in strata)
    mean = sum(one.area_ha / area * one.mean_t_ha for one in strata)
    variance = sum(
        (one.area_ha / area * one.sd_t_ha) ** 2 / one.plots for one in strata
    )
    return mean, t_90(freedom) * math.sqrt(variance) / mean


def discount_share(uncertainty: float, classes: Sequence[DiscountClass]) -> float:
    """Return the share of the half-width that is taken off at ``uncertainty``.

    A class holds its upper edge. Raises ``ValueError`` where no class holds it.
    """
    for one in classes:
        if one.low < uncertainty <= one.high or uncertainty == one.low == 0:
            return one.share
    raise ValueError(f"No class of discounts holds U = {uncertainty}.")


def conservative(
    value: float, uncertainty: float, classes: Sequence[DiscountClass]
) -> float:
    """Return ``value`` less the discount for its uncertainty: X - d(U) U X."""
    taken = discount_share(uncertainty, classes) * uncertainty
    return value - taken * value


def change_uncertainty(
    first: float, first_u: float, second: float, second_u: float
) -> float:
    """U of the difference of two independent inventories (eq. 2)."""
    width = math.hypot(first_u * first, second_u * second)
    return width / abs(second - first)


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Plots that reach a precision, before and after rounding up by stratum."""

    exact: float
    by_stratum: tuple[int, ...]


def sample_size(
    places: Sequence[float],
    sd_t_ha: Sequence[float],
    *,
    half_width_t_ha: float,
    t: float,
) -> SampleSize:
    """Return how many plots a mean with ``half_width_t_ha`` takes, and where.

    n = (sum N_h s_h)^2 / (N^2 E^2 / t^2 + sum N_h s_h^2), shared out as N_h s_h
    (Neyman allocation; BioCarbon Sourcebook).

    Parameters
    ----------
    places
        N_h, how many plots would cover each stratum.
    t
        Student's t, 1.645 to begin with.
    """
    count, sd = np.asarray(places, float), np.asarray(sd_t_ha, float)
    weight = count * sd
    fixed = (count.sum() * half_width_t_ha / t) ** 2
    exact = float(weight.sum() ** 2 / (fixed + (count * sd**2).sum()))
    shares = exact * weight / weight.sum()
    return SampleSize(exact, tuple(math.ceil(one) for one in shares))
