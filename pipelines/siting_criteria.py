"""The criteria of siting for a region, strip by strip and per planning unit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.coefficients import find
from config.siting_tables import (
    carbon_content,
    cost_rates,
    erosion_bounds,
    growth_curves,
    niches,
    site_classes,
)
from geo.patches import distance_m
from geo.zonal import CoverageWeights, StripSums
from models.criteria import idle_land, planting_cost
from models.eligibility import Screened
from models.erosion import (
    cover_factor,
    erosion_class,
    rain_erosivity,
    slope_length_steepness,
    soil_loss_t_ha,
    vegetation_cover_pct,
)
from models.growth import (
    CarbonContent,
    GrowthCurve,
    Niche,
    best_group,
    carbon_potential,
    site_quality,
)
from pipelines.siting_land import RegionLand

Numbers = NDArray[np.float64]
Strip = tuple[slice, dict[str, Numbers]]

USED = (
    ("planting_base", "any"),
    ("planting_slope_share", "any"),
    ("planting_distance", "any"),
    ("soil_measures", "any"),
    ("idle_cover", "any"),
    ("erosivity_coefficient", "any"),
    ("erosivity_power", "any"),
    ("erodibility", "any"),
    ("slope_length", "any"),
    ("support_practice", "any"),
    ("annual_rain", "any"),
    ("ndvi_bare", "any"),
    ("ndvi_full", "any"),
    ("stocking", "any"),
    ("site_se", "any"),
)
"""Coefficients behind the criteria, beside the growth rows of the groups used."""


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """What is planted where, when, and what it is worth."""

    curves: Mapping[str, GrowthCurve]
    niches: Mapping[str, Niche]
    content: CarbonContent
    planted: int
    horizons: tuple[int, ...]

    @classmethod
    def usual(
        cls,
        root_zone: str,
        *,
        planted: int,
        horizons: Sequence[int] = (2030, 2040, 2060),
    ) -> "Growth":
        """Return the growth rows of ``config/coefficients/growth.csv``."""
        return cls(
            growth_curves(),
            niches(),
            carbon_content(root_zone),
            planted,
            tuple(horizons),
        )


def criteria_strips(
    land: RegionLand, growth: Growth, *, screened: Screened | None = None
) -> Iterator[Strip]:
    """Yield rows and their criteria, those of which the layers are there.

    ``soil_loss`` (t/(ha yr)), ``eco_fragility`` (its class), ``access`` (m), ``cost``
    (CNY/ha), ``idle_land`` (0/1), ``group`` (number in the order of the curves, -1 for none), and for every horizon
    ``carbon_<year>`` and ``carbon_se_<year>`` (t CO2/ha). With ``screened`` values are
    NaN on excluded cells, so that means of units are of what may be planted.
    """
    road = _road_mask(land)
    for rows in land.strips():
        found: dict[str, Numbers] = {}
        slope = land.read("slope", rows)
        cover = land.read("tree_cover", rows)
        if road is not None:
            found["access"] = distance_m(
                road, cell_m=land.grid.cell_m, rows=rows
            ).astype(np.float64)
        if slope is not None:
            far = found.get("access", np.zeros(slope.shape))
            found["cost"] = planting_cost(slope, far, cost_rates())
            found |= _potential(land, rows, slope, growth)
            found |= _fragility(land, rows, slope)
        if cover is not None:
            found["idle_land"] = idle_land(cover, below_pct=find("idle_cover").value)
        if screened is not None:
            out = ~screened.eligible[rows]
            for values in found.values():
                values[out] = np.nan
        yield rows, found


def unit_criteria(weights: CoverageWeights, strips: Iterator[Strip]) -> pd.DataFrame:
    """Return the mean of every criterion over each unit's cells that have a value.

    Returns
    -------
        ``unit_id`` and a column per criterion; NaN where no cell of the unit has a
        value. Errors (``carbon_se_*``) are means too: the growth curve's error is
        shared by all cells of a group, so it does not average out. ``group`` is left
        out: see ``unit_groups``.
    """
    sums: StripSums | None = None
    names: list[str] = []
    for rows, found in strips:
        if sums is None:
            names = [name for name in found if name != "group"]
            sums = StripSums(weights, bands=len(names))
        block = np.stack([found[name] for name in names])
        sums.add(block, row=rows.start)
    if sums is None:
        return pd.DataFrame({"unit_id": list(weights.parcel_ids)})
    total, observed = sums.result
    means = np.full_like(total, np.nan)
    np.divide(total, observed, out=means, where=observed > 0)
    columns = dict(zip(names, means, strict=True))
    return pd.DataFrame({"unit_id": list(weights.parcel_ids), **columns})


def _road_mask(land: RegionLand) -> NDArray[np.bool_] | None:
    if "road" not in land.layers:
        return None
    mask = np.zeros(land.grid.shape, bool)
    for rows in land.strips():
        mask[rows] = land.layers["road"].read(rows) > 0
    return mask


def _green_cover(land: RegionLand, rows: slice) -> Numbers | None:
    """Return the cover of all plants, or of trees alone where nothing else is known.

    Tree cover leaves out grass and shrubs, so erosion from it is far too high.
    """
    mapped = land.read("vegetation_cover", rows)
    if mapped is not None:
        return mapped.astype(np.float64)
    ndvi = land.read("ndvi", rows)
    if ndvi is not None:
        bare, full = find("ndvi_bare").value, find("ndvi_full").value
        return vegetation_cover_pct(ndvi, bare=bare, full=full)
    trees = land.read("tree_cover", rows)
    return None if trees is None else trees.astype(np.float64)


def _fragility(
    land: RegionLand, rows: slice, slope: NDArray[np.float32]
) -> dict[str, Numbers]:
    """Return soil loss and its class; factors without a layer are the table's rows."""
    cover = _green_cover(land, rows)
    if cover is None:
        return {}
    rain = land.read("rain", rows)
    erodibility = land.read("erodibility", rows)
    practice = land.read("practice", rows)
    loss = soil_loss_t_ha(
        erosivity=rain_erosivity(
            np.asarray(find("annual_rain").value) if rain is None else rain,
            coefficient=find("erosivity_coefficient").value,
            power=find("erosivity_power").value,
        ),
        erodibility=find("erodibility").value if erodibility is None else erodibility,
        slope_factor=slope_length_steepness(slope, length_m=find("slope_length").value),
        cover=cover_factor(cover),
        practice=find("support_practice").value if practice is None else practice,
    )
    classes = erosion_class(loss, erosion_bounds())
    return {"soil_loss": loss, "eco_fragility": classes}


def _potential(
    land: RegionLand, rows: slice, slope: NDArray[np.float32], growth: Growth
) -> dict[str, Numbers]:
    heights = land.read("height", rows)
    if heights is None:
        return {}
    rain = land.read("rain", rows)
    group = best_group(
        heights.astype(np.float64),
        None if rain is None else rain.astype(np.float64),
        growth.curves,
        growth.niches,
        age_yr=float(growth.horizons[-1] - growth.planted),
    )
    site = site_quality(slope.astype(np.float64), site_classes())
    found = {"group": group.astype(np.float64)}
    for year in growth.horizons:
        amount, error = (np.full(slope.shape, np.nan) for _ in range(2))
        for number, curve in enumerate(growth.curves.values()):
            here = group == number
            if not here.any():
                continue
            part = carbon_potential(
                curve,
                site[here],
                growth.content,
                age_yr=float(year - growth.planted),
                site_relative_se=find("site_se").value,
            )
            amount[here], error[here] = part.co2_t_ha, part.se_t_ha
        found[f"carbon_{year}"], found[f"carbon_se_{year}"] = amount, error
    return found
