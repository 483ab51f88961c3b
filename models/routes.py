"""Stocks of parcels whose cells took different routes to their biomass.

A parcel's density is ``sum_r share_r mean_r`` over the routes r of its observed cells.
Each route brings its residual (correlated in space), its model's own error (shared by
all cells that it predicts), its season's error and one factor that all of it shares:
the default density of tier 1, or the equations behind the plots. First-order rules,
as ``models.biomass``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.correlation import Variogram
from models.biomass import CarbonFactors, Quantity, RegionBudget
from models.carbon import (
    Part,
    budget_pct,
    coefficient_parts,
    limits_90,
    parcel_se,
    total_variances,
)
from models.status import StatusRules, parcel_status
from models.stocks import QUANTITIES, ParcelAreas, Stocks

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FOREST_COVER_PCT = 20.0
"""Cover (%) below which a cell is no forest (Forest Law, art. 83): plots stand in
forests, so a model learnt from them has nothing to say there."""
MOST_PCT = 50.0
"""Share of a parcel from which it is said to have taken a route."""


@dataclass(frozen=True, slots=True, eq=False)
class RoutePart:
    """What one route says of parcels (p,), of the cells that took it.

    Shares are of the parcel's observed area, 0-1; where it is 0 the rest is not used.
    """

    share: Floats
    mean_t_ha: Floats
    residual: Floats
    """Variance of that mean from the cells' residuals, (t/ha)^2."""
    loadings: Floats
    """(p, r), t/ha: by how much that mean moves with each shared error of the model."""
    season_t_ha: Floats
    factor: str
    """What all of it shares: a component of the budget."""
    relative_se: float
    region_residual: float
    """Variance of the mean of all cells of the route together, (t/ha)^2."""

    def weighted(self) -> Self:
        """Return the part with all but the share multiplied by it; 0 where none."""
        some = self.share > 0

        def times(values: Floats) -> Floats:
            share = self.share.reshape(-1, *[1] * (values.ndim - 1))
            used = some.reshape(share.shape)
            return np.where(used, np.where(used, values, 0.0) * share, 0.0)

        return type(self)(
            self.share,
            times(self.mean_t_ha),
            np.where(some, np.where(some, self.residual, 0.0) * self.share**2, 0.0),
            times(self.loadings),
            times(self.season_t_ha),
            self.factor,
            self.relative_se,
            self.region_residual,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """Parcels (p,) of a season by route: their areas, how far seen, and each part.

    ``learned`` is the route of the region's own model, the first of ``parts``; the
    other is tier 1. ``cover_pct`` is the mean tree cover of all observed cells.
    """

    areas: ParcelAreas
    observed_pct: Floats
    domain_pct: Floats
    cover_pct: Floats
    learned: str
    parts: tuple[RoutePart, RoutePart]


def estimate_routed(
    known: Routed, factors: CarbonFactors, rules: StatusRules
) -> Stocks:
    """Return the stocks of every parcel, and of all parcels together.

    As ``models.stocks.estimate_stocks``, with ``method``, the route that half of a
    parcel's observed area or more took, and ``model_pct``, how much of it took the
    region's own model.
    """
    status = parcel_status(
        known.areas.area_ha, known.observed_pct, known.domain_pct, rules
    )
    shown = status != "no_observation"
    model_pct = 100.0 * known.parts[0].share
    columns: dict[str, NDArray[np.generic]] = {
        "parcel_id": np.array(known.areas.parcel_id),
        "observed_pct": known.observed_pct,
        "domain_pct": known.domain_pct,
        "cover_pct": np.where(shown, known.cover_pct, np.nan),
        "status": status,
        "method": np.where(model_pct >= MOST_PCT, known.learned, "tier1"),
        "model_pct": np.where(shown, model_pct, np.nan),
    }
    weighted = [part.weighted() for part in known.parts]
    for quantity in QUANTITIES:
        stock, parts = _parts(known, weighted, factors, quantity)
        value = np.where(shown, stock, np.nan)
        se = np.where(shown, parcel_se(parts), np.nan)
        low, high = limits_90(value, se, stock=True)
        columns[quantity] = value
        columns |= {
            f"{quantity}_{name}": figure
            for name, figure in (("se", se), ("low", low), ("high", high))
        }
    if not shown.any():
        return Stocks(pd.DataFrame(columns), {})
    totals = {
        quantity: _total(known, weighted, factors, quantity, shown)
        for quantity in QUANTITIES
    }
    return Stocks(pd.DataFrame(columns), totals)


def scaled_to_cells(sd: Floats, *, nugget: float, sill: float, finer: float) -> Floats:
    """Return residual sd of cells from that of plots ``finer`` times their area.

    What neighbours do not share (the nugget) has ``finer`` times the variance on a cell
    that the mean over a plot's cells has; what they share is the same.
    """
    variance = nugget + sill
    if variance == 0 or finer <= 1:
        return sd
    return np.asarray(sd * np.sqrt((nugget * finer + sill) / variance))


def not_nearer_than_plots(
    fitted: Variogram, *, spacing_m: float, own_variance: float
) -> Variogram:
    """Return how residuals go together where plots were too far apart to tell.

    Nearer to one another than plots are (``spacing_m``, the median way to the next)
    nothing was seen of the correlation: residuals are taken to fall off over at least
    that length, and of what the fit calls a nugget only the plots' own error of
    measuring (``own_variance``) is one. Parcels are about as wide as plots are apart:
    a length that was guessed too short would promise them too much.
    """
    nugget = min(fitted.nugget, own_variance)
    return Variogram(nugget, fitted.variance - nugget, max(fitted.range_m, spacing_m))


def _parts(
    known: Routed,
    weighted: Sequence[RoutePart],
    factors: CarbonFactors,
    quantity: Quantity,
) -> tuple[Floats, tuple[Part, ...]]:
    """Return each parcel's stock, and what one sd of each source does to it."""
    per = np.asarray(known.areas.area_ha * factors.per_agb(quantity))
    stock = sum(part.mean_t_ha for part in weighted) * per
    # Of two routes side by side nobody knows how their errors go together: at worst
    # they are the same.
    residual = sum(np.sqrt(part.residual) for part in weighted) * per
    season = sum(part.season_t_ha for part in weighted) * per
    loadings = np.hstack([part.loadings for part in weighted])
    relative = factors.relative_errors(quantity)
    del relative["default_agbd"]
    own = {part.factor: part.mean_t_ha * per * part.relative_se for part in weighted}
    return stock, (
        Part("residual", residual, shared=False),
        Part("model", np.sqrt((loadings**2).sum(axis=1)) * per, shared=True),
        Part("season", season, shared=True),
        *(Part(name, effect, shared=True) for name, effect in own.items()),
        *coefficient_parts(stock, relative),
        Part(
            "area", stock * known.areas.area_se_ha / known.areas.area_ha, shared=False
        ),
    )


def _total(
    known: Routed,
    weighted: Sequence[RoutePart],
    factors: CarbonFactors,
    quantity: Quantity,
    shown: Mask,
) -> RegionBudget:
    stock, parts = _parts(known, weighted, factors, quantity)
    variance = total_variances(
        [Part(p.name, np.where(shown, p.effect, 0.0), shared=p.shared) for p in parts]
    )
    per = np.where(shown, known.areas.area_ha * factors.per_agb(quantity), 0.0)
    loadings = per @ np.hstack([part.loadings for part in weighted])
    variance["model"] = float(loadings @ loadings)
    residual = 0.0
    for part in weighted:
        if np.isfinite(part.region_residual):
            residual += np.sqrt(part.region_residual) * float(per @ part.share)
    variance["residual"] = float(residual**2)
    return RegionBudget(
        float(stock[shown].sum()),
        float(np.sqrt(sum(variance.values()))),
        variance,
        budget_pct(variance),
    )
