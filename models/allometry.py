"""From one tree to its dry mass, and from a stand's volume to its biomass.

Equations are rows of ``config/coefficients/tree_equations.csv``; all their forms are
linear in logarithms, so one function evaluates every one of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import ModelError
from models.quantities import AboveGround, WholeTree

Numbers = NDArray[np.float64]

ROOT = "root"
ORGANS = ("stem", "branch", "leaf", "above", ROOT)
"""``above`` is all that is above ground in one equation."""

UNLIMITED = (0.0, np.inf)

STATUSES = ("confirmed", "derived", "unverified", "proposal")
"""How well a coefficient is attested, the best first."""


@dataclass(frozen=True, slots=True)
class OrganEquation:
    """Dry mass in kg of one organ.

    ``ln kg = intercept + ln_d ln D + ln_d2 (ln D)^2 + ln_h ln H + ln_density ln rho +
    stress E`` with D in cm, H in m, rho in g/cm3 and E the environmental stress of
    Chave et al. (2014).
    """

    organ: str
    intercept: float
    ln_d: float
    ln_d2: float = 0.0
    ln_h: float = 0.0
    ln_density: float = 0.0
    stress: float = 0.0

    def __post_init__(self) -> None:
        if self.organ not in ORGANS:
            raise ValueError(f"organ must be one of {', '.join(ORGANS)}: {self.organ}.")


@dataclass(frozen=True, slots=True)
class TreeEquation:
    """What one source says a tree of a kind weighs, and where that holds."""

    name: str
    species_zh: str
    species: str
    organs: tuple[OrganEquation, ...]
    dbh_range_cm: tuple[float, float] = UNLIMITED
    """Diameters it was fitted to; ``UNLIMITED`` where the source does not say."""
    height_range_m: tuple[float, float] = UNLIMITED
    residual_sd: float = 0.0
    """Of ln mass of single trees."""
    shared_sd: float = 0.0
    """Of ln mass, of the error that it makes for all its trees alike."""
    source: str = ""
    status: str = "unverified"

    @property
    def has_roots(self) -> bool:
        return any(one.organ == ROOT for one in self.organs)

    @property
    def needs_height(self) -> bool:
        return any(one.ln_h for one in self.organs)

    @property
    def needs_density(self) -> bool:
        return any(one.ln_density for one in self.organs)

    @property
    def needs_stress(self) -> bool:
        return any(one.stress for one in self.organs)


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Measures of trees, arrays of one shape; NaN where a measure is not there."""

    dbh_cm: Numbers
    height_m: Numbers
    density_g_cm3: Numbers
    stress: Numbers

    @classmethod
    def of(
        cls,
        dbh_cm: Numbers | float,
        height_m: Numbers | float = np.nan,
        *,
        density_g_cm3: Numbers | float = np.nan,
        stress: Numbers | float = np.nan,
    ) -> "Trees":
        """Return the trees, each measure spread to the shape of all."""
        given = (dbh_cm, height_m, density_g_cm3, stress)
        arrays = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in given))
        return cls(*arrays)

    def part(self, chosen: NDArray[np.bool_]) -> "Trees":
        """Return the trees at ``chosen``."""
        return Trees(
            self.dbh_cm[chosen],
            self.height_m[chosen],
            self.density_g_cm3[chosen],
            self.stress[chosen],
        )


def organ_kg(equation: TreeEquation, trees: Trees) -> dict[str, Numbers]:
    """Return the dry mass of every organ of ``equation``, kg per tree.

    NaN where a measure that the organ's equation needs is NaN or not positive. Trees
    outside the equation's ranges are computed all the same: see ``outside_range``.
    """
    logs = _logs(trees)
    return {one.organ: _kg(one, logs) for one in equation.organs}


def tree_kg(equation: TreeEquation, trees: Trees) -> tuple[Numbers, Numbers]:
    """Return the dry mass above ground and of roots, kg per tree.

    Roots are NaN where the equation has none.
    """
    organs = organ_kg(equation, trees)
    roots = organs.pop(ROOT, np.full(trees.dbh_cm.shape, np.nan))
    return np.asarray(sum(organs.values(), np.zeros(trees.dbh_cm.shape))), roots


def elasticity(equation: TreeEquation, trees: Trees, measure: str) -> Numbers:
    """Return d ln(mass above ground) / d ln(``measure``), for small errors.

    ``measure`` is ``dbh``, ``height`` or ``density``; an organ counts by its mass.
    """
    logs = _logs(trees)
    total, moved = np.zeros(trees.dbh_cm.shape), np.zeros(trees.dbh_cm.shape)
    for one in equation.organs:
        if one.organ == ROOT:
            continue
        slopes: dict[str, Numbers | float] = {
            "dbh": one.ln_d + 2 * one.ln_d2 * logs[0],
            "height": one.ln_h,
            "density": one.ln_density,
        }
        kg = _kg(one, logs)
        total, moved = total + kg, moved + kg * slopes[measure]
    return np.asarray(moved / np.where(total > 0, total, np.nan))


def outside_range(equation: TreeEquation, trees: Trees) -> NDArray[np.bool_]:
    """Return which trees lie outside what the equation was fitted to.

    A height counts only where the equation uses it.
    """
    low, high = equation.dbh_range_cm
    outside = (trees.dbh_cm < low) | (trees.dbh_cm > high)
    if equation.needs_height:
        low, high = equation.height_range_m
        outside |= (trees.height_m < low) | (trees.height_m > high)
    return np.asarray(outside)


@dataclass(frozen=True, slots=True)
class VolumeEquation:
    """``B = a V + b``: biomass **with roots**, t/ha, from stem volume V, m3/ha.

    Fang et al. 2001 and after: b is the biomass at no volume, so a stand of very
    little volume is overestimated.
    """

    name: str
    a_t_m3: float
    b_t_ha: float
    source: str = ""
    status: str = "unverified"

    def biomass(self, volume_m3_ha: Numbers) -> WholeTree:
        """Biomass of stands; NaN where the volume is NaN or not positive."""
        volume = np.asarray(volume_m3_ha, np.float64)
        stocked = np.where(volume > 0, volume, np.nan)
        return WholeTree(np.asarray(self.a_t_m3 * stocked + self.b_t_ha))


@dataclass(frozen=True, slots=True)
class ExpansionClass:
    """BCEF of stands with a growing stock in (low, high] m3/ha."""

    low_m3_ha: float
    high_m3_ha: float
    bcef_t_m3: float


def expanded(volume_m3_ha: Numbers, classes: Iterable[ExpansionClass]) -> AboveGround:
    """AGB = V x BCEF(V), t/ha (IPCC 2006 vol. 4 eq. 2.8); NaN where V is NaN.

    BCEF falls from class to class, so that a stand just above an edge may come out
    with less biomass than one just below it.

    Raises
    ------
    ModelError
        When the classes leave a gap, overlap, or do not reach from 0 to infinity.
    """
    ordered = sorted(classes, key=lambda one: one.low_m3_ha)
    edges = [0.0, *(one.high_m3_ha for one in ordered)]
    if [one.low_m3_ha for one in ordered] != edges[:-1] or edges[-1] != np.inf:
        raise ModelError(
            f"Classes of BCEF must join from 0 to infinity, got edges {edges}.",
            zh="BCEF 分级须从 0 到无穷首尾相接，请更正系数表。",
            cure="Correct config/coefficients/bcef.csv.",
            field="valid_range",
        )
    volume = np.asarray(volume_m3_ha, np.float64)
    place = np.searchsorted(np.array(edges[1:-1]), volume, side="left")
    factor = np.array([one.bcef_t_m3 for one in ordered])[place]
    return AboveGround(np.asarray(volume * factor))


def _logs(trees: Trees) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    def log(measure: Numbers) -> Numbers:
        return np.asarray(np.log(np.where(measure > 0, measure, np.nan)))

    return (
        log(trees.dbh_cm),
        log(trees.height_m),
        log(trees.density_g_cm3),
        trees.stress,
    )


def _kg(one: OrganEquation, logs: tuple[Numbers, Numbers, Numbers, Numbers]) -> Numbers:
    """Evaluate without the terms of measures that the equation does not use."""
    ln_d, ln_h, ln_density, stress = logs
    total = one.intercept + one.ln_d * ln_d
    for slope, term in (
        (one.ln_d2, ln_d * ln_d),
        (one.ln_h, ln_h),
        (one.ln_density, ln_density),
        (one.stress, stress),
    ):
        if slope:
            total = total + slope * term
    return np.asarray(np.exp(total))
