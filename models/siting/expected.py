"""What zones are expected to take up, what that costs, and why they come first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.criteria import CRITERIA
from models.planting import Potential
from models.siting.units import Flags, Numbers


@dataclass(frozen=True, slots=True)
class Uptake:
    """Uptake from planting to a year, t CO2, with 90 % limits, and its yearly mean."""

    year: int
    total_tco2: float
    low_tco2: float
    high_tco2: float
    mean_tco2_yr: float


def uptake_of(
    inside: Flags,
    area_ha: Numbers,
    potential: Mapping[int, Potential],
    *,
    planted: int,
) -> tuple[Uptake, ...]:
    """Sum the uptake of the units ``inside`` to every horizon.

    Errors of a growth curve are shared by all that is planted, so they add up linearly:
    limits do not narrow as a zone grows.
    """
    found = []
    for year, each in sorted(potential.items()):
        total = float((each.co2_t_ha * area_ha)[inside].sum())
        error = float((each.se_t_ha * area_ha)[inside].sum())
        low, high = Potential(np.array(total), np.array(error)).limits_90()
        mean = total / (year - planted) if year > planted else 0.0
        found.append(Uptake(year, total, float(low), float(high), mean))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Reason:
    """A criterion that speaks for a zone, beside its mean on all eligible land."""

    criterion: str
    value: float
    usual: float
    contribution: float
    """Weight times scaled value: its part of the zone's score, 0-1."""

    @property
    def sentence(self) -> str:
        told = CRITERIA[self.criterion]
        return (
            f"{told.title} {_figure(self.value)}{_unit(told.unit)} "
            f"(eligible land on average {_figure(self.usual)}), "
            f"{self.contribution:.2f} of the score"
        )

    @property
    def sentence_zh(self) -> str:
        told = CRITERIA[self.criterion]
        return (
            f"{told.title_zh} {_figure(self.value)}{_unit(told.unit)}"
            f"（可造林地平均 {_figure(self.usual)}），占得分 {self.contribution:.2f}"
        )


def reasons_of(
    inside: Flags,
    eligible: Flags,
    area_ha: Numbers,
    *,
    criteria: Mapping[str, tuple[Numbers, Numbers]],
    weights: Mapping[str, float],
    most: int = 3,
) -> tuple[Reason, ...]:
    """Return the criteria that give a zone most of its score, the strongest first.

    ``criteria`` holds values and values scaled to 0-1 by name. Those that give nothing
    are left out; equal ones come in the order of the names.
    """
    found = []
    for name in sorted(criteria):
        values, scaled = criteria[name]
        found.append(
            Reason(
                name,
                _mean(values, area_ha, inside),
                _mean(values, area_ha, eligible),
                weights[name] * _mean(scaled, area_ha, inside),
            )
        )
    found.sort(key=lambda one: -round(one.contribution, 9))
    return tuple(one for one in found if one.contribution > 0)[:most]


def order_of(scores: Sequence[float], area_ha: Sequence[float]) -> list[int]:
    """Return zones from the first to plant: by mean score, then area, then place."""
    places = range(len(scores))
    return sorted(places, key=lambda at: (-round(scores[at], 9), -area_ha[at], at))


def _mean(values: Numbers, area_ha: Numbers, inside: Flags) -> float:
    return float(np.average(values[inside], weights=area_ha[inside]))


def _unit(unit: str) -> str:
    return "" if unit in {"1", "class"} else f" {unit}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
