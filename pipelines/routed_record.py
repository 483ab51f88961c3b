"""What the record of a night says of its way to biomass."""

from typing import Any

import geopandas as gpd
import numpy as np

from geo.layers import ROUTES
from pipelines.anchored import read_anchored
from pipelines.context import Night
from pipelines.results import Results
from pipelines.routed_stocks import KEPT_OUT, WIDENED
from pipelines.routes import Card, card_of
from store.record import Biomass, Estimate, PlotsTotal


def biomass_of(night: Night, results: Results, parcels: gpd.GeoDataFrame) -> Biomass:
    """Return the route, how much of the area took it, and the model's card in short."""
    route = results.trained.route
    shares = _area_pct(route.name, parcels)
    if route.model is None:
        return Biomass(area_pct=shares)
    card = card_of(night, route.model)
    return Biomass(
        route=route.name,
        area_pct=shares,
        model=_in_short(card) | {"parcels_along_stands": _along_stands(night, results)},
        unconfirmed=tuple(card["source"]["equations_not_confirmed"]),
    )


def plots_total(night: Night, results: Results) -> PlotsTotal | None:
    """Return what the plots say of the region's total, or why they say nothing."""
    if results.anchored is None:
        return None
    return PlotsTotal.model_validate(read_anchored(night, results.anchored))


def anchored_estimates(told: PlotsTotal | None) -> list[Estimate]:
    """Return the plots' total as it stands among the others, if there is one."""
    if told is None or told.total is None:
        return []
    return [
        Estimate(
            name=f"AGB of forest by {told.plots} plots of {told.year} "
            "林地地上生物量（样地推算）",
            value=told.total,
            se=float(told.se or 0.0),
            low=float(told.low or 0.0),
            high=float(told.high or 0.0),
            unit="t",
        )
    ]


def _area_pct(route: str, parcels: gpd.GeoDataFrame) -> dict[str, float]:
    """Return the share of the observed area by route, in the order of ``ROUTES``."""
    seen = parcels["area_ha"].to_numpy() * parcels["observed_pct"].to_numpy()
    pct = np.nan_to_num(parcels["model_pct"].to_numpy(np.float64))
    whole = float(seen.sum())
    learned = float((seen * pct).sum()) / whole if whole else 0.0
    shares = {"tier1": round(100.0 - learned, 2), route: round(learned, 2)}
    if route == "tier1":
        shares = {"tier1": 100.0}
    return {code: shares[code] for code, *_ in ROUTES if code in shares}


def _along_stands(night: Night, results: Results) -> dict[str, float]:
    """Return s of ``models.stands``, and by how much it widened the residuals."""
    facts = night.catalog.need(results.stock).facts
    return {name: float(str(facts[name])) for name in (KEPT_OUT, WIDENED)}


def _in_short(card: Card) -> dict[str, Any]:
    """Return what a reader of the report may ask of the model."""
    told = {
        "model": str(card["card_digest"])[:12],
        "chosen": card["chosen"]["name"],
        "plots": {name: card["plots"][name] for name in ("listed", "year")},
        "learnt_from": card["training"]["n"],
        "imagery": card["imagery"]["season"],
        "scores": card["scores"],
        "coverage_90": card["intervals"]["coverage_90"],
        "domain_share_of_forest": card["region"]["domain_share"],
        "upper_valid_limit_t_ha": card["saturation"]["upper_valid_limit"],
        "residual_practical_range_m": card["residual"]["practical_range_m"],
        "checks_passed": sum(check["passed"] for check in card["gate"]),
    }
    return told | {
        name: card[name] for name in ("first_phase", "against_plots") if name in card
    }
