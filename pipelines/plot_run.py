"""The steps of ``forestsink plots``: read, match species, check, compute, write."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from config.allometry import plot_errors
from config.coefficients import Coefficient, find, load, root_shoot_classes
from geo.errors import TableError
from models.allometry import TreeEquation
from models.heights import HeightCurve, fit_heights
from models.plot_checks import (
    PlotLimits,
    check_areas,
    check_given,
    check_units,
    converted,
    listed_twice,
)
from models.plots import (
    CarbonFactors,
    expand,
    horizontal_area_ha,
    plot_biomass,
    weigh,
    with_carbon,
)
from pipelines.plot_species import Chosen, choose_equations, read_species_map
from pipelines.plots import PlotRequest
from store.plot_tables import (
    HEIGHT_MEASURES,
    PLOT_MEASURES,
    TREE_MEASURES,
    MeasureTable,
    read_measures,
)
from store.plot_writing import write_plots, write_trees
from store.tables import read_header

OWN_HEIGHTS = "own"
GIVEN = "given_agb_t_ha"
NO_SPECIES = "-"
_EQUATION_ERRORS = ("equation_residual_sd", "equation_shared_sd")
"""What equations that state no error have."""
OUTSIDE_PCT_TOLD = 10.0
"""Plots with more of their biomass outside the equations' ranges are attended to."""


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """The tables as they were read, in the units of our columns."""

    trees: pd.DataFrame
    plots: pd.DataFrame
    refused: dict[str, str]
    """Why, by plot."""
    given_unit: str
    """Of the biomass that the table of plots gives, if it does."""
    inputs: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ComputedPlots:
    """Plots as computed: their biomass, what else is known of them, and the card."""

    table: pd.DataFrame
    """Of the plots that were not refused, see ``models.plots.plot_biomass``."""
    plots: pd.DataFrame
    """All plots, with the other columns of their file as text."""
    trees: pd.DataFrame
    refused: dict[str, str]
    """Why, by plot."""
    card: dict[str, object]

    def write(self, path: Path) -> None:
        """Write the table, with its card beside it."""
        write_plots(path, self.table, self.plots, self.refused, self.card)


def run_plots(request: PlotRequest) -> dict[str, object]:
    """Compute the plots, write the table and its card, and return the card."""
    computed = compute_plots(request)
    computed.write(request.out)
    if request.trees_out is not None:
        write_trees(request.trees_out, computed.trees)
    return computed.card


def compute_plots(request: PlotRequest) -> ComputedPlots:
    """Weigh the trees and add them up by plot, with errors."""
    sources = _read(request)
    mapped = read_species_map(request.species_map)
    chosen = choose_equations(request, sources.trees["species"], mapped)
    species = sources.trees["species"]
    trees = sources.trees.assign(
        equation=species.map(chosen.by_species),
        stress=np.nan if request.stress is None else request.stress,
        density_g_cm3=sources.trees["density_g_cm3"].fillna(
            species.map(mapped["wood_density"])
        ),
    )
    trees, curve = _with_heights(request, trees, chosen)
    weighed = expand(weigh(trees, chosen.equations), sources.plots)
    try:
        check_units(weighed, sources.plots, chosen.equations, _limits())
    except TableError as error:
        raise error.at(file=request.trees.name) from None
    refused = sources.refused | _unusable(weighed, chosen)
    good = sources.plots[~sources.plots["plot_id"].isin(list(refused))]
    kept = weighed[weighed["plot_id"].isin(good["plot_id"])]
    table = plot_biomass(
        kept,
        good,
        chosen.equations,
        errors=plot_errors(),
        draws=request.draws,
        seed=request.seed,
    )
    _check_given(request, good, table, sources.given_unit)
    table = with_carbon(table, _factors(request))
    card = _card(request, sources, chosen, kept, table)
    card["refused"] = refused
    card["height_curve"] = None if curve is None else _curve_record(curve)
    return ComputedPlots(table, sources.plots, kept, refused, card)


def _read(request: PlotRequest) -> Sources:
    trees, plots = _tree_table(request), _plot_table(request)
    if plots.faults:
        raise plots.faults[0]
    sites = converted(plots.rows, plots.units)
    check_areas(sites["area_ha"].to_numpy(float), _limits())
    if request.area_along_slope:
        if "slope_degree" not in sites:
            raise TableError(
                f"{request.plots.name} has no slope, so areas cannot be put level.",
                zh=f"{request.plots.name} 没有坡度列，无法把坡面面积换算为水平面积。",
                cure="Add the slope, or say --area-is horizontal.",
                file=request.plots,
                field="slope",
            )
        level = horizontal_area_ha(
            sites["area_ha"].to_numpy(float), sites["slope_degree"].to_numpy(float)
        )
        sites = sites.assign(area_ha=level)
    stems = converted(trees.rows, trees.units)
    for name in ("height_m", "density_g_cm3"):
        if name not in stems:
            stems[name] = np.nan
    if "species" not in stems:
        stems["species"] = NO_SPECIES
    stems["species"] = stems["species"].replace("", NO_SPECIES)
    return Sources(
        stems,
        sites,
        _duplicates(stems) | dict(trees.faulty),
        plots.units["agb"],
        {request.trees.name: trees.digest, request.plots.name: plots.digest},
        (*trees.notes, *plots.notes, *(str(fault) for fault in trees.faults)),
    )


def _tree_table(request: PlotRequest) -> MeasureTable:
    path = request.trees.resolve()
    return read_measures(
        path,
        TREE_MEASURES,
        roots=[path.parent],
        columns=request.tree_columns,
        units=request.tree_units,
    )


def _plot_table(request: PlotRequest) -> MeasureTable:
    """Read the plots; a plot column named for the trees is taken if it is there."""
    path = request.plots.resolve()
    columns = dict(request.plot_columns)
    if columns["plot_id"] not in read_header(path, roots=[path.parent]):
        columns["plot_id"] = ""
    return read_measures(
        path,
        PLOT_MEASURES,
        roots=[path.parent],
        columns=columns,
        units=request.plot_units,
        keep_others=True,
    )


def _duplicates(trees: pd.DataFrame) -> dict[str, str]:
    """Return plots that cannot be trusted because trees are in them twice."""
    if "tree_id" in trees:
        named = trees[trees["tree_id"] != ""]
        twice = named.duplicated(["plot_id", "tree_id"], keep=False)
        found = sorted(set(named.loc[twice, "plot_id"]))
        return dict.fromkeys(found, "a tree is listed twice 样木重复")
    found = listed_twice(trees, [str(name) for name in trees if name != "plot_id"])
    return dict.fromkeys(found, "every tree is listed twice 全部样木重复")


def _with_heights(
    request: PlotRequest, trees: pd.DataFrame, chosen: Chosen
) -> tuple[pd.DataFrame, HeightCurve | None]:
    """Fill heights that equations need from a curve, if one was asked for."""
    if not request.height_curve:
        return trees, None
    pairs = trees
    if request.height_curve != OWN_HEIGHTS:
        path = Path(request.height_curve).resolve()
        read = read_measures(
            path, HEIGHT_MEASURES, roots=[path.parent], columns={}, units={}
        )
        pairs = converted(read.rows, read.units)
    curve = fit_heights(
        pairs["dbh_cm"].to_numpy(float), pairs["height_m"].to_numpy(float)
    )
    gap = trees["height_m"].isna() & trees["equation"].map(
        {name: one.needs_height for name, one in chosen.equations.items()}
    )
    filled = trees.assign(height_sd_ln=np.nan, height_from=np.where(gap, "curve", ""))
    filled.loc[gap, "height_m"] = curve.heights_m(trees.loc[gap, "dbh_cm"].to_numpy())
    filled.loc[gap, "height_sd_ln"] = curve.residual_sd
    return filled, curve


def _unusable(trees: pd.DataFrame, chosen: Chosen) -> dict[str, str]:
    """Return plots with a tree that has no mass, and the measure that it lacks."""
    found: dict[str, str] = {}
    for line, row in trees[trees["agb_kg"].isna()].iterrows():
        equation = chosen.equations[row["equation"]]
        lacks = {
            "diameter 胸径": not row["dbh_cm"] > 0,
            "height 树高": equation.needs_height and not row["height_m"] > 0,
            "wood density 木材密度": equation.needs_density
            and not row["density_g_cm3"] > 0,
            "stress 环境胁迫指数": equation.needs_stress and np.isnan(row["stress"]),
        }
        what = ", ".join(name for name, is_absent in lacks.items() if is_absent)
        why = f"line {line} has no {what} 缺测"
        found.setdefault(str(row["plot_id"]), why)
    return found


def _check_given(
    request: PlotRequest, plots: pd.DataFrame, table: pd.DataFrame, unit: str
) -> None:
    if GIVEN not in plots:
        return
    given, computed = plots[GIVEN].to_numpy(float), table["agb_t_ha"].to_numpy(float)
    try:
        check_given(given, computed, unit)
    except TableError as error:
        raise error.at(file=request.plots.name) from None


def _limits() -> PlotLimits:
    return PlotLimits(
        **{name: find(name).value for name in PlotLimits.__dataclass_fields__}
    )


def _factors(request: PlotRequest) -> CarbonFactors:
    fraction = find("carbon_fraction", request.carbon_fraction)
    error = fraction.se if fraction.se is not None else find("carbon_fraction_se").value
    classes = root_shoot_classes(request.root_shoot) if request.root_shoot else None
    return CarbonFactors(
        fraction.value, error, classes, find("root_shoot_relative_se").value
    )


def _card(
    request: PlotRequest,
    sources: Sources,
    chosen: Chosen,
    trees: pd.DataFrame,
    table: pd.DataFrame,
) -> dict[str, object]:
    counts = trees["equation"].value_counts()
    outside = trees.groupby("equation")["outside_range"].sum()
    used = _used(request)
    rows = [one.used().model_dump() for one in used]
    equations = [
        {
            **_record(one),
            "trees": int(counts.get(name, 0)),
            "trees_outside_range": int(outside.get(name, 0)),
        }
        for name, one in chosen.equations.items()
    ]
    unsure = sorted(
        {str(one["name"]) for one in rows if one["status"] != "confirmed"}
        | {n for n, one in chosen.equations.items() if one.status != "confirmed"}
    )
    far = table[table["outside_range_pct"] > OUTSIDE_PCT_TOLD]
    return {
        "inputs": sources.inputs,
        "plots": len(table),
        "trees": len(trees),
        "area_ha": round(float(table["area_ha"].sum()), 6),
        "agb_t": round(float((table["agb_t_ha"] * table["area_ha"]).sum()), 4),
        "mean_agb_t_ha": round(float(table["agb_t_ha"].mean()), 4)
        if len(table)
        else None,
        "equations": equations,
        "equation_of_species": chosen.by_species,
        "equations_not_used": {k: list(v) for k, v in chosen.also.items()},
        "coefficients": rows,
        "not_confirmed": unsure,
        "no_trees": list(table.loc[table["trees"] == 0, "plot_id"]),
        "mostly_outside_range": list(far["plot_id"]),
        "draws": request.draws,
        "seed": request.seed,
        "area_is": "slope" if request.area_along_slope else "horizontal",
        "notes": list(sources.notes),
    }


def _curve_record(curve: HeightCurve) -> dict[str, object]:
    return asdict(curve) | {"dbh_range_cm": list(curve.dbh_range_cm)}


def _record(equation: TreeEquation) -> dict[str, object]:
    """Return an equation as JSON has it; a range without an end has None there."""
    record: dict[str, object] = asdict(equation)
    record["organs"] = [asdict(one) for one in equation.organs]
    for name in ("dbh_range_cm", "height_range_m"):
        ends = getattr(equation, name)
        record[name] = [one if np.isfinite(one) else None for one in ends]
    return record


def _used(request: PlotRequest) -> list[Coefficient]:
    names = (*plot_errors().__dataclass_fields__, *PlotLimits.__dataclass_fields__)
    rows = [find(name) for name in (*names, *_EQUATION_ERRORS, "carbon_fraction_se")]
    rows.append(find("carbon_fraction", request.carbon_fraction))
    if request.root_shoot:
        rows += [
            row
            for row in load("root_shoot")
            if row.species_or_zone == request.root_shoot
        ]
        rows.append(find("root_shoot_relative_se"))
    return rows
