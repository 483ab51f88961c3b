"""Which equation weighs which species."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from config.allometry import equations_of, parse, tree_equations
from geo.errors import TableError
from models.allometry import TreeEquation
from pipelines.plots import PlotRequest
from store.headers import ColumnRule
from store.tables import read_table


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which equation each species gets."""

    equations: dict[str, TreeEquation]
    by_species: dict[str, str]
    also: dict[str, tuple[str, ...]]
    """Other equations of the species, that were not used."""


def choose_equations(
    request: PlotRequest, species: pd.Series, mapped: pd.DataFrame
) -> Chosen:
    """Find an equation for every species.

    The map's comes first, then one that goes by the species' name, then the default;
    the caller's own equations before ours, better attested ones before others.

    Raises
    ------
    TableError
        Naming the species that have none.
    """
    named = dict(mapped["equation"])
    own = _own_equations(request.own_equations)
    known = tree_equations() | own
    by_species: dict[str, str] = {}
    also: dict[str, tuple[str, ...]] = {}
    missing = []
    for name in sorted(set(species)):
        asked = named.get(name, "")
        fits = _fits(asked or name, known, own) or _fits(
            "" if asked else request.equation, known, own
        )
        if not fits:
            missing.append(asked or name)
            continue
        by_species[name] = fits[0]
        if len(fits) > 1:
            also[name] = fits[1:]
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


def read_species_map(path: Path | None) -> pd.DataFrame:
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
