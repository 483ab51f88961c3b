"""Water erosion by RUSLE, and its classes as a measure of ecological fragility.

A = R K LS C P in t/(ha yr). With R in MJ mm/(ha h yr) and K in t ha h/(ha MJ mm).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Values = NDArray[np.floating]

T_KM2_PER_T_HA = 100.0
"""1 t/ha is 100 t/km2."""
UNIT_PLOT_M = 22.13
_SINGLE_ROW_LENGTH_EXPONENTS = ((1.0, 0.2), (3.0, 0.3), (5.0, 0.4))
"""Slope below which the exponent of length holds, degrees; 0.5 above."""


def rain_erosivity(rain_mm_yr: Values, *, coefficient: float, power: float) -> Numbers:
    """R = coefficient x P^power, MJ mm/(ha h yr), from annual precipitation."""
    return np.asarray(coefficient * np.asarray(rain_mm_yr, np.float64) ** power)


def slope_length_steepness(slope_deg: Values, *, length_m: float) -> Numbers:
    """LS of a slope: L = (length / 22.13)^m times S of the steepness.

    m is 0.2 up to 1 degree, 0.3 up to 3, 0.4 up to 5, else 0.5. S is
    10.8 sin t + 0.03 below 5 degrees, 16.8 sin t - 0.5 below 10 (McCool et al. 1987)
    and 21.91 sin t - 0.96 above (Liu et al. 1994).
    """
    slope = np.asarray(slope_deg, np.float64)
    sine = np.sin(np.radians(slope))
    steepness = np.where(slope < 10, 16.8 * sine - 0.5, 21.91 * sine - 0.96)
    steepness = np.where(slope < 5, 10.8 * sine + 0.03, steepness)
    power = np.full(slope.shape, 0.5)
    for limit, exponent in reversed(_SINGLE_ROW_LENGTH_EXPONENTS):
        power = np.where(slope <= limit, exponent, power)
    result = (length_m / UNIT_PLOT_M) ** power * steepness
    return np.where(np.isnan(slope), np.nan, result)


def cover_factor(cover_pct: Values) -> Numbers:
    """C from vegetation cover c in per cent (Cai et al. 2000).

    1 at c = 0, 0.6508 - 0.3436 log10 c up to 78.3 %, 0 above; at most 1.
    """
    cover = np.asarray(cover_pct, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = 0.6508 - 0.3436 * np.log10(cover)
    factor = np.where(cover > 78.3, 0.0, np.clip(between, 0.0, 1.0))
    return np.where(np.isnan(cover), np.nan, np.where(cover <= 0, 1.0, factor))


def vegetation_cover_pct(ndvi: Values, *, bare: float, full: float) -> Numbers:
    """Cover of all green plants from NDVI, per cent: linear from bare soil to full."""
    share = (np.asarray(ndvi, np.float64) - bare) / (full - bare)
    return np.asarray(100 * np.clip(share, 0.0, 1.0))


def soil_loss_t_ha(
    *,
    erosivity: Values | float,
    erodibility: Values | float,
    slope_factor: Values,
    cover: Values,
    practice: Values | float = 1.0,
) -> Numbers:
    """Multiply R K LS C P to t/(ha yr); NaN where a factor is missing."""
    product = np.asarray(slope_factor, np.float64) * erosivity * erodibility
    return np.asarray(product * cover * practice)


def erosion_class(loss_t_ha: Values, bounds_t_km2: Sequence[float]) -> Numbers:
    """Class of erosion intensity, 1 (slight) and up; NaN stays NaN.

    Parameters
    ----------
    bounds_t_km2
        Ascending limits between the classes, t/(km2 yr); a limit belongs to the class
        above it (SL190-2007).
    """
    limits = np.asarray(bounds_t_km2, np.float64) / T_KM2_PER_T_HA
    if (np.diff(limits) <= 0).any():
        raise ValueError(f"Limits of classes must ascend, got {list(bounds_t_km2)}.")
    loss = np.asarray(loss_t_ha, np.float64)
    number = np.searchsorted(limits, loss, side="right") + 1.0
    return np.where(np.isnan(loss), np.nan, number)
