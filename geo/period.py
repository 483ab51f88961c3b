"""Half-open spans of days in a region's own calendar."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Days from ``start`` up to, and not including, ``stop``."""

    start: date
    stop: date

    def __post_init__(self) -> None:
        if self.start >= self.stop:
            raise ValueError(f"A period must hold at least one day, got {self}.")

    def __str__(self) -> str:
        return f"{self.start:%Y%m%d}-{self.stop:%Y%m%d}"

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.stop

    @property
    def days(self) -> int:
        return (self.stop - self.start).days

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` writes, such as ``20200601-20200901``."""
        start, stop = (
            date(int(part[:4]), int(part[4:6]), int(part[6:8]))
            for part in text.split("-")
        )
        return cls(start, stop)

    @classmethod
    def ending(cls, night: date, *, days: int) -> Self:
        """Return the ``days`` days before ``night``, which is not one of them."""
        return cls(night - timedelta(days=days), night)


@dataclass(frozen=True, slots=True)
class Season:
    """The same days of every year, as (month, day); ``stop`` is not one of them."""

    start: tuple[int, int]
    stop: tuple[int, int]

    def __post_init__(self) -> None:
        if self.start >= self.stop:
            raise ValueError(
                f"A season must start before it stops within one year, got {self}."
            )

    def of(self, year: int) -> Period:
        return Period(date(year, *self.start), date(year, *self.stop))

    def before(self, night: date, *, min_days: int = 1) -> Period:
        """Return the newest season with at least ``min_days`` days before ``night``.

        A season still running ends at ``night``: a night uses what it could have seen.
        Until enough of it has passed, the last whole season stands.
        """
        season = self.of(night.year)
        if (night - season.start).days < min_days:
            return self.of(night.year - 1)
        return Period(season.start, min(season.stop, night))

    def year_to(self, season: Period) -> Period:
        """Return the twelve months that end with ``season``."""
        stop = date(season.start.year, *self.stop)
        return Period(date(stop.year - 1, stop.month, stop.day), season.stop)
