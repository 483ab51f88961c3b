"""What the source files hold: cubes of bands on known grids, and the tables."""

import csv
import warnings
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning

TABLES = Path(__file__).parent / "tables"
CRS_CODE = "EPSG:3035"
COVER = "s2_romania/tree_cover_density_2018_romania.tif"
CLEAR_SCL = (4, 5, 6, 7)
"""Vegetation, bare soil, water, unclassified."""


@dataclass(frozen=True, slots=True)
class Band:
    """A row of tables/sentinel2_bands.csv; lengths in metres and micrometres."""

    name: str
    variable: str
    file: str
    band: str
    title: str
    cell_m: int
    center_um: float
    fwhm_um: float


@dataclass(frozen=True, slots=True)
class Scenes:
    """Every acquisition: ``(time, y, x)`` stacks by band name, north up.

    Reflectance is in ten-thousandths, 0 is no data; ``scl`` is on the 10 m grid.
    """

    days: tuple[date, ...]
    left: float
    top: float
    stacks: dict[str, NDArray[np.uint16]]
    scl: NDArray[np.uint8]

    def transform(self, cell_m: int) -> Affine:
        return Affine(cell_m, 0.0, self.left, 0.0, -cell_m, self.top)


def read_table(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read_bands() -> tuple[Band, ...]:
    return tuple(
        Band(
            row["name"],
            row["variable"],
            row["file"],
            row["band"],
            row["title"],
            int(row["cell_m"]),
            float(row["center_um"]),
            float(row["fwhm_um"]),
        )
        for row in read_table("sentinel2_bands.csv")
    )


def read_scenes(shared: Path) -> Scenes:
    """Read both cubes and check that they and the cover raster share one corner."""
    left, top = _corner(shared, "10m", 10)
    if not np.allclose((left, top), _corner(shared, "20m", 20), rtol=0, atol=1e-6):
        raise ValueError("The 10 m and the 20 m cube do not share a corner.")
    with rasterio.open(shared / COVER) as cover:
        given = cover.transform.c, cover.transform.f
    if not np.allclose((left, top), given, rtol=0, atol=1e-4):
        raise ValueError(f"The cubes' corner is {(left, top)}, the cover's {given}.")
    days = _days(shared, "10m")
    if days != _days(shared, "20m"):
        raise ValueError("The 10 m and the 20 m cube hold different days.")
    stacks = {b.name: _stack(shared, b.file, b.variable) for b in read_bands()}
    scl = _stack(shared, "10m", "SCL").astype(np.uint8)
    return Scenes(days, round(left, 8), round(top, 8), stacks, scl)


def read_cover(shared: Path) -> NDArray[np.uint8]:
    """Tree cover density of 2018 in %, 255 nodata, 20 m cells, same corner.

    Its CRS has no name and no datum name; it may be taken for EPSG:3035 only because
    every parameter is the same, which is checked here.
    """
    with rasterio.open(shared / COVER) as cover:
        found, wanted = _laea(cover.crs), _laea(CRS.from_string(CRS_CODE))
        if found != wanted:
            raise ValueError(f"The cover raster's CRS is {found}, not {wanted}.")
        return cover.read(1)


def _laea(crs: CRS) -> dict[str, object]:
    """Return what places a point: method, parameters, ellipsoid, prime meridian.

    A null shift to WGS 84, which the source carries, moves nothing and is left out.
    """
    found = pyproj.CRS.from_wkt(crs.to_wkt())
    if found.is_bound:
        if any(p.value for p in found.coordinate_operation.params):
            raise ValueError("The cover raster's CRS carries a datum shift.")
        found = found.source_crs
    return {
        "method": found.coordinate_operation.method_name,
        "parameters": {p.name: p.value for p in found.coordinate_operation.params},
        "semi_major_m": found.ellipsoid.semi_major_metre,
        "inverse_flattening": round(found.ellipsoid.inverse_flattening, 9),
        "prime_meridian": found.prime_meridian.longitude,
    }


def _open_variable(shared: Path, file: str, variable: str) -> rasterio.DatasetReader:
    path = shared / "s2_romania" / f"sentinel2_cube_subset_romania_{file}.nc"
    with warnings.catch_warnings():
        # GDAL does not see these files' coordinates; _corner reads them instead.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(f"netcdf:{path}:{variable}")


def _stack(shared: Path, file: str, variable: str) -> NDArray[np.uint16]:
    # Without coordinates GDAL takes the first row for the southern one and flips.
    with (
        rasterio.Env(GDAL_NETCDF_BOTTOMUP="NO"),
        _open_variable(shared, file, variable) as cube,
    ):
        return cube.read()


def _corner(shared: Path, file: str, cell_m: int) -> tuple[float, float]:
    """Return the left and top edge, half a cell outside the first cell's centre."""
    centres = []
    for axis, step in (("x", cell_m), ("y", -cell_m)):
        with _open_variable(shared, file, axis) as variable:
            values = variable.read(1)[0]
        if not np.allclose(np.diff(values), step, rtol=0, atol=1e-6):
            raise ValueError(f"{axis} of the {file} cube does not step by {step} m.")
        centres.append(float(values[0]))
    return centres[0] - cell_m / 2, centres[1] + cell_m / 2


def _days(shared: Path, file: str) -> tuple[date, ...]:
    with _open_variable(shared, file, "SCL") as cube:
        tags = cube.tags()
    unit, since = tags["time#units"].split(" since ")
    if unit != "days":
        raise ValueError(f"Time of the {file} cube is in {unit}, not in days.")
    first = datetime.fromisoformat(since).date()
    steps = tags["NETCDF_DIM_time_VALUES"].strip("{}").split(",")
    return tuple(first + timedelta(days=int(step)) for step in steps)


def ndmi_drop(scenes: Scenes) -> NDArray[np.bool_]:
    """20 m cells whose median June-August NDMI fell by more than 0.2, 2017 to 2020.

    A 20 m cell is clear where its four 10 m cells are.
    """
    nir, swir = (scenes.stacks[n].astype(np.float64) for n in ("nir08", "swir16"))
    clear = np.isin(scenes.scl, CLEAR_SCL)
    times, rows, columns = nir.shape
    clear = clear.reshape(times, rows, 2, columns, 2).all(axis=(2, 4))
    ndmi = np.where(clear, (nir - swir) / (nir + swir), np.nan)
    medians = []
    for year in (2017, 2020):
        summer = [d.year == year and d.month in (6, 7, 8) for d in scenes.days]
        medians.append(np.nanmedian(ndmi[summer], axis=0))
    return medians[1] - medians[0] < -0.2
