"""From a cut to an answer: give up what is over a limit, fill what is left of it.

Works on a pool of units whose choice is open; all others stay as they are. Moves are
single units, best reduced profit per share of the limits first, with a heap that is
brought up to date as neighbours change.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.siting.problem import SLACK
from models.siting.program import FREE, Program, components
from models.siting.units import Flags, Numbers, Places

Move = tuple[float, int]


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Net prices of the rows and, of each unit, what it would be charged."""

    charged: Numbers
    size: Numbers
    """Share of the limits that each unit takes, summed over rows."""

    @classmethod
    def of(cls, program: Program, net: Numbers) -> "Prices":
        scale = np.maximum(program.limit_scale, 1e-300)
        size = program.rows.T @ (1.0 / scale) if len(scale) else np.ones(len(program))
        return cls(program.rows.T @ net, np.maximum(size, 1e-300))


def pull(program: Program, chosen: Flags) -> Numbers:
    """Return what each unit adds to f when it is chosen beside ``chosen``."""
    inside = program.pairs @ chosen.astype(np.float64)
    found: Numbers = program.weight - program.pairs.sum(axis=1) + 2.0 * inside
    return found


def reduced(program: Program, prices: Prices, chosen: Flags) -> Numbers:
    """Return what each unit is worth after prices."""
    return pull(program, chosen) - prices.charged


class Pool:
    """A choice that is changed unit by unit, with its value and usage kept."""

    def __init__(
        self, program: Program, prices: Prices, chosen: Flags, open_units: Places
    ) -> None:
        self.program = program
        self.units = open_units
        self.chosen = chosen.copy()
        self.value = program.value(chosen)
        self.usage = program.usage(chosen)
        inner = program.pairs[open_units][:, open_units].tocsr()
        self.start = inner.indptr.tolist()
        self.neighbour = inner.indices.tolist()
        self.border = inner.data.tolist()
        self.gain = pull(program, chosen)[open_units].tolist()
        self.charged = prices.charged[open_units].tolist()
        self.size = prices.size[open_units].tolist()
        self.taken = chosen[open_units].tolist()
        self.moves: list[int] = []
        self.paid = float(prices.charged[chosen].sum())
        self.use = np.asarray(program.rows[:, open_units].todense(), dtype=np.float64).T
        room = SLACK * np.maximum(1.0, np.abs(program.limit_scale))
        self.upper, self.lower = program.upper + room, program.lower - room

    def rate(self, unit: int) -> float:
        """Return reduced profit per share of the limits."""
        return float((self.gain[unit] - self.charged[unit]) / self.size[unit])

    def flip(self, unit: int) -> None:
        sign = -1.0 if self.taken[unit] else 1.0
        self.value += sign * self.gain[unit]
        self.paid += sign * self.charged[unit]
        self.usage += sign * self.use[unit]
        self.taken[unit] = not self.taken[unit]
        self.chosen[self.units[unit]] = self.taken[unit]
        self.moves.append(unit)
        for at in range(self.start[unit], self.start[unit + 1]):
            self.gain[self.neighbour[at]] += sign * 2.0 * self.border[at]

    def around(self, unit: int) -> list[int]:
        found: list[int] = self.neighbour[self.start[unit] : self.start[unit + 1]]
        return found

    def keeps(self) -> bool:
        return bool(
            (self.usage <= self.upper).all() and (self.usage >= self.lower).all()
        )

    def is_over(self) -> bool:
        return bool((self.usage > self.upper).any())

    def fits(self, unit: int) -> bool:
        return bool((self.usage + self.use[unit] <= self.upper).all())

    def spares(self, unit: int) -> bool:
        """Whether giving the unit up helps a limit that is exceeded and breaks none."""
        use = self.use[unit]
        helps = ((self.usage > self.upper) & (use > 0)).any()
        short = (self.usage - use < self.lower) & (use > 0)
        return bool(helps and not short.any())


def repaired(
    program: Program, prices: Prices, chosen: Flags, open_units: Places
) -> tuple[Flags, float] | None:
    """Return an answer near ``chosen`` and its value, or None when none was found."""
    pool = Pool(program, prices, chosen, open_units)
    _walk(pool, dropping=True, wanted=Pool.spares, stop=lambda: not pool.is_over())
    if pool.is_over():
        return None
    best = _Best(pool)
    patience = _patience(pool)
    _walk(
        pool,
        dropping=False,
        wanted=Pool.fits,
        stop=lambda: best.note() or best.is_hopeless(patience),
    )
    best.note()
    return best.answer()


def _patience(pool: Pool) -> float:
    """Return how much value may be lost on the way: what the slack could be worth."""
    left = np.where(np.isfinite(pool.upper), pool.upper - pool.usage, 0.0)
    scale = np.maximum(pool.program.limit_scale, 1e-300)
    share = float((np.maximum(left, 0.0) / scale).max(initial=0.0))
    return share * abs(pool.value) + 1e-12


class _Best:
    """The best answer seen on a walk: how many moves ago it was."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.value: float | None = None
        self.moves = 0

    def note(self) -> bool:
        pool = self.pool
        if (self.value is None or pool.value > self.value) and pool.keeps():
            self.value = pool.value
            self.moves = len(pool.moves)
        return False

    def is_hopeless(self, patience: float) -> bool:
        return self.value is not None and self.pool.value < self.value - patience

    def answer(self) -> tuple[Flags, float] | None:
        if self.value is None:
            return None
        for unit in reversed(self.pool.moves[self.moves :]):
            self.pool.flip(unit)
        return self.pool.chosen, self.pool.program.value(self.pool.chosen)


def _walk(
    pool: Pool,
    *,
    dropping: bool,
    wanted: Callable[[Pool, int], bool],
    stop: Callable[[], bool],
) -> None:
    """Flip units one way, best first, until ``stop`` or none is ``wanted``."""
    sign = 1.0 if dropping else -1.0
    heap: list[Move] = [
        (sign * pool.rate(unit), unit)
        for unit in range(len(pool.units))
        if pool.taken[unit] == dropping
    ]
    heapq.heapify(heap)
    while heap and not stop():
        key, unit = heapq.heappop(heap)
        if pool.taken[unit] != dropping or key != sign * pool.rate(unit):
            continue
        if not wanted(pool, unit):
            continue
        pool.flip(unit)
        for other in pool.around(unit):
            if pool.taken[other] == dropping:
                heapq.heappush(heap, (sign * pool.rate(other), other))


def with_pieces(program: Program, chosen: Flags, more: Flags) -> Flags:
    """Add whole pieces of ``more`` to ``chosen`` while they fit, the largest first.

    Between two cuts of one price every piece of their difference is worth exactly its
    price, so which of them are added does not matter, only how well they fill.
    """
    pieces = more & ~chosen & (program.fixed == FREE)
    label = components(program.first, program.second, program.border > 0, pieces)
    count = int(label.max(initial=-1)) + 1
    if count == 0 or len(program.names) == 0:
        return chosen
    member = np.flatnonzero(label >= 0)
    dense = np.asarray(program.rows[:, member].todense())
    use = np.stack([np.bincount(label[member], row, count) for row in dense])
    scale = np.maximum(program.limit_scale, 1e-300)[:, None]
    order = np.argsort(-(use / scale).sum(axis=0), kind="stable")
    usage = program.usage(chosen)
    taken = np.zeros(count, bool)
    for piece in order:
        if (usage + use[:, piece] <= program.upper).all():
            usage = usage + use[:, piece]
            taken[piece] = True
    found = chosen.copy()
    found[member] = taken[label[member]]
    return found
