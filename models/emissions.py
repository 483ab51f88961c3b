"""Activity of emission sources to CO2e."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import TableError

Numbers = NDArray[np.float64]

GJ_PER_MWH = 3.6
KG_PER_T = 1000
HOURS_PER_YEAR = 8784
"""Of a leap year: no plant runs longer."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceEmissions:
    """t CO2e/yr of each source and whether the figure was ``estimated`` by us."""

    co2e_t_yr: Numbers
    estimated: NDArray[np.bool_]


def factor_t_mwh(co2_kg_gj: Numbers, efficiency: Numbers) -> Numbers:
    """T CO2 per MWh generated.

    kg/GJ of fuel x 3.6 GJ/MWh / (MWh out per MWh in) / 1000 kg/t.

    Raises
    ------
    TableError
        When a factor is negative or an efficiency is not within 0-1.
    """
    _require("co2_kg_gj", co2_kg_gj, low=0.0, high=np.inf)
    _require("efficiency", efficiency, low=np.nextafter(0.0, 1.0), high=1.0)
    return np.asarray(co2_kg_gj * GJ_PER_MWH / efficiency / KG_PER_T)


def co2e_t_yr(
    capacity_mw: Numbers, *, full_load_hours: Numbers, factor_t_mwh: Numbers
) -> Numbers:
    """Capacity (MW) x full-load hours (h/yr) x factor (t/MWh) = t CO2e/yr.

    Raises
    ------
    TableError
        When a number is missing, negative, or there are more hours than a year has.
    """
    _require("capacity_mw", capacity_mw, low=0.0, high=np.inf)
    _require("full_load_hours", full_load_hours, low=0.0, high=HOURS_PER_YEAR)
    _require("factor_t_mwh", factor_t_mwh, low=0.0, high=np.inf)
    return np.asarray(capacity_mw * full_load_hours * factor_t_mwh)


def reported_or_estimated(
    reported_t_yr: Numbers, estimate_t_yr: Numbers
) -> SourceEmissions:
    """Take the reported figure where there is one (not NaN), else the estimate.

    Raises
    ------
    TableError
        When a reported figure is negative or infinite, or an estimate is missing
        where it is needed.
    """
    missing = np.isnan(reported_t_yr)
    _require("co2e_t_yr", np.where(missing, 0.0, reported_t_yr), low=0.0, high=np.inf)
    chosen = np.where(missing, estimate_t_yr, reported_t_yr)
    _require("estimated co2e_t_yr", chosen, low=0.0, high=np.inf)
    return SourceEmissions(chosen, missing)


def _require(field: str, values: Numbers, *, low: float, high: float) -> None:
    values = np.atleast_1d(np.asarray(values, np.float64))
    wrong = ~(np.isfinite(values) & (values >= low) & (values <= high))
    if wrong.any():
        item = int(np.argmax(wrong))
        bounds = f"{low:.6g} to {high:.6g}"
        raise TableError(
            f"Source {item} has {field} = {values[item]}, outside {bounds}.",
            zh=f"第 {item} 个排放源的 {field} 为 {values[item]}，应在 {bounds} 之间，"
            "请更正该行或删去。",
            cure="Correct the row, or leave the source out.",
            field=field,
            item=item,
            value=values[item],
            expected=bounds,
        )
