"""The criteria of siting: what each is, in which unit, and which way is better."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import SettingsError

Numbers = NDArray[np.float64]
Values = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion; ``direction`` is +1 where more, -1 where less of it is better."""

    name: str
    title: str
    title_zh: str
    unit: str
    direction: int


CRITERIA: dict[str, Criterion] = {
    one.name: one
    for one in (
        Criterion("carbon_potential", "Carbon potential", "固碳潜力", "t CO2/ha", 1),
        Criterion("eco_fragility", "Erosion class", "生态脆弱性(侵蚀等级)", "class", 1),
        Criterion("emission_exposure", "Emission exposure", "排放暴露", "t CO2e/yr", 1),
        Criterion("idle_land", "Share of idle land", "低覆盖地比例", "1", 1),
        Criterion("access", "Distance to a road", "距道路距离", "m", -1),
        Criterion("cost", "Cost of planting", "造林成本", "CNY/ha", -1),
    )
}
"""Every criterion by name. The first five have default weights; cost is what a budget
counts, and may be weighed too."""


def idle_land(cover_pct: Values, *, below_pct: float) -> Numbers:
    """1 where tree cover is below ``below_pct``, else 0; NaN where not observed."""
    cover = np.asarray(cover_pct, np.float64)
    return np.where(np.isnan(cover), np.nan, (cover < below_pct).astype(np.float64))


@dataclass(frozen=True, slots=True)
class CostRates:
    """What planting costs; see config/coefficients/siting.csv."""

    base_cny_ha: float
    """Level land beside a road: plants, planting, three years of tending."""
    slope_share_deg: float
    """Part of the base added per degree of slope."""
    distance_cny_ha_km: float
    """Carrying plants and people, per km from a road."""
    soil_cny_ha: float
    """Soil conservation measures, from ``soil_from_deg`` on."""
    soil_from_deg: float = 5.0


def planting_cost(
    slope_deg: Values, road_distance_m: Values | float, rates: CostRates
) -> Numbers:
    """Cost of planting a hectare, CNY/ha; NaN where slope or distance is."""
    slope = np.asarray(slope_deg, np.float64)
    far_km = np.asarray(road_distance_m, np.float64) / 1000
    cost = rates.base_cny_ha * (1 + rates.slope_share_deg * slope)
    cost = cost + rates.distance_cny_ha_km * far_km
    return np.asarray(
        cost + np.where(slope >= rates.soil_from_deg, rates.soil_cny_ha, 0)
    )


def scaled(
    name: str, values: Values, *, among: NDArray[np.bool_] | None = None
) -> Numbers:
    """Scale a criterion to 0-1, 1 being best, by its least and greatest value.

    A criterion that is the same everywhere tells nothing apart: 0. Values outside the
    range of ``among`` are cut to it; NaN stays NaN.

    Parameters
    ----------
    among
        The units that set the range: the eligible ones.

    Raises
    ------
    SettingsError
        When the criterion is unknown.
    """
    if name not in CRITERIA:
        raise SettingsError(
            f"There is no criterion {name}.",
            zh=f"没有名为 {name} 的准则，可用：{'、'.join(CRITERIA)}。",
            cure=f"Use any of {', '.join(CRITERIA)}.",
            field="criteria",
            value=name,
        )
    numbers = np.asarray(values, np.float64)
    known = np.isfinite(numbers) if among is None else np.isfinite(numbers) & among
    if not known.any():
        return np.where(np.isnan(numbers), np.nan, 0.0)
    low, high = numbers[known].min(), numbers[known].max()
    if high == low:
        return np.where(np.isnan(numbers), np.nan, 0.0)
    share = np.clip((numbers - low) / (high - low), 0.0, 1.0)
    return np.asarray(share if CRITERIA[name].direction > 0 else 1 - share)


def benefit(
    criteria: Mapping[str, Values],
    weights: Mapping[str, float],
    *,
    among: NDArray[np.bool_] | None = None,
) -> Numbers:
    """Return the weighted sum of the scaled criteria, 0-1; NaN where one is.

    Raises
    ------
    SettingsError
        When a criterion with a weight is not there.
    """
    used = [name for name, weight in weights.items() if weight > 0]
    missing = sorted(set(used) - set(criteria))
    if missing or not used:
        named = ", ".join(missing) or "none"
        raise SettingsError(
            f"Criteria with a weight have no values: {named}.",
            zh=f"带权重的准则缺少数据：{named}；请提供图层或将其权重设为 0。",
            cure="Provide their layers, or give them no weight.",
            field="weights",
            value=named,
        )
    parts = [weights[name] * scaled(name, criteria[name], among=among) for name in used]
    return np.asarray(np.sum(parts, axis=0))
