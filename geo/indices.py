"""NDVI, NDMI and kin: one number from a few bands."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import RasterError

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Index:
    """An index without unit: its bands in the order its formula takes them."""

    name: str
    title: str
    title_zh: str
    bands: tuple[str, ...]
    formula: str
    reference: str
    of: Callable[..., Values]


def normalized_difference(a: Values, b: Values) -> Values:
    """Return (a - b) / (a + b), limited to -1..1; NaN where a + b is not positive.

    Atmospheric correction leaves slightly negative reflectances in deep shade; there
    the ratio says nothing.
    """
    total = a + b
    total[~(total > 0)] = np.nan
    return np.clip((a - b) / total, np.float32(-1), np.float32(1))


def evi2(nir: Values, red: Values) -> Values:
    """Return 2.5 (nir - red) / (nir + 2.4 red + 1), NaN where that divisor <= 0."""
    divisor = nir + np.float32(2.4) * red + np.float32(1)
    divisor[~(divisor > 0)] = np.nan
    return np.asarray(np.float32(2.5) * (nir - red) / divisor)


INDICES: dict[str, Index] = {
    index.name: index
    for index in (
        Index(
            "ndvi",
            "Normalised difference vegetation index",
            "归一化植被指数",
            ("nir", "red"),
            "(nir - red) / (nir + red)",
            "Tucker 1979, Remote Sensing of Environment 8, 127-150",
            normalized_difference,
        ),
        Index(
            "ndmi",
            "Normalised difference moisture index",
            "归一化水分指数",
            ("nir08", "swir16"),
            "(nir08 - swir16) / (nir08 + swir16)",
            "Hardisky et al. 1983, Photogrammetric Engineering and Remote Sensing 49, "
            "77-83; Gao 1996, Remote Sensing of Environment 58, 257-266",
            normalized_difference,
        ),
        Index(
            "evi2",
            "Two-band enhanced vegetation index",
            "双波段增强型植被指数",
            ("nir", "red"),
            "2.5 (nir - red) / (nir + 2.4 red + 1)",
            "Jiang et al. 2008, Remote Sensing of Environment 112, 3833-3845",
            evi2,
        ),
    )
}
"""Every index by name."""


def index(name: str, reflectance: xr.DataArray) -> xr.DataArray:
    """One index of ``reflectance``.

    Parameters
    ----------
    name
        A key of ``INDICES``.
    reflectance
        Surface reflectance 0-1 with a named ``band`` dimension, NaN where unseen.

    Returns
    -------
    xr.DataArray
        float32, without ``band``, NaN where unseen or undefined, without attributes.

    Raises
    ------
    RasterError
        When a band that the index needs is not there.
    """
    recipe = INDICES[name]
    there = {str(band) for band in reflectance["band"].values}
    missing = [band for band in recipe.bands if band not in there]
    if missing:
        raise RasterError(
            f"{name} needs the band {', '.join(missing)}, which is not there.",
            zh=f"计算 {name} 缺少波段 {', '.join(missing)}，请检查数据源的波段对应表。",
            cure="Map the provider's bands in the region file.",
            field="bands",
            value=sorted(there),
            expected=recipe.bands,
        )
    bands = [reflectance.sel(band=band, drop=True) for band in recipe.bands]
    result: xr.DataArray = xr.apply_ufunc(
        recipe.of,
        *(band.astype(np.float32) for band in bands),
        dask="parallelized",
        output_dtypes=[np.float32],
    )
    return result.rename(name).drop_attrs()
