"""The shifted coordinates of Chinese web maps (GCJ-02), and the way back.

The shift is a published approximation of an unpublished rule; it reproduces the maps
to about a metre. Nothing is shifted unless a layer is declared to be in GCJ-02.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_AXIS_M = 6_378_245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
"""Krasovsky's ellipsoid, on which the rule is written."""
_CENTRE = 105.0, 35.0
_BOX = 72.004, 0.8293, 137.8347, 55.8271
"""West, south, east, north of where the rule holds."""
_ROUNDS = 12


def to_gcj02(longitude: Numbers, latitude: Numbers) -> tuple[Numbers, Numbers]:
    """Shift WGS 84 coordinates (degrees) as the maps do; none outside China's box."""
    x, y = longitude - _CENTRE[0], latitude - _CENTRE[1]
    waves = (20 * np.sin(6 * x * np.pi) + 20 * np.sin(2 * x * np.pi)) * 2 / 3
    root = np.sqrt(np.abs(x))
    south_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
    south_m += _three(y, (20, 1, 3), (40, 3), (160, 320, 30, 12))
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
    east_m += _three(x, (20, 1, 3), (40, 3), (150, 300, 30, 12))
    sine = np.sin(np.radians(latitude))
    square = 1 - _ECCENTRICITY_SQUARED * sine * sine
    meridian_m = _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / square**1.5
    parallel_m = _AXIS_M / np.sqrt(square) * np.cos(np.radians(latitude))
    west, south, east, north = _BOX
    inside = (longitude >= west) & (longitude <= east)
    inside &= (latitude >= south) & (latitude <= north)
    return (
        longitude + np.where(inside, np.degrees(east_m / parallel_m), 0.0),
        latitude + np.where(inside, np.degrees(south_m / meridian_m), 0.0),
    )


def from_gcj02(longitude: Numbers, latitude: Numbers) -> tuple[Numbers, Numbers]:
    """Return the WGS 84 coordinates that ``to_gcj02`` shifts to these."""
    x, y = longitude, latitude
    for _ in range(_ROUNDS):
        shifted = to_gcj02(x, y)
        x, y = x + longitude - shifted[0], y + latitude - shifted[1]
    return x, y


def _three(
    at: Numbers,
    short: tuple[int, int, int],
    middle: tuple[int, int],
    long: tuple[int, int, int, int],
) -> Numbers:
    """Add up the waves of one axis: periods of 2 and 6, then of 24 and 60 degrees."""
    total = short[0] * np.sin(at * np.pi / short[1])
    total += middle[0] * np.sin(at * np.pi / middle[1])
    total += long[0] * np.sin(at * np.pi / long[3])
    total += long[1] * np.sin(at * np.pi / long[2])
    return np.asarray(total * 2 / 3)
