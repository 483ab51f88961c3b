"""Zones of a least size, from an answer that knows no such limit.

A cut cannot hold this limit. Each zone that is too small grows over its best neighbours
until it is large enough, if it is then still worth its price, or is given up; what is
over a limit is dropped; what is left of it extends the zones that remain.
"""

import heapq

import numpy as np

from models.siting.problem import SLACK
from models.siting.program import FREE, Program
from models.siting.repair import Pool, Prices
from models.siting.units import Flags, Numbers

_RINGS = 4
_ROUNDS = 8


def large_zones(program: Program, chosen: Flags, net: Numbers) -> Flags | None:
    """Return an answer whose zones are all large enough, or None when none is found.

    ``net`` are the prices of the rows at which ``chosen`` was found.
    """
    prices = Prices.of(program, net)
    work = _Zones(program, prices, _grown(program, prices, chosen))
    for _ in range(_ROUNDS):
        if not work.pool.is_over():
            break
        work.drop()
        kept = work.pool.chosen & ~_loose(program, work.pool.chosen)
        work = _Zones(program, prices, kept)
    work.extend()
    found = work.pool.chosen
    return found if program.is_answer(found) else None


def _loose(program: Program, chosen: Flags) -> Flags:
    """Return units in zones that are too small and hold no unit that is locked in."""
    small = program.in_small_zone(chosen)
    if not small.any():
        return small
    zone = program.zones(chosen)
    tied = np.unique(zone[small & (program.fixed != FREE)])
    found: Flags = small & ~np.isin(zone, tied)
    return found


def _grown(program: Program, prices: Prices, chosen: Flags) -> Flags:
    """Grow zones that are too small, the largest first, or give them up."""
    found = chosen
    small = program.in_small_zone(found)
    if not small.any():
        return found
    zone = program.zones(chosen)
    area = np.bincount(zone[chosen], program.area_ha[chosen])
    numbers = np.unique(zone[small])
    work = _Zones(program, prices, found)
    for number in numbers[np.argsort(-area[numbers], kind="stable")]:
        members = np.flatnonzero(zone == number)
        work.grow_or_give_up(members.tolist())
    return work.pool.chosen


class _Zones:
    """A pool of units round the chosen ones, with what touches what."""

    def __init__(self, program: Program, prices: Prices, chosen: Flags) -> None:
        self.program = program
        near = chosen.copy()
        for _ in range(_RINGS):
            near = near | (program.touch @ near.astype(np.float64) > 0)
        units = np.flatnonzero(near & (program.fixed == FREE))
        self.pool = Pool(program, prices, chosen, units)
        self.place = np.full(len(program), -1)
        self.place[units] = np.arange(len(units))
        self.start = program.touch.indptr
        self.neighbour = program.touch.indices
        self.area = program.area_ha

    def beside(self, unit: int) -> list[int]:
        found: list[int] = self.neighbour[
            self.start[unit] : self.start[unit + 1]
        ].tolist()
        return found

    def grow_or_give_up(self, members: list[int]) -> None:
        """Let the zone of ``members`` reach the least size, or drop it."""
        pool = self.pool
        before, moves = self._worth(), len(pool.moves)
        is_large = self._grow(members)
        lost = before - self._worth()
        is_tied = any(self.place[unit] < 0 for unit in members)
        if is_tied or (is_large and self._worth_of(members) > lost):
            return
        for unit in pool.moves[moves:][::-1]:
            pool.flip(unit)
        for unit in members:
            if self.place[unit] >= 0 and pool.chosen[unit]:
                pool.flip(int(self.place[unit]))

    def _grow(self, members: list[int]) -> bool:
        """Add the best unit beside the zone until it is large enough; say if it is."""
        pool, least = self.pool, self.program.min_zone_ha * (1 - SLACK)
        zone: set[int] = set()
        heap: list[tuple[float, int]] = []
        area = self._absorb(members[0], zone, heap, least)
        while area < least and heap:
            key, unit = heapq.heappop(heap)
            place = int(self.place[unit])
            if pool.taken[place]:
                continue
            if key != -pool.rate(place):
                heapq.heappush(heap, (-pool.rate(place), unit))
                continue
            pool.flip(place)
            area += self._absorb(unit, zone, heap, least - area)
        return area >= least

    def _absorb(
        self, unit: int, zone: set[int], heap: list[tuple[float, int]], wanted: float
    ) -> float:
        """Take a unit and all chosen ones it touches into the zone; note the rest.

        Returns the area taken, and stops at ``wanted`` ha.
        """
        area, queue = 0.0, [unit]
        while queue and area < wanted:
            one = queue.pop()
            if one in zone:
                continue
            zone.add(one)
            area += float(self.area[one])
            for other in self.beside(one):
                if self.pool.chosen[other]:
                    queue.append(other)
                elif self.place[other] >= 0:
                    rate = self.pool.rate(int(self.place[other]))
                    heapq.heappush(heap, (-rate, other))
        return area

    def _worth(self) -> float:
        """Return f(x) less what the prices charge for x."""
        return self.pool.value - self.pool.paid

    def _worth_of(self, members: list[int]) -> float:
        """Return what a zone of chosen members adds after prices."""
        pool, before, moves = self.pool, self._worth(), len(self.pool.moves)
        for unit in members:
            if self.place[unit] >= 0 and pool.chosen[unit]:
                pool.flip(int(self.place[unit]))
        found = before - self._worth()
        for unit in pool.moves[moves:][::-1]:
            pool.flip(unit)
        return found

    def drop(self) -> None:
        """Give up the units of least worth until no limit is exceeded."""
        pool = self.pool
        heap = [
            (pool.rate(unit), unit)
            for unit in range(len(pool.units))
            if pool.taken[unit]
        ]
        heapq.heapify(heap)
        while heap and pool.is_over():
            key, unit = heapq.heappop(heap)
            if not pool.taken[unit] or not pool.spares(unit):
                continue
            if key != pool.rate(unit):
                heapq.heappush(heap, (pool.rate(unit), unit))
                continue
            pool.flip(unit)

    def extend(self) -> None:
        """Add units beside zones while they fit and are worth it, or are needed."""
        pool = self.pool
        heap = [
            (-pool.rate(unit), unit)
            for unit in range(len(pool.units))
            if self._may_join(unit)
        ]
        heapq.heapify(heap)
        while heap:
            key, unit = heapq.heappop(heap)
            if pool.taken[unit] or not pool.fits(unit):
                continue
            if key != -pool.rate(unit):
                heapq.heappush(heap, (-pool.rate(unit), unit))
                continue
            if pool.gain[unit] <= 0 and not self._is_needed(unit):
                continue
            pool.flip(unit)
            for other in self.beside(int(pool.units[unit])):
                place = int(self.place[other])
                if place >= 0 and not pool.taken[place]:
                    heapq.heappush(heap, (-pool.rate(place), place))

    def _may_join(self, unit: int) -> bool:
        if self.pool.taken[unit]:
            return False
        return any(self.pool.chosen[o] for o in self.beside(int(self.pool.units[unit])))

    def _is_needed(self, unit: int) -> bool:
        pool = self.pool
        return bool(((pool.usage < pool.lower) & (pool.use[unit] > 0)).any())
