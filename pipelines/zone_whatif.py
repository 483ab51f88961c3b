"""The same request under budgets and areas around it: what a table of them shows."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

from geo.errors import InfeasibleError, SettingsError
from models.siting.expected import uptake_of
from models.siting.solution import Solution
from models.siting.solve import solve
from pipelines.context import Progress, silent
from pipelines.zone_problem import Posed
from pipelines.zone_units import Candidates
from store.zone_record import UptakeRecord, WhatIf

ASKED = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Of a limit that the request sets."""
FEWER = (0.75, 1.0, 1.25)
"""The same where there are many units, each answer taking its time."""
OPEN = (0.5, 0.75)
"""Of what the answer comes to, where the request sets no limit; then no limit."""
MANY_UNITS = 100_000
STAGE = "what if"

Limit = float | None
Schedule = Callable[[Solution], Candidates]


def what_if(
    schedule: Schedule,
    posed: Posed,
    found: Solution,
    horizon: int,
    progress: Progress = silent,
) -> tuple[WhatIf, ...]:
    """Solve the request again under other budgets and areas, by the same solver.

    Everything else of the request holds. Combinations that have no answer, or whose
    limit lies beyond all land, say why. ``schedule`` gives the units of an answer the
    years that they are planted in.
    """
    pairs = list(_pairs(posed, found))
    rows = []
    for number, (budget, area) in enumerate(pairs):
        progress(STAGE, number, len(pairs))
        rows.append(_one(schedule, posed, found, horizon, (budget, area)))
    progress(STAGE, len(pairs), len(pairs))
    return tuple(rows)


def _pairs(posed: Posed, found: Solution) -> Iterator[tuple[Limit, Limit]]:
    limits = posed.problem.limits
    many = int(posed.problem.units.free.sum()) > MANY_UNITS
    many = many or posed.problem.has_shares
    budgets = _around(limits.budget_cny, found.cost_cny, many=many)
    areas = _around(limits.max_area_ha, found.area_ha, many=many)
    for budget in budgets:
        for area in areas:
            if budget is not None or area is not None:
                yield budget, area


def _around(asked: Limit, reached: float, *, many: bool) -> tuple[Limit, ...]:
    """Return limits from low to high; the one asked for is kept to the digit."""
    if asked is not None:
        shares = FEWER if many else ASKED
        return tuple(asked if one == 1.0 else asked * one for one in shares)
    return (*(reached * one for one in OPEN if reached > 0), None)


def _one(
    schedule: Schedule,
    posed: Posed,
    found: Solution,
    horizon: int,
    pair: tuple[Limit, Limit],
) -> WhatIf:
    limits = posed.problem.limits
    asked = pair == (limits.budget_cny, limits.max_area_ha)
    told = WhatIf(budget_cny=pair[0], max_area_ha=pair[1], is_request=asked)
    try:
        solution = found if asked else _solved(posed, pair)
        land = schedule(solution)
    except (InfeasibleError, SettingsError) as error:
        return told.model_copy(update={"why": error.what, "why_zh": error.zh})
    if not solution.selected.any():
        note = solution.notes[-1]
        return told.model_copy(update={"why": note.what, "why_zh": note.zh})
    uptake = uptake_of(
        solution.selected,
        posed.problem.units.area_ha,
        land.potential,
        planted=land.planted,
    )
    (last,) = (one for one in uptake if one.year == horizon)
    return told.model_copy(
        update={
            "benefit": solution.benefit,
            "area_ha": solution.area_ha,
            "cost_cny": solution.cost_cny,
            "uptake": UptakeRecord(**asdict(last)),
            "gap_pct": solution.gap_pct,
        }
    )


def _solved(posed: Posed, pair: tuple[Limit, Limit]) -> Solution:
    limits = replace(posed.problem.limits, budget_cny=pair[0], max_area_ha=pair[1])
    return solve(posed.problem.under(limits))
