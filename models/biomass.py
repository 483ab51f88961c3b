"""Biomass by the default-value route (tier 1), and the budget of its error.

``AGBD = cover / 100 x default AGBD of the ecological zone``. The default's error is the
same for every cell of the zone: it does not average out over a parcel or a region.
Errors combine by the first-order rules of IPCC (2006) vol. 1 ch. 3, Approach 1.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal, Self, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from models.carbon import (
    CO2_PER_CARBON,
    Part,
    budget_pct,
    coefficient_parts,
    parcel_se,
    total_variances,
)

Floats = NDArray[np.float64]
Array = TypeVar("Array", NDArray[np.floating], xr.DataArray)
Quantity = Literal["agb_t", "carbon_t", "co2_t"]

COMPONENTS = (
    "residual",
    "model",
    "season",
    "default_agbd",
    "root_shoot",
    "carbon_fraction",
    "area",
)
"""Where the error of a stock comes from."""


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """A coefficient and its standard error, in the coefficient's own unit.

    One number for all parcels, or one for each (p,).
    """

    value: float | Floats
    se: float | Floats

    def __post_init__(self) -> None:
        if not (
            np.all(np.asarray(self.value) > 0) and np.all(np.asarray(self.se) >= 0)
        ):
            raise ValueError(f"A factor is positive and its error not negative: {self}")

    @property
    def relative(self) -> float | Floats:
        return self.se / self.value


@dataclass(frozen=True, slots=True, eq=False)
class CarbonFactors:
    """From full tree cover to carbon; the error is one that all parcels share.

    ``agbd_t_ha`` is t dry matter/ha at full cover, ``root_shoot`` t below per t above
    ground, ``carbon_fraction`` t C per t dry matter.
    """

    agbd_t_ha: Factor
    root_shoot: Factor
    carbon_fraction: Factor

    def per_agb(self, quantity: Quantity) -> float | Floats:
        """Return what one tonne of above-ground dry matter is worth in ``quantity``."""
        if quantity == "agb_t":
            return 1.0
        # t C = t AGB x (t AGB + BGB per t AGB) x t C per t dry matter
        carbon = (1 + self.root_shoot.value) * self.carbon_fraction.value
        return carbon if quantity == "carbon_t" else carbon * CO2_PER_CARBON

    def relative_errors(self, quantity: Quantity) -> dict[str, float | Floats]:
        """Return the relative errors that all parcels share, by component."""
        is_dry_matter = quantity == "agb_t"
        roots = self.root_shoot.se / (1 + self.root_shoot.value)
        return {
            "default_agbd": self.agbd_t_ha.relative,
            "root_shoot": 0.0 if is_dry_matter else roots,
            "carbon_fraction": 0.0 if is_dry_matter else self.carbon_fraction.relative,
        }


def tier1_agbd(
    cover_pct: Array, cover_sd_pct: Array, agbd_t_ha: float, agbd_se_t_ha: float
) -> tuple[Array, Array]:
    """Return above-ground biomass density and its sd per cell, t dry matter/ha.

    ``cover_sd_pct`` is the sd of a cell's cover: model and residual error together.
    The sd of one cell holds the default's error too, which its neighbours share in
    full: sums over cells need ``parcel_budget``, not a quadrature of this map. NaN
    stays NaN.
    """
    share = cover_pct / 100
    from_cover = cover_sd_pct / 100 * agbd_t_ha
    from_default = share * agbd_se_t_ha
    return share * agbd_t_ha, (from_cover**2 + from_default**2) ** 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ParcelCover:
    """Mean cover of parcels (p,), %, and its variances, %2; areas in ha.

    ``residual`` is the variance of the mean with its spatial correlation, ``model``
    that of the shared model error, ``season`` that of the shared season error.
    """

    parcel_id: tuple[str, ...]
    area_ha: Floats
    area_se_ha: Floats
    cover_pct: Floats
    residual: Floats
    model: Floats
    season: Floats

    def only(self, parcels: NDArray[np.bool_]) -> Self:
        """Return the parcels where ``parcels`` is true."""
        ids = tuple(np.array(self.parcel_id)[parcels].tolist())
        numbers = {
            column.name: getattr(self, column.name)[parcels]
            for column in fields(self)
            if column.name != "parcel_id"
        }
        return replace(self, parcel_id=ids, **numbers)


def parcel_budget(
    parcels: ParcelCover, factors: CarbonFactors, *, quantity: Quantity
) -> pd.DataFrame:
    """Return each parcel's stock and the variance each component adds to it.

    Columns: ``estimate`` and ``se`` in the unit of ``quantity`` (t dry matter, t C or
    t CO2e), the ``COMPONENTS`` and their sum ``total`` in that unit squared.
    """
    parts = stock_parts(parcels, factors, quantity=quantity)
    variances = {part.name: part.effect**2 for part in parts}
    columns = {
        "estimate": parcels.cover_pct * _per_pct(parcels, factors, quantity),
        "se": parcel_se(parts),
        **variances,
        "total": sum(variances.values()),
    }
    return pd.DataFrame(columns, index=pd.Index(parcels.parcel_id, name="parcel_id"))


def stock_parts(
    parcels: ParcelCover, factors: CarbonFactors, *, quantity: Quantity
) -> tuple[Part, ...]:
    """Return what one sd of each of ``COMPONENTS`` does to every parcel's stock."""
    per_pct = _per_pct(parcels, factors, quantity)
    estimate = parcels.cover_pct * per_pct
    return (
        Part("residual", np.sqrt(parcels.residual) * per_pct, shared=False),
        Part("model", np.sqrt(parcels.model) * per_pct, shared=True),
        Part("season", np.sqrt(parcels.season) * per_pct, shared=True),
        *coefficient_parts(estimate, factors.relative_errors(quantity)),
        Part("area", estimate * parcels.area_se_ha / parcels.area_ha, shared=False),
    )


@dataclass(frozen=True, slots=True)
class RegionBudget:
    """The stock of a region, its error, and the share of each component in it."""

    estimate: float
    se: float
    variance: dict[str, float]
    share_pct: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class SharedModel:
    """Mean design row (p, k + 1) of each parcel and the covariance of the model."""

    design: Floats
    covariance: Floats


def region_budget(
    parcels: ParcelCover,
    factors: CarbonFactors,
    shared: SharedModel,
    *,
    quantity: Quantity,
    residual_variance: float | None = None,
) -> RegionBudget:
    """Add parcels up: shared errors linearly, each parcel's own in quadrature.

    The model error is that of the area-weighted mean design row, so it is exact;
    season, default AGBD, root:shoot and carbon fraction add linearly; residual and
    area errors are each parcel's own. Parcels nearer to one another than the range of
    the residual variogram are not independent: give the ``residual_variance`` (%2) of
    the mean cover of all of them as one parcel. Parcels without a cover (NaN) are left
    out.
    """
    per_pct = _per_pct(parcels, factors, quantity)
    observed = np.isfinite(parcels.cover_pct)
    summed = per_pct[observed] @ shared.design[observed]
    variance = total_variances(stock_parts(parcels, factors, quantity=quantity))
    variance["model"] = float(summed @ shared.covariance @ summed)
    if residual_variance is not None:
        variance["residual"] = residual_variance * float(per_pct[observed].sum()) ** 2
    return RegionBudget(
        float(np.nansum(parcels.cover_pct * per_pct)),
        float(np.sqrt(sum(variance.values()))),
        variance,
        budget_pct(variance),
    )


def _per_pct(
    parcels: ParcelCover, factors: CarbonFactors, quantity: Quantity
) -> Floats:
    """Return what one percent of cover is worth in each parcel."""
    # t per % = t/ha at full cover / 100 % x ha x t per t AGB
    per_ha = factors.agbd_t_ha.value / 100 * factors.per_agb(quantity)
    return np.asarray(parcels.area_ha * per_ha)
