"""Daily series of a weather station, soil probes and dendrometers, with faults."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from models.twin.county import FIRST_YEAR, FOREST, LEFT, TOP, County, decimal_year
from models.twin.fields import Floats, generator
from models.twin.landscape import Landscape
from models.twin.stands import Stands

PROBES, DENDROMETERS = 6, 12
POROSITY = 0.48
WILTING, FIELD_CAPACITY = 0.12, 0.34
ROOT_MM = 600.0


@dataclass(frozen=True, slots=True)
class Weather:
    """A value per day: degrees C, mm, kPa."""

    days: tuple[date, ...]
    mean_c: Floats
    low_c: Floats
    high_c: Floats
    rain_mm: Floats
    deficit_kpa: Floats


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one sensor; NaN where it was silent.

    ``actual`` is what a perfect sensor would have said, ``faults`` the days on which
    this one lied, with what happened.
    """

    sensor_id: str
    x: float
    y: float
    species_code: int
    readings: Floats
    actual: Floats
    faults: tuple[tuple[int, str], ...]


def weather(county: County) -> Weather:
    """Return the daily weather of the county: a wet summer, a dry winter."""
    days = _days(county)
    draw = generator(county.seed, "weather")
    doy = np.array([day.timetuple().tm_yday for day in days])
    month = np.array([day.month for day in days])
    season = np.cos(2 * np.pi * (doy - 205) / 365)
    mean = 16.2 + 11.8 * season + _persistent(draw, len(days), 0.75, 2.6)
    wet_chance = 0.30 + 0.16 * np.exp(-(((month - 6.3) / 1.6) ** 2))
    is_wet = draw.random(len(days)) < wet_chance
    rain = np.where(is_wet, draw.gamma(0.7, 12.0 + 7 * season.clip(0)), 0.0)
    swing = np.where(is_wet, 5.0, 9.5) + draw.standard_normal(len(days))
    deficit = 0.06 * np.exp(0.075 * mean) * np.where(is_wet, 0.45, 1.0) * 2.2
    return Weather(
        days,
        mean.round(1),
        (mean - swing / 2).round(1),
        (mean + swing / 2).round(1),
        rain.round(1),
        deficit.round(2),
    )


def soil_moisture(landscape: Landscape, sky: Weather) -> list[Series]:
    """Return volumetric water content (m3/m3) at 20 cm: a leaking bucket per probe."""
    series = []
    for n, stand in enumerate(_stands(landscape, "probe", PROBES)):
        draw = generator(landscape.county.seed, "probe", n)
        leak, thirst = 0.08 + 0.06 * draw.random(), 0.8 + 0.5 * draw.random()
        water = np.empty(len(sky.days))
        level = 0.26
        for day in range(len(water)):
            level += 0.8 * sky.rain_mm[day] / ROOT_MM
            level -= leak * max(level - FIELD_CAPACITY, 0)
            dry = (level - WILTING) / (FIELD_CAPACITY - WILTING)
            level -= thirst * 2.6 * sky.deficit_kpa[day] * np.clip(dry, 0, 1) / ROOT_MM
            level = min(max(level, 0.08), POROSITY)
            water[day] = level
        true = _series(landscape.stands, stand, f"SM-{n + 1:02d}", water)
        read = water + 0.006 * draw.standard_normal(len(water))
        series.append(_faulty(replace(true, readings=read), draw, 0.2))
    return [_rounded(one, 3) for one in series]


def stem_growth(landscape: Landscape, sky: Weather) -> list[Series]:
    """Return the change of stem radius since the first day, um: growth, swelling."""
    series = []
    doy = np.array([day.timetuple().tm_yday for day in sky.days])
    for n, stand in enumerate(_stands(landscape, "dendrometer", DENDROMETERS)):
        draw = generator(landscape.county.seed, "dendrometer", n)
        speed = 1600 + 1400 * draw.random()
        age = FIRST_YEAR - landscape.stands.birth[stand]
        speed *= np.exp(-age / 60)
        daily = speed * np.exp(-(((doy - 165) / 48) ** 2)) / 85
        thirst = np.clip(1.25 - 0.45 * sky.deficit_kpa, 0.1, 1.1)
        grown = np.cumsum(daily * thirst)
        swelling = 40 * _smooth(sky.rain_mm > 1) - 35 * sky.deficit_kpa
        true = _series(landscape.stands, stand, f"DM-{n + 1:02d}", grown)
        read = grown + swelling + 4 * draw.standard_normal(len(grown))
        series.append(_faulty(replace(true, readings=read), draw, 2500.0))
    return [_rounded(one, 1) for one in series]


def _faulty(true: Series, draw: np.random.Generator, jump: float) -> Series:
    """Give a sensor silent weeks, a jump that stays, and single wild values."""
    told = true.readings.copy()
    faults: list[tuple[int, str]] = []
    for _ in range(2):
        start, length = int(draw.integers(len(told))), int(draw.integers(3, 18))
        told[start : start + length] = np.nan
        faults.append((start, f"silent for {len(told[start : start + length])} days"))
    at = int(draw.integers(len(told) // 4, len(told)))
    told[at:] += jump * 0.4
    faults.append((at, f"jump of {jump * 0.4:g} that stays"))
    for at in draw.integers(0, len(told), 3).tolist():
        told[at] += jump * (1 if draw.random() < 0.5 else -1)
        faults.append((at, "wild value"))
    return replace(true, readings=told, faults=tuple(sorted(faults)))


def _series(stands: Stands, stand: int, name: str, values: Floats) -> Series:
    """Return a sensor in a stand that reads ``values`` without an error."""
    x, y = float(stands.x[stand]), float(stands.y[stand])
    return Series(name, x, y, int(stands.species[stand]), values, values, ())


def _rounded(series: Series, digits: int) -> Series:
    return replace(
        series,
        readings=series.readings.round(digits),
        actual=series.actual.round(digits),
    )


def _days(county: County) -> tuple[date, ...]:
    start, stop = date(FIRST_YEAR, 1, 1), date(county.last_year + 1, 1, 1)
    return tuple(start + timedelta(days=n) for n in range((stop - start).days))


def _persistent(
    draw: np.random.Generator, count: int, keep: float, sd: float
) -> Floats:
    """Return noise in which a day resembles the day before."""
    fresh = draw.standard_normal(count) * sd * (1 - keep * keep) ** 0.5
    for n in range(1, count):
        fresh[n] += keep * fresh[n - 1]
    return np.asarray(fresh)


def _smooth(is_wet: NDArray[np.bool_]) -> Floats:
    kernel = np.exp(-np.arange(6) / 1.5)
    spread = np.convolve(is_wet.astype(np.float64), kernel)[: len(is_wet)]
    return np.asarray(spread.clip(0, 1.5))


def _stands(landscape: Landscape, name: str, count: int) -> list[int]:
    """Pick stands in which trees stood through all years, inside the county."""
    stands, side = landscape.stands, landscape.county.size * 10.0
    inside = (stands.x > LEFT) & (stands.x < LEFT + side)
    inside &= (stands.y < TOP) & (stands.y > TOP - side)
    lasting = decimal_year(date(landscape.county.last_year, 12, 31))
    fit = np.flatnonzero(inside & (stands.land == FOREST) & (stands.cut > lasting))
    draw = generator(landscape.county.seed, name)
    return [int(n) for n in draw.choice(fit, min(count, len(fit)), replace=False)]
