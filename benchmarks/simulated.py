"""Parcels and values for benchmarks: made from a seed, the same every time."""

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geo.grid import Grid

CRS = "EPSG:4547"
"""CGCS2000 / 3-degree Gauss-Kruger CM 114E."""
CELL_M = 10.0
_PARTS = 6


def grid_of(side: int) -> Grid:
    """Return a square grid of ``side`` x ``side`` cells."""
    return Grid(CRS, 500_000.0, 4_000_000.0, CELL_M, side, side)


def mosaic(side: int, grid: Grid) -> gpd.GeoDataFrame:
    """Return ``side`` x ``side`` parcels with 24 corners that fill ``grid``."""
    generator = np.random.default_rng(side)
    left, bottom, right, _ = grid.bounds
    step = (right - left) / side
    corners = np.stack(np.meshgrid(np.arange(side + 1), np.arange(side + 1)), -1) * step
    inner = slice(1, -1)
    jitter = generator.uniform(-0.15, 0.15, (side - 1, side - 1, 2)) * step
    corners[inner, inner] += jitter
    across = _wavy(corners[:, :-1], corners[:, 1:], generator, step)
    down = _wavy(corners[:-1], corners[1:], generator, step)
    ring = np.concatenate(
        [
            across[:-1],
            down[:, 1:],
            _backwards(across[1:], corners[1:, 1:]),
            _backwards(down[:, :-1], corners[1:, :-1]),
        ],
        axis=-2,
    )
    ring = np.clip(ring, 0.0, right - left).reshape(side * side, -1, 2)
    shapes = shapely.polygons(ring + np.array([left, bottom]))
    if not shapely.is_valid(shapes).all():
        raise ValueError("The simulated parcels cross themselves.")
    names = [f"P{number:07d}" for number in range(len(shapes))]
    return gpd.GeoDataFrame({"parcel_id": names}, geometry=shapes, crs=CRS)


def _wavy(
    first: NDArray[np.float64],
    last: NDArray[np.float64],
    generator: np.random.Generator,
    step: float,
) -> NDArray[np.float64]:
    """Return the first corner and points on a wavy line to the last."""
    part = np.arange(_PARTS)[:, None] / _PARTS
    line = first[..., None, :] * (1 - part) + last[..., None, :] * part
    line[..., 1:, :] += generator.uniform(-0.03, 0.03, line[..., 1:, :].shape) * step
    return line


def _backwards(
    line: NDArray[np.float64], last: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Walk a wavy line the other way: its last corner first, its first left out."""
    return np.concatenate([last[..., None, :], line[..., :0:-1, :]], axis=-2)


def field(side: int) -> NDArray[np.float32]:
    """Return values of 20-180 that vary smoothly, with noise from cell to cell."""
    generator = np.random.default_rng(7)
    place = np.linspace(0, 12, side, dtype=np.float32)
    values = generator.random((side, side), np.float32)
    values *= 40.0
    values += 80.0 + 60.0 * np.sin(place)[:, None] * np.cos(place)
    return values


def clouds(side: int) -> NDArray[np.bool_]:
    """Return the cells, about a fifth, that round clouds hide."""
    generator = np.random.default_rng(9)
    hidden = np.zeros((side, side), bool)
    radius = side // 40
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = x * x + y * y <= radius * radius
    for row, column in generator.integers(radius, side - radius - 1, (114, 2)):
        part = slice(row - radius, row + radius + 1)
        hidden[part, column - radius : column + radius + 1] |= disc
    return hidden


def sites(side: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return benefit (t CO2e) and cost (CNY) of ``side`` x ``side`` blocks.

    Logarithms of both are fields that vary over 20-40 blocks and over 3, with noise
    from block to block; nothing but a landscape's look is meant by them.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, side]))

    def smooth(blocks: float) -> NDArray[np.float64]:
        drawn = generator.standard_normal((side, side))
        found: NDArray[np.float64] = gaussian_filter(drawn, blocks, mode="wrap")
        return found / found.std()

    wide = min(20.0, side / 6)
    noise = generator.standard_normal((2, side, side))
    benefit = 20 * np.exp(0.4 * smooth(wide / 2) + 0.3 * smooth(3) + 0.3 * noise[0])
    cost = 2_000 * np.exp(0.4 * smooth(wide) + 0.2 * smooth(3) + 0.2 * noise[1])
    return benefit, cost
