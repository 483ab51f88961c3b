"""Emission sources of a region: read, turned into CO2e, counted once, spread out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from config.settings import Settings
from config.siting_settings import ExposureSettings, SourceFileSettings
from config.siting_tables import emission_factors, fuel_of
from geo.emitters import Sources
from geo.errors import InputError, TableError
from geo.exposure import exposure_grid
from geo.grid import Grid
from geo.kernels import Kernel, WindRose
from geo.pieces import Pieces, cut, density, share_inside
from models.activity import Activity, Emission, Factors, emission_of
from models.inventory import DIRECT, count_once, inventory, of_year
from pipelines.sources import roots_of
from store.emission_sources import SourceFile, SourceRows, read_sources

STEP_SHARE = 1 / 200
"""Length of a piece of a road, or side of a piece of an area, in kernel lengths."""
_NUMBERS = (
    "emission_tco2e_yr",
    "fuel_t",
    "generation_gwh",
    "capacity_mw",
    "hours_yr",
    "factor_tco2e_mwh",
    "vehicles_day",
    "length_km",
    "product_t",
)


@dataclass(frozen=True, slots=True, eq=False)
class RegionSources:
    """Every source that counts, all years and scopes, and what was said of others.

    ``sources`` has the columns of ``models.inventory.COLUMNS``, ``name_zh`` and a
    geometry in the grid's CRS.
    """

    sources: gpd.GeoDataFrame
    rejected: tuple[InputError, ...]
    notes: tuple[str, ...]
    doubts: tuple[TableError, ...]
    """Repeated deliveries, and sources that look like one under two ids."""
    digests: dict[str, str]


def read_region_sources(settings: Settings) -> RegionSources:
    """Read all files of sources of a region and count each source once.

    Raises
    ------
    TableError
        When not one usable source is left.
    """
    told = settings.region.source_files
    files = [
        read_sources(
            _file_of(one),
            data_root=settings.data_root,
            roots=roots_of(settings),
            target_crs=settings.region.grid.crs,
        )
        for one in told
    ]
    return gathered(files, emission_factors())


def gathered(files: Sequence[SourceRows], factors: Factors) -> RegionSources:
    """Turn the rows of all files into CO2e and count each source once."""
    frames, rejected = [], [error for one in files for error in one.rejected]
    for one in files:
        frame, faults = _estimated(one, factors)
        frames.append(frame)
        rejected += faults
    table = pd.concat(frames, ignore_index=True)
    counted = count_once(table)
    if counted.sources.empty:
        raise TableError(
            "There is no usable emission source.",
            zh="没有可用的排放源，请更正被隔离的行后重新运行。",
            cure="Correct the rows that were set aside.",
            file=", ".join(one.source.name for one in files),
        )
    return RegionSources(
        gpd.GeoDataFrame(counted.sources, geometry="geometry", crs=files[0].rows.crs),
        (*rejected, *counted.rejected),
        tuple(note for one in files for note in one.notes),
        counted.notes,
        {one.source.name: one.digest for one in files},
    )


def inventory_of(found: RegionSources, grid: Grid) -> pd.DataFrame:
    """Return the region's inventory: what its sources emit within the grid."""
    sources = found.sources
    pieces = cut(
        np.asarray(sources.geometry.array, object),
        sources["co2e_t_yr"].to_numpy(np.float64),
        step_m=grid.cell_m,
        corner=(grid.left, grid.top),
    )
    inside = np.nan_to_num(share_inside(pieces, grid, features=len(sources)))
    region_ha = grid.width * grid.height * grid.cell_ha
    return inventory(sources, region_ha=region_ha, share_inside=list(inside))


def emission_density(
    found: RegionSources, grid: Grid, *, year: int, carry_years: int = 0
) -> NDArray[np.float64]:
    """Direct emissions of ``year`` per hectare of every cell, t CO2e/(ha yr)."""
    direct = direct_sources(found, year=year, carry_years=carry_years)
    return density(_cut(direct, grid, grid.cell_m), grid)[0]


def region_exposure(
    direct: gpd.GeoDataFrame, region: Grid, told: ExposureSettings, *, on: Grid
) -> NDArray[np.float32]:
    """Exposure to direct sources ``on`` the region's grid or a tile, t CO2e/yr."""
    return exposure_grid(on, spread(direct, region, told), kernel_of(told))


def direct_sources(
    found: RegionSources, *, year: int, carry_years: int = 0
) -> gpd.GeoDataFrame:
    """Return what is let out in ``year`` by each source itself, one row a source.

    Raises
    ------
    TableError
        No source has a figure for that year.
    """
    return of_year(_direct(found), year, carry_years=carry_years)


def year_for(found: RegionSources, year: int) -> int:
    """Return the last year up to ``year`` that has figures; the first one if none."""
    years = _direct(found)["year"]
    if years.empty:
        raise TableError(
            "No source says what it lets out itself (scope 1).",
            zh="排放源均无直接排放（范围一）数据，无法计算暴露度。",
            cure="Add rows of scope 1; bought electricity counts at the power station.",
            field="scope",
        )
    earlier = years[years <= year]
    return int(years.min() if earlier.empty else earlier.max())


def outdated(
    found: RegionSources, year: int, *, carry_years: int = 0
) -> tuple[str, ...]:
    """Return the ids of sources whose figures are all too old to count in ``year``."""
    direct = _direct(found)
    direct = direct[direct["year"] <= year]
    last = direct.groupby("source_id", sort=True)["year"].max()
    return tuple(last.index[last < year - carry_years])


def spread(direct: gpd.GeoDataFrame, grid: Grid, told: ExposureSettings) -> Sources:
    """Cut lines and areas in points, fine enough for the kernel.

    ``grid`` is that of the region: its tiles share its lattice, and so the pieces.
    """
    step_m = max(told.length_km * 1000 * STEP_SHARE, grid.cell_m)
    return _cut(direct, grid, step_m).sources()


def kernel_of(told: ExposureSettings) -> Kernel:
    """Return the kernel that the region file describes."""
    rose = told.wind
    wind = None if rose is None else WindRose(rose.shares, rose.calm)
    return Kernel(
        told.kernel,
        length_m=told.length_km * 1000,
        cutoff_m=told.cutoff_km * 1000,
        taper=told.taper,
        power=told.power,
        wind=wind,
    )


def _direct(found: RegionSources) -> gpd.GeoDataFrame:
    return found.sources[found.sources["scope"] == DIRECT]


def _cut(direct: gpd.GeoDataFrame, grid: Grid, step_m: float) -> Pieces:
    return cut(
        np.asarray(direct["geometry"], object),
        direct["co2e_t_yr"].to_numpy(np.float64),
        step_m=step_m,
        corner=(grid.left, grid.top),
    )


def _file_of(told: SourceFileSettings) -> SourceFile:
    return SourceFile(**told.model_dump(exclude={"simulated"}))


def _estimated(
    one: SourceRows, factors: Factors
) -> tuple[gpd.GeoDataFrame, list[TableError]]:
    """Return the rows of a file with their CO2e, and an error for each other."""
    found: list[Emission] = []
    kept, faults = [], []
    for at, row in enumerate(one.rows.to_dict("records")):
        try:
            found.append(emission_of(_activity(row), factors))
            kept.append(at)
        except TableError as error:
            what = f"{row['source_id']} ({row['item']})"
            faults.append(
                TableError(
                    f"Source {what}: {error.what}",
                    zh=f"排放源 {what}：{error.zh}",
                    cure=error.cure,
                    **error.where,
                ).at(file=one.source, item=row["item"])
            )
    rows = one.rows.iloc[kept].reset_index(drop=True)
    middle = shapely.centroid(np.asarray(rows.geometry.array, object))
    columns = ["source_id", "year", "scope", "name", "name_zh", "sector", "item"]
    columns += ["fuel", "capacity_mw", "hours_yr", "factor_tco2e_mwh", "reference"]
    frame = rows[[*columns, "geometry"]].assign(
        co2e_t_yr=np.array([e.co2e_t_yr for e in found], np.float64),
        se_t_yr=np.array([e.se_t_yr for e in found], np.float64),
        method=[e.method for e in found],
        is_estimated=np.array([e.is_estimated for e in found], bool),
        factors=[" x ".join(f"{f.name} ({f.zone})" for f in e.factors) for e in found],
        x=shapely.get_x(middle),
        y=shapely.get_y(middle),
        file=one.source.name,
    )
    return frame, faults


def _activity(row: dict[str, Any]) -> Activity:
    """Take what a row says; a line's own length stands in for ``length_km``."""
    numbers = {name: _number(row[name]) for name in _NUMBERS}
    shape = row["geometry"]
    if numbers["length_km"] is None and isinstance(
        shape, shapely.LineString | shapely.MultiLineString
    ):
        numbers["length_km"] = shape.length / 1000
    flagged = row["estimated"]
    return Activity(
        **numbers,
        reported_is_estimate=not pd.isna(flagged) and bool(flagged),
        fuel=fuel_of(str(row["fuel"])) if row["fuel"] else "",
        vehicle_class=str(row["vehicle_class"]),
        product=str(row["product"]),
    )


def _number(value: float | None) -> float | None:
    return None if pd.isna(value) else float(value)
