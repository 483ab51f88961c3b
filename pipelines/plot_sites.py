"""Field plots of a region: their biomass, their places, their days."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from config.plots import PlotSettings
from config.settings import Settings
from geo.errors import SettingsError, TableError
from geo.footprints import footprints, projected
from pipelines.plot_run import ComputedPlots, compute_plots
from pipelines.plots import PlotRequest
from store.safe import checked_path
from store.table_values import MisreadError, parsed
from store.training_tables import day_of

Numbers = NDArray[np.float64]

TREE_KEYS = ("plot_id", "tree_id", "species", "dbh", "height", "wood_density", "per_ha")
PLOT_KEYS = ("plot_id", "area", "slope")


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Plots that were computed, in the order of their table.

    ``outlines`` has ``parcel_id``, the plot's id, and a polygon in the region's CRS.
    """

    computed: ComputedPlots
    outlines: gpd.GeoDataFrame
    x: Numbers
    y: Numbers
    """In the region's CRS, metres; NaN where the table has no place."""
    day: NDArray[np.datetime64]
    """1 July where only a year is known; NaT where nothing is."""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.computed.table["plot_id"].astype(str))

    @property
    def year(self) -> int:
        """Median year of measuring; the earlier of two."""
        years = self.day[~np.isnat(self.day)].astype("datetime64[Y]").astype(int) + 1970
        return int(np.quantile(years, 0.5, method="lower"))


def plots_of(settings: Settings) -> PlotSettings:
    """Return the region's ``[plots]``, or raise ``SettingsError``."""
    plots = settings.region.plots
    if plots is None:
        raise SettingsError(
            f"The region {settings.region.name} has no [plots].",
            zh=f"区域 {settings.region.name} 的配置没有 [plots] 一节，无法按样地训练；"
            "请补充样木表与样地表。",
            cure="Add [plots] with trees, plots, x, y and measured or year to its "
            "file, or train with --table.",
            field="plots",
        )
    return plots


def read_sites(settings: Settings) -> Sites:
    """Compute the region's plots and put them on its map.

    Raises
    ------
    SettingsError
        No ``[plots]``, or a CRS that is none.
    TableError
        As ``forestsink plots``, or a column or a cell that cannot be used.
    """
    told = plots_of(settings)
    computed = compute_plots(_request(settings, told))
    rows = computed.plots.set_index(computed.plots["plot_id"].astype(str))
    rows = rows.loc[list(computed.table["plot_id"].astype(str))]
    x, y = _numbers(rows, told.x, told), _numbers(rows, told.y, told)
    crs = settings.region.grid.crs
    x, y = projected(x, y, source=_crs(told, crs), target=crs)
    shapes = footprints(
        x, y, computed.table["area_ha"].to_numpy(np.float64), shape=told.shape
    )
    outlines = gpd.GeoDataFrame(
        {"parcel_id": rows.index.to_numpy(str)}, geometry=list(shapes), crs=crs
    )
    return Sites(computed, outlines, x, y, _days(rows, told))


def _request(settings: Settings, told: PlotSettings) -> PlotRequest:
    root = settings.data_root

    def path(name: str) -> Path:
        return checked_path(name, roots=[root])

    own_curve = told.height_curve in {"", "own"}
    return PlotRequest(
        trees=path(told.trees),
        plots=path(told.plots),
        out=Path("plots.csv"),
        tree_columns=dict.fromkeys(TREE_KEYS, "") | dict(told.tree_columns),
        tree_units=dict(told.tree_units),
        plot_columns=dict.fromkeys(PLOT_KEYS, "") | dict(told.plot_columns),
        plot_units=dict(told.plot_units),
        equation=told.equation,
        species_map=path(told.species_map) if told.species_map else None,
        own_equations=path(told.own_equations) if told.own_equations else None,
        stress=told.stress,
        height_curve=told.height_curve if own_curve else str(path(told.height_curve)),
        area_along_slope=told.area_is == "slope",
        root_shoot=settings.region.biomass.root_shoot,
        carbon_fraction="any",
        draws=told.draws,
        seed=told.seed,
        trees_out=None,
    )


def _crs(told: PlotSettings, default: str) -> str:
    try:
        CRS.from_user_input(told.crs or default)
    except CRSError:
        raise SettingsError(
            f"plots.crs: {told.crs} is no known coordinate system.",
            zh=f"plots.crs 的坐标系 {told.crs} 无法识别；请写成 EPSG:4490 这样的代码。",
            cure="Give a code such as EPSG:4490.",
            field="plots.crs",
            value=told.crs,
        ) from None
    return told.crs or default


def _numbers(rows: pd.DataFrame, name: str, told: PlotSettings) -> Numbers:
    found = np.full(len(rows), np.nan)
    for place, text in enumerate(_column(rows, name, told)):
        try:
            value = parsed(text, "number") if text else None
        except MisreadError as error:
            raise _misread(rows, place, name, told, error) from None
        if isinstance(value, int | float):
            found[place] = value
    return found


def _days(rows: pd.DataFrame, told: PlotSettings) -> NDArray[np.datetime64]:
    if told.year is not None:
        return np.full(len(rows), day_of(str(told.year)))
    days = np.full(len(rows), np.datetime64("NaT"), dtype="datetime64[D]")
    for place, text in enumerate(_column(rows, told.measured, told)):
        try:
            days[place] = day_of(text)
        except MisreadError as error:
            raise _misread(rows, place, told.measured, told, error) from None
    if np.isnat(days).all():
        raise TableError(
            f"No plot has a day in the column {told.measured}.",
            zh=f"样地表的 {told.measured} 列没有任何日期，无法确定影像年份。",
            cure="Fill the column, or give plots.year instead of plots.measured.",
            file=Path(told.plots),
            field=told.measured,
        )
    return days


def _column(rows: pd.DataFrame, name: str, told: PlotSettings) -> list[str]:
    if name not in rows:
        raise TableError(
            f"{told.plots} has no column {name}.",
            zh=f"样地表 {told.plots} 没有 {name} 列；请核对区域配置 [plots]。",
            cure="Name a column of the table in the region's [plots].",
            file=Path(told.plots),
            field=name,
            expected=", ".join(str(one) for one in rows),
        )
    return ["" if text is None else str(text) for text in rows[name]]


def _misread(
    rows: pd.DataFrame, place: int, name: str, told: PlotSettings, error: MisreadError
) -> TableError:
    plot, text = str(rows.index[place]), str(rows[name].iloc[place])
    return TableError(
        f"{told.plots}: {name} of plot {plot} is {text!r}: {error}.",
        zh=f"样地表 {told.plots} 中样地 {plot} 的 {name} 为 {text}，无法识别；请更正。",
        cure="Correct the cell.",
        file=Path(told.plots),
        field=name,
        item=plot,
        value=text,
    )
