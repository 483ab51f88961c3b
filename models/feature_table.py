"""Every feature by name: of reflectance, and of canopy height."""

from collections.abc import Iterable
from typing import NamedTuple

from models.canopy import CANOPY_METRICS, CanopyMetric
from models.features import FEATURES, Feature


class NamedFeature(NamedTuple):
    """What a table, a raster's band or a card means by a name."""

    name: str
    title: str
    title_zh: str
    unit: str
    valid_range: tuple[float, float]


def _named(one: Feature | CanopyMetric) -> NamedFeature:
    return NamedFeature(one.name, one.title, one.title_zh, one.unit, one.valid_range)


NAMED_FEATURES: tuple[NamedFeature, ...] = (
    *map(_named, FEATURES),
    *map(_named, CANOPY_METRICS),
)
"""In the order of every stack: reflectance and indices, then canopy height."""


def known_units(names: Iterable[str]) -> dict[str, str]:
    """Return the units of those of ``names`` that are features of ours."""
    asked = set(names)
    return {one.name: one.unit for one in NAMED_FEATURES if one.name in asked}
