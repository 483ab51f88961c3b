"""From a composite to the features the models see, by name and in one order."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo import indices
from geo.errors import ModelError
from geo.layers import REFLECTANCE, Band


@dataclass(frozen=True, slots=True)
class Feature:
    """A named input of a model: its unit, what is possible and what it is made of.

    ``formula`` takes reflectance with a ``band`` dimension; a value outside
    ``valid_range`` is no measurement and becomes NaN.
    """

    name: str
    title: str
    title_zh: str
    unit: str
    valid_range: tuple[float, float]
    bands: tuple[str, ...]
    formula: Callable[[xr.DataArray], xr.DataArray]


def _of_band(band: Band) -> Feature:
    return Feature(
        band.name,
        band.title,
        band.title_zh,
        band.unit,
        band.valid_range,
        (band.name,),
        lambda reflectance: reflectance.sel(band=band.name, drop=True),
    )


def _of_index(name: str) -> Feature:
    index = indices.INDICES[name]
    return Feature(
        name,
        index.title,
        index.title_zh,
        "1",
        (-1.0, 1.0),
        index.bands,
        lambda reflectance: indices.index(name, reflectance),
    )


FEATURES: tuple[Feature, ...] = (
    *(_of_band(band) for band in REFLECTANCE),
    *(_of_index(name) for name in ("ndvi", "ndmi")),
)
"""Every feature, in the order of every table, coefficient and stack."""

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)


def feature_stack(composite: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Return the features of ``composite``, float32, dims ``(feature, ...)``.

    Parameters
    ----------
    composite
        Reflectance 0-1, NaN where nothing clear was seen: dims ``(band, ...)`` with
        the names of ``geo.layers.REFLECTANCE``, or a variable per band. May be lazy;
        the result then is.

    Raises
    ------
    ModelError
        When a band is absent.
    """
    if isinstance(composite, xr.Dataset):
        composite = composite.to_dataarray("band")
    there = {str(name) for name in composite["band"].to_numpy()}
    missing = sorted({name for f in FEATURES for name in f.bands} - there)
    if missing:
        raise ModelError(
            f"The composite lacks the bands {', '.join(missing)}.",
            zh=f"合成影像缺少波段：{'、'.join(missing)}；请检查数据源的波段对应表。",
            cure="Map the provider's bands to these names.",
            field="band",
            expected=", ".join(band.name for band in REFLECTANCE),
        )
    layers = [_measured(feature, composite) for feature in FEATURES]
    stack = xr.concat(layers, dim="feature", coords="minimal", compat="override")
    return stack.assign_coords(feature=list(FEATURE_NAMES)).rename("features")


def features_of_table(
    bands: NDArray[np.floating], band_names: Sequence[str]
) -> NDArray[np.float64]:
    """Return the features (n, k) of cells with reflectances ``bands`` (n, bands).

    The same numbers as ``feature_stack``; raises as it does.
    """
    composite = xr.DataArray(
        bands.T.astype(np.float32),
        dims=("band", "cell"),
        coords={"band": list(band_names)},
    )
    return feature_stack(composite).to_numpy().T.astype(np.float64)


def _measured(feature: Feature, reflectance: xr.DataArray) -> xr.DataArray:
    values = feature.formula(reflectance).astype(np.float32)
    low, high = feature.valid_range
    return values.where((values >= low) & (values <= high)).drop_attrs()


def schema(names: Sequence[str] = FEATURE_NAMES) -> list[dict[str, object]]:
    """Return name, unit and valid range of the features ``names``, in that order.

    Raises ``ModelError`` for a name that ``FEATURES`` does not hold.
    """
    known = {feature.name: feature for feature in FEATURES}
    strangers = [name for name in names if name not in known]
    if strangers:
        raise ModelError(
            f"No such feature: {', '.join(strangers)}.",
            zh=f"未知特征：{'、'.join(strangers)}；请使用特征表中的名称。",
            cure="Use the names of models.features.FEATURES.",
            field="feature",
            expected=", ".join(FEATURE_NAMES),
        )
    chosen = [known[name] for name in names]
    return [
        {"name": f.name, "unit": f.unit, "valid_range": list(f.valid_range)}
        for f in chosen
    ]


def schema_digest(names: Sequence[str] = FEATURE_NAMES) -> str:
    """Return the SHA-256 of what the features ``names`` mean, and of their order."""
    text = json.dumps(schema(names), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
