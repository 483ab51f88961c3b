"""What money and land must cost for the limits to be kept: the Lagrangian dual.

Each side s of a limit (budget, area at most, area at least, a township's area) gets a
price nu_s >= 0. With slack_s(x) >= 0 where x keeps the side,

    L(nu) = max_x f(x) + sum_s nu_s slack_s(x)

is a minimum cut, and no answer is worth more than L(nu), whatever the prices. L is
convex; every choice x that was looked at is a line below it, f(x) + nu . slack(x), and
the next prices are where the highest lines are lowest (Kelley 1960,
doi:10.1137/0108053). With one side that is the crossing of two lines.

Choices are nested: where everything is dearer, nothing is chosen that was not chosen
before (parametric maximum flow: Gallo, Grigoriadis and Tarjan 1989,
doi:10.1137/0218003). So units that a dearer look chose are in, units that a cheaper
look left are out, and each cut has fewer open units than the one before.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from models.siting.network import Network, best_cut
from models.siting.program import FREE, IN, OUT, Program
from models.siting.units import Flags, Numbers, Places

_ROUNDING = 1e-13
"""Relative rounding of sums of doubles, added to bounds; pairwise sums err less."""

_SEVERAL = 1e-5
_LINES = 6
"""Choices that an answer is made from."""


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Finite sides of the rows: sign +1 for at most, -1 for at least."""

    row: Places
    sign: Numbers
    limit: Numbers

    @classmethod
    def of(cls, program: Program) -> "Sides":
        most = np.flatnonzero(np.isfinite(program.upper))
        least = np.flatnonzero(np.isfinite(program.lower))
        return cls(
            np.concatenate([most, least]),
            np.concatenate([np.ones(len(most)), -np.ones(len(least))]),
            np.concatenate([program.upper[most], program.lower[least]]),
        )

    def __len__(self) -> int:
        return len(self.row)

    def slack(self, usage: Numbers) -> Numbers:
        found: Numbers = self.sign * (self.limit - usage[self.row])
        return found

    def net(self, price: Numbers, rows: int) -> Numbers:
        """Return the price of each row; below zero where using it is rewarded."""
        found = np.bincount(self.row, self.sign * price, rows)
        return found.astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A choice: f(x) and its slacks, a line below the dual."""

    chosen: Flags
    value: float
    slack: Numbers

    def at(self, price: Numbers) -> float:
        return self.value + float(self.slack @ price)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The cut at one set of prices; ``bound`` is L there, rounded up.

    ``regret`` is kept of looks that decided every unit afresh, else it is empty.
    """

    price: Numbers
    net: Numbers
    least: Flags
    most: Flags
    bound: float
    regret: Numbers


class Market:
    """Cuts of one program at any prices, each helped by those before."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sides = Sides.of(program)
        incident = program.pairs.sum(axis=1)
        largest = float((np.abs(program.weight) + incident).max())
        self.largest = 2.0**10 * max(largest, 1e-12)
        self.network = Network.of(program, largest=self.largest)
        self.looks: list[Look] = []
        self.lines: list[Line] = []
        self.typical = np.array([self._typical(s) for s in range(len(self.sides))])
        most = program.rows.max(axis=1).toarray() if len(program.names) else np.ones(0)
        share = self.largest / max(len(self.sides), 1)
        self.highest = share / np.maximum(most[self.sides.row], 1e-300)

    @property
    def best(self) -> Look:
        """The look with the lowest bound."""
        return min(self.looks, key=lambda look: look.bound)

    def nearest(self, look: Look) -> list[Line]:
        """Return the lines that are highest at the prices of a look, highest first."""
        return sorted(self.lines, key=lambda line: -line.at(look.price))[:_LINES]

    def look(self, price: Numbers, *, afresh: bool = False) -> Look:
        """Cut at ``price``; ``afresh`` decides every unit anew, to know regrets."""
        program, sides = self.program, self.sides
        net = sides.net(price, len(program.names))
        charged = program.rows.T @ net
        weight = np.maximum(program.weight - charged, -self.largest)
        whole = self.network.whole(weight)
        known = program.fixed if afresh else self._known(net)
        cut = best_cut(self.network, whole, known)
        worth = self.network.worth(whole, cut.least)
        turned = np.abs(program.weight).sum() + np.abs(charged).sum()
        rounding = _ROUNDING * float(turned + program.border.sum())
        at_limits = float((sides.sign * sides.limit) @ price)
        bound = worth + at_limits + rounding + _ROUNDING * abs(at_limits)
        regret = cut.regret if afresh else np.zeros(0)
        found = Look(price, net, cut.least, cut.most, bound, regret)
        self.looks.append(found)
        self._draw(cut.least)
        if not np.array_equal(cut.least, cut.most):
            self._draw(cut.most)
        return found

    def _draw(self, chosen: Flags) -> None:
        usage = self.program.usage(chosen)
        value = self.program.value(chosen)
        self.lines.append(Line(chosen, value, self.sides.slack(usage)))

    def _known(self, net: Numbers) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        known = self.program.fixed.copy()
        for look in self.looks:
            if (look.net >= net).all():
                known[look.least & (known == FREE)] = IN
            if (look.net <= net).all():
                known[~look.most & (known == FREE)] = OUT
        return known

    def _typical(self, side: int) -> float:
        """Return the price at which units alone, without borders, meet the limit."""
        row = self.program.rows[[int(self.sides.row[side])]]
        can = np.zeros(len(self.program), bool)
        can[row.indices] = True
        can &= self.program.fixed != OUT
        used = np.zeros(len(self.program))
        used[row.indices] = row.data
        use = used[can]
        worth = self.program.weight[can] / np.maximum(use, 1e-300)
        order = np.argsort(-worth, kind="stable")
        reached = np.searchsorted(np.cumsum(use[order]), self.sides.limit[side])
        if len(order) == 0:
            return 1.0
        found = abs(float(worth[order[min(int(reached), len(order) - 1)]]))
        whole = abs(float(self.program.weight[can].sum() / max(use.sum(), 1e-300)))
        return max(found, 1e-3 * whole, 1e-12)


def undecided(market: Market, look: Look) -> Flags:
    """Return the units that choices which are as good at these prices disagree on."""
    chosen = [line.chosen for line in market.nearest(look)]
    found: Flags = np.logical_or.reduce(chosen) & ~np.logical_and.reduce(chosen)
    return found


def find_prices(
    market: Market,
    *,
    start: Numbers | None = None,
    tolerance: float = 1e-7,
    most_looks: int = 60,
) -> Look:
    """Look at prices until no others can lower the bound by more than ``tolerance``.

    ``tolerance`` is relative to the bound; with several sides, whose last digits cost
    many looks, it is at least ``_SEVERAL``. Returns the look with the lowest bound.
    """
    if len(market.sides) > 1:
        tolerance = max(tolerance, _SEVERAL)
    if len(market.sides) == 0:
        return market.look(np.zeros(0))
    market.look(_start(market) if start is None else start)
    search = _Crossing(market) if len(market.sides) == 1 else _Model(market)
    while len(market.looks) < most_looks:
        price, hoped = search.propose()
        if price is None:
            break
        if hoped >= market.best.bound - tolerance * abs(market.best.bound):
            break
        market.look(price)
    return market.best


def _start(market: Market) -> Numbers:
    """Price the side that is scarcest, the others at nothing."""
    sides, program = market.sides, market.program
    whole = program.usage(program.fixed != OUT)[sides.row]
    scarce = np.where(sides.sign > 0, sides.limit / np.maximum(whole, 1e-300), np.inf)
    price = np.zeros(len(sides))
    if np.isfinite(scarce).any():
        side = int(np.argmin(scarce))
        price[side] = market.typical[side]
    return price


class _Crossing:
    """One side: the dual is least where two lines cross."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.step = 0.1

    def propose(self) -> tuple[Numbers | None, float]:
        lines = self.market.lines
        value = np.array([line.value for line in lines])
        slope = np.array([float(line.slack[0]) for line in lines])
        over, under = slope < 0, slope >= 0
        prices = [float(look.price[0]) for look in self.market.looks]
        if not over.any() or not under.any():
            return self._further(max(prices), min(prices), bool(over.any()))
        up, down = np.meshgrid(np.flatnonzero(under), np.flatnonzero(over))
        crossing = (value[down] - value[up]) / (slope[up] - slope[down])
        height = value[up] + slope[up] * np.maximum(crossing, 0.0)
        best = int(np.argmax(height))
        return np.array([max(float(crossing.flat[best]), 0.0)]), float(height.max())

    def _further(
        self, highest: float, lowest: float, too_much: bool
    ) -> tuple[Numbers | None, float]:
        self.step *= 2
        scale = max(highest, float(self.market.typical[0]))
        limit = float(self.market.highest[0])
        if too_much and highest >= limit:
            return None, np.inf
        if too_much:
            return np.array([min(highest + self.step * scale, limit)]), -np.inf
        if lowest == 0:
            return None, np.inf
        lower = lowest - self.step / 2 * scale
        return np.array([lower if lower > 0.1 * lowest else 0.0]), -np.inf


class _Model:
    """Several sides: a linear programme over the lines, in a box around the best."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.reach = 0.3
        self.centre = market.best

    def propose(self) -> tuple[Numbers | None, float]:
        market = self.market
        if market.looks[-1] is market.best and market.best is not self.centre:
            self.centre = market.best
        for _ in range(60):
            price, hoped, is_cut_short = self._least()
            if not is_cut_short:
                return price, hoped
            if hoped < self.centre.bound - 1e-4 * abs(self.centre.bound):
                return price, hoped
            self.reach *= 3
        return price, hoped

    def _least(self) -> tuple[Numbers, float, bool]:
        market, centre = self.market, self.centre.price / self.market.typical
        scale = max(abs(self.centre.bound), 1e-12)
        count = len(market.sides)
        slack = np.array([line.slack for line in market.lines]) * market.typical
        value = np.array([line.value for line in market.lines])
        low = np.maximum(centre - self.reach, 0.0)
        cap = market.highest / market.typical
        high = np.minimum(centre + self.reach, cap)
        low = np.minimum(low, high)
        found = linprog(
            np.append(np.zeros(count), 1.0),
            A_ub=np.column_stack([slack / scale, -np.ones(len(value))]),
            b_ub=-value / scale,
            bounds=[*zip(low, high, strict=True), (None, None)],
            method="highs",
        )
        if found.x is None:
            return self.centre.price, self.centre.bound, False
        at = np.clip(found.x[:count], low, high)
        price = at * market.typical
        hoped = max(line.at(price) for line in market.lines)
        edge = 1e-9
        is_cut_short = bool(
            ((at >= high - edge) & (high < cap)).any()
            or ((at <= low + edge) & (low > 0)).any()
        )
        return price, hoped, is_cut_short
