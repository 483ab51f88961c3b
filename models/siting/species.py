"""Which species group is planted on each unit, and what it then takes up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.planting import (
    CarbonContent,
    GrowthCurve,
    Niche,
    Potential,
    carbon_potential,
)
from models.siting.units import Flags, Numbers

NONE = -1
"""Number of the group where none may be planted."""


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """The ground of the units, means over what may be planted; None is no layer.

    ``share`` (units, classes) is how much of a unit is of each class of site, and
    ``quality`` (classes,) what such a site gives as a multiple of the average one.
    A unit whose shares are NaN has no known site, and no uptake.
    """

    share: Numbers
    quality: Numbers
    height_m: Numbers | None = None
    rain_mm: Numbers | None = None
    slope_deg: Numbers | None = None

    @classmethod
    def average(cls, count: int) -> "Sites":
        """Return units of which nothing is known: average sites, fit for anything."""
        return cls(np.ones((count, 1)), np.ones(1))

    def __len__(self) -> int:
        return len(self.share)

    @property
    def is_known(self) -> Flags:
        """Whether all that there are layers for is known of a unit."""
        told = [self.share.sum(axis=1), self.height_m, self.rain_mm, self.slope_deg]
        known = [np.isfinite(values) for values in told if values is not None]
        return np.asarray(np.logical_and.reduce(known))

    def suits(self, niche: Niche) -> Flags:
        """Say where a group may be planted, by the means of the units."""
        fits = niche.suits(self.height_m, self.rain_mm, self.slope_deg)
        return np.broadcast_to(fits, (len(self),))


@dataclass(frozen=True, slots=True, eq=False)
class Grower:
    """The species groups to choose from and all that turns an age into CO2."""

    curves: Mapping[str, GrowthCurve]
    niches: Mapping[str, Niche]
    content: CarbonContent
    site_relative_se: float

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(self.curves)

    def at(self, group: str, sites: Sites, *, age_yr: float) -> Potential:
        """T CO2/ha of each unit, and its standard error, at an age of the group."""
        found = carbon_potential(
            self.curves[group],
            sites.quality,
            self.content,
            age_yr=age_yr,
            site_relative_se=self.site_relative_se,
        )
        return Potential(sites.share @ found.co2_t_ha, sites.share @ found.se_t_ha)


def best_groups(grower: Grower, sites: Sites, *, age_yr: float) -> NDArray[np.int16]:
    """Return each unit's group, by number, that takes up most within ``age_yr`` years.

    Its niche holds the unit's mean height, rain and slope. The first of equals;
    ``NONE`` where there is none, or the site is not known.
    """
    best = np.full(len(sites), NONE, np.int16)
    most = np.zeros(len(sites))
    for number, group in enumerate(grower.groups):
        found = grower.at(group, sites, age_yr=age_yr).co2_t_ha
        better = sites.suits(grower.niches[group]) & (found > most)
        best[better], most[better] = number, found[better]
    return best


def grown(
    grower: Grower,
    sites: Sites,
    group: NDArray[np.int16],
    *,
    planted: NDArray[np.int64],
    horizons: Sequence[int],
) -> dict[int, Potential]:
    """Uptake per ha of every unit to every horizon, NaN where nothing is planted.

    Parameters
    ----------
    group
        As from ``best_groups``.
    planted
        Year in which each unit is planted: a stand takes up nothing before.
    """
    found: dict[int, Potential] = {}
    for year in horizons:
        amount, error = np.full((2, len(sites)), np.nan)
        for number, start in sorted(
            {*zip(group.tolist(), planted.tolist(), strict=True)}
        ):
            if number == NONE:
                continue
            here = (group == number) & (planted == start)
            each = grower.at(
                grower.groups[number], sites, age_yr=float(max(year - start, 0))
            )
            amount[here], error[here] = each.co2_t_ha[here], each.se_t_ha[here]
        found[year] = Potential(amount, error)
    return found
