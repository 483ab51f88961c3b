"""From a list of trees to biomass, carbon and CO2 of plots, per hectare, with errors.

Tables in, tables out; units are in the names of columns. What is outside an equation's
range is computed and counted, never left out in silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import TableError
from models.allometry import STATUSES, TreeEquation, outside_range, tree_kg
from models.carbon import RatioClass, relative_se_of_product, root_shoot
from models.plot_error import (
    PlotErrors,
    error_parts,
    simulate,
    tree_measures,
    with_errors,
)
from models.quantities import AboveGround, WholeTree

Numbers = NDArray[np.float64]

TREE_COLUMNS = (
    "plot_id",
    "equation",
    "species",
    "dbh_cm",
    "height_m",
    "density_g_cm3",
    "stress",
)
"""What ``weigh`` needs; NaN where a measure is not there and is not needed."""


@dataclass(frozen=True, slots=True)
class CarbonFactors:
    """What turns above-ground biomass into carbon, with relative standard errors."""

    carbon_fraction: float
    carbon_fraction_se: float = 0.0
    root_classes: Sequence[RatioClass] | None = None
    """Root:shoot for trees whose equation has no roots; None leaves them unknown."""
    root_shoot_relative_se: float = 0.0


def horizontal_area_ha(area_ha: Numbers, slope_degree: Numbers) -> Numbers:
    """Area on the map of plots laid out along the slope: A cos(S).

    Only the side that runs downhill shortens, so the cosine enters once, for circles
    as for rectangles. NaN slopes count as level.
    """
    slope = np.nan_to_num(np.asarray(slope_degree, np.float64))
    return np.asarray(np.asarray(area_ha, np.float64) * np.cos(np.radians(slope)))


def weigh(trees: pd.DataFrame, equations: Mapping[str, TreeEquation]) -> pd.DataFrame:
    """Add ``agb_kg``, ``root_kg`` and ``outside_range`` to every tree.

    ``root_kg`` is NaN where the equation has no roots, ``agb_kg`` where a measure that
    the equation needs is not there.
    """
    weighed = trees.copy()
    names = trees["equation"].to_numpy(str)
    measures = tree_measures(trees)
    above, roots = np.full(len(trees), np.nan), np.full(len(trees), np.nan)
    outside = np.zeros(len(trees), bool)
    for name in np.unique(names):
        chosen = names == name
        part = measures.part(chosen)
        above[chosen], roots[chosen] = tree_kg(equations[name], part)
        outside[chosen] = outside_range(equations[name], part)
    weighed["agb_kg"], weighed["root_kg"] = above, roots
    weighed["outside_range"] = outside
    return weighed


def expand(trees: pd.DataFrame, plots: pd.DataFrame) -> pd.DataFrame:
    """Add ``per_ha``, how many trees of a hectare each one stands for.

    One over the plot's ``area_ha`` on the map, unless the row has a ``per_ha``, as
    trees of nested circles and relascope samples do.

    Raises
    ------
    TableError
        A tree's plot is not among ``plots``, or a plot is there twice.
    """
    _require_unique(plots["plot_id"])
    place = pd.Index(plots["plot_id"]).get_indexer(pd.Index(trees["plot_id"]))
    strangers = sorted(set(trees["plot_id"][place < 0]))
    if strangers:
        raise TableError(
            f"Trees stand on plots that the table of plots lacks: {_some(strangers)}.",
            zh=f"样木表中的样地在样地表中不存在：{_some(strangers)}。请补全样地表。",
            cure="Add the plots with their areas, or correct the ids.",
            field="plot_id",
            value=_some(strangers),
        )
    given = trees["per_ha"] if "per_ha" in trees else pd.Series(np.nan, trees.index)
    expanded = trees.copy()
    expanded["per_ha"] = given.fillna(
        pd.Series(1.0 / plots["area_ha"].to_numpy(float)[place], trees.index)
    )
    return expanded


def plot_biomass(
    trees: pd.DataFrame,
    plots: pd.DataFrame,
    equations: Mapping[str, TreeEquation],
    *,
    errors: PlotErrors,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Above-ground biomass of every plot, in the order of ``plots``.

    Parameters
    ----------
    trees
        Weighed and expanded, see ``weigh`` and ``expand``.
    plots
        ``plot_id`` and ``area_ha``, horizontal.
    draws
        Of the Monte Carlo: 1,000 know a standard error to about 2 %.

    Returns
    -------
    pandas.DataFrame
        ``plot_id``, ``area_ha``, ``trees``, ``stems_ha``, ``basal_area_m2_ha``,
        ``agb_t_ha`` with ``_se``, ``_low`` and ``_high`` (90 % of the draws),
        ``root_t_ha`` of the trees whose equation has roots, ``agb_rootless_t_ha`` of
        the others, ``outside_range_trees``, ``outside_range_pct`` of the biomass,
        ``equation_status``, the worst of the equations used ("" without trees), and
        ``se_<part>_t_ha`` for each part of the error. A plot without trees has 0.
    """
    ids = [str(one) for one in plots["plot_id"]]
    known = with_errors(trees, errors)
    worlds = simulate(known, ids, equations, draws=draws, seed=seed)
    table = _sums(known, ids)
    table["equation_status"] = _worst_status(known, ids, equations)
    table.insert(1, "area_ha", plots["area_ha"].to_numpy(float))
    table["agb_t_ha_se"] = worlds.std(axis=1, ddof=1)
    table["agb_t_ha_low"], table["agb_t_ha_high"] = np.quantile(
        worlds, [0.05, 0.95], axis=1
    )
    parts = error_parts(known, ids, equations)
    for name in parts:
        table[f"se_{name}_t_ha"] = parts[name].to_numpy()
    return table


def with_carbon(table: pd.DataFrame, factors: CarbonFactors) -> pd.DataFrame:
    """Add roots, carbon and CO2 to what ``plot_biomass`` returns.

    ``above_carbon_t_ha`` and ``above_co2_t_ha`` are above ground. ``roots`` says where
    roots come from: ``equation``, ``ratio``, ``both`` or ``unknown``; unless they are
    unknown, ``biomass_t_ha``, ``carbon_t_ha`` and ``co2_t_ha`` hold them, otherwise
    these are NaN. Errors combine to first order: roots err with the trees they are of.
    """
    added = table.copy()
    above = table["agb_t_ha"].to_numpy(float)
    rootless = table["agb_rootless_t_ha"].to_numpy(float)
    by_equation = table["root_t_ha"].to_numpy(float)
    by_ratio = np.where(rootless > 0, np.nan, 0.0)
    if factors.root_classes is not None:
        ratio = root_shoot(above, factors.root_classes)
        by_ratio = AboveGround(rootless).with_roots(ratio).t_ha - rootless
    added["root_t_ha"] = by_equation + by_ratio
    added["roots"] = _root_words(by_equation, by_ratio, rootless)
    whole = WholeTree(above + added["root_t_ha"].to_numpy(float))
    carbon = whole.carbon(factors.carbon_fraction)
    stocked = np.where(above > 0, above, np.nan)
    of_trees = np.nan_to_num(table["agb_t_ha_se"].to_numpy(float) / stocked)
    of_roots = factors.root_shoot_relative_se * by_ratio / (stocked + by_ratio)
    relative = relative_se_of_product(of_trees, np.nan_to_num(of_roots))
    relative_c = relative_se_of_product(
        relative, factors.carbon_fraction_se / factors.carbon_fraction
    )
    above_carbon = AboveGround(above).carbon(factors.carbon_fraction)
    above_relative = relative_se_of_product(
        of_trees, factors.carbon_fraction_se / factors.carbon_fraction
    )
    for name, value, error in (
        ("above_carbon_t_ha", above_carbon.t_ha, above_relative),
        ("above_co2_t_ha", above_carbon.co2().t_ha, above_relative),
        ("biomass_t_ha", whole.t_ha, relative),
        ("carbon_t_ha", carbon.t_ha, relative_c),
        ("co2_t_ha", carbon.co2().t_ha, relative_c),
    ):
        added[name], added[f"{name}_se"] = value, value * error
    return added


def basal_area_m2_ha(trees: pd.DataFrame) -> Numbers:
    """Basal area that each tree brings to its plot, m2/ha."""
    radius_m = trees["dbh_cm"].to_numpy(float) / 200
    return np.asarray(np.pi * radius_m**2 * trees["per_ha"].to_numpy(float))


def _sums(trees: pd.DataFrame, ids: list[str]) -> pd.DataFrame:
    place = pd.Index(ids).get_indexer(pd.Index(trees["plot_id"]))
    per_ha = trees["per_ha"].to_numpy(float)
    above = trees["agb_kg"].to_numpy(float) * per_ha / 1000
    roots = trees["root_kg"].to_numpy(float) * per_ha / 1000
    outside = trees["outside_range"].to_numpy(bool)

    def added(values: Numbers) -> Numbers:
        return np.bincount(place, values, minlength=len(ids)).astype(np.float64)

    total = added(above)
    beyond = added(np.where(outside, above, 0.0))
    share = np.divide(100 * beyond, total, out=np.zeros(len(ids)), where=total > 0)
    return pd.DataFrame(
        {
            "plot_id": ids,
            "trees": np.bincount(place, minlength=len(ids)),
            "stems_ha": added(per_ha),
            "basal_area_m2_ha": added(basal_area_m2_ha(trees)),
            "agb_t_ha": total,
            "root_t_ha": added(np.nan_to_num(roots)),
            "agb_rootless_t_ha": added(np.where(np.isnan(roots), above, 0.0)),
            "outside_range_trees": np.bincount(place, outside, len(ids)).astype(int),
            "outside_range_pct": share,
        }
    )


def _worst_status(
    trees: pd.DataFrame, ids: list[str], equations: Mapping[str, TreeEquation]
) -> list[str]:
    rank = {name: STATUSES.index(one.status) for name, one in equations.items()}
    worst = np.full(len(ids), -1)
    place = pd.Index(ids).get_indexer(pd.Index(trees["plot_id"]))
    np.maximum.at(worst, place, trees["equation"].map(rank).to_numpy(int))
    return ["" if one < 0 else STATUSES[one] for one in worst]


def _root_words(
    by_equation: Numbers, by_ratio: Numbers, rootless: Numbers
) -> NDArray[np.str_]:
    return np.select(
        [np.isnan(by_ratio), rootless == 0, by_equation == 0],
        ["unknown", "equation", "ratio"],
        "both",
    )


def _require_unique(ids: pd.Series) -> None:
    repeated = sorted(set(ids[ids.duplicated()]))
    if repeated:
        raise TableError(
            f"Plots are listed twice: {_some(repeated)}.",
            zh=f"样地重复列出：{_some(repeated)}。每个样地只保留一行。",
            cure="Keep one row for each plot.",
            field="plot_id",
            value=_some(repeated),
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(str(one) for one in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
