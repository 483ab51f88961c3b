"""From what grows to what a satellite sees: reflectance that saturates, with noise."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid
from models.twin.county import (
    BANDS,
    FARMLAND,
    FINE_BANDS,
    GRASS,
    ROAD,
    SETTLEMENT,
    SHRUB,
    WATER,
    WETLAND,
    Flora,
    decimal_year,
)
from models.twin.fields import Floats, generator, grid_places, key_of, normal
from models.twin.ground import Ground
from models.twin.growth import StandState, state_at, wooded
from models.twin.landscape import Landscape
from models.twin.terrain import sun_at, sun_on_slope

Bands = NDArray[np.float32]
"""Reflectance, dims (band, y, x), 0-1."""

VISIBLE = np.array([name in {"B02", "B03", "B04", "B05"} for name in BANDS])
SHORTWAVE = np.array([name in {"B11", "B12"} for name in BANDS])
SATURATES_T_HA = 60.0
"""Density at which the optical response has lost 63 % of its slope."""
STAND_SD, STAND_BAND_SD = 0.060, 0.040
"""How much crowns of equal species, age and density differ: leaf, soil, understorey."""
TERRAIN_SHARE = 0.45
"""Share of the sun's effect on slopes that terrain correction leaves in."""


@dataclass(frozen=True, slots=True)
class Light:
    """When a scene was taken, and where the sun stood."""

    day: date
    zenith_deg: float = field(init=False)
    azimuth_deg: float = field(init=False)

    def __post_init__(self) -> None:
        zenith, azimuth = sun_at(self.day.timetuple().tm_yday)
        object.__setattr__(self, "zenith_deg", round(zenith, 3))
        object.__setattr__(self, "azimuth_deg", round(azimuth, 3))

    @property
    def instant(self) -> float:
        return decimal_year(self.day)


@dataclass(frozen=True, slots=True)
class Surfaces:
    """What does not change within a scene: every stand's state and colour."""

    light: Light
    state: StandState
    colours: NDArray[np.float32]
    """Reflectance, (band, colour): of every stand where it is wooded, then of every
    cover without trees by its code."""
    lively: NDArray[np.float32]
    """How much each colour still answers to density, 1 to 0."""


def leafing(day: date, *, seed: int, early_day: float, late_day: float) -> float:
    """Return the share of leaves on deciduous plants; each year is early or late."""
    shift = 7.0 * float(normal(key_of(seed, "phenology"), day.year, 0))
    doy = day.timetuple().tm_yday
    out = 1 / (1 + np.exp(-(doy - early_day - shift) / 7.0))
    off = 1 / (1 + np.exp((doy - late_day - shift) / 8.0))
    return float(out * off)


def surfaces_of(
    landscape: Landscape, light: Light, character: NDArray[np.float32] | None = None
) -> Surfaces:
    """Return the colours of a scene's date; ``character`` if it is known already."""
    flora, seed, stands = landscape.flora, landscape.county.seed, landscape.stands
    state = state_at(stands, flora, light.instant)
    classes = _classes(flora, light.day, seed)
    crowns = _crowns(flora, light.day, seed)[stands.species]
    floor = 0.35 * flora.spectra["soil"] + 0.65 * classes[GRASS]
    below = np.where(state.is_bare[:, None], flora.spectra["soil"], floor)
    shade = 1 - 0.26 * (1 - np.exp(-state.height_m / 9.0))
    closed = state.closure[:, None]
    mixed = closed * crowns * shade[:, None] + (1 - closed) * below
    lively = np.exp(-state.agbd_t_ha / SATURATES_T_HA)
    own = character_of(landscape) if character is None else character
    mixed *= np.exp(own)
    covers = np.zeros((max(classes) + 1, len(BANDS)))
    for cover, colour in classes.items():
        covers[cover] = colour
    colours = np.ascontiguousarray(np.vstack([mixed, covers]).T, np.float32)
    lively = np.concatenate([lively, np.zeros(len(covers))]).astype(np.float32)
    return Surfaces(light, state, colours, lively)


def character_of(landscape: Landscape) -> NDArray[np.float32]:
    """Return the log of each stand's own colour, (stand, band): it never changes."""
    count, seed = len(landscape.stands), landscape.county.seed
    number = np.arange(count)
    own = np.empty((count, len(BANDS)))
    for index, name in enumerate(BANDS):
        own[:, index] = STAND_BAND_SD * normal(key_of(seed, "tint", name), number, 0)
    groups = (VISIBLE, SHORTWAVE, ~(VISIBLE | SHORTWAVE))
    for index, members in enumerate(groups):
        shared = normal(key_of(seed, "tint of", index), number, 0)
        own[:, members] += STAND_SD * shared[:, None]
    return own.astype(np.float32)


def _crowns(flora: Flora, day: date, seed: int) -> NDArray[np.float32]:
    """Reflectance of closed crowns by species code, (code, band)."""
    leaves = leafing(day, seed=seed, early_day=92, late_day=318)
    turn = np.cos(2 * np.pi * (day.timetuple().tm_yday - 200) / 365)
    crowns = np.zeros((len(flora.species) + 1, len(BANDS)), np.float32)
    infrared = ~(VISIBLE | SHORTWAVE)
    for one in flora.species:
        full = flora.spectra[one.leaf].copy()
        if one.leaf == "deciduous":
            full = leaves * full + (1 - leaves) * flora.spectra["leafless"]
        full[infrared] *= 1 + 0.06 * turn
        full *= np.exp(0.03 * normal(key_of(seed, "kind", one.code), np.arange(10), 0))
        crowns[one.code] = full
    return crowns


def _classes(flora: Flora, day: date, seed: int) -> dict[int, NDArray[np.float32]]:
    spectra = flora.spectra
    green = leafing(day, seed=seed, early_day=88, late_day=305)
    grass = green * spectra["grass_green"] + (1 - green) * spectra["grass_dry"]
    flooded = leafing(day, seed=seed, early_day=128, late_day=172)
    growing = leafing(day, seed=seed, early_day=172, late_day=282)
    crop = growing * spectra["crop_green"] + (1 - growing) * spectra["crop_bare"]
    return {
        WATER: spectra["water"],
        WETLAND: 0.7 * green * spectra["wetland"] + (1 - 0.7 * green) * spectra["soil"],
        FARMLAND: flooded * spectra["crop_flooded"] + (1 - flooded) * crop,
        SETTLEMENT: spectra["settlement"],
        ROAD: spectra["road"],
        GRASS: grass,
        SHRUB: 0.55 * grass + 0.45 * spectra["evergreen"],
    }


def surface(ground: Ground, grid: Grid, landscape: Landscape, seen: Surfaces) -> Bands:
    """Return the reflectance of a block without atmosphere, cloud and sensor."""
    instant = seen.light.instant
    trees = wooded(ground.cover, ground.stand, landscape.stands, instant)
    bare = len(landscape.stands) + ground.cover.astype(np.int32)
    colour = np.where(trees, ground.stand, bare)
    bands = np.take(seen.colours, colour, axis=1)
    response = seen.lively[colour] * (ground.vigour - 1)
    bands *= 1 + _RESPONSE[:, None, None] * response
    _burn(bands, ground, landscape.flora, instant)
    places = grid_places(grid.xs(), grid.ys())
    seed = landscape.county.seed
    mottled = 1 + 0.055 * places.octaves(seed, "mottle", (45.0, 22.0), 0.8)
    bands *= (mottled * _shading(ground, seen.light)).astype(np.float32)
    return bands


_RESPONSE = np.select([VISIBLE, SHORTWAVE], [-0.30, -0.38], 0.22).astype(np.float32)
"""Change of reflectance with density, relative, where nothing is saturated yet."""


def _burn(bands: Bands, ground: Ground, flora: Flora, instant: float) -> None:
    """Blacken what burnt; it greens again within two years."""
    since = instant - ground.burnt
    recent = (since >= 0) & (since < 5)
    if recent.any():
        share = ground.severity[recent] * np.exp(-since[recent] / 0.9)
        black = flora.spectra["burnt"][:, None]
        bands[:, recent] = bands[:, recent] * (1 - share) + black * share


def _shading(ground: Ground, light: Light) -> Floats:
    level = np.cos(np.radians(light.zenith_deg))
    falls = sun_on_slope(
        ground.east,
        ground.north,
        zenith_deg=light.zenith_deg,
        azimuth_deg=light.azimuth_deg,
    )
    return np.asarray(np.clip(1 + TERRAIN_SHARE * (falls / level - 1), 0.45, 1.5))


def haze(seed: int, scene: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what correction left in a scene: a factor and an addition per band."""
    draw = generator(seed, "haze", scene)
    factor = (
        1 + 0.02 * draw.standard_normal() + 0.012 * draw.standard_normal(len(BANDS))
    )
    path = np.where(VISIBLE, 0.0035, 0.0012) * draw.standard_normal()
    return factor.astype(np.float32), np.asarray(path, np.float32)


def sensed(
    reflectance: NDArray[np.float32], *, seed: int, scene: str, band: str, block: str
) -> NDArray[np.float32]:
    """Add the noise of the sensor, drawn for this block of this band alone."""
    draw = generator(seed, "sensor", scene, band, block)
    noise = draw.standard_normal(reflectance.shape, dtype=np.float32)
    return np.asarray(reflectance + noise * (0.0012 + 0.012 * reflectance))


def coarse(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of 2 x 2 cells, as bands of 20 m see them."""
    upper = cells[::2, ::2] + cells[::2, 1::2]
    lower = cells[1::2, ::2] + cells[1::2, 1::2]
    return np.asarray((upper + lower) * np.float32(0.25))


def cell_m_of(band: str) -> int:
    return 10 if band in FINE_BANDS else 20
