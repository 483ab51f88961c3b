"""Which satellite passed when, how cloudy it was, and how often it was delivered."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from models.twin.county import County
from models.twin.fields import key_of, uniform

REPEAT_DAYS = 5
OVERPASS = time(2, 52, 31, tzinfo=UTC)
"""A quarter to eleven by the sun at 117.9 E."""
QUANTIFICATION = 10_000
ADD_OFFSET = -1000
"""Added to the digital number before it is divided, from processing baseline 04.00."""
OFFSET_FROM = 4.0
REPROCESSED = "05.10"
TILE = "SIM01"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One item of the catalogue: a pass, or part of one, processed once."""

    pass_name: str
    """Deliveries of one pass see the same sky with the same noise."""
    sensed: datetime
    platform: str
    orbit: int
    cloudy: float
    """Share of the county under cloud, 0-1."""
    part: str
    """``whole``, ``upper`` and ``lower`` (a split datastrip) or ``wedge`` (the orbit's
    edge crosses the county)."""
    baseline: str
    made: datetime

    @property
    def day(self) -> date:
        return self.sensed.date()

    @property
    def item_id(self) -> str:
        short = self.platform.replace("sentinel-", "S").upper()
        part = {"upper": "0", "lower": "1"}.get(self.part, "0")
        version = self.baseline.replace(".", "")
        return f"{short}_{TILE}_{self.day:%Y%m%d}_{part}_L2A_N{version}"

    @property
    def datastrip(self) -> str:
        stamps = f"{self.made:%Y%m%dT%H%M%S}_S{self.sensed:%Y%m%dT%H%M%S}"
        short = self.platform.replace("sentinel-", "S").upper()
        return f"{short}_SIMULATED_MSI_L2A_DS_{stamps}_N{self.baseline}"

    @property
    def add_offset(self) -> int:
        """``BOA_ADD_OFFSET``: known from the processing baseline, not from the date."""
        return ADD_OFFSET if float(self.baseline) >= OFFSET_FROM else 0


def deliveries(county: County) -> tuple[Delivery, ...]:
    """Return every item of the catalogue, by time and id.

    Each year has one pass whose datastrip is split in two items, one that was
    reprocessed later and is there twice, and some that the orbit's edge crosses.
    """
    found = [one for year in county.calendar for one in _of_year(county, year)]
    return tuple(sorted(found, key=lambda one: (one.sensed, one.item_id)))


def _of_year(county: County, year: int) -> Iterator[Delivery]:
    count = county.scenes_per_year
    for index in range(count):
        step = int((index + 0.5) * 73 / count)
        day = date(year, 1, 3) + timedelta(days=REPEAT_DAYS * step)
        sensed = datetime.combine(day, OVERPASS)
        first = Delivery(
            pass_name=f"{day:%Y%m%d}",
            sensed=sensed,
            platform="sentinel-2a" if step % 2 else "sentinel-2b",
            orbit=75,
            cloudy=_cloudy(county.seed, day),
            part="wedge" if index % 8 == 5 else "whole",
            baseline=_baseline(year),
            made=sensed + timedelta(hours=9, minutes=13),
        )
        yield from _delivered(first, index, count)


def _delivered(first: Delivery, index: int, count: int) -> Iterator[Delivery]:
    if index == count // 3:
        later = first.sensed + timedelta(seconds=14)
        yield replace(first, part="upper")
        yield replace(first, part="lower", sensed=later)
        return
    yield first
    if index == count // 2:
        again = datetime(2024, 3, 5, 11, 20, tzinfo=UTC)
        again = max(again, first.made + timedelta(days=200))
        yield replace(first, baseline=REPROCESSED, made=again)


def _baseline(year: int) -> str:
    return {2021: "03.01", 2022: "04.00"}.get(year, "05.09")


def _cloudy(seed: int, day: date) -> float:
    """Return a share of cloud: a quarter of the passes are nearly clear."""
    luck = float(uniform(key_of(seed, "cloudy"), day.toordinal(), 0))
    return round(float(np.interp(luck, (0, 0.25, 0.75, 1), (0, 0.04, 0.55, 0.95))), 3)
