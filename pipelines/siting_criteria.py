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
from geo.kept import KeptMeans
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
from models.planting import (
    CarbonContent,
    GrowthCurve,
    Niche,
    best_group,
    carbon_potential,
    site_class,
)
from pipelines.siting_land import RegionLand

Numbers = NDArray[np.float64]
Strip = tuple[slice, dict[str, NDArray[np.float32]]]

MEANS = ("height", "rain", "emission_exposure")
"""Layers of which units take the mean as it is, where they are there."""

DISTANCE_ROWS = 1024
"""Rows whose distance to a road is worked out at a time."""

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
    """Yield rows and their criteria, float32, those of which the layers are there.

    ``soil_loss`` (t/(ha yr)), ``eco_fragility`` (its class), ``access`` (m, to the
    nearest cell that a road touches), ``cost`` (CNY/ha), ``idle_land`` (0/1),
    ``group`` (number in the order of the curves, -1 for none), and for every horizon
    ``carbon_<year>`` and ``carbon_se_<year>`` (t CO2/ha). With ``screened`` values are
    NaN on excluded cells, so that means of units are of what may be planted.
    """
    tables = _potential_tables(growth)
    for rows, access in _access(land):
        size = rows.stop - rows.start, land.grid.width
        kept = np.ones(size, bool) if screened is None else screened.eligible[rows]
        part = _Part(land, rows, kept)
        found = _valued(part, access)
        slope = found.pop("slope", None)
        if slope is not None:
            found |= _potential(part, slope, growth, tables)
        yield rows, {name: part.spread(values) for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class _Part:
    """The cells of a strip that count, one after another."""

    land: RegionLand
    rows: slice
    kept: NDArray[np.bool_]

    def read(self, name: str) -> Numbers | None:
        values = self.land.read(name, self.rows)
        return None if values is None else values[self.kept].astype(np.float64)

    def spread(self, values: Numbers) -> NDArray[np.float32]:
        """Return ``(y, x)`` with NaN where cells do not count."""
        whole = np.full(self.kept.shape, np.nan, np.float32)
        whole[self.kept] = values
        return whole


def site_means(
    land: RegionLand, screened: Screened, weights: CoverageWeights
) -> pd.DataFrame:
    """Return what units are chosen by, as means over what may be planted of each.

    Returns
    -------
        ``unit_id``; ``access``, ``cost``, ``eco_fragility`` and ``idle_land`` as in
        ``criteria_strips``, ``slope`` and those of ``MEANS``,
        and ``site_<n>``, the share of slope class n. Only what there are layers for.
    """
    means = KeptMeans(weights)
    classes = site_classes()
    for rows, access in _access(land):
        part = _Part(land, rows, screened.eligible[rows])
        found = _valued(part, access)
        if "slope" in found:
            site = site_class(found["slope"], classes)
            for number in range(len(classes)):
                share = np.where(site < 0, np.nan, site == number)
                found[f"site_{number}"] = share.astype(np.float64)
        for name in MEANS:
            values = part.read(name) if name in land.layers else None
            if values is not None:
                found[name] = values
        found.pop("soil_loss", None)
        means.add(rows.start, part.kept, found)
    return pd.DataFrame({"unit_id": list(weights.parcel_ids), **means.means})


def _valued(part: "_Part", access: NDArray[np.float32] | None) -> dict[str, Numbers]:
    """Return the criteria of kept cells that growth has no part in, and their slope."""
    found = {} if access is None else {"access": access[part.kept].astype(np.float64)}
    slope, cover = part.read("slope"), part.read("tree_cover")
    if slope is not None:
        far = found.get("access", np.zeros(len(slope)))
        found["cost"] = planting_cost(slope, far, cost_rates())
        found |= {"slope": slope, **_fragility(part, slope)}
    if cover is not None:
        found["idle_land"] = idle_land(cover, below_pct=find("idle_cover").value)
    return found


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


def _access(land: RegionLand) -> Iterator[tuple[slice, NDArray[np.float32] | None]]:
    """Yield strips with the distance to a road, worked out for several at a time."""
    if "road" not in land.layers:
        for rows in land.strips():
            yield rows, None
        return
    road = np.zeros(land.grid.shape, bool)
    for rows in land.strips():
        road[rows] = land.layers["road"].read(rows) > 0
    known, far = slice(0, 0), np.empty((0, land.grid.width), np.float32)
    for rows in land.strips():
        if rows.stop > known.stop:
            stop = min(max(rows.start + DISTANCE_ROWS, rows.stop), land.grid.height)
            known = slice(rows.start, stop)
            far = distance_m(road, cell_m=land.grid.cell_m, rows=known)
        yield rows, far[rows.start - known.start : rows.stop - known.start]


def _green_cover(part: _Part) -> Numbers | None:
    """Return the cover of all plants, or of trees alone where nothing else is known.

    Tree cover leaves out grass and shrubs, so erosion from it is far too high.
    """
    mapped = part.read("vegetation_cover")
    if mapped is not None:
        return mapped
    ndvi = part.read("ndvi")
    if ndvi is not None:
        bare, full = find("ndvi_bare").value, find("ndvi_full").value
        return vegetation_cover_pct(ndvi, bare=bare, full=full)
    return part.read("tree_cover")


def _fragility(part: _Part, slope: Numbers) -> dict[str, Numbers]:
    """Return soil loss and its class; factors without a layer are the table's rows."""
    cover = _green_cover(part)
    if cover is None:
        return {}
    rain, erodibility = part.read("rain"), part.read("erodibility")
    practice = part.read("practice")
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
    return {"soil_loss": loss, "eco_fragility": erosion_class(loss, erosion_bounds())}


def _potential_tables(growth: Growth) -> dict[str, Numbers]:
    """Return potential and error by horizon, for every group and class of site.

    The last row and column are NaN: there go places without a group or a slope.
    """
    sites = np.array([multiple for *_, multiple in site_classes()] + [np.nan])
    shape = len(growth.curves) + 1, len(sites)
    tables: dict[str, Numbers] = {}
    for year in growth.horizons:
        amount, error = (np.full(shape, np.nan) for _ in range(2))
        for number, curve in enumerate(growth.curves.values()):
            found = carbon_potential(
                curve,
                sites,
                growth.content,
                age_yr=float(year - growth.planted),
                site_relative_se=find("site_se").value,
            )
            amount[number], error[number] = found.co2_t_ha, found.se_t_ha
        tables |= {f"carbon_{year}": amount, f"carbon_se_{year}": error}
    return tables


def _potential(
    part: _Part, slope: Numbers, growth: Growth, tables: Mapping[str, Numbers]
) -> dict[str, Numbers]:
    heights = part.read("height")
    if heights is None:
        return {}
    group = best_group(
        heights,
        part.read("rain"),
        growth.curves,
        growth.niches,
        age_yr=float(growth.horizons[-1] - growth.planted),
    )
    site = site_class(slope, site_classes())
    found = {name: table[group, site] for name, table in tables.items()}
    return {"group": group.astype(np.float64), **found}
