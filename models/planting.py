"""How much CO2 a stand planted now will hold at a horizon, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.errors import SettingsError
from models.carbon import Z_90, RatioClass, carbon_t, co2_t, root_shoot

Numbers = NDArray[np.float64]


class Known(NamedTuple):
    """A parameter and its standard error."""

    value: float
    se: float


@dataclass(frozen=True, slots=True)
class GrowthCurve:
    """Above-ground biomass of a planted stand: Chapman-Richards in its age.

    AGBD(t) = stocking x site x limit x (1 - exp(-rate t))^power, t/ha.
    """

    group: str
    limit_t_ha: Known
    rate_yr: Known
    power: Known
    stocking: Known
    """Share of full stocking that plantings reach, losses included."""

    def __post_init__(self) -> None:
        numbers = (self.limit_t_ha, self.rate_yr, self.power, self.stocking)
        if not all(one.value > 0 and one.se >= 0 for one in numbers):
            raise SettingsError(
                f"The growth curve of {self.group} has a parameter that is not "
                f"positive: {self}.",
                zh=f"树种组 {self.group} 的生长参数须为正数，请更正系数表。",
                cure="Correct its rows in config/coefficients/growth.csv.",
                field=self.group,
            )

    def agbd_t_ha(
        self, age_yr: Numbers | float, site: Numbers | float = 1.0
    ) -> Numbers:
        """Above-ground dry matter at an age, t/ha; 0 before planting."""
        age = np.maximum(np.asarray(age_yr, np.float64), 0.0)
        share = (1 - np.exp(-self.rate_yr.value * age)) ** self.power.value
        limit = self.stocking.value * self.limit_t_ha.value
        return np.asarray(limit * share * np.asarray(site))

    def relative_se(self, age_yr: float) -> float:
        """Relative standard error of the curve at an age, to first order.

        With u = 1 - exp(-k t): d ln y / dk = p t exp(-k t) / u, d ln y / dp = ln u.
        Parameters count as independent; those of one fit are not, and their errors
        then partly cancel, so this is on the large side.
        """
        if age_yr <= 0:
            return 0.0
        rate, power = self.rate_yr, self.power
        fallen = np.exp(-rate.value * age_yr)
        reached = -np.expm1(-rate.value * age_yr)
        parts = (
            self.limit_t_ha.se / self.limit_t_ha.value,
            self.stocking.se / self.stocking.value,
            rate.se * power.value * age_yr * fallen / reached,
            power.se * np.log(reached),
        )
        return float(np.hypot.reduce(np.array(parts)))


@dataclass(frozen=True, slots=True)
class CarbonContent:
    """What turns above-ground dry matter into CO2, with relative errors."""

    root_classes: tuple[RatioClass, ...]
    root_relative_se: float
    """Of 1 + R."""
    carbon_fraction: float
    fraction_relative_se: float

    def co2_t_ha(self, agbd_t_ha: Numbers) -> Numbers:
        """T CO2/ha above and below ground."""
        density = np.asarray(agbd_t_ha, np.float64)
        ratio = root_shoot(density, self.root_classes)
        whole = carbon_t(
            density, root_shoot=ratio, carbon_fraction=self.carbon_fraction
        )
        return co2_t(whole)


@dataclass(frozen=True, slots=True, eq=False)
class Potential:
    """Uptake of new forest from planting to a horizon, arrays of one shape."""

    co2_t_ha: Numbers
    se_t_ha: Numbers

    def limits_90(self) -> tuple[Numbers, Numbers]:
        """Return 90 % limits, log-normal with this mean and error: never below zero."""
        mean = np.asarray(self.co2_t_ha, np.float64)
        relative = np.zeros_like(mean)
        np.divide(self.se_t_ha, mean, out=relative, where=mean > 0)
        variance = np.log1p(relative**2)
        middle, wide = mean * np.exp(-variance / 2), Z_90 * np.sqrt(variance)
        return np.asarray(middle * np.exp(-wide)), np.asarray(middle * np.exp(wide))


def carbon_potential(
    curve: GrowthCurve,
    site: Numbers,
    content: CarbonContent,
    *,
    age_yr: float,
    site_relative_se: float,
) -> Potential:
    """T CO2/ha that a stand of a species group holds ``age_yr`` after planting.

    What stands there before planting stays (CCER-14-001 does not allow its removal)
    and is not counted on either side.

    Parameters
    ----------
    site
        Quality of each place as a multiple of the average one; NaN stays NaN.
    site_relative_se
        How far such a multiple misses what grows.
    """
    agbd = curve.agbd_t_ha(age_yr, site)
    amount = content.co2_t_ha(agbd)
    relative = np.hypot.reduce(
        np.array(
            [
                curve.relative_se(age_yr),
                site_relative_se if age_yr > 0 else 0.0,
                content.root_relative_se,
                content.fraction_relative_se,
            ]
        )
    )
    return Potential(amount, np.asarray(amount * relative))


def at_horizons(
    curve: GrowthCurve,
    site: Numbers,
    content: CarbonContent,
    *,
    planted: int,
    horizons: Sequence[int],
    site_relative_se: float,
) -> dict[int, Potential]:
    """Return the potential in every horizon year of planting in ``planted``.

    Raises
    ------
    SettingsError
        When a horizon lies before planting.
    """
    early = [year for year in horizons if year < planted]
    if early:
        raise SettingsError(
            f"The horizon {early[0]} lies before the planting year {planted}.",
            zh=f"目标年 {early[0]} 早于造林年 {planted}，请修改。",
            cure="Choose a later horizon or an earlier planting year.",
            field="horizons",
            value=early[0],
        )
    return {
        year: carbon_potential(
            curve,
            site,
            content,
            age_yr=float(year - planted),
            site_relative_se=site_relative_se,
        )
        for year in horizons
    }


def best_group(
    heights_m: Numbers,
    rain_mm: Numbers | None,
    curves: Mapping[str, GrowthCurve],
    niches: Mapping[str, "Niche"],
    *,
    age_yr: float,
) -> NDArray[np.int16]:
    """Find the suited group that grows most: its number in the order of ``curves``.

    -1 where none is, or where the height is not known. Rain that is not given limits
    nothing.
    """
    order = list(curves)
    best = np.full(np.shape(heights_m), -1, np.int16)
    held = np.zeros(np.shape(heights_m))
    for number, group in enumerate(order):
        density = float(curves[group].agbd_t_ha(age_yr))
        better = niches[group].suits(heights_m, rain_mm) & (density > held)
        best[better], held[better] = number, density
    return best


@dataclass(frozen=True, slots=True)
class Niche:
    """Where a species group is planted: metres above sea, mm of rain a year, slope."""

    low_m: float
    high_m: float
    least_rain_mm: float
    steepest_deg: float = np.inf

    def suits(
        self,
        heights_m: Numbers | None,
        rain_mm: Numbers | None,
        slope_deg: Numbers | None = None,
    ) -> NDArray[np.bool_]:
        """Say where the group may be planted; never where a figure given is NaN.

        What is not given limits nothing.
        """
        fits = np.array(True)
        if heights_m is not None:
            fits = (heights_m >= self.low_m) & (heights_m <= self.high_m)
        if rain_mm is not None:
            fits = fits & (rain_mm >= self.least_rain_mm)
        if slope_deg is not None:
            fits = fits & (slope_deg <= self.steepest_deg)
        return np.asarray(fits)


def site_class(
    slope_deg: Numbers, classes: Sequence[tuple[float, float, float]]
) -> NDArray[np.int64]:
    """Return the number of each place's slope class, from 0; -1 where the slope is NaN.

    Parameters
    ----------
    classes
        (from, below, multiple), degrees, joining from 0 to infinity: the multiple is
        the quality of such a place against the average one.
    """
    ordered = sorted(classes)
    edges = [0.0, *(high for _, high, _ in ordered)]
    if [low for low, _, _ in ordered] != edges[:-1] or edges[-1] != np.inf:
        raise ValueError(f"Slope classes must join from 0 to infinity: {ordered}.")
    place = np.searchsorted(np.array(edges[1:-1]), slope_deg, side="right")
    return np.where(np.isnan(slope_deg), -1, place)
