"""Planning units of a request: parcels of a published night, what they may and give."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.coefficients import find
from config.settings import Settings
from config.siting_tables import cost_rates, growth_curves
from config.zone_request import HORIZONS, ZoneRequest
from geo.align import sample, source_of_grid, window
from geo.errors import InfeasibleError, SettingsError, StoreError
from geo.grid import Grid
from geo.overlay import coverage_weights
from models.criteria import CRITERIA, planting_cost
from models.eligibility import Rule, unit_eligibility
from models.planting import Potential, at_horizons
from pipelines.siting_criteria import Growth, criteria_strips, unit_criteria
from pipelines.siting_land import RegionLand, open_region_land, screen_region
from pipelines.sources import roots_of
from pipelines.train import COVER_RANGE
from store.published import RECORD, Published
from store.reference import Reference, read_reference

Numbers = NDArray[np.float64]
UNKNOWN = "criterion_unknown"
"""Reason of a unit for which a criterion with a weight has no value."""


@dataclass(frozen=True, slots=True, eq=False)
class PublishedNight:
    """A night that was published: its parcels and what it says of itself."""

    folder: Path
    record: Mapping[str, Any]
    parcels: gpd.GeoDataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Parcels as planning units; every column of ``table`` in their order.

    ``table``: ``unit_id``, ``area_ha``, ``eligible_ha``, ``is_eligible``, ``reason``,
    ``cost_cny_ha``, and the criteria that there are.
    """

    night: PublishedNight
    table: pd.DataFrame
    criteria: tuple[str, ...]
    potential: Mapping[int, Potential]
    planted: int
    titles: Mapping[str, tuple[str, str]]
    """English and Chinese of every reason."""
    unchecked: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]
    digests: Mapping[str, str]
    code: NDArray[np.uint8]
    """Most binding hard rule of every cell, 0 for none."""
    rules: tuple[Rule, ...]


def published_night(settings: Settings, night: date | None) -> PublishedNight:
    """Open the night asked for, or the latest.

    Raises
    ------
    SettingsError
        The region has no such night.
    StoreError
        What was published has changed since.
    """
    root = settings.published_root
    link = root / (f"{night}/current" if night else "latest")
    if not link.exists():
        raise _no_night(settings, night)
    folder = link.resolve()
    day = date.fromisoformat(folder.parent.name)
    if Published(root).find(day, folder.name) is None:
        raise StoreError(
            f"The published night {day} has changed since it was published.",
            zh=f"已发布的监测夜 {day} 文件已被改动，请重新运行该夜后再规划。",
            cure="Run the night again.",
            file=folder.name,
        )
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    parcels = gpd.read_parquet(folder / "parcels.parquet")
    return PublishedNight(folder, record, parcels)


def candidates(settings: Settings, request: ZoneRequest) -> Candidates:
    """Screen the parcels by every rule that has a layer and value their criteria.

    Raises
    ------
    SettingsError, StoreError
        There is no such night, or the request does not fit it.
    InfeasibleError
        Not one parcel may be planted.
    InputError
        A layer of the land cannot be used.
    """
    night = published_night(settings, request.night)
    reference = read_reference(
        settings.data_root / settings.region.model.tree_cover,
        roots=roots_of(settings),
        valid_range=COVER_RANGE,
    )
    grid = settings.region.grid.grid()
    land = open_region_land(settings, more={"tree_cover": _Cover(reference, grid)})
    growth = _growth(settings, request, date.fromisoformat(night.record["night"]))
    screened = screen_region(land)
    weights = coverage_weights(night.parcels, grid)
    units = unit_eligibility(weights, screened, land.rules)
    means = unit_criteria(weights, criteria_strips(land, growth, screened=screened))
    table = units.merge(means, on="unit_id", validate="1:1")
    table["emission_exposure"] = night.parcels["exposure_tco2e_yr"].to_numpy()
    potential = _potential(table, growth)
    table["carbon_potential"] = potential[request.horizon].co2_t_ha
    notes = [(note, note) for note in land.notes] + _notes(land)
    table["cost_cny_ha"] = _cost(table)
    known = ("carbon_potential", "eco_fragility", "emission_exposure", "idle_land")
    present = tuple(name for name in (*known, "access", "cost") if name in table)
    _require_known(table, present)
    _require_any(table)
    notes += _alike(table, present)
    return Candidates(
        night=night,
        table=table,
        criteria=present,
        potential=potential,
        planted=growth.planted,
        titles={rule.name: (rule.title, rule.title_zh) for rule in land.rules}
        | {UNKNOWN: ("A criterion has no value here", "缺少准则数据")},
        unchecked=tuple(
            rule.name
            for rule in land.rules
            if rule.kind == "hard" and rule.name in screened.unchecked
        ),
        notes=tuple(notes),
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


def _growth(settings: Settings, request: ZoneRequest, night: date) -> Growth:
    """Return the growth of the group asked for, at its horizons after planting."""
    planted = request.planted if request.planted is not None else night.year + 1
    if planted >= request.horizon:
        raise SettingsError(
            f"horizon {request.horizon} is not after the planting year {planted}.",
            zh=f"目标年 {request.horizon} 不晚于造林年 {planted}，请修改请求。",
            cure="Choose a later horizon or an earlier planting year.",
            field="horizon",
            value=request.horizon,
        )
    later = {year for year in HORIZONS if year > planted}
    usual = Growth.usual(
        settings.region.biomass.root_shoot,
        planted=planted,
        horizons=sorted(later | {request.horizon}),
    )
    group = request.species_group
    return Growth(
        {group: growth_curves()[group]},
        {group: usual.niches[group]},
        usual.content,
        planted,
        usual.horizons,
    )


def _potential(table: pd.DataFrame, growth: Growth) -> dict[int, Potential]:
    """Return uptake per ha of every unit; of an average site without slope, height."""
    if f"carbon_{growth.horizons[-1]}" in table:
        return {
            year: Potential(
                table[f"carbon_{year}"].to_numpy(),
                table[f"carbon_se_{year}"].to_numpy(),
            )
            for year in growth.horizons
        }
    return at_horizons(
        next(iter(growth.curves.values())),
        np.ones(len(table)),
        growth.content,
        planted=growth.planted,
        horizons=growth.horizons,
        site_relative_se=find("site_se").value,
    )


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
    if "height" not in land.layers:
        notes.append(
            (
                "Without heights, every site counts as average and fit for the group.",
                "无高程图层：立地均按平均水平计，且视为适宜所选树种组。",
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


def _require_known(table: pd.DataFrame, names: tuple[str, ...]) -> None:
    """Let no unit be chosen for which a figure is missing."""
    figures = table[[*names, "cost_cny_ha"]].to_numpy(dtype=np.float64)
    unknown = ~np.isfinite(figures).all(axis=1) & table["is_eligible"].to_numpy()
    table.loc[unknown, "reason"] = UNKNOWN
    table.loc[unknown, "is_eligible"] = False


def _require_any(table: pd.DataFrame) -> None:
    if table["is_eligible"].any():
        return
    counts = table["reason"].value_counts().to_dict()
    told = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
    raise InfeasibleError(
        f"Not one of {len(table)} parcels may be planted ({told}).",
        zh=f"{len(table)} 个小班均不可造林（{told}）。请检查图层与规则。",
        cure="Check the layers and rules of the region file.",
        field="siting",
        value=told,
    )


def _no_night(settings: Settings, night: date | None) -> SettingsError:
    root, name = settings.published_root, settings.region.name
    there = sorted(path.parent.name for path in root.glob("*/current"))
    listed = ", ".join(there) or "none"
    asked = f"night {night}" if night else "night"
    return SettingsError(
        f"Region {name} has no published {asked}; there are: {listed}.",
        zh=f"区域 {name} 没有已发布的监测夜{night or ''}（现有：{listed}）。"
        f"请先运行 forestsink run nightly --region {name}。",
        cure=f"Run `forestsink run nightly --region {name}` first.",
        field="night",
        value=night or "latest",
    )
