"""Scales that a target may be modelled on, and the way back without bias."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scale = Literal["plain", "root", "log"]

SCALES: tuple[Scale, ...] = get_args(Scale)

_LARGEST_LOG = 60.0
"""Keeps exp within single precision; far beyond any biomass, so not in the domain."""


def usable_scales(observed: Floats) -> tuple[Scale, ...]:
    """Return the scales on which all of ``observed`` can be written."""
    lowest = float(observed.min())
    if lowest > 0:
        return SCALES
    return SCALES[:2] if lowest == 0 else SCALES[:1]


def onto(scale: Scale, observed: Floats) -> Floats:
    """Return ``observed`` on ``scale``."""
    if scale == "root":
        return np.sqrt(observed)
    return np.log(observed) if scale == "log" else observed


def smear_of(scale: Scale, residual: Floats) -> float:
    """Return what the mean on the plain scale takes besides the mean on ``scale``.

    The mean of a back-transformed value is not the back-transformed mean: the
    residuals that the model had on places it had not seen make up for it (the smearing
    estimate, Duan 1983, doi:10.1080/01621459.1983.10478017).
    """
    if scale == "root":
        return float(np.mean(residual**2))
    return float(np.mean(np.exp(residual))) if scale == "log" else 0.0


def back(scale: Scale, value: Floats, smear: float) -> Floats:
    """Return the mean on the plain scale of what has the mean ``value`` on ``scale``.

    A root below zero, of which there is none, counts as zero.
    """
    if scale == "root":
        return np.maximum(value, 0.0) ** 2 + smear
    if scale == "log":
        return np.exp(np.clip(value, -_LARGEST_LOG, _LARGEST_LOG)) * smear
    return value


def slope(scale: Scale, value: Floats, smear: float) -> Floats:
    """Return the derivative of ``back`` by ``value``: what its error is multiplied by.

    On the root scale at least that at one residual sd above zero, because the slope
    at zero would promise that nothing can go wrong there.
    """
    if scale == "root":
        return 2.0 * np.maximum(value, np.sqrt(smear))
    return back(scale, value, smear) if scale == "log" else np.ones_like(value)
