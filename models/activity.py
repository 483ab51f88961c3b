"""Activity of one emission source to t CO2e a year, with its error and its method."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from geo.errors import TableError
from models.emissions import GJ_PER_MWH, HOURS_PER_YEAR, KG_PER_T

DAYS_PER_YEAR = 365
G_PER_T = 1_000_000
MOST_T_MWH = 2.0
"""No plant emits more per MWh: a figure above that is in another unit."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A coefficient by name and zone, as its table has it."""

    name: str
    zone: str
    value: float
    se: float | None
    unit: str
    status: str

    @property
    def relative_se(self) -> float:
        """``se`` over ``value``; 0 where no error is stated or the value is 0."""
        return self.se / abs(self.value) if self.se and self.value else 0.0


Factors = Mapping[tuple[str, str], Factor]
"""Factors by name and zone."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a row says of a source; None where it says nothing.

    A reported emission comes before fuel, fuel before generation, generation before
    capacity; then traffic, then product.
    """

    emission_tco2e_yr: float | None = None
    reported_is_estimate: bool = False
    fuel: str = ""
    fuel_t: float | None = None
    generation_gwh: float | None = None
    capacity_mw: float | None = None
    hours_yr: float | None = None
    factor_tco2e_mwh: float | None = None
    vehicles_day: float | None = None
    vehicle_class: str = ""
    length_km: float | None = None
    product: str = ""
    product_t: float | None = None


@dataclass(frozen=True, slots=True)
class Emission:
    """t CO2e a year of one source, its standard error and where it comes from."""

    co2e_t_yr: float
    se_t_yr: float
    """From the factors that state one; 0 for a reported figure."""
    method: str
    """``reported``, or what it was estimated from: ``fuel``, ``generation``,
    ``capacity``, ``traffic``, ``product``."""
    is_estimated: bool
    factors: tuple[Factor, ...]


def emission_of(activity: Activity, factors: Factors) -> Emission:
    """Turn what is known of a source into t CO2e a year.

    fuel        t x GJ/t x kg/GJ / 1000
    generation  GWh x 1000 x t/MWh
    capacity    MW x h/yr x t/MWh
    traffic     vehicles/day x 365 x km x g/km / 10^6
    product     t x t/t

    t/MWh is the row's own, or a direct factor of the fuel, or
    kg/GJ x 3.6 / efficiency / 1000 (``models.emissions``).

    Raises
    ------
    TableError
        When there is neither emission nor activity, a number is negative or
        impossible, or no factor is known for it.
    """
    _require_possible(activity)
    if activity.emission_tco2e_yr is not None:
        figure = activity.emission_tco2e_yr
        return Emission(figure, 0.0, "reported", activity.reported_is_estimate, ())
    if activity.fuel_t is not None:
        used = _known(factors, activity.fuel, "net_calorific_value", "co2_per_energy")
        return _estimate("fuel", activity.fuel_t / KG_PER_T, used)
    if activity.generation_gwh is not None:
        return _generated(
            "generation", activity.generation_gwh * 1000, activity, factors
        )
    if activity.capacity_mw is not None:
        return _from_capacity(activity.capacity_mw, activity, factors)
    if activity.vehicles_day is not None:
        return _from_traffic(activity.vehicles_day, activity, factors)
    if activity.product_t is not None:
        used = _known(factors, activity.product, "product_factor", field="product")
        return _estimate("product", activity.product_t, used)
    raise _wrong(
        "emission_tco2e_yr",
        "",
        "has neither an emission nor an activity to estimate it from",
        "既无排放量，也无可用于估算的活动水平",
        "an emission, fuel, generation, capacity, traffic or product",
    )


def _estimate(
    method: str, amount: float, factors: tuple[Factor, ...], *, extra: float = 1.0
) -> Emission:
    figure = amount * extra * math.prod(factor.value for factor in factors)
    relative = math.hypot(*(factor.relative_se for factor in factors))
    return Emission(figure, figure * relative, method, True, factors)


def _from_capacity(mw: float, activity: Activity, factors: Factors) -> Emission:
    hours = activity.hours_yr
    if hours is not None:
        return _generated("capacity", mw * hours, activity, factors)
    key = ("full_load_hours", activity.fuel)
    if key not in factors and _direct(activity, factors) is not None:
        # Without emission per MWh the hours do not matter.
        return _generated("capacity", mw * HOURS_PER_YEAR, activity, factors)
    (usual,) = _known(factors, activity.fuel, "full_load_hours")
    base = _generated("capacity", mw * usual.value, activity, factors)
    relative = math.hypot(usual.relative_se, _relative(base))
    used = (usual, *base.factors)
    return Emission(base.co2e_t_yr, base.co2e_t_yr * relative, "capacity", True, used)


def _relative(emission: Emission) -> float:
    return emission.se_t_yr / emission.co2e_t_yr if emission.co2e_t_yr else 0.0


def _direct(activity: Activity, factors: Factors) -> Factor | None:
    return factors.get(("direct_factor", activity.fuel))


def _generated(
    method: str, mwh: float, activity: Activity, factors: Factors
) -> Emission:
    if activity.factor_tco2e_mwh is not None:
        return _estimate(method, mwh * activity.factor_tco2e_mwh, ())
    direct = _direct(activity, factors)
    if direct is not None:
        return _estimate(method, mwh, (direct,))
    burnt, efficiency = _known(
        factors, activity.fuel, "co2_per_energy", "plant_efficiency"
    )
    figure = mwh * burnt.value * GJ_PER_MWH / efficiency.value / KG_PER_T
    relative = math.hypot(burnt.relative_se, efficiency.relative_se)
    return Emission(figure, figure * relative, method, True, (burnt, efficiency))


def _from_traffic(
    vehicles_day: float, activity: Activity, factors: Factors
) -> Emission:
    if activity.length_km is None:
        raise _wrong(
            "length_km",
            "",
            "has vehicles a day but no length",
            "有日均车流量但无长度",
            "the length of the road in km",
        )
    used = _known(
        factors,
        activity.vehicle_class or "mixed_traffic",
        "vehicle_factor",
        field="vehicle_class",
    )
    vehicle_km = vehicles_day * DAYS_PER_YEAR * activity.length_km
    return _estimate("traffic", vehicle_km / G_PER_T, used)


def _known(
    factors: Factors, zone: str, *names: str, field: str = "fuel"
) -> tuple[Factor, ...]:
    missing = [name for name in names if (name, zone) not in factors]
    if missing:
        zones = sorted({key[1] for key in factors if key[0] == missing[0]})
        known = ", ".join(zones)
        raise _wrong(
            field,
            zone,
            f"has {field} {zone!r}, for which there is no {missing[0]}",
            f"的 {field}“{zone}”没有对应的系数 {missing[0]}",
            known,
        )
    return tuple(factors[name, zone] for name in names)


def _require_possible(activity: Activity) -> None:
    limits = {
        "emission_tco2e_yr": math.inf,
        "fuel_t": math.inf,
        "generation_gwh": math.inf,
        "capacity_mw": math.inf,
        "hours_yr": HOURS_PER_YEAR,
        "factor_tco2e_mwh": MOST_T_MWH,
        "vehicles_day": math.inf,
        "length_km": math.inf,
        "product_t": math.inf,
    }
    for field, high in limits.items():
        value = getattr(activity, field)
        if value is not None and not (math.isfinite(value) and 0 <= value <= high):
            raise _wrong(
                field,
                value,
                f"has {field} = {value:g}, outside 0 to {high:g}",
                f"的 {field} 为 {value:g}，应在 0 至 {high:g} 之间",
                f"0 to {high:g}",
            )
    _require_no_more_than_capacity(activity)


def _require_no_more_than_capacity(activity: Activity) -> None:
    figure, mw = activity.emission_tco2e_yr, activity.capacity_mw
    if figure is None or mw is None or not activity.fuel:
        return
    most = mw * HOURS_PER_YEAR * MOST_T_MWH
    if figure > most:
        raise _wrong(
            "emission_tco2e_yr",
            figure,
            f"has {figure:g} t CO2e/yr, more than {mw:g} MW can emit in a year "
            f"({most:g} t): it looks like kg",
            f"的排放量 {figure:g} 吨超过 {mw:g} 兆瓦机组一年的上限 {most:g} 吨，"
            "疑似以千克计",
            f"at most {most:g}",
        )


def _wrong(field: str, value: object, what: str, zh: str, expected: str) -> TableError:
    return TableError(
        f"The source {what}.",
        zh=f"该排放源{zh}。请更正该行或删去。",
        cure="Correct the row, or leave the source out.",
        field=field,
        value=value,
        expected=expected,
    )
