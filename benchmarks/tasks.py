"""The measurements. Run as a program: name of the task, its arguments as JSON."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from rasterio.features import rasterize
from simulated import clouds, field, grid_of, mosaic

from geo.correlation import Variogram, parcel_variance
from geo.zonal import (
    CoverageWeights,
    coverage_weights,
    from_arrays,
    means,
    observed_share,
    to_arrays,
)

Figures = dict[str, Any]
Floats = NDArray[np.float64]


def peak_mb() -> int:
    """Return the most memory that this process has held, MB."""
    kilo = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo // 1_000_000


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the least time of some repeats: what others disturbed least."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def make(folder: str, side: int, parcels_side: int) -> Figures:
    """Write the parcels and the raster that all others read."""
    mosaic(parcels_side, grid_of(side)).to_parquet(Path(folder) / "parcels.parquet")
    np.save(Path(folder) / "values.npy", field(side))
    return {}


def cover(folder: str, side: int) -> Figures:
    """Compute the weights: what is done once for parcels and grid."""
    parcels = gpd.read_parquet(Path(folder) / "parcels.parquet")
    before = peak_mb()
    start = time.perf_counter()
    weights = coverage_weights(parcels, grid_of(side))
    taken = time.perf_counter() - start
    peak = peak_mb()
    arrays = to_arrays(weights)
    np.savez(Path(folder) / "weights.npz", **arrays)
    return {
        "seconds": taken,
        "peak_mb": peak,
        "peak_before_mb": before,
        "weights_mb": sum(array.nbytes for array in arrays.values()) / 1e6,
        "shares": weights.share_count,
        "parcels": len(weights.parcel_ids),
    }


def _weights(folder: str) -> CoverageWeights:
    with np.load(Path(folder) / "weights.npz") as arrays:
        return from_arrays(arrays)


def _values(folder: str) -> NDArray[np.float32]:
    return np.load(Path(folder) / "values.npy")


def ours(folder: str, side: int, repeats: int, cloudy: bool) -> Figures:
    """Means of parcels from weights and raster in memory."""
    weights, values = _weights(folder), _values(folder)
    if cloudy:
        values[clouds(side)] = np.nan
    found = means(weights, values)
    taken = seconds(lambda: means(weights, values), repeats)
    peak = peak_mb()
    np.save(Path(folder) / "ours.npy", found)
    return {
        "seconds": taken,
        "peak_mb": peak,
        "observed": float(observed_share(weights, values).mean()),
    }


def variances(folder: str) -> Figures:
    """Variance of every parcel's mean, with errors correlated over 150 m."""
    weights = _weights(folder)
    variogram = Variogram(0.3, 0.7, 150.0)
    taken = seconds(lambda: parcel_variance(weights, 12.0, variogram), 1)
    return {"seconds": taken, "peak_mb": peak_mb()}


def exactextract(folder: str, side: int, repeats: int) -> Figures:
    """Means of parcels by exactextract, raster by raster, from memory."""
    values = _values(folder)
    parcels = gpd.read_parquet(Path(folder) / "parcels.parquet")
    raster = NumPyRasterSource(values, *grid_of(side).bounds)
    kept: list[Floats] = []

    def work() -> None:
        found = exact_extract(
            raster, parcels, ["mean"], output="pandas", strategy="raster-sequential"
        )
        kept.append(found["mean"].to_numpy())

    taken = seconds(work, repeats)
    return {"seconds": taken, "peak_mb": peak_mb(), **_against(folder, kept[-1])}


def rasterised(folder: str, side: int, repeats: int) -> Figures:
    """Means by label: a cell belongs to the parcel that holds its centre."""
    values = _values(folder)
    parcels = gpd.read_parquet(Path(folder) / "parcels.parquet")
    grid, count = grid_of(side), len(parcels)
    kept: list[Floats] = []

    def burn() -> NDArray[np.int32]:
        pairs = zip(parcels.geometry, range(count), strict=True)
        shape = grid.shape
        return rasterize(
            pairs, shape, fill=count, transform=grid.transform, dtype="int32"
        )

    start = time.perf_counter()
    label = burn().reshape(-1)
    once = time.perf_counter() - start

    def work() -> None:
        cells = np.bincount(label, minlength=count + 1)[:count]
        total = np.bincount(label, values.reshape(-1), minlength=count + 1)[:count]
        with np.errstate(invalid="ignore"):  # a parcel may hold no centre
            kept.append(total / cells)

    taken = seconds(work, repeats)
    return {
        "seconds": taken,
        "once_seconds": once,
        "peak_mb": peak_mb(),
        "gdal": rasterio.__gdal_version__,
        **_against(folder, kept[-1]),
    }


def rasterstats(folder: str, side: int) -> Figures:
    """Means by rasterstats: cells whose centre lies in the parcel."""
    try:
        import rasterstats as peer
    except ImportError:
        return {"missing": "rasterstats is not installed"}
    values = _values(folder)
    parcels = gpd.read_parquet(Path(folder) / "parcels.parquet")
    transform = grid_of(side).transform
    start = time.perf_counter()
    found = peer.zonal_stats(
        parcels, values, affine=transform, stats="mean", nodata=-9999
    )
    taken = time.perf_counter() - start
    mean = np.array([row["mean"] for row in found], dtype=np.float64)
    return {"seconds": taken, "peak_mb": peak_mb(), **_against(folder, mean)}


def _against(folder: str, found: Floats) -> Figures:
    """Compare with our means: differences relative to them."""
    expected = np.load(Path(folder) / "ours.npy")
    apart = np.abs(found - expected) / np.abs(expected)
    return {
        "largest_difference": float(np.nanmax(apart)),
        "median_difference": float(np.nanmedian(apart)),
        "without_answer": int(np.isnan(found).sum()),
    }


TASKS: dict[str, Callable[..., Figures]] = {
    "make": make,
    "cover": cover,
    "ours": ours,
    "variances": variances,
    "exactextract": exactextract,
    "rasterised": rasterised,
    "rasterstats": rasterstats,
}

if __name__ == "__main__":
    measured = TASKS[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps(measured))
