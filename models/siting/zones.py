"""Contiguous zones of a selection."""

from dataclasses import dataclass

import numpy as np

from models.siting.problem import SLACK
from models.siting.program import components
from models.siting.units import Borders, Flags, Numbers, Places


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """``zone`` of each unit, from 0 in order of first unit, -1 where it is in none."""

    zone: Places
    area_ha: Numbers
    """Of each zone."""
    is_small: Flags
    """Zones below the least size."""

    def __len__(self) -> int:
        return len(self.area_ha)


def zones(
    selected: Flags,
    borders: Borders,
    area_ha: Numbers,
    *,
    min_zone_ha: float = 0.0,
    drop_small: bool = False,
) -> Zones:
    """Put selected units that share a border (longer than a point) into one zone.

    Zones below ``min_zone_ha`` are flagged, or left out with ``drop_small``.
    """
    touching = borders.length_m > 0
    zone = components(borders.first, borders.second, touching, selected)
    area = np.bincount(zone[selected], area_ha[selected]).astype(np.float64)
    is_small = area < min_zone_ha * (1 - SLACK)
    if drop_small and is_small.any():
        kept = selected & ~is_small[np.maximum(zone, 0)]
        return zones(kept, borders, area_ha, min_zone_ha=min_zone_ha)
    return Zones(zone, area, is_small)
