"""Planning units of a request: what they may be planted with, and what that gives."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.coefficients import find
from config.settings import Settings
from config.siting_tables import (
    carbon_content,
    cost_rates,
    growth_curves,
    niches,
    site_classes,
)
from config.zone_request import BEST, HORIZONS, ZoneRequest
from geo.align import sample, source_of_grid, window
from geo.errors import InfeasibleError, SettingsError
from geo.grid import Grid
from geo.overlay import coverage_weights
from models.criteria import CRITERIA, planting_cost
from models.eligibility import Rule, Screened, unit_eligibility
from models.planting import Potential
from models.siting.species import NONE, Grower, Sites, best_groups, grown
from models.siting.units import Flags
from pipelines.siting_criteria import site_means
from pipelines.siting_land import RegionLand, open_region_land, screen_region
from pipelines.sources import roots_of
from pipelines.train import COVER_RANGE
from pipelines.zone_ground import (
    Ground,
    PublishedNight,
    exposure_layer,
    ground_of,
    published_night,
    townships,
)
from store.reference import Reference, read_reference

Numbers = NDArray[np.float64]
UNKNOWN = "criterion_unknown"
"""Reason of a unit for which a criterion with a weight has no value."""
UNSUITED = "no_species"
"""Reason of a unit where the group asked for, or any group, is not planted."""
REASONS = {
    UNKNOWN: ("A criterion has no value here", "缺少准则数据"),
    UNSUITED: ("No species group asked for suits the site", "立地不适宜所选树种组"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Planning units; every column of ``table`` in their order.

    ``table``: ``unit_id``, ``area_ha``, ``eligible_ha``, ``is_eligible``, ``reason``,
    ``cost_cny_ha``, ``township``, ``group`` (its species group, "" for none) and the
    criteria that there are.
    """

    ground: Ground
    table: pd.DataFrame
    criteria: tuple[str, ...]
    grower: Grower
    sites: Sites
    group: NDArray[np.int16]
    """Number of each unit's species group in ``grower.groups``."""
    potential: Mapping[int, Potential]
    """To every horizon, t CO2/ha of each unit."""
    planted: int
    """Year of planting, the first of several."""
    years: NDArray[np.int64]
    """Year in which each unit is planted."""
    titles: Mapping[str, tuple[str, str]]
    """English and Chinese of every reason."""
    unchecked: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]
    digests: Mapping[str, str]
    code: NDArray[np.uint8]
    """Most binding hard rule of every cell, 0 for none."""
    rules: tuple[Rule, ...]

    @property
    def night(self) -> PublishedNight:
        return self.ground.night

    @property
    def shapes(self) -> gpd.GeoDataFrame:
        """Geometry of the units."""
        return self.ground.shapes

    def groups_of(self, inside: Flags) -> tuple[str, ...]:
        """Return the species groups of some units, that of most area first."""
        part = self.table[inside]
        area = part.groupby("group")["eligible_ha"].sum()
        ordered = sorted(area.index, key=lambda name: (-area[name], name))
        return tuple(str(name) for name in ordered if name)

    def planted_in(self, years: NDArray[np.int64]) -> "Candidates":
        """Return the same units with uptake that begins in these years."""
        potential = grown(
            self.grower,
            self.sites,
            self.group,
            planted=years,
            horizons=tuple(self.potential),
        )
        return replace(self, years=years, potential=potential)


def candidates(settings: Settings, request: ZoneRequest) -> Candidates:
    """Screen the units by every rule that has a layer and value their criteria.

    Raises
    ------
    SettingsError, StoreError
        There is no such night, or the request does not fit it.
    InfeasibleError
        Not one unit may be planted.
    InputError
        A layer of the land cannot be used.
    """
    night = published_night(settings, request.night)
    planted, horizons = _years(request, date.fromisoformat(night.record["night"]))
    grid = settings.region.grid.grid()
    reference = read_reference(
        settings.data_root / settings.region.model.tree_cover,
        roots=roots_of(settings),
        valid_range=COVER_RANGE,
    )
    ground = ground_of(night, request, grid)
    land = open_region_land(settings, more={"tree_cover": _Cover(reference, grid)})
    if ground.is_blocks:
        exposure = exposure_layer(settings, night)
        land = replace(land, layers={**land.layers, "emission_exposure": exposure})
    table, screened = _valued(land, ground)
    table["township"] = townships(settings, request, ground)
    grower, sites = _grower(settings, request), _sites(table, land)
    group, potential = _planted(grower, sites, planted, horizons, request.horizon)
    table["group"] = np.array([*grower.groups, ""])[group]
    table["carbon_potential"] = potential[request.horizon].co2_t_ha
    known = ("carbon_potential", "eco_fragility", "emission_exposure", "idle_land")
    present = tuple(name for name in (*known, "access", "cost") if name in table)
    unsuited = sites.is_known & (group == NONE)
    table = _with_reasons(table, present, unsuited)
    notes = [(note, note) for note in land.notes] + _notes(land)
    return Candidates(
        ground=ground,
        table=table,
        criteria=present,
        grower=grower,
        sites=sites,
        group=group,
        potential=potential,
        planted=planted,
        years=np.full(len(table), planted),
        titles={rule.name: (rule.title, rule.title_zh) for rule in land.rules}
        | REASONS,
        unchecked=tuple(
            rule.name
            for rule in land.rules
            if rule.kind == "hard" and rule.name in screened.unchecked
        ),
        notes=(*notes, *_alike(table, present)),
        digests={**land.digests, "tree_cover": reference.digest},
        code=screened.code,
        rules=land.rules,
    )


@dataclass(frozen=True, slots=True)
class _Cover:
    """The reference raster of tree cover on the region's grid, rows at a time."""

    reference: Reference
    grid: Grid

    def read(self, rows: slice) -> NDArray[np.float32]:
        part = self.grid.window(rows, slice(0, self.grid.width))
        source = source_of_grid(self.reference.grid)
        there = window(part, source)
        if there is None:
            return np.full(part.shape, np.nan, np.float32)
        values = self.reference.read(*there)
        corner = there[0].start, there[1].start
        found = sample(values, corner, source, part, method="nearest", nodata=np.nan)
        return np.asarray(found, dtype=np.float32)


def _valued(land: RegionLand, ground: Ground) -> tuple[pd.DataFrame, Screened]:
    """Return what the rules leave of every unit, and the means of its criteria."""
    screened = screen_region(land)
    weights = coverage_weights(ground.shapes, land.grid)
    units = unit_eligibility(weights, screened, land.rules)
    means = site_means(land, screened, weights)
    table = units.merge(means, on="unit_id", validate="1:1")
    if not ground.is_blocks:
        exposure = ground.night.parcels["exposure_tco2e_yr"]
        table["emission_exposure"] = exposure.to_numpy()
    table["cost_cny_ha"] = _cost(table)
    return table, screened


def _years(request: ZoneRequest, night: date) -> tuple[int, tuple[int, ...]]:
    """Return the first year of planting and the horizons after the last one."""
    planted = request.planted if request.planted is not None else night.year + 1
    end = request.plan_end if request.plan_end is not None else planted
    if planted >= request.horizon:
        raise SettingsError(
            f"horizon {request.horizon} is not after the planting year {planted}.",
            zh=f"目标年 {request.horizon} 不晚于造林年 {planted}，请修改请求。",
            cure="Choose a later horizon or an earlier planting year.",
            field="horizon",
            value=request.horizon,
        )
    if end < planted:
        raise SettingsError(
            f"plan_end {end} is before the planting year {planted}.",
            zh=f"末次造林年 {end} 早于首个造林年 {planted}，请修改请求。",
            cure=f"Choose plan_end from {planted} on, or give planted.",
            field="plan_end",
            value=end,
        )
    later = {year for year in HORIZONS if planted < year}
    return planted, tuple(sorted(later | {request.horizon}))


def _grower(settings: Settings, request: ZoneRequest) -> Grower:
    """Return the group asked for, or all there are to choose from."""
    curves, where = growth_curves(), niches()
    if request.species_group != BEST:
        curves = {request.species_group: curves[request.species_group]}
    return Grower(
        curves,
        where,
        carbon_content(settings.region.biomass.root_shoot),
        find("site_se").value,
    )


def _sites(table: pd.DataFrame, land: RegionLand) -> Sites:
    """Return the ground of the units; of what there is no layer, nothing is known."""
    classes = site_classes()
    count = len(table)
    told = {
        name: table[name].to_numpy(dtype=np.float64) if name in table else None
        for name in ("height", "slope", "rain")
    }
    rain = told["rain"]
    if rain is None and land.rain_mm is not None:
        rain = np.full(count, land.rain_mm)
    average = Sites.average(count)
    share, quality = average.share, average.quality
    if told["slope"] is not None:
        names = [f"site_{number}" for number in range(len(classes))]
        share = table[names].to_numpy(dtype=np.float64)
        quality = np.array([multiple for *_, multiple in sorted(classes)])
    return Sites(share, quality, told["height"], rain, told["slope"])


def _planted(
    grower: Grower, sites: Sites, planted: int, horizons: tuple[int, ...], horizon: int
) -> tuple[NDArray[np.int16], Mapping[int, Potential]]:
    """Return the group of every unit and its uptake when all is planted at once."""
    group = best_groups(grower, sites, age_yr=float(horizon - planted))
    years = np.full(len(sites), planted)
    return group, grown(grower, sites, group, planted=years, horizons=horizons)


def _cost(table: pd.DataFrame) -> Numbers:
    if "cost" in table:
        return table["cost"].to_numpy(dtype=np.float64)
    return planting_cost(np.zeros(len(table)), 0.0, cost_rates())


def _notes(land: RegionLand) -> list[tuple[str, str]]:
    notes = []
    if "slope" not in land.layers and "height" not in land.layers:
        notes.append(
            (
                "Without a layer of slope, costs are those of level land.",
                "无坡度图层：造林成本按平地计。",
            )
        )
        notes.append(
            (
                "Without slope or heights, every site counts as average.",
                "无坡度与高程图层：立地均按平均水平计。",
            )
        )
    if "height" not in land.layers:
        notes.append(
            (
                "Without heights, every site counts as fit for the species group.",
                "无高程图层：海拔均视为适宜所选树种组。",
            )
        )
    if "road" not in land.layers:
        notes.append(
            (
                "Without roads, carrying to the site costs nothing.",
                "无道路图层：未计运输成本。",
            )
        )
    return notes


def _alike(table: pd.DataFrame, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Name criteria that are the same on all eligible land: they decide nothing."""
    among = table[table["is_eligible"]]
    same = [name for name in names if np.ptp(among[name].to_numpy()) == 0]
    titles = "、".join(CRITERIA[name].title_zh for name in same)
    return [
        (
            f"Decides nothing, the same on all eligible land: {', '.join(same)}.",
            f"以下准则在全部可造林地上取值相同，不影响排序：{titles}。",
        )
    ][: len(same)]


def _with_reasons(
    table: pd.DataFrame, names: tuple[str, ...], unsuited: Flags
) -> pd.DataFrame:
    """Let no unit be chosen that has no species group or lacks a figure."""
    figures = table[[*names, "cost_cny_ha"]].to_numpy(dtype=np.float64)
    eligible = table["is_eligible"].to_numpy(dtype=bool)
    unknown = ~np.isfinite(figures).all(axis=1) & eligible
    table.loc[unknown, "reason"] = UNKNOWN
    table.loc[unsuited & eligible, "reason"] = UNSUITED
    table["is_eligible"] = eligible & ~unknown & ~unsuited
    if table["is_eligible"].any():
        return table
    counts = table["reason"].value_counts().to_dict()
    told = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
    raise InfeasibleError(
        f"Not one of {len(table)} units may be planted ({told}).",
        zh=f"{len(table)} 个规划单元均不可造林（{told}）。请检查图层与规则。",
        cure="Check the layers and rules of the region file.",
        field="siting",
        value=told,
    )
