"""The arithmetic that solvers share: weights, borders and rows of limits.

    maximise  f(x) = sum_i w_i x_i - sum_ij b_ij |x_i - x_j|
    subject to  lower_r <= sum_i R_ri x_i <= upper_r,  x_i 0 or 1, some x_i fixed

w is benefit less the penalty on the unit's outer edge, b that on a shared border.
Rows are the budget (CNY), the area (ha) and the areas of groups (ha). A share of the
whole is a row of both signs, area of the group less that share of all area: only
``exact`` takes such rows, ``shares`` turns them into hectares for the cuts.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from models.siting.problem import SLACK, Problem
from models.siting.units import Flags, Numbers, Places

IN, FREE, OUT = 1, 0, -1


@dataclass(frozen=True, eq=False)
class Program:
    """A problem as numbers; every unit has a place, whether it is free or not."""

    weight: Numbers
    first: Places
    second: Places
    border: Numbers
    fixed: NDArray[np.int8]
    """``IN``, ``OUT`` or ``FREE``."""
    rows: csr_array
    names: tuple[str, ...]
    """Of the rows: "budget_cny", "area_ha", "group <name>", "least share <name>"."""
    lower: Numbers
    upper: Numbers
    area_ha: Numbers
    touching: Flags
    """Pairs that make two units one zone."""
    min_zone_ha: float = 0.0

    def __len__(self) -> int:
        return len(self.weight)

    def value(self, chosen: Flags) -> float:
        """Return f(x)."""
        ragged = chosen[self.first] != chosen[self.second]
        return float(self.weight[chosen].sum() - self.border[ragged].sum())

    def usage(self, chosen: Flags) -> Numbers:
        """Return R x."""
        used: Numbers = self.rows @ chosen.astype(np.float64)
        return used

    def keeps(self, usage: Numbers) -> bool:
        """Whether a usage is within the limits, up to rounding."""
        room = SLACK * np.maximum(1.0, np.abs(self.limit_scale))
        over = (usage > self.upper + room) | (usage < self.lower - room)
        return not over.any()

    @cached_property
    def limit_scale(self) -> Numbers:
        """A finite size of each row's limits."""
        upper = np.where(np.isfinite(self.upper), self.upper, 0.0)
        lower = np.where(np.isfinite(self.lower), self.lower, 0.0)
        size = np.maximum(upper, lower)
        whole = np.abs(self.rows).sum(axis=1)
        return np.where(size > 0, size, whole)  # the limit of a share is zero

    @cached_property
    def pairs(self) -> csr_array:
        """Borders as a symmetric matrix."""
        return symmetric(self.first, self.second, self.border, len(self))

    @cached_property
    def touch(self) -> csr_array:
        """Pairs that make two units one zone, as a symmetric matrix of ones."""
        first, second = self.first[self.touching], self.second[self.touching]
        return symmetric(first, second, np.ones(len(first)), len(self))

    def is_answer(self, chosen: Flags) -> bool:
        """Whether all limits, locks and the least zone are kept."""
        kept = not chosen[self.fixed == OUT].any() and chosen[self.fixed == IN].all()
        if not kept or not self.keeps(self.usage(chosen)):
            return False
        return self.min_zone_ha <= 0 or not self.in_small_zone(chosen).any()

    def zones(self, among: Flags) -> NDArray[np.int64]:
        """Return the contiguous zone of each unit in ``among``, -1 for the rest."""
        return components(self.first, self.second, self.touching, among)

    def in_small_zone(self, among: Flags) -> Flags:
        """Return the units of ``among`` whose zone is smaller than the least."""
        if self.min_zone_ha <= 0 or not among.any():
            return np.zeros(len(self), bool)
        zone = self.zones(among)
        area = np.bincount(zone[among], self.area_ha[among])
        small = area < self.min_zone_ha * (1 - SLACK)
        found: Flags = among & small[np.maximum(zone, 0)]
        return found


def symmetric(first: Places, second: Places, values: Numbers, count: int) -> csr_array:
    """Return pairs as a symmetric matrix of ``count`` rows."""
    row = np.concatenate([first, second]).astype(np.int32)
    column = np.concatenate([second, first]).astype(np.int32)
    both = np.concatenate([values, values])
    return csr_array(coo_array((both, (row, column)), shape=(count, count)))


def components(
    first: Places, second: Places, touching: Flags, among: Flags
) -> NDArray[np.int64]:
    """Return connected components of ``among``, numbered in order of place; else -1."""
    joined = touching & among[first] & among[second]
    count = len(among)
    graph = coo_array(
        (
            np.ones(int(joined.sum()), np.int8),
            (first[joined].astype(np.int32), second[joined].astype(np.int32)),
        ),
        shape=(count, count),
    )
    _, label = connected_components(csr_array(graph), directed=False)
    found = np.full(count, -1, np.int64)
    _, start, inverse = np.unique(label[among], return_index=True, return_inverse=True)
    order = np.empty(len(start), np.int64)
    order[np.argsort(start)] = np.arange(len(start))
    found[among] = order[inverse]
    return found


def program_of(problem: Problem) -> Program:
    """Return the numbers of a problem.

    Units that cannot be part of a zone of the least size are out from the start.
    """
    units, borders = problem.units, problem.borders
    names, rows, lower, upper = _rows(problem)
    fixed = np.zeros(len(units), np.int8)
    fixed[~units.free] = OUT
    fixed[units.locked_in] = IN
    whole = Program(
        weight=units.benefit - problem.penalty_per_m * units.edge_m,
        first=borders.first,
        second=borders.second,
        border=problem.penalty_per_m * borders.length_m,
        fixed=fixed,
        rows=rows,
        names=names,
        lower=lower,
        upper=upper,
        area_ha=units.area_ha,
        touching=borders.length_m > 0,
        min_zone_ha=problem.limits.min_zone_ha or 0.0,
    )
    hopeless = whole.in_small_zone(fixed != OUT) & (fixed == FREE)
    fixed[hopeless] = OUT
    return whole


def _rows(
    problem: Problem,
) -> tuple[tuple[str, ...], csr_array, Numbers, Numbers]:
    units, limits = problem.units, problem.limits
    table: list[tuple[str, Numbers, float, float]] = []
    if limits.budget_cny is not None:
        table.append(("budget_cny", units.cost_cny, -np.inf, limits.budget_cny))
    if limits.max_area_ha is not None or limits.min_area_ha is not None:
        most = limits.max_area_ha if limits.max_area_ha is not None else np.inf
        least = limits.min_area_ha if limits.min_area_ha is not None else -np.inf
        table.append(("area_ha", units.area_ha, least, most))
    for limit in limits.groups:
        inside = np.where(units.group == limit.group, units.area_ha, 0.0)
        least = limit.min_ha if limit.min_ha > 0 else -np.inf
        table.append((f"group {limit.group}", inside, least, limit.max_ha))
        if limit.min_share > 0:
            over = inside - limit.min_share * units.area_ha
            table.append((f"least share {limit.group}", over, 0.0, np.inf))
        if limit.max_share < 1:
            over = inside - limit.max_share * units.area_ha
            table.append((f"greatest share {limit.group}", over, -np.inf, 0.0))
    rows = [csr_array(values[None, :]) for _, values, _, _ in table]
    matrix = _stacked(rows, len(units))
    return (
        tuple(name for name, *_ in table),
        matrix,
        np.array([least for *_, least, _ in table], dtype=np.float64),
        np.array([most for *_, most in table], dtype=np.float64),
    )


def _stacked(rows: list[csr_array], count: int) -> csr_array:
    if not rows:
        return csr_array((0, count))
    start = np.cumsum([0, *(row.nnz for row in rows)])
    return csr_array(
        (
            np.concatenate([row.data for row in rows]),
            np.concatenate([row.indices for row in rows]),
            start,
        ),
        shape=(len(rows), count),
    )
