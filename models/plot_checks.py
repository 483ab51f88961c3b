"""Whether measures of trees can be in the units they are said to be in.

A unit that is wrong moves all values by one factor, so the middle of a file tells more
than any single value. Each check raises, naming the unit that would make sense.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import TableError
from models.allometry import TreeEquation
from models.carbon import CO2_PER_CARBON
from models.plots import basal_area_m2_ha
from models.quantities import T_HA_PER

Numbers = NDArray[np.float64]

DBH_CM_PER = {"cm": 1.0, "mm": 0.1, "m": 100.0}
HEIGHT_M_PER = {"m": 1.0, "dm": 0.1, "cm": 0.01}
AREA_HA_PER = {"ha": 1.0, "mu": 1 / 15, "m2": 1 / 10_000}
"""1 mu = 1/15 ha = 666.667 m2."""
DENSITY_G_CM3_PER = {"g/cm3": 1.0, "t/m3": 1.0, "kg/m3": 1 / 1000}
SLOPE_UNITS = ("degree", "percent")

COLUMNS = {
    "dbh": ("dbh_cm", DBH_CM_PER),
    "height": ("height_m", HEIGHT_M_PER),
    "wood_density": ("density_g_cm3", DENSITY_G_CM3_PER),
    "area": ("area_ha", AREA_HA_PER),
    "agb": ("given_agb_t_ha", T_HA_PER),
}
"""Where a measure goes, and how many of that unit one of each other is."""

HEIGHT_TO_DBH = (0.08, 6.0)
"""Metres of height per centimetre of diameter, middle of a file."""
PLAUSIBLE_DENSITY = (0.08, 1.5)
AGREE_WITHIN = 1.6
CARBON_SHARE = 0.47
"""For telling carbon from biomass, not for computing it."""


@dataclass(frozen=True, slots=True)
class PlotLimits:
    """What is beyond belief, from ``limits.csv``."""

    basal_area_max: float
    plot_area_min: float
    plot_area_max: float
    tree_height_max: float
    tree_diameter_max: float


def converted(rows: pd.DataFrame, units: Mapping[str, str]) -> pd.DataFrame:
    """Return ``rows`` with measures in cm, m, g/cm3 and ha, in columns that say so.

    ``rows`` has columns ``dbh``, ``height``, ``wood_density``, ``area`` or ``slope`` as
    far as ``units`` has; slopes become ``slope_degree``.
    """
    made = rows.copy()
    for key, unit in units.items():
        if key in rows and key in COLUMNS:
            name, per = COLUMNS[key]
            made[name] = rows[key].to_numpy(float) * per[unit]
    if "slope" in rows:
        made["slope_degree"] = slope_degree(
            rows["slope"].to_numpy(float), units["slope"]
        )
    return made.drop(columns=[key for key in units if key in rows])


def check_units(
    trees: pd.DataFrame,
    plots: pd.DataFrame,
    equations: Mapping[str, TreeEquation],
    limits: PlotLimits,
) -> None:
    """Raise ``TableError`` for trees that must be in other units than declared.

    Parameters
    ----------
    trees
        As for ``models.plots.plot_biomass``, in cm, m and g/cm3, with ``per_ha``.
    plots
        ``plot_id`` and ``area_ha``.
    """
    check_densities(trees["density_g_cm3"].to_numpy(float))
    check_diameters(trees, equations)
    check_shapes(trees)
    check_sizes(trees, limits)
    check_basal_area(trees, plots, limits)


def check_areas(area_ha: Numbers, limits: PlotLimits) -> None:
    """Refuse plots too large or too small to be plots, before anything is divided."""
    low, high = limits.plot_area_min, limits.plot_area_max
    odd = area_ha[~((area_ha >= low) & (area_ha <= high))]
    if not len(odd):
        return
    middle = float(odd[0])
    raise _looks(
        "plot areas",
        "样地面积",
        f"{middle:g} ha",
        _unit(middle, AREA_HA_PER, low, high),
    )


def check_densities(density_g_cm3: Numbers) -> None:
    """Refuse wood densities in kg/m3 that are read as g/cm3."""
    known = density_g_cm3[np.isfinite(density_g_cm3)]
    if not len(known):
        return
    middle = float(np.median(known))
    low, high = PLAUSIBLE_DENSITY
    if not low <= middle <= high:
        unit = _unit(middle, DENSITY_G_CM3_PER, low, high)
        raise _looks("wood densities", "木材密度", f"{middle:g} g/cm3", unit)


def check_sizes(trees: pd.DataFrame, limits: PlotLimits) -> None:
    """Refuse diameters and heights that no tree has."""
    for name, what, zh, high, scale in (
        ("dbh_cm", "diameters", "胸径", limits.tree_diameter_max, DBH_CM_PER),
        ("height_m", "heights", "树高", limits.tree_height_max, HEIGHT_M_PER),
    ):
        values = trees[name].to_numpy(float)
        worst = float(np.nanmax(values, initial=0.0))
        if worst > high:
            unit = _unit(worst, scale, 0.0, high)
            raise _looks(what, zh, f"up to {worst:g} {name.split('_')[1]}", unit)


def check_diameters(trees: pd.DataFrame, equations: Mapping[str, TreeEquation]) -> None:
    """Refuse a species whose middle diameter fits its equation in another unit only."""
    for name, dbh in trees.groupby("equation", sort=True)["dbh_cm"]:
        low, high = equations[str(name)].dbh_range_cm
        middle = float(dbh.median())
        if low <= middle <= high or not np.isfinite(high):
            continue
        unit = _unit(middle, DBH_CM_PER, low, high)
        if unit:
            value = f"a median of {middle:g} cm; {name} holds from {low:g} to {high:g}"
            raise _looks("diameters", "胸径", value, unit)


def check_shapes(trees: pd.DataFrame) -> None:
    """Refuse heights that do not go with the diameters."""
    dbh, height = trees["dbh_cm"].to_numpy(float), trees["height_m"].to_numpy(float)
    both = (dbh > 0) & (height > 0)
    if not both.any():
        return
    ratio = float(np.median(height[both] / dbh[both]))
    low, high = HEIGHT_TO_DBH
    if low <= ratio <= high:
        return
    tall, wide = float(np.median(height[both])), float(np.median(dbh[both]))
    value = f"a median of {tall:g} m for {wide:g} cm"
    if tall > 45 if ratio > high else wide <= 60:
        raise _looks("heights", "树高", value, _unit(ratio, HEIGHT_M_PER, low, high))
    unit = _unit(1 / ratio, DBH_CM_PER, 1 / high, 1 / low)
    raise _looks("diameters", "胸径", value, unit)


def check_basal_area(
    trees: pd.DataFrame, plots: pd.DataFrame, limits: PlotLimits
) -> None:
    """Refuse plots with more basal area than any forest carries.

    Without their thickest tree, which alone may pass the limit on a small plot.
    """
    ids = pd.Index(plots["plot_id"])
    place = ids.get_indexer(pd.Index(trees["plot_id"]))
    each = np.nan_to_num(basal_area_m2_ha(trees))
    thickest = np.zeros(len(ids))
    np.maximum.at(thickest, place, each)
    total = np.bincount(place, each, minlength=len(ids)) - thickest
    allowed = limits.basal_area_max
    worst = int(np.argmax(total)) if len(ids) else 0
    if not len(ids) or total[worst] <= allowed:
        return
    hint, hint_zh = "", ""
    if total[worst] / 100 <= allowed:
        hint, hint_zh = "; diameters look like mm", "，胸径疑似单位为毫米"
    if total[worst] / 15 <= allowed:
        hint, hint_zh = "; areas look like ha, read as mu", "，面积疑似公顷误作亩"
    raise TableError(
        f"Plot {ids[worst]} would carry {total[worst]:.0f} m2/ha of basal area, more "
        f"than the {allowed:.0f} that is believed{hint}.",
        zh=f"样地 {ids[worst]} 的每公顷断面积达 {total[worst]:.0f} 平方米，"
        f"超过可信上限 {allowed:.0f}{hint_zh}。请核对胸径和面积的单位。",
        cure="Check the units of diameters and of the plot's area.",
        field="dbh_cm",
        item=ids[worst],
        value=f"{total[worst]:.1f} m2/ha",
        expected=f"up to {allowed:.0f} m2/ha",
    )


def slope_degree(values: Numbers, unit: str) -> Numbers:
    """Slopes in degrees from degrees or per cent (100 x rise over run).

    Raises
    ------
    TableError
        Degrees of 90 and more; per cent that are all shares of one (T19).
    """
    slope = np.asarray(values, np.float64)
    known = slope[np.isfinite(slope)]
    if unit == "degree":
        if (known >= 90).any():
            raise _looks("slopes", "坡度", f"{known.max():g} degrees", "percent")
        return slope
    if len(known) and 0 < known.max() <= 1:
        raise TableError(
            f"Slopes are declared in per cent but none is over {known.max():g}: they "
            "look like shares of one.",
            zh=f"坡度声明为百分数，但最大值仅 {known.max():g}，疑似 0–1 的比值。",
            cure="Multiply the column by 100.",
            field="slope",
            value=f"{known.max():g}",
            expected="per cent",
        )
    return np.asarray(np.degrees(np.arctan(slope / 100)))


def check_given(given_t_ha: Numbers, agb_t_ha: Numbers, unit: str) -> None:
    """Hold biomass that a table of plots gives against that of its trees.

    Crews and programs compute with other equations, so within a factor of 1.6 all is
    well; beyond, the middle ratio tells units (T02) and quantities (T03) apart.
    """
    both = (given_t_ha > 0) & (agb_t_ha > 0)
    if not both.any():
        return
    ratio = float(np.median(given_t_ha[both] / agb_t_ha[both]))
    if 1 / AGREE_WITHIN <= ratio <= AGREE_WITHIN:
        return
    likely = {
        f"biomass in {name}": T_HA_PER[unit] / per
        for name, per in T_HA_PER.items()
        if name != unit
    }
    likely |= {"carbon": CARBON_SHARE, "CO2": CARBON_SHARE * CO2_PER_CARBON}
    nearest = min(likely, key=lambda name: abs(np.log(ratio / likely[name])))
    near = abs(np.log(ratio / likely[nearest])) < np.log(AGREE_WITHIN)
    raise _looks(
        "biomass given for plots",
        "样地表所给生物量",
        f"{ratio:.3g} times that of their trees",
        nearest if near else "",
    )


def _unit(value: float, scale: Mapping[str, float], low: float, high: float) -> str:
    """Return the unit that ``value`` would have to be in to be plausible, or ""."""
    fits = [
        unit
        for unit, factor in scale.items()
        if factor != 1 and low <= value * factor <= high
    ]
    return fits[0] if fits else ""


def _looks(what: str, zh: str, value: str, unit: str) -> TableError:
    hint = f"; they look like {unit}" if unit else ""
    hint_zh = f"，疑似单位为 {unit}" if unit else ""
    return TableError(
        f"The {what} cannot be right: {value}{hint}.",
        zh=f"{zh}不合理：{value}{hint_zh}。请声明正确的单位或更正数据。",
        cure="Declare the unit that the column is in, or correct it.",
        field=what,
        value=value,
        expected=unit,
    )


def listed_twice(trees: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return plots whose every tree is in the list the same number of times, over one.

    For lists without tree ids: single trees may well be alike, whole plots are not.
    """
    found = []
    for plot_id, group in trees.groupby("plot_id", sort=True):
        counts = group.groupby(list(columns), dropna=False).size()
        if len(counts) > 1 and 1 < counts.min() == counts.max():
            found.append(str(plot_id))
    return found
