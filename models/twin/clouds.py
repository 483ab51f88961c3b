"""Clouds, their shadows, and a scene classification that errs as Sen2Cor's does."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from geo.grid import Grid
from models.twin.county import (
    BANDS,
    CELL_M,
    FARMLAND,
    GRASS,
    LEFT,
    ROAD,
    SETTLEMENT,
    TOP,
    WATER,
    County,
    Flora,
)
from models.twin.fields import Places, grid_places
from models.twin.ground import Ground
from models.twin.optics import Bands, Light
from models.twin.schedule import Delivery

NO_DATA, DARK, SHADOW, VEGETATION, BARE, WATER_SCL = 0, 2, 3, 4, 5, 6
CLOUD_MEDIUM, CLOUD_HIGH, CIRRUS = 8, 9, 10
CLOUD_TOP_M = 1100.0
_NIR, _RED = BANDS.index("B08"), BANDS.index("B04")


@dataclass(frozen=True, slots=True)
class Look:
    """A delivery of a county, seen in the light of its day."""

    county: County
    delivery: Delivery
    light: Light


def thickness(places: Places, look: Look) -> NDArray[np.float32]:
    """Return how opaque the clouds are, 0 to 1."""
    cloudy = look.delivery.cloudy
    if cloudy <= 0:
        return np.zeros(places.shape, np.float32)
    name = f"cloud {look.delivery.pass_name}"
    sizes_m = (1500.0, 600.0, 260.0, 110.0)
    shape = places.octaves(look.county.seed, name, sizes_m, 0.6)
    edge = float(ndtri(1 - min(cloudy, 0.98)))
    return np.clip((shape - edge) / 0.45, 0, 1).astype(np.float32)


def overcast(
    bands: Bands, ground: Ground, grid: Grid, flora: Flora, look: Look
) -> tuple[Bands, NDArray[np.uint8]]:
    """Put the sky over a block: return what is seen, and the codes of the mask.

    Thin edges of clouds and shadows stay unmarked, as they do in real masks. Outside
    the recorded part the codes are 0.
    """
    places = grid_places(grid.xs(), grid.ys())
    above = thickness(places, look)
    shadow = thickness(_towards_sun(places, look.light), look) * (1 - above)
    seen = bands * ((1 - 0.62 * shadow) * (1 - above))
    white = (0.75 + 0.25 * above) * above
    for band, colour in enumerate(flora.spectra["cloud"]):
        seen[band] += colour * white
    codes = _ground_codes(ground, bands)
    codes[(seen[_NIR] < 0.08) & (codes == VEGETATION)] = DARK
    codes[shadow > 0.30] = SHADOW
    for least, code in ((0.10, CIRRUS), (0.25, CLOUD_MEDIUM), (0.55, CLOUD_HIGH)):
        codes[above > least] = code
    codes[~recorded(places, look)] = NO_DATA
    return seen, codes


def recorded(places: Places, look: Look) -> NDArray[np.bool_]:
    """Return what of a grid the delivery holds; two halves of a strip are the whole."""
    x, y = places.xy
    side = look.county.size * CELL_M
    east, south = (x - LEFT) / side, (TOP - y) / side
    is_upper = south + 0.12 * east < 0.55
    part = look.delivery.part
    if part == "upper":
        return np.asarray(is_upper)
    if part == "lower":
        return np.asarray(~is_upper)
    if part == "wedge":
        return np.asarray(east + 0.25 * south > 0.35)
    return np.ones(places.shape, bool)


def outline(county: County, part: str) -> list[tuple[float, float]]:
    """Return the ring, in metres, of what ``recorded`` says a part holds."""
    shares = {
        "upper": ((0, 0.55), (1, 0.43), (1, 0), (0, 0)),
        "lower": ((0, 1), (1, 1), (1, 0.43), (0, 0.55)),
        "wedge": ((0.10, 1), (1, 1), (1, 0), (0.35, 0)),
    }.get(part, ((0, 1), (1, 1), (1, 0), (0, 0)))
    side = county.size * CELL_M
    ring = [(LEFT + east * side, TOP - south * side) for east, south in shares]
    return [*ring, ring[0]]


def _ground_codes(ground: Ground, bands: Bands) -> NDArray[np.uint8]:
    codes = np.full(ground.cover.shape, VEGETATION, np.uint8)
    is_open = np.isin(ground.cover, (FARMLAND, GRASS))
    codes[is_open & (bands[_NIR] < 2.2 * bands[_RED])] = BARE
    codes[np.isin(ground.cover, (SETTLEMENT, ROAD))] = BARE
    codes[ground.cover == WATER] = WATER_SCL
    return codes


def _towards_sun(places: Places, light: Light) -> Places:
    """Return where the clouds are whose shadows fall on ``places``."""
    reach = CLOUD_TOP_M * np.tan(np.radians(light.zenith_deg))
    azimuth = np.radians(light.azimuth_deg)
    return Places(
        places.x + reach * np.sin(azimuth),
        places.y + reach * np.cos(azimuth),
        places.is_grid,
    )
