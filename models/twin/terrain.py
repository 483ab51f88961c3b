"""Hills, valleys and rivers: height above sea level, slope, and how the sun falls."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid
from models.twin.county import LEFT, TOP
from models.twin.fields import Floats, Places, grid_places, point_places

RIVER_M, STREAM_M = 8000.0, 1900.0
"""Wavelengths of the fields whose zero lines are rivers and streams."""

FORD = (LEFT + 2150.0, TOP - 1900.0)
"""The river runs through this place, so every county has one."""


@dataclass(frozen=True, slots=True)
class Relief:
    """The shape of the land at some places."""

    height_m: Floats
    """Above sea."""
    river_m: Floats
    """About how far the middle of the river is; ``stream_m`` likewise."""
    stream_m: Floats
    valley: Floats
    """From 0 beside the water to 1 on the ridges."""


def relief(places: Places, seed: int) -> Relief:
    """Return the shape of the land at ``places``."""
    river_m = _metres_off(places, seed, "river", (RIVER_M, 1300.0))
    stream_m = _metres_off(places, seed, "stream", (STREAM_M, 500.0))
    off_river = 1 - np.exp(-((river_m / 620.0) ** 2))
    off_stream = 1 - np.exp(-((stream_m / 300.0) ** 2))
    valley = off_river * (0.10 + 0.90 * off_stream)
    massif = places.noise(seed, "massif", 12_000.0)
    hills = places.octaves(seed, "hills", (2600.0, 1300.0, 650.0), 0.55)
    ridges = 1 - np.abs(places.octaves(seed, "ridges", (1500.0, 700.0, 300.0), 0.6))
    fine = places.octaves(seed, "fine", (420.0, 200.0, 100.0), 0.55)
    lift = np.maximum(330 + 150 * massif + 110 * hills + 150 * ridges, 60.0)
    floor = 45 + 14 * places.noise(seed, "floor", 9000.0)
    height = floor + valley * lift + (1.5 + 24 * valley) * fine
    return Relief(height, river_m, stream_m, valley)


def _metres_off(
    places: Places, seed: int, name: str, wavelengths_m: tuple[float, float]
) -> Floats:
    """Return about how far the zero line of a field is: its value over its gradient."""

    def field(places: Places) -> Floats:
        return places.octaves(seed, name, wavelengths_m, 0.14)

    value, step = field(places), 5.0
    here = value - field(point_places(*FORD)) if name == "river" else value
    east = field(replace(places, x=places.x + step)) - value
    north = field(replace(places, y=places.y + step)) - value
    steepness = np.hypot(east, north) / step
    return np.asarray(np.abs(here) / np.maximum(steepness, 0.3 / wavelengths_m[0]))


def gradient(grid: Grid, seed: int) -> tuple[Relief, Floats, Floats]:
    """Return the relief of ``grid`` and its rise to the east and north, m/m.

    Central differences over cells that reach beyond the grid, so a block's edge is
    like its middle.
    """
    wider = grid.window(slice(-1, grid.height + 1), slice(-1, grid.width + 1))
    land = relief(grid_places(wider.xs(), wider.ys()), seed)
    height, step = land.height_m, 2 * grid.cell_m
    east = (height[1:-1, 2:] - height[1:-1, :-2]) / step
    north = (height[:-2, 1:-1] - height[2:, 1:-1]) / step
    inner = (slice(1, -1), slice(1, -1))
    return (
        Relief(
            height[inner], land.river_m[inner], land.stream_m[inner], land.valley[inner]
        ),
        east,
        north,
    )


def slope_deg(east: NDArray[np.floating], north: NDArray[np.floating]) -> Floats:
    return np.asarray(np.degrees(np.arctan(np.hypot(east, north))))


def sun_on_slope(
    east: NDArray[np.floating],
    north: NDArray[np.floating],
    *,
    zenith_deg: float,
    azimuth_deg: float,
) -> Floats:
    """Return the cosine of the angle between the sun and the ground's normal."""
    zenith, azimuth = np.radians(zenith_deg), np.radians(azimuth_deg)
    towards = east * np.sin(azimuth) + north * np.cos(azimuth)
    level = np.cos(zenith) - np.sin(zenith) * towards
    return np.asarray(level / np.sqrt(1 + east * east + north * north))


def sun_at(day_of_year: float, latitude_deg: float = 30.6) -> tuple[float, float]:
    """Return zenith and azimuth of the sun (degrees) at a quarter to eleven, sun time.

    The declination is the usual cosine, good to a degree.
    """
    turn = 2 * np.pi * (day_of_year + 10) / 365
    declination = np.radians(-23.44) * np.cos(turn)
    hour, latitude = np.radians(-18.75), np.radians(latitude_deg)
    up = np.sin(latitude) * np.sin(declination)
    up += np.cos(latitude) * np.cos(declination) * np.cos(hour)
    zenith = np.arccos(up)
    east = -np.cos(declination) * np.sin(hour)
    north = np.cos(latitude) * np.sin(declination)
    north -= np.sin(latitude) * np.cos(declination) * np.cos(hour)
    return float(np.degrees(zenith)), float(np.degrees(np.arctan2(east, north)) % 360)
