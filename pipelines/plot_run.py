"""The steps of ``forestsink plots``: read, match species, check, compute, write."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from config.allometry import equations_of, parse, plot_errors, tree_equations
from config.coefficients import Coefficient, find, load, root_shoot_classes
from geo.errors import TableError
from models.allometry import TreeEquation
from models.heights import HeightCurve, fit_heights
from models.plot_checks import PlotLimits, check_units, converted, listed_twice
from models.plots import (
    CarbonFactors,
    expand,
    horizontal_area_ha,
    plot_biomass,
    weigh,
    with_carbon,
)
from pipelines.plots import PlotRequest
from store.headers import ColumnRule
from store.plot_tables import (
    HEIGHT_MEASURES,
    PLOT_MEASURES,
    TREE_MEASURES,
    MeasureTable,
    read_measures,
)
from store.plot_writing import write_plots, write_trees
from store.tables import read_header, read_table

OWN_HEIGHTS = "own"
NO_SPECIES = "-"
OUTSIDE_PCT_TOLD = 10.0
"""Plots with more of their biomass outside the equations' ranges are attended to."""


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """The tables as they were read, in the units of our columns."""

    trees: pd.DataFrame
    plots: pd.DataFrame
    refused: dict[str, str]
    """Why, by plot."""
    inputs: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which equation each species gets."""

    equations: dict[str, TreeEquation]
    by_species: dict[str, str]
    also: dict[str, tuple[str, ...]]
    """Other equations of the species, that were not used."""


def run_plots(request: PlotRequest) -> dict[str, object]:
    """Compute the plots, write the table and its card, and return the card."""
    sources = _read(request)
    mapped = _species_map(request.species_map)
    chosen = _choose(request, sources.trees, mapped)
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
    table = with_carbon(table, _factors(request))
    card = _card(request, sources, chosen, kept, table)
    card["refused"], card["height_curve"] = refused, curve and asdict(curve)
    write_plots(request.out, table, sources.plots, refused, card)
    if request.trees_out is not None:
        write_trees(request.trees_out, kept)
    return card


def _read(request: PlotRequest) -> Sources:
    trees, plots = _tree_table(request), _plot_table(request)
    if plots.faults:
        raise plots.faults[0]
    sites = converted(plots.rows, plots.units)
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


def _choose(request: PlotRequest, trees: pd.DataFrame, mapped: pd.DataFrame) -> Chosen:
    named = dict(mapped["equation"])
    own = _own_equations(request.own_equations)
    known = tree_equations() | own
    by_species: dict[str, str] = {}
    also: dict[str, tuple[str, ...]] = {}
    missing = []
    for species in sorted(set(trees["species"])):
        asked = named.get(species, "")
        fits = _fits(asked or species, known, own) or _fits(
            "" if asked else request.equation, known, own
        )
        if not fits:
            missing.append(asked or species)
            continue
        by_species[species] = fits[0]
        if len(fits) > 1:
            also[species] = fits[1:]
    if missing:
        raise _no_equation(request, missing, known)
    used = set(by_species.values())
    return Chosen({name: known[name] for name in sorted(used)}, by_species, also)


def _fits(
    name: str, known: Mapping[str, TreeEquation], own: Mapping[str, TreeEquation]
) -> tuple[str, ...]:
    """Return the equations that go by ``name``, the caller's own before ours."""
    if not name:
        return ()
    if name in known:
        return (name,)
    mine = [e.name for e in own.values() if name in {e.species, e.species_zh}]
    return (*mine, *(one.name for one in equations_of(name)))


def _no_equation(
    request: PlotRequest, missing: list[str], known: Mapping[str, TreeEquation]
) -> TableError:
    names = ", ".join(missing[:8]) + (" ..." if len(missing) > 8 else "")
    return TableError(
        f"No equation for {len(missing)} species of {request.trees.name}: {names}.",
        zh=f"{request.trees.name} 中有 {len(missing)} 个树种没有生物量方程：{names}。"
        "请用 --species-map 指定，或用 --equation 给出缺省方程。",
        cure="Name equations for them with --species-map, or one for all such species "
        f"with --equation. There are: {', '.join(known)}.",
        file=request.trees,
        field="species",
        value=names,
    )


def _species_map(path: Path | None) -> pd.DataFrame:
    """Return ``equation`` and ``wood_density``, g/cm3, by species."""
    rules = (
        ColumnRule("species", "text", required=True, aliases=("树种",)),
        ColumnRule("equation", "text", required=True, aliases=("方程",)),
        ColumnRule("wood_density", "number", "g/cm3", low=0.08, high=1.5),
    )
    if path is None:
        return pd.DataFrame({"equation": [], "wood_density": []}, dtype=object)
    place = path.resolve()
    table = read_table(place, roots=[place.parent], columns=rules, key=("species",))
    if table.rejected:
        raise table.rejected[0]
    return table.rows.set_index("species")


def _own_equations(path: Path | None) -> dict[str, TreeEquation]:
    if path is None:
        return {}
    return parse(path.read_text(encoding="utf-8-sig"), file=path.name)


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
            **asdict(one),
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
        "equations_not_used": chosen.also,
        "coefficients": rows,
        "not_confirmed": unsure,
        "no_trees": list(table.loc[table["trees"] == 0, "plot_id"]),
        "mostly_outside_range": list(far["plot_id"]),
        "draws": request.draws,
        "seed": request.seed,
        "area_is": "slope" if request.area_along_slope else "horizontal",
        "notes": list(sources.notes),
    }


def _used(request: PlotRequest) -> list[Coefficient]:
    names = (*plot_errors().__dataclass_fields__, *PlotLimits.__dataclass_fields__)
    rows = [find(name) for name in (*names, "carbon_fraction_se")]
    rows.append(find("carbon_fraction", request.carbon_fraction))
    if request.root_shoot:
        rows += [
            row
            for row in load("root_shoot")
            if row.species_or_zone == request.root_shoot
        ]
        rows.append(find("root_shoot_relative_se"))
    return rows
