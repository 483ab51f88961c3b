"""A request and its candidates as a problem to solve, and how sure its answer is."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from config.coefficients import find
from config.siting_tables import growth_curves
from config.zone_request import ZoneRequest
from geo.errors import SettingsError
from models.ahp import given_weights
from models.criteria import CRITERIA, scaled
from models.siting.borders import shared_borders
from models.siting.problem import Limits, Problem
from models.siting.robust import Criteria, Robustness, Spread, selection_frequency
from models.siting.solution import Solution
from models.siting.units import Borders, Flags, Units
from pipelines.zone_units import Candidates

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """A problem and what its benefit is made of."""

    problem: Problem
    weights: dict[str, float]
    ratio: float | None
    missing: tuple[str, ...]
    values: Mapping[str, tuple[Numbers, Numbers]]
    """Values, and values scaled to 0-1, of every criterion with a weight."""
    score: Numbers


def pose(land: Candidates, request: ZoneRequest) -> Posed:
    """Put a request as a problem: benefit is score x ha of what may be planted.

    Raises
    ------
    SettingsError
        Weights of criteria without a layer, unknown or excluded parcels locked in, a
        budget or an area beyond all land.
    """
    weights, ratio = request.weighed()
    missing = tuple(n for n, w in weights.items() if w > 0 and n not in land.criteria)
    if missing:
        weights = _without(weights, missing, asked=_is_asked(request))
    eligible = land.table["is_eligible"].to_numpy(dtype=bool)
    values = {}
    for name in (n for n, weight in weights.items() if weight > 0):
        raw = land.table[name].to_numpy(dtype=np.float64)
        share = np.nan_to_num(scaled(name, raw, among=eligible))
        values[name] = (raw, np.where(eligible, share, 0.0))
    score = np.sum([weights[n] * values[n][1] for n in values], axis=0)
    units, borders, penalty = _units(land, request, score)
    limits = Limits(
        budget_cny=request.budget_cny,
        max_area_ha=request.max_area_ha,
        min_area_ha=request.min_area_ha,
        min_zone_ha=request.min_zone_ha,
    )
    problem = Problem(units, borders, limits, penalty)
    return Posed(problem, weights, ratio, missing, values, np.asarray(score))


def _is_asked(request: ZoneRequest) -> bool:
    return request.weights is not None or request.judgements is not None


def _without(
    weights: dict[str, float], missing: tuple[str, ...], *, asked: bool
) -> dict[str, float]:
    """Spread default weights over the criteria there are; refuse asked ones."""
    kept = {name: w for name, w in weights.items() if name not in missing and w > 0}
    if asked or not kept:
        names = ", ".join(missing)
        titles = "、".join(CRITERIA[name].title_zh for name in missing)
        raise SettingsError(
            f"Criteria with a weight have no layer in this region: {names}.",
            zh=f"本区域缺少带权重准则的图层：{titles}（{names}）。"
            "请在区域配置 [siting.layers] 中提供，或将其权重设为 0。",
            cure="Provide layers in [siting.layers], or give them no weight.",
            field="weights",
            value=names,
        )
    whole = sum(kept.values())
    return given_weights(tuple(CRITERIA), {n: w / whole for n, w in kept.items()})


def _units(
    land: Candidates, request: ZoneRequest, score: Numbers
) -> tuple[Units, Borders, float]:
    """Return units that hold only what may be planted, and the penalty per metre."""
    table = land.table
    eligible = table["is_eligible"].to_numpy(dtype=bool)
    ids = table["unit_id"].to_numpy(dtype=str)
    inside = _named(ids, request.locked_in, "locked_in")
    outside = _named(ids, request.locked_out, "locked_out")
    _require_plantable(land, inside & ~eligible)
    area = np.where(eligible, table["eligible_ha"], table["area_ha"]).astype(float)
    rate = np.where(eligible, table["cost_cny_ha"], 0.0).astype(float)
    shared = shared_borders(land.night.parcels.geometry.to_numpy())
    units = Units(
        unit_id=ids,
        benefit=score * area,
        cost_cny=rate * area,
        area_ha=np.maximum(area, 1e-9),
        edge_m=shared.edge_m,
        eligible=eligible,
        locked_in=inside,
        locked_out=outside,
    )
    outline = float(shapely.length(land.night.parcels.geometry[eligible]).sum())
    benefit = float(units.benefit[eligible].sum())
    return units, shared.borders, request.boundary_penalty * benefit / outline


def _named(ids: NDArray[np.str_], wanted: tuple[str, ...], field: str) -> Flags:
    unknown = sorted(set(wanted) - set(ids.tolist()))
    if unknown:
        near = difflib.get_close_matches(unknown[0], ids.tolist(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SettingsError(
            f"{field} names parcels that the night does not have: "
            f"{', '.join(unknown[:5])}.",
            zh=f"{field} 中的小班不存在：{'、'.join(unknown[:5])}。"
            f"请核对小班号{f'（是否为 {near[0]}？）' if near else ''}。",
            cure=f"Correct the parcel ids.{hint}",
            field=field,
            item=unknown[0],
        )
    return np.isin(ids, wanted) if wanted else np.zeros(len(ids), bool)


def _require_plantable(land: Candidates, wrong: Flags) -> None:
    if not wrong.any():
        return
    first = land.table[wrong].iloc[0]
    title, chinese = land.titles.get(first["reason"], (first["reason"],) * 2)
    raise SettingsError(
        f"{int(wrong.sum())} parcels locked in may not be planted; "
        f"{first['unit_id']}: {title}.",
        zh=f"{int(wrong.sum())} 个必选小班不可造林，如 {first['unit_id']}：{chinese}。"
        "请将其移出 locked_in。",
        cure="Take them out of locked_in.",
        field="locked_in",
        item=first["unit_id"],
        value=first["reason"],
    )


def robustness(
    posed: Posed, solution: Solution, land: Candidates, request: ZoneRequest
) -> Robustness:
    """Draw other weights, growth and costs, as unsure as their coefficients say."""
    names = list(posed.values)
    area = posed.problem.units.area_ha
    base = find("planting_base")
    curve = growth_curves()[request.species_group]
    return selection_frequency(
        posed.problem,
        solution.selected,
        Spread(
            growth=find("site_se").value,
            growth_class=0.0,
            growth_shared=min(
                curve.relative_se(float(request.horizon - land.planted)), 2.0
            ),
            cost_shared=(base.se or 0.0) / base.value,
        ),
        criteria=Criteria(
            np.stack([posed.values[name][1] * area for name in names], axis=1),
            np.array([posed.weights[name] for name in names]),
            grows=names.index("carbon_potential")
            if "carbon_potential" in names
            else -1,
        ),
        draws=request.draws,
        seed=request.seed,
    )
