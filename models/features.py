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

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Feature:
    """A named input of a model: its unit, what is possible and what it is made of.

    ``formula`` takes the reflectance of ``bands``, float32; a value outside
    ``valid_range`` is no measurement and becomes NaN.
    """

    name: str
    title: str
    title_zh: str
    unit: str
    valid_range: tuple[float, float]
    bands: tuple[str, ...]
    formula: Callable[..., Values]


def _of_band(band: Band) -> Feature:
    return Feature(
        band.name,
        band.title,
        band.title_zh,
        band.unit,
        band.valid_range,
        (band.name,),
        lambda reflectance: reflectance,
    )


def _of_index(name: str) -> Feature:
    index = indices.INDICES[name]
    return Feature(
        name, index.title, index.title_zh, "1", (-1.0, 1.0), index.bands, index.of
    )


FEATURES: tuple[Feature, ...] = (
    *(_of_band(band) for band in REFLECTANCE),
    *(_of_index(name) for name in ("ndvi", "ndmi")),
)
"""Every feature, in the order of every table, coefficient and stack."""

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)

NEEDED = ("ndvi", "ndmi")
"""Features that no region can do without: change is told by the moisture index."""


def features_from(bands: Sequence[str]) -> tuple[str, ...]:
    """Return the features that ``bands`` allow, in the order of ``FEATURES``.

    Raises
    ------
    ModelError
        When a band of ``NEEDED`` is absent.
    """
    given = set(bands)
    needed = {band for f in FEATURES if f.name in NEEDED for band in f.bands}
    missing = sorted(needed - given)
    if missing:
        raise ModelError(
            f"The composite lacks the bands {', '.join(missing)}.",
            zh=f"合成影像缺少波段：{'、'.join(missing)}；请检查数据源的波段对应表。",
            cure="Map the provider's bands to these names.",
            field="band",
            expected=", ".join(sorted(needed)),
        )
    return tuple(f.name for f in FEATURES if set(f.bands) <= given)


def feature_values(reflectance: Values, bands: Sequence[str]) -> Values:
    """Return the features (k, ...) of reflectance 0-1 (bands, ...), both float32.

    In the order of ``features_from(bands)``; NaN where nothing clear was seen, and
    where a value is none that can be measured.
    """
    chosen = features_from(bands)
    plane = dict(zip(bands, reflectance, strict=True))
    features = [feature for feature in FEATURES if feature.name in chosen]
    values = np.empty((len(features), *reflectance.shape[1:]), np.float32)
    for place, feature in enumerate(features):
        found = feature.formula(*(plane[band] for band in feature.bands))
        low, high = feature.valid_range
        possible = (found >= low) & (found <= high)
        values[place] = np.where(possible, found, np.float32(np.nan))
    return values


def feature_stack(composite: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Return the features of ``composite``, float32, dims ``(feature, ...)``.

    Parameters
    ----------
    composite
        Reflectance 0-1, NaN where nothing clear was seen: dims ``(band, ...)`` with
        names of ``geo.layers.REFLECTANCE``, or a variable per band. May be lazy; the
        result then is.

    Raises
    ------
    ModelError
        When a band is absent that no region can do without.
    """
    if isinstance(composite, xr.Dataset):
        composite = composite.to_dataarray("band")
    bands = [str(name) for name in composite["band"].to_numpy()]
    names = features_from(bands)
    composite = composite.chunk(band=-1) if composite.chunks else composite
    stack: xr.DataArray = xr.apply_ufunc(
        lambda cells: np.moveaxis(
            feature_values(np.moveaxis(cells, -1, 0).astype(np.float32), bands), 0, -1
        ),
        composite.drop_vars("band"),
        input_core_dims=[["band"]],
        output_core_dims=[["feature"]],
        output_dtypes=[np.float32],
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {"feature": len(names)}},
    )
    others = [dim for dim in composite.dims if dim != "band"]
    stack = stack.transpose("feature", *others).drop_attrs()
    return stack.assign_coords(feature=list(names)).rename("features")


def features_of_table(
    bands: NDArray[np.floating], band_names: Sequence[str]
) -> NDArray[np.float64]:
    """Return the features (n, k) of cells with reflectances ``bands`` (n, bands).

    The same numbers as ``feature_stack``; raises as it does.
    """
    reflectance = np.ascontiguousarray(bands.T, dtype=np.float32)
    return feature_values(reflectance, band_names).T.astype(np.float64)


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
