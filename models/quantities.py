"""Biomass, carbon and CO2 per hectare as types that cannot be taken for one another.

Roots are added once: only ``AboveGround`` has ``with_roots``. Densities are float64
arrays in t/ha.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.carbon import CO2_PER_CARBON

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WholeTree:
    """Dry matter above and below ground, t/ha; roots are inside."""

    name: ClassVar[str] = "biomass"
    t_ha: Numbers

    def carbon(self, fraction: float | Numbers) -> "Carbon":
        """Carbon at ``fraction`` t C per t dry matter."""
        return Carbon(np.asarray(self.t_ha * fraction))


@dataclass(frozen=True, slots=True, eq=False)
class AboveGround:
    """Dry matter above ground, t/ha."""

    name: ClassVar[str] = "agb"
    t_ha: Numbers

    def carbon(self, fraction: float | Numbers) -> "Carbon":
        """Carbon above ground at ``fraction`` t C per t dry matter."""
        return Carbon(np.asarray(self.t_ha * fraction))

    def with_roots(self, root_shoot: float | Numbers) -> WholeTree:
        """Add roots at ``root_shoot`` t below per t above ground."""
        return WholeTree(np.asarray(self.t_ha * (1.0 + np.asarray(root_shoot))))


@dataclass(frozen=True, slots=True, eq=False)
class Carbon:
    """Carbon, t C/ha."""

    name: ClassVar[str] = "carbon"
    t_ha: Numbers

    def co2(self) -> "CarbonDioxide":
        """CO2 of the same carbon."""
        return CarbonDioxide(np.asarray(self.t_ha * CO2_PER_CARBON))


@dataclass(frozen=True, slots=True, eq=False)
class CarbonDioxide:
    """Carbon dioxide, t CO2/ha."""

    name: ClassVar[str] = "co2"
    t_ha: Numbers


Quantity = AboveGround | WholeTree | Carbon | CarbonDioxide

QUANTITIES: dict[str, type[Quantity]] = {
    kind.name: kind for kind in (AboveGround, WholeTree, Carbon, CarbonDioxide)
}

T_HA_PER: dict[str, float] = {
    "t/ha": 1.0,
    "kg/ha": 1 / 1000,
    "kg/m2": 10_000 / 1000,
    "g/m2": 10_000 / 1_000_000,
    "t/mu": 15.0,
    "kg/mu": 15 / 1000,
}
"""How many t/ha one of each unit is; 1 mu = 1/15 ha."""
