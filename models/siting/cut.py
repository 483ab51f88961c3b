"""The best units by minimum cuts: prices, an answer from them, and a certificate.

1. ``prices.find_prices`` gives prices whose bound no answer can pass.
2. The cuts around these prices differ in a set of undecided units; whole pieces of it
   are added while they fit, then single units (``repair``).
3. Where the certified gap is still too wide, HiGHS gets what matters (``core``).
"""

import numpy as np

from models.siting.core import Care, Found, settle
from models.siting.prices import Line, Look, Market, find_prices, undecided
from models.siting.program import FREE, Program
from models.siting.repair import Prices, reduced, repaired, with_pieces
from models.siting.units import Flags, Numbers, Places


def cut(
    program: Program, care: Care | None = None, *, start: Numbers | None = None
) -> Found:
    """Return an answer to a program without a least zone, and its bound.

    ``start`` are prices of the sides of the limits to begin with, from ``Found.price``
    of a program much like this one.
    """
    care = care if care is not None else Care()
    market = Market(program)
    best = find_prices(
        market, start=start, tolerance=care.tolerance, most_looks=care.most_looks
    )
    chosen = _from_cuts(market, best, care)
    found = Found(chosen, best.bound, is_branched=False, price=best.price, net=best.net)
    if found.gap_pct(program) <= care.gap_pct or care.windows + care.core_units == 0:
        return found
    return settle(market, found, care)


def _from_cuts(market: Market, best: Look, care: Care) -> Flags | None:
    """Return the best answer that can be made of the cuts near the best prices."""
    program, sides = market.program, market.sides
    lines = market.nearest(best)
    prices = Prices.of(program, best.net)
    split = undecided(market, best)
    answers = [line.chosen for line in market.lines if _keeps(line)]
    kept = [line.chosen for line in lines if _keeps(line)][: care.starts]
    starts = [with_pieces(program, chosen, split) for chosen in kept]
    starts += [line.chosen for line in lines[: care.starts]]
    open_units = _open(program, prices, starts[0], split, care.near_units)
    if len(sides):
        for start in _distinct(starts):
            made = repaired(program, prices, start, open_units)
            if made is not None:
                answers.append(made[0])
    return max(answers, key=program.value) if answers else None


def _keeps(line: Line) -> bool:
    return bool((line.slack >= 0).all())


def _distinct(choices: list[Flags]) -> list[Flags]:
    found: dict[bytes, Flags] = {}
    for chosen in choices:
        found.setdefault(np.packbits(chosen).tobytes(), chosen)
    return list(found.values())


def _open(
    program: Program, prices: Prices, chosen: Flags, split: Flags, near_units: int
) -> Places:
    """Return the undecided units and those nearest to indifference."""
    free = program.fixed == FREE
    worth = np.abs(reduced(program, prices, chosen)) / prices.size
    worth[~free] = np.inf
    near = np.zeros(len(program), bool)
    count = min(near_units, int(free.sum()))
    near[np.argsort(worth, kind="stable")[:count]] = True
    return np.flatnonzero((split | near) & free)
