"""A minimum cut in whole numbers: the best units once everything has its price.

For a net weight W_i of each unit, sum_i W_i x_i - sum_ij b_ij |x_i - x_j| is largest
where a cut of a network is smallest: the source feeds units with W > 0, units with
W < 0 feed the sink, and each border is an edge both ways.

Scaling. Capacities are whole multiples of 1 / ``scale``, a power of two that keeps
every sum of the borders of one unit below 2**29: 32-bit flows cannot overflow.
Weights are rounded up and borders down: the rounded problem is worth at least as much
as the real one for every choice, so its optimum is an upper bound.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from models.siting.program import FREE, IN, OUT, Program
from models.siting.units import Flags, Numbers

Whole = NDArray[np.int64]
States = NDArray[np.int8]

_INCIDENT = 2.0**29
"""Bound on the sum of one unit's borders, in whole numbers."""
_WEIGHT = 2.0**50
"""Bound on a unit's weight: products with ``scale`` stay exact doubles."""
_ROUNDS = 12
_PROGRESS = 0.02
"""Reduction goes on while a round decides this share of what is undecided."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Borders in whole numbers."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    border: Whole
    scale: float

    @classmethod
    def of(cls, program: Program, *, largest: float) -> "Network":
        """Round the borders; ``largest`` bounds all weights that cuts will be asked."""
        kept = program.border > 0
        first, second = program.first[kept], program.second[kept]
        border = program.border[kept]
        count = len(program)
        incident = np.bincount(first, border, count)
        incident += np.bincount(second, border, count)
        scale = _WEIGHT / max(largest, 1e-300)
        if len(border):
            scale = min(scale, _INCIDENT / float(incident.max()))
        scale = 2.0 ** np.floor(np.log2(scale))
        return cls(
            first.astype(np.int32),
            second.astype(np.int32),
            np.floor(border * scale).astype(np.int64),
            float(scale),
        )

    def whole(self, weight: Numbers) -> Whole:
        """Round weights up to multiples of 1 / scale."""
        return np.ceil(weight * self.scale).astype(np.int64)

    def worth(self, weight: Whole, chosen: Flags) -> float:
        """Return what a choice is worth in the rounded problem, in real units."""
        ragged = chosen[self.first] != chosen[self.second]
        gained = weight[chosen].sum(dtype=np.float64)
        return float(gained - self.border[ragged].sum(dtype=np.float64)) / self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """All best choices lie between ``least`` and ``most``, and these are two of them.

    ``regret`` bounds from below what is lost, in real units, when one unit is forced
    to be otherwise; zero where nothing is known.
    """

    least: Flags
    most: Flags
    regret: Numbers


def best_cut(network: Network, weight: Whole, known: States) -> Cut:
    """Return the least and the most units that make the rounded worth largest.

    ``known`` are units whose state in every wanted choice is given.
    """
    work = _Reduction(network, weight.copy(), known.copy())
    work.reduce()
    least, most = work.state == IN, work.state == IN
    open_units = np.flatnonzero(work.state == FREE)
    if len(open_units):
        smaller, larger, left = _flow(work, open_units)
        least[open_units], most[open_units] = smaller, larger
        work.regret[open_units] = left
    return Cut(least, most, work.regret / network.scale)


class _Reduction:
    """Decides units that outweigh all their undecided neighbours."""

    def __init__(self, network: Network, weight: Whole, state: States) -> None:
        self.state = state
        self.weight = weight
        self.regret = np.zeros(len(weight))
        self.first, self.second = network.first, network.second
        self.border = network.border
        self._absorb()

    def incident(self) -> Whole:
        count = len(self.weight)
        found = np.bincount(self.first, self.border, count)
        found += np.bincount(self.second, self.border, count)
        return found.astype(np.int64)

    def reduce(self) -> None:
        for _ in range(_ROUNDS):
            undecided = self.state == FREE
            incident = self.incident()
            excess = np.abs(self.weight) - incident
            sure = undecided & (excess > 0)
            if not sure.any():
                return
            self.state[sure] = np.where(self.weight[sure] > 0, IN, OUT)
            self.regret[sure] = excess[sure]
            self._absorb()
            if sure.sum() < _PROGRESS * undecided.sum():
                return

    def _absorb(self) -> None:
        """Turn borders with decided units into weight; forget those between them."""
        one, other = self.state[self.first], self.state[self.second]
        count = len(self.weight)
        for to, by, place in (
            (one, other, self.first),
            (other, one, self.second),
        ):
            met = (to == FREE) & (by != FREE)
            pull = (self.border[met] * by[met]).astype(np.float64)
            self.weight += np.bincount(place[met], pull, count).astype(np.int64)
        both = (one == FREE) & (other == FREE)
        self.first, self.second = self.first[both], self.second[both]
        self.border = self.border[both]


def _flow(
    work: _Reduction, open_units: NDArray[np.int64]
) -> tuple[Flags, Flags, Numbers]:
    """Return least and most units of the open ones, and what flow left unused."""
    count = len(open_units)
    incident = work.incident()[open_units]
    weight = work.weight[open_units]
    # What is beyond all borders of a unit can never flow.
    capped = np.clip(weight, -incident - 1, incident + 1)
    graph = _graph(work, open_units, capped)
    source, sink = count, count + 1
    residual = graph - maximum_flow(graph, source, sink, method="dinic").flow
    residual = csr_array(residual)
    left = np.abs(weight - capped).astype(np.float64)
    left += _terminal(residual, source, sink)
    residual.eliminate_zeros()
    reached = _reached(residual, source)
    reaching = _reached(csr_array(residual.T), sink)
    return reached[:count], ~reaching[:count], left


def _graph(work: _Reduction, open_units: NDArray[np.int64], weight: Whole) -> csr_array:
    count = len(open_units)
    place = np.empty(len(work.state), np.int32)
    place[open_units] = np.arange(count, dtype=np.int32)
    one, other = place[work.first], place[work.second]
    fed = np.flatnonzero(weight > 0).astype(np.int32)
    drained = np.flatnonzero(weight < 0).astype(np.int32)
    row = [one, other, np.full(len(fed), count, np.int32), drained]
    column = [other, one, fed, np.full(len(drained), count + 1, np.int32)]
    capacity = [work.border, work.border, weight[fed], -weight[drained]]
    return csr_array(
        coo_array(
            (
                np.concatenate(capacity).astype(np.int32),
                (np.concatenate(row), np.concatenate(column)),
            ),
            shape=(count + 2, count + 2),
        )
    )


def _terminal(residual: csr_array, source: int, sink: int) -> Numbers:
    """Return capacity left from the source to each unit plus from it to the sink."""
    left = np.zeros(residual.shape[0])
    start, stop = residual.indptr[source : source + 2]
    left[residual.indices[start:stop]] += residual.data[start:stop]
    to_sink = residual.indices == sink
    row = np.repeat(np.arange(residual.shape[0]), np.diff(residual.indptr))[to_sink]
    left[row] += residual.data[to_sink]
    return left[:source]


def _reached(graph: csr_array, start: int) -> Flags:
    order = breadth_first_order(graph, start, return_predecessors=False)
    found = np.zeros(graph.shape[0], bool)
    found[order] = True
    return found
