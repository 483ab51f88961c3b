"""A request and its candidates as a problem to solve, and how sure its answer is."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from config.coefficients import find
from config.zone_request import ZoneRequest
from geo.errors import InfeasibleError, SettingsError
from models.ahp import given_weights
from models.criteria import CRITERIA, scaled
from models.siting.borders import Shapes, shared_borders
from models.siting.problem import GroupLimit, Limits, Problem
from models.siting.robust import Criteria, Robustness, Spread, selection_frequency
from models.siting.schedule import spread_over_years
from models.siting.solution import Note, Solution
from models.siting.solve import solve
from models.siting.units import Borders, Flags, Units
from models.siting.zones import zones as contiguous
from pipelines.zone_units import Candidates

Numbers = NDArray[np.float64]
MU_PER_HA = 15


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
    problem = Problem(units, borders, _limits(request, land, units), penalty)
    return Posed(problem, weights, ratio, missing, values, np.asarray(score))


def _limits(request: ZoneRequest, land: Candidates, units: Units) -> Limits:
    """Return the limits of a request; so much a year is so much in all years."""
    years = plan_years(request, land)
    yearly = (request.at_least_ha_per_year or 0.0) * len(years)
    if yearly > 0:
        _require_yearly(request, units, len(years))
    least = max(request.min_area_ha or 0.0, yearly)
    return Limits(
        budget_cny=request.budget_cny,
        max_area_ha=request.max_area_ha,
        min_area_ha=least if least > 0 else None,
        min_zone_ha=request.min_zone_ha,
        groups=_townships(request, units),
    )


def plan_years(request: ZoneRequest, land: Candidates) -> range:
    """Return the years of planting."""
    end = request.plan_end if request.plan_end is not None else land.planted
    return range(land.planted, end + 1)


def _require_yearly(request: ZoneRequest, units: Units, count: int) -> None:
    """Say before solving by how much land or a limit falls short of every year's."""
    yearly = request.at_least_ha_per_year or 0.0
    needed, land = yearly * count, float(units.area_ha[units.free].sum())
    most = request.max_area_ha
    for have, what, chinese, cure in (
        (land, "eligible land comes to", "可造林地合计", "admit more land"),
        (most, "max_area_ha is", "面积上限为", "raise max_area_ha"),
    ):
        if have is None or needed <= have * (1 + 1e-9):
            continue
        short = needed - have
        raise InfeasibleError(
            f"{yearly:,.2f} ha in each of {count} years are {needed:,.2f} ha, but "
            f"{what} {have:,.2f} ha, {short:,.2f} ha less.",
            zh=f"每年 {yearly:,.2f} 公顷、共 {count} 年需 {needed:,.2f} 公顷，"
            f"而{chinese} {have:,.2f} 公顷，缺 {short:,.2f} 公顷。"
            "请调低每年造林面积或放宽条件。",
            cure=f"Lower at_least_ha_per_year to {have / count:,.2f}, or {cure}.",
            field="at_least_ha_per_year",
            value=yearly,
            expected=f"at most {have / count:.2f}",
        )


def _townships(request: ZoneRequest, units: Units) -> tuple[GroupLimit, ...]:
    """Return the limit of every township asked for; "*" is that of all others."""
    found = dict(request.townships)
    rest = found.pop("*", None)
    if rest is not None:
        names = sorted(set(units.group[units.free].tolist()) - {""})
        found |= {name: rest for name in names if name not in found}
    return tuple(
        GroupLimit(
            name,
            one.min_ha,
            np.inf if one.max_ha is None else one.max_ha,
            one.min_share,
            one.max_share,
        )
        for name, one in sorted(found.items())
    )


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
    inside = _named(land, request.locked_in, "locked_in")
    outside = _named(land, request.locked_out, "locked_out")
    _require_plantable(land, inside & ~eligible)
    area = np.where(eligible, table["eligible_ha"], table["area_ha"]).astype(float)
    rate = np.where(eligible, table["cost_cny_ha"], 0.0).astype(float)
    shapes = land.shapes.geometry.to_numpy()
    borders, edge_m = _borders(shapes, eligible)
    units = Units(
        unit_id=ids,
        benefit=score * area,
        cost_cny=rate * area,
        area_ha=np.maximum(area, 1e-9),
        edge_m=edge_m,
        group=table["township"].to_numpy(dtype=str),
        eligible=eligible,
        locked_in=inside,
        locked_out=outside,
    )
    outline = float(shapely.length(shapes[eligible]).sum())
    benefit = float(units.benefit[eligible].sum())
    return units, borders, request.boundary_penalty * benefit / outline


def _borders(shapes: Shapes, eligible: Flags) -> tuple[Borders, Numbers]:
    """Return borders between eligible units, and of each the rest of its outline.

    What is not eligible is never chosen: a border with it is an outer edge.
    """
    place = np.flatnonzero(eligible)
    shared = shared_borders(shapes[place])
    inner = shared.borders
    edge_m = np.zeros(len(shapes))
    edge_m[place] = shared.edge_m
    return Borders(place[inner.first], place[inner.second], inner.length_m), edge_m


def _named(land: Candidates, wanted: tuple[str, ...], field: str) -> Flags:
    """Return the units with these ids; of blocks, those in the middle of parcels too.

    Raises
    ------
    SettingsError
        There is no such unit or parcel.
    """
    ids = land.table["unit_id"].to_numpy(dtype=str)
    found: Flags = np.isin(ids, wanted) if wanted else np.zeros(len(ids), bool)
    known = set(ids[found].tolist())
    if land.ground.is_blocks and set(wanted) - known:
        parcel = np.append(land.night.parcels["parcel_id"].to_numpy(dtype=str), "")
        under = parcel[land.ground.parcel_at()]
        found |= np.isin(under, wanted)
        known |= set(under[found].tolist())
    unknown = sorted(set(wanted) - known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], ids.tolist(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SettingsError(
            f"{field} names units that there are not: {', '.join(unknown[:5])}.",
            zh=f"{field} 中的单元（小班）不存在：{'、'.join(unknown[:5])}。"
            f"请核对编号{f'（是否为 {near[0]}？）' if near else ''}。",
            cure=f"Correct the ids.{hint}",
            field=field,
            item=unknown[0],
        )
    return found


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


def solved(posed: Posed, land: Candidates, request: ZoneRequest) -> Solution:
    """Solve, and note where the plan lies below the national check of a year's area.

    Raises
    ------
    InfeasibleError
        Nothing meets the limits: which one, and by how much.
    """
    found = solve(posed.problem)
    check = find("least_planting").value
    yearly = found.area_ha / len(plan_years(request, land))
    if yearly >= check:
        return found
    mu = check * MU_PER_HA
    note = Note(
        "below_yearly_check",
        f"{yearly:,.1f} ha are planted a year, below the check of {check:,.1f} ha "
        f"({mu:,.0f} mu) a year.",
        f"年均造林 {yearly:,.1f} 公顷，低于每年 {mu:,.0f} 亩（{check:,.1f} 公顷）"
        "的核对值。",
    )
    return replace(found, notes=(note, *found.notes))


def scheduled(
    posed: Posed, solution: Solution, land: Candidates, request: ZoneRequest
) -> Candidates:
    """Return the units with the year each is planted in: zones of high score first.

    Raises
    ------
    InfeasibleError
        Units are too large for every year to have its least area.
    """
    years = plan_years(request, land)
    if len(years) == 1:
        return land
    area = posed.problem.units.area_ha
    split = contiguous(solution.selected, posed.problem.borders, area)
    inside = solution.selected
    worth = np.bincount(split.zone[inside], (posed.score * area)[inside])
    mean = np.zeros(len(area))
    mean[inside] = (worth / split.area_ha)[split.zone[inside]]
    order = np.lexsort((split.zone, -np.round(mean, 9)))
    found = spread_over_years(
        inside, area, order, years, least_ha=request.at_least_ha_per_year or 0.0
    )
    return land.planted_in(np.where(inside, found.year, land.planted))


def robustness(
    posed: Posed, solution: Solution, land: Candidates, request: ZoneRequest
) -> Robustness:
    """Draw other weights, growth and costs, as unsure as their coefficients say.

    Shares of townships stand as the hectares that they came to.
    """
    names = list(posed.values)
    area = posed.problem.units.area_ha
    limits = posed.problem.limits
    whole = solution.area_ha
    groups = tuple(limit.within(whole, whole) for limit in limits.groups)
    return selection_frequency(
        posed.problem.under(replace(limits, groups=groups)),
        solution.selected,
        _spread(land, request),
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


def _spread(land: Candidates, request: ZoneRequest) -> Spread:
    """Return how unsure growth and costs are; the groups' curves each for itself."""
    base, age = find("planting_base"), float(request.horizon - land.planted)
    used = np.unique(land.group[land.table["is_eligible"].to_numpy(dtype=bool)])
    curves = [land.grower.curves[land.grower.groups[number]] for number in used]
    error = min(max(curve.relative_se(age) for curve in curves), 2.0)
    one = len(curves) == 1
    return Spread(
        growth=find("site_se").value,
        growth_class=0.0 if one else error,
        growth_shared=error if one else 0.0,
        cost_shared=(base.se or 0.0) / base.value,
        classes=np.array(0) if one else np.maximum(land.group, 0).astype(np.int64),
    )
