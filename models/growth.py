"""Growth of stands with age, by site class: Richards curves.

``H = 1.3 + a_k (1 - exp(-b t))^c`` with one asymptote a_k per site class k and one
shape for all (Lei et al. 2018, doi:10.11707/j.1001-7488.20181213); biomass with the
density of stocking s in the rate: ``B = a_k (1 - exp(-b s^c t))^d``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from geo.errors import ModelError, TooFewObservationsError

Numbers = NDArray[np.float64]
Classes = NDArray[np.int64]

BREAST_HEIGHT_M = 1.3
DENSITY_SCALE = 1000.0
"""Stems per ha of Reineke's index that count as one."""

_AGE_BAND_YR = 5
_MOST_ROUNDS = 200
_FEWEST_PER_PARAMETER = 5


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a curve follows its stands."""

    rmse: float
    r2: float
    stands: int


@dataclass(frozen=True, slots=True)
class HeightGrowth:
    """Stand height by age, m; site classes count from 0, the poorest."""

    asymptote_m: tuple[float, ...]
    rate_per_yr: float
    power: float
    fit: Fit

    def height_m(self, age_yr: Numbers, site: Classes) -> Numbers:
        """Height at each age on each site."""
        top = np.asarray(self.asymptote_m)[np.asarray(site)]
        grown = _richards(np.asarray(age_yr, float), self.rate_per_yr, self.power)
        return np.asarray(BREAST_HEIGHT_M + top * grown)

    def site_class(self, age_yr: Numbers, height_m: Numbers) -> Classes:
        """Return the class whose curve is nearest to each stand."""
        age = np.asarray(age_yr, float)
        grown = _richards(age, self.rate_per_yr, self.power)
        curves = BREAST_HEIGHT_M + np.asarray(self.asymptote_m) * grown[..., None]
        off = np.abs(curves - np.asarray(height_m, float)[..., None])
        return np.asarray(off.argmin(axis=-1))


@dataclass(frozen=True, slots=True)
class BiomassGrowth:
    """Stand biomass by age and stocking, t/ha; no class passes a better one."""

    asymptote_t_ha: tuple[float, ...]
    rate_per_yr: float
    stocking_power: float
    power: float
    fit: Fit

    def biomass_t_ha(
        self, age_yr: Numbers, stocking: Numbers, site: Classes
    ) -> Numbers:
        """Biomass at each age; ``stocking`` is Reineke's density index, stems/ha."""
        top = np.asarray(self.asymptote_t_ha)[np.asarray(site)]
        rate = self.rate_per_yr * (np.asarray(stocking, float) / DENSITY_SCALE) ** (
            self.stocking_power
        )
        return np.asarray(top * _richards(np.asarray(age_yr, float), rate, self.power))

    def increment_t_ha_yr(
        self, age_yr: Numbers, stocking: Numbers, site: Classes
    ) -> Numbers:
        """Biomass added in the year after ``age_yr`` at the same stocking."""
        after = self.biomass_t_ha(np.asarray(age_yr, float) + 1, stocking, site)
        return np.asarray(after - self.biomass_t_ha(age_yr, stocking, site))


def fit_height_growth(
    age_yr: Numbers, height_m: Numbers, *, classes: int = 5
) -> tuple[HeightGrowth, Classes]:
    """Sort stands into site classes and fit their curves, turn and turn about.

    The start cuts the heights of each band of five years into equal steps; then curves
    are fitted and each stand goes to the nearest, until none moves.

    Returns
    -------
    tuple
        The curves, and the class of every stand.

    Raises
    ------
    TooFewObservationsError
        With fewer than five stands a parameter, or a class that empties.
    """
    age, height = np.asarray(age_yr, float), np.asarray(height_m, float)
    _require_enough(len(age), classes + 2)
    site = _first_classes(age, height, classes)
    shape = np.log([0.05, 1.0])
    for _ in range(_MOST_ROUNDS):
        shape, top, residual = _fit_shape(age, height, site, classes, shape)
        rate, power = (float(one) for one in np.exp(shape))
        fit = _goodness(residual, height)
        order = np.sort(top)
        curves = HeightGrowth(tuple(float(one) for one in order), rate, power, fit)
        moved = curves.site_class(age, height)
        if (moved == site).all():
            return curves, site
        site = moved
    raise ModelError(
        f"Site classes did not settle in {_MOST_ROUNDS} rounds.",
        zh=f"立地等级划分在 {_MOST_ROUNDS} 轮内未收敛，请减少等级数。",
        cure="Ask for fewer classes.",
    )


def fit_biomass_growth(
    age_yr: Numbers, stocking: Numbers, biomass_t_ha: Numbers, site: Classes
) -> BiomassGrowth:
    """Fit biomass on age, stocking and site class by least squares.

    Better classes never get a lower asymptote: steps between them are fitted, not below
    zero.

    Raises
    ------
    TooFewObservationsError
        With fewer than five stands a parameter.
    """
    age, given = np.asarray(age_yr, float), np.asarray(biomass_t_ha, float)
    relative = np.asarray(stocking, float) / DENSITY_SCALE
    classes = int(site.max()) + 1
    _require_enough(len(age), classes + 3)
    scale = float(given.max())

    def residual(p: Numbers) -> Numbers:
        rate = np.exp(p[-3]) * relative ** p[-2]
        tops = np.cumsum(np.square(p[:classes])) * scale
        return np.asarray(tops[site] * _richards(age, rate, np.exp(p[-1])) - given)

    step = np.r_[1.0, np.full(classes - 1, 0.3)]
    start = np.r_[step, np.log(0.01), 3.0, np.log(0.4)]
    found = least_squares(residual, start, x_scale="jac", max_nfev=2000)
    tops = np.cumsum(np.square(found.x[:classes])) * scale
    return BiomassGrowth(
        asymptote_t_ha=tuple(float(one) for one in tops),
        rate_per_yr=float(np.exp(found.x[-3])),
        stocking_power=float(found.x[-2]),
        power=float(np.exp(found.x[-1])),
        fit=_goodness(found.fun, given),
    )


def _fit_shape(
    age: Numbers, height: Numbers, site: Classes, classes: int, start: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """Fit rate and power; for any of them the best asymptotes are a division."""
    above = height - BREAST_HEIGHT_M

    def tops(shape: Numbers) -> tuple[Numbers, Numbers]:
        grown = _richards(age, *np.exp(shape))
        weight = np.bincount(site, grown * grown, minlength=classes)
        if (weight == 0).any():
            raise TooFewObservationsError(
                f"One of {classes} site classes has no stand left.",
                zh=f"{classes} 个立地等级中有一个没有林分，请减少等级数。",
                cure="Ask for fewer classes.",
            )
        return np.bincount(site, grown * above, minlength=classes) / weight, grown

    def residual(shape: Numbers) -> Numbers:
        top, grown = tops(shape)
        return np.asarray(top[site] * grown - above)

    found = least_squares(residual, start)
    return found.x, tops(found.x)[0], found.fun


def _first_classes(age: Numbers, height: Numbers, classes: int) -> Classes:
    band = np.floor(age / _AGE_BAND_YR)
    site = np.zeros(len(age), np.int64)
    for one in np.unique(band):
        there = band == one
        low, high = height[there].min(), height[there].max()
        if high > low:
            step = (height[there] - low) / (high - low) * classes
            site[there] = np.minimum(step, classes - 1).astype(np.int64)
    return site


def _richards(age: Numbers, rate: Numbers | float, power: float) -> Numbers:
    return np.asarray((-np.expm1(-rate * age)) ** power)


def _goodness(residual: Numbers, given: Numbers) -> Fit:
    squares = float((residual**2).sum())
    spread = float(((given - given.mean()) ** 2).sum())
    return Fit(np.sqrt(squares / len(given)).item(), 1 - squares / spread, len(given))


def _require_enough(stands: int, parameters: int) -> None:
    needed = _FEWEST_PER_PARAMETER * parameters
    if stands < needed:
        raise TooFewObservationsError(
            f"A growth curve of {parameters} parameters needs {needed} stands, got "
            f"{stands}.",
            zh=f"{parameters} 个参数的生长曲线至少需要 {needed} 个林分，"
            f"现有 {stands} 个；请增加林分或减少立地等级。",
            cure="Add stands, or ask for fewer site classes.",
            value=stands,
            expected=needed,
        )
