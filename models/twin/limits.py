"""Where planting is not allowed or not easy, as a land registry would have it."""

from dataclasses import dataclass

import numpy as np
from shapely.geometry import Polygon

from models.twin.county import LEFT, TOP
from models.twin.fields import key_of, point_places, uniform
from models.twin.landscape import Landscape
from models.twin.terrain import relief

REDLINE_KM2 = 12.0
"""One protected area in so many square kilometres."""


@dataclass(frozen=True, slots=True)
class Redline:
    """A protected area (生态保护红线)."""

    name_zh: str
    shape: Polygon


def redlines(landscape: Landscape) -> tuple[Redline, ...]:
    """Return protected areas about high ground, one in every lattice square."""
    county = landscape.county
    side_m = REDLINE_KM2**0.5 * 1000
    side = max(int(county.size * 10 / side_m), 1)
    found: list[Redline] = []
    for i in range(side):
        for j in range(side):
            shape = _about(county.seed, i, j, min(side_m, county.size * 10.0))
            found.append(Redline(f"模拟红线{len(found) + 1}号", shape))
    return tuple(found)


def _about(seed: int, i: int, j: int, side_m: float) -> Polygon:
    tries = np.arange(16)
    x = (
        LEFT
        + (j + 0.15 + 0.7 * uniform(key_of(seed, "red x", i, j), tries, 0)) * side_m
    )
    y = TOP - (i + 0.15 + 0.7 * uniform(key_of(seed, "red y", i, j), tries, 0)) * side_m
    best = int(np.argmax(relief(point_places(x, y), seed).height_m))
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    base = 0.10 * side_m * (1 + uniform(key_of(seed, "red size"), i, j))
    turn = 2 * np.pi * uniform(key_of(seed, "red turn"), i, j)
    radius = base * (1 + 0.22 * np.sin(3 * angles + turn) + 0.1 * np.sin(7 * angles))
    ring = np.column_stack(
        [x[best] + radius * np.cos(angles), y[best] + radius * np.sin(angles)]
    )
    return Polygon(ring.round(1))
