"""The same problem as a mixed-integer programme for HiGHS.

Slow and sure: the oracle of the tests, the judge of the last open units of a cut, and
the solver for zones of a least size while the problem is small.

    maximise  sum w_i x_i - sum b_e z_e,  z_e >= x_i - x_j,  z_e >= x_j - x_i

A least zone adds a flow: every chosen unit sends its area along chosen neighbours to a
root, and a root takes in at least the least area.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import coo_array, csr_array, hstack, vstack

from models.siting.program import FREE, IN, OUT, Program
from models.siting.units import Flags, Numbers, Places

_SIZE = 1e4
"""Limits and gains are scaled to this, so that HiGHS's 1e-6 is 1e-10 of them."""
_MARGIN = 1e-8
"""HiGHS calls a problem solved within 1e-6 of its scaled objective."""


@dataclass(frozen=True, slots=True)
class Effort:
    """When HiGHS gives up. A time limit makes the answer depend on the machine."""

    nodes: int = 20_000
    seconds: float | None = None
    gap: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Branched:
    """What HiGHS found: a choice (None: none), a bound on f, and how it ended."""

    chosen: Flags | None
    bound: float
    is_infeasible: bool
    is_finished: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """Columns x of the open units, then others; rows A with low <= A v <= high."""

    gain: Numbers
    whole: Flags
    low: Numbers
    high: Numbers
    matrix: csr_array
    row_low: Numbers
    row_high: Numbers


def branch(program: Program, effort: Effort | None = None) -> Branched:
    """Solve by branch and bound; all that is not ``FREE`` in the program stays."""
    has_zones = program.min_zone_ha > 0
    base = np.zeros(len(program), bool) if has_zones else program.fixed == IN
    open_units = np.flatnonzero(
        program.fixed != OUT if has_zones else program.fixed == FREE
    )
    if len(open_units) == 0:
        return _alone(program, base)
    model = _model(program, open_units, base)
    if has_zones:
        model = _with_zones(program, open_units, model)
    found = _solved(model, effort if effort is not None else Effort())
    return _read(program, open_units, base, found)


def _alone(program: Program, base: Flags) -> Branched:
    if not program.is_answer(base):
        return Branched(None, -np.inf, is_infeasible=True, is_finished=True)
    value = program.value(base)
    return Branched(base, value, is_infeasible=False, is_finished=True)


def _model(program: Program, open_units: Places, base: Flags) -> _Model:
    place = np.full(len(program), -1)
    place[open_units] = np.arange(len(open_units))
    one, other = place[program.first], place[program.second]
    gain = program.weight[open_units].copy()
    for here, there in ((one, program.second), (other, program.first)):
        met = (here >= 0) & (place[there] < 0)
        pulled = program.border[met] * np.where(base[there[met]], 1.0, -1.0)
        gain += np.bincount(here[met], pulled, len(gain))
    inner = (one >= 0) & (other >= 0) & (program.border > 0)
    matrix, low, high = _limits(program, open_units, base)
    ragged = _differences(one[inner], other[inner], len(gain))
    count = int(inner.sum())
    wide = csr_array((matrix.shape[0], count))
    sure = program.fixed[open_units] == IN
    return _Model(
        gain=np.concatenate([gain, -program.border[inner]]),
        whole=np.arange(len(gain) + count) < len(gain),
        low=np.concatenate([sure, np.zeros(count)]).astype(np.float64),
        high=np.ones(len(gain) + count),
        matrix=csr_array(vstack([hstack([matrix, wide]), ragged])),
        row_low=np.concatenate([low, np.zeros(2 * count)]),
        row_high=np.concatenate([high, np.full(2 * count, np.inf)]),
    )


def _limits(
    program: Program, open_units: Places, base: Flags
) -> tuple[csr_array, Numbers, Numbers]:
    """Return the rows for open units, scaled: HiGHS forgives 1e-6 of a row's unit."""
    scale = _SIZE / np.maximum(program.limit_scale, 1e-300)
    used = program.usage(base)
    rows = program.rows[:, open_units].multiply(scale[:, None])
    return (
        csr_array(rows),
        (program.lower - used) * scale,
        (program.upper - used) * scale,
    )


def _differences(one: Places, other: Places, units: int) -> csr_array:
    """Return z - x_i + x_j and z + x_i - x_j for each pair, in columns x, z."""
    count = len(one)
    row = np.arange(count)
    ones = np.ones(count)
    value = np.concatenate([ones, -ones, ones, ones, ones, -ones])
    column = np.concatenate([units + row, one, other] * 2)
    at = np.concatenate([row] * 3 + [row + count] * 3)
    return csr_array(coo_array((value, (at, column)), shape=(2 * count, units + count)))


def _with_zones(program: Program, open_units: Places, model: _Model) -> _Model:
    """Add columns: flow along both ways of each touching pair, intake, root.

    A unit that is not chosen lets no flow through. With a the areas, M their sum and m
    the least zone: a_i x_i + flow in = flow out + intake_i, flow <= M x at both ends,
    m root_i <= intake_i <= M root_i.
    """
    place = np.full(len(program), -1)
    place[open_units] = np.arange(len(open_units))
    one, other = place[program.first], place[program.second]
    joined = program.touching & (one >= 0) & (other >= 0)
    tail = np.concatenate([one[joined], other[joined]])
    head = np.concatenate([other[joined], one[joined]])
    area = program.area_ha[open_units]
    units, arcs, before = len(open_units), len(tail), len(model.gain)
    whole, least = float(area.sum()), program.min_zone_ha
    flow, intake, root = before, before + arcs, before + arcs + units
    columns = root + units
    unit, arc = np.arange(units), np.arange(arcs)

    def rows(count: int, *parts: tuple[Places, Places, Numbers]) -> csr_array:
        at, column, value = (np.concatenate(some) for some in zip(*parts, strict=True))
        return csr_array(coo_array((value, (at, column)), shape=(count, columns)))

    kept = rows(
        units,
        (unit, unit, area),
        (head, flow + arc, np.ones(arcs)),
        (tail, flow + arc, -np.ones(arcs)),
        (unit, intake + unit, -np.ones(units)),
    )
    ends = [
        rows(arcs, (arc, flow + arc, -np.ones(arcs)), (arc, end, np.full(arcs, whole)))
        for end in (tail, head)
    ]
    most = rows(
        units,
        (unit, intake + unit, -np.ones(units)),
        (unit, root + unit, np.full(units, whole)),
    )
    enough = rows(
        units,
        (unit, intake + unit, np.ones(units)),
        (unit, root + unit, np.full(units, -least)),
    )
    added = columns - before
    room = 2 * arcs + 2 * units
    wide = csr_array((model.matrix.shape[0], added))
    return _Model(
        gain=np.concatenate([model.gain, np.zeros(added)]),
        whole=np.concatenate([model.whole, np.arange(added) >= added - units]),
        low=np.concatenate([model.low, np.zeros(added)]),
        high=np.concatenate([model.high, np.full(arcs + units, whole), np.ones(units)]),
        matrix=csr_array(
            vstack([hstack([model.matrix, wide]), kept, *ends, most, enough])
        ),
        row_low=np.concatenate([model.row_low, np.zeros(units + room)]),
        row_high=np.concatenate(
            [model.row_high, np.zeros(units), np.full(room, np.inf)]
        ),
    )


def _solved(model: _Model, effort: Effort) -> OptimizeResult:
    options: dict[str, float] = {
        "node_limit": effort.nodes,
        "mip_rel_gap": effort.gap,
    }
    if effort.seconds is not None:
        options["time_limit"] = effort.seconds
    rows = LinearConstraint(model.matrix, model.row_low, model.row_high)
    scale = _SIZE / max(float(np.abs(model.gain).max()), 1e-300)
    found = milp(
        -model.gain * scale,
        integrality=model.whole.astype(int),
        bounds=Bounds(model.low, model.high),
        constraints=(rows,) if model.matrix.shape[0] else (),
        options=options,
    )
    if found.get("mip_dual_bound") is not None:
        found["mip_dual_bound"] = -float(found["mip_dual_bound"]) / scale
    return found


def _read(
    program: Program, open_units: Places, base: Flags, found: OptimizeResult
) -> Branched:
    is_infeasible = found.status == 2
    bound = -np.inf if is_infeasible else np.inf
    told = found.get("mip_dual_bound")
    if told is not None and not is_infeasible:
        bound = program.value(base) + float(told) + _MARGIN * abs(float(told))
    chosen = None
    if found.x is not None:
        chosen = base.copy()
        chosen[open_units] = found.x[: len(open_units)] > 0.5
        if not program.is_answer(chosen):
            chosen = None
    return Branched(
        chosen,
        bound,
        is_infeasible=is_infeasible,
        is_finished=found.status in (0, 2),
    )
