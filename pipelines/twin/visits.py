"""What people brought home from the county: flights, plots, sensors' readings."""

from collections.abc import Iterable, Iterator

import numpy as np

from models.twin.county import PLOT_HA
from models.twin.drone import canopy_m, flights, ortho
from models.twin.plots import Plot, plot_count, plots
from models.twin.sensors import Series, Weather, soil_moisture, stem_growth, weather
from pipelines.twin.site import Site
from store.twin_rasters import Content, write_raster
from store.twin_tables import Cell, write_csv

_CHM = Content("Canopy height", "冠层高度", "m", "uint16", 65535, 0.01)
_ORTHO = Content("Orthomosaic, red green blue", "正射影像", "1", "uint8", 0, count=3)
_PLOT_COLUMNS = (
    "plot_id",
    "longitude",
    "latitude",
    "easting_m",
    "northing_m",
    "crs",
    "date",
    "area_ha",
    "side_m",
    "slope_deg",
)
_TREE_COLUMNS = ("plot_id", "tree_no", "species_zh", "latin", "dbh_cm", "height_m")
_ACTUAL_PLOT_COLUMNS = (
    "plot_id",
    "easting_m",
    "northing_m",
    "stand",
    "stems",
    "agbd_t_ha",
)
_SENSOR_COLUMNS = (
    "sensor_id",
    "longitude",
    "latitude",
    "easting_m",
    "northing_m",
    "species_zh",
)
_WEATHER_COLUMNS = ("date", "mean_c", "low_c", "high_c", "rain_mm", "deficit_kpa")


def write_visits(site: Site) -> None:
    """Write the drone's rasters, the plots with their trees, the sensors' series."""
    _write_flights(site)
    year = site.county.calendar[0]
    measured = list(plots(site.landscape, year, plot_count(site.landscape)))
    _write_plots(site, measured)
    _write_sensors(site)


def _write_flights(site: Site) -> None:
    for flight in flights(site.landscape):
        canopy = canopy_m(site.landscape, flight)
        picture = ortho(site.landscape, flight, canopy)
        name = f"{flight.site}_{flight.day:%Y%m%d}"
        tags = {"DATE": flight.day.isoformat()}
        cells = np.rint(canopy * 100).astype(np.uint16)
        folder = site.draft / "drone"
        write_raster(folder / f"{name}_chm.tif", flight.grid, _CHM, cells, tags)
        write_raster(folder / f"{name}_ortho.tif", flight.grid, _ORTHO, picture, tags)


def _write_plots(site: Site, measured: list[Plot]) -> None:
    folder = site.draft / "plots"
    rows = (_plot_row(site, one) for one in measured)
    write_csv(folder / "plots.csv", _PLOT_COLUMNS, rows)
    write_csv(folder / "trees.csv", _TREE_COLUMNS, _tree_rows(measured))
    actual = (_actual_plot(one) for one in measured)
    write_csv(site.truth / "plots.csv", _ACTUAL_PLOT_COLUMNS, actual)


def _actual_plot(plot: Plot) -> tuple[Cell, ...]:
    density = round(plot.agbd_t_ha, 2)
    stems = len(plot.actual.dbh_cm)
    return plot.plot_id, plot.x, plot.y, plot.stand, stems, density


def _plot_row(site: Site, plot: Plot) -> tuple[Cell, ...]:
    longitude, latitude = site.lonlat(plot.read_x, plot.read_y)
    return (
        plot.plot_id,
        round(longitude, 6),
        round(latitude, 6),
        round(plot.read_x, 1),
        round(plot.read_y, 1),
        site.county.grid.crs,
        plot.day.isoformat(),
        PLOT_HA,
        25.82,
        round(plot.slope_deg, 1),
    )


def _tree_rows(measured: Iterable[Plot]) -> Iterator[tuple[Cell, ...]]:
    for plot in measured:
        trees = plot.measured
        rows = zip(trees.species, trees.dbh_cm, trees.height_m, strict=True)
        for number, (kind, dbh_cm, height_m) in enumerate(rows, start=1):
            dbh, height = round(float(dbh_cm), 1), round(float(height_m), 1)
            yield plot.plot_id, number, kind.name_zh, kind.latin, dbh, height


def _write_sensors(site: Site) -> None:
    sky = weather(site.county)
    water, stems = soil_moisture(site.landscape, sky), stem_growth(site.landscape, sky)
    folder = site.draft / "sensors"
    write_csv(folder / "weather.csv", _WEATHER_COLUMNS, _weather_rows(sky))
    for name, column, series in (
        ("soil_moisture", "water_m3_m3", water),
        ("dendrometers", "radius_um", stems),
    ):
        told = ("sensor_id", "date", column)
        write_csv(folder / f"{name}.csv", told, _reading_rows(sky, series))
        actual = ("sensor_id", "date", f"actual_{column}", "fault")
        write_csv(site.truth / f"{name}.csv", actual, _actual_rows(sky, series))
    rows = _sensor_rows(site, [*water, *stems])
    write_csv(folder / "sensors.csv", _SENSOR_COLUMNS, rows)


def _weather_rows(sky: Weather) -> Iterator[tuple[Cell, ...]]:
    columns = (sky.mean_c, sky.low_c, sky.high_c, sky.rain_mm, sky.deficit_kpa)
    for n, day in enumerate(sky.days):
        yield day.isoformat(), *(float(column[n]) for column in columns)


def _reading_rows(sky: Weather, series: list[Series]) -> Iterator[tuple[Cell, ...]]:
    """Yield a row for each day on which a sensor spoke."""
    for one in series:
        for day, value in zip(sky.days, one.readings, strict=True):
            if np.isfinite(value):
                yield one.sensor_id, day.isoformat(), float(value)


def _actual_rows(sky: Weather, series: list[Series]) -> Iterator[tuple[Cell, ...]]:
    for one in series:
        told = dict(one.faults)
        for n, (day, value) in enumerate(zip(sky.days, one.actual, strict=True)):
            yield one.sensor_id, day.isoformat(), float(value), told.get(n, "")


def _sensor_rows(site: Site, series: list[Series]) -> Iterator[tuple[Cell, ...]]:
    for one in series:
        longitude, latitude = site.lonlat(one.x, one.y)
        yield (
            one.sensor_id,
            round(longitude, 6),
            round(latitude, 6),
            round(one.x, 1),
            round(one.y, 1),
            site.landscape.flora.by_code(one.species_code).name_zh,
        )
