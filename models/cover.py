"""Tree cover from the features of a composite, with the error its cells share."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import ModelError
from models.domain import Domain
from models.features import schema, schema_digest
from models.ridge import Ridge

Floats = NDArray[np.float64]
Card = dict[str, object]

_SLAB = 1 << 18
"""Cells predicted at a time, which bounds the memory."""

_ARRAYS = ("centre", "scale", "beta", "covariance", "points", "weights", "limits")


class CoverPrediction(NamedTuple):
    """Cover and the sd of its model error, %, float32, NaN where a feature is absent.

    ``in_domain`` is False outside the domain and where a feature is absent.
    """

    cover_pct: NDArray[np.float32]
    sd_pct: NDArray[np.float32]
    in_domain: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CoverModel:
    """An affine map from features (in the order of ``names``) to tree cover, 0-100 %.

    The error of the coefficients is one that all cells share, so the mean cover of any
    group of cells with the mean design row ``z`` has the model variance
    ``z' covariance z`` (exactly, but for the clipping to 0-100): it does not average
    out. The error that does is the residual, ``card["residual_sd_pct"]``.
    """

    names: tuple[str, ...]
    ridge: Ridge
    domain: Domain
    card: Card

    def predict(self, features: NDArray[np.floating]) -> CoverPrediction:
        """Predict cover at ``features`` of shape (k, ...), in the order of ``names``.

        Every cell is computed from its own features alone, in one order of
        operations: cutting the array elsewhere gives the same bytes.
        """
        if features.shape[0] != len(self.names):
            raise ModelError(
                f"The model takes {len(self.names)} features, got {features.shape[0]}.",
                zh=f"模型需要 {len(self.names)} 个特征，实有 {features.shape[0]} 个；"
                "请用 models.features.feature_stack 生成特征。",
                cure="Build the features with models.features.feature_stack.",
                expected=", ".join(self.names),
            )
        cells = features.reshape(len(self.names), -1)
        whole = CoverPrediction(
            np.full(cells.shape[1], np.nan, dtype=np.float32),
            np.full(cells.shape[1], np.nan, dtype=np.float32),
            np.zeros(cells.shape[1], dtype=np.bool_),
        )
        for start in range(0, cells.shape[1], _SLAB):
            self._predict_into(whole, cells, slice(start, start + _SLAB))
        shape = features.shape[1:]
        return CoverPrediction(
            whole.cover_pct.reshape(shape),
            whole.sd_pct.reshape(shape),
            whole.in_domain.reshape(shape),
        )

    def _predict_into(
        self, whole: CoverPrediction, cells: NDArray[np.floating], slab: slice
    ) -> None:
        rows = np.flatnonzero(np.isfinite(cells[:, slab]).all(axis=0)) + slab.start
        if rows.size == 0:
            return
        standard = [
            (cells[i, rows].astype(np.float64) - centre) / scale
            for i, (centre, scale) in enumerate(
                zip(self.ridge.centre, self.ridge.scale, strict=True)
            )
        ]
        whole.cover_pct[rows] = np.clip(_affine(self.ridge.beta, standard), 0.0, 100.0)
        whole.sd_pct[rows] = np.sqrt(_quadratic(self.ridge.covariance, standard))
        whole.in_domain[rows] = self.domain.contains(np.column_stack(standard))

    def map(self, stack: xr.DataArray) -> xr.Dataset:
        """Predict ``stack`` (feature, y, x), eager or lazy; check its features' names.

        Returns ``cover_pct`` and ``cover_sd_pct`` (float32, NaN where a feature is
        absent) and ``in_domain`` (uint8: 0, 1, and 255 where a feature is absent).

        Raises
        ------
        ModelError
            When the features are others, or in another order.
        """
        self.require(tuple(str(name) for name in stack["feature"].to_numpy()))
        stack = stack.chunk(feature=-1) if stack.chunks else stack
        cover, sd, inside = xr.apply_ufunc(
            self._predict_last_axis,
            stack.drop_vars("feature"),
            input_core_dims=[["feature"]],
            output_core_dims=[[], [], []],
            output_dtypes=[np.float32, np.float32, np.uint8],
            dask="parallelized",
        )
        return xr.Dataset({"cover_pct": cover, "cover_sd_pct": sd, "in_domain": inside})

    def require(self, names: tuple[str, ...]) -> None:
        """Raise ``ModelError`` unless features of these names, in order, are given."""
        if names != self.names:
            raise ModelError(
                f"The model was trained on {', '.join(self.names)}, the stack holds "
                f"{', '.join(names)}.",
                zh="特征名称或顺序与模型不一致；请用 feature_stack 重新生成特征。",
                cure="Build the stack with models.features.feature_stack.",
                field="feature",
            )

    def _predict_last_axis(
        self, features: NDArray[np.floating]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
        predicted = self.predict(np.moveaxis(features, -1, 0))
        absent = np.isnan(predicted.cover_pct)
        inside = np.where(absent, 255, predicted.in_domain).astype(np.uint8)
        return predicted.cover_pct, predicted.sd_pct, inside

    @property
    def residual_sd_pct(self) -> float:
        """Standard deviation of what the model leaves unexplained, from blocked CV."""
        return float(str(self.card["residual_sd_pct"]))

    @property
    def covariance(self) -> Floats:
        """Covariance of the coefficients: the error that all cells share."""
        return self.ridge.covariance

    def design(self, features: Floats) -> Floats:
        """Return the design rows (n, k + 1) of features (n, k), such as means."""
        return self.ridge.design(features)

    def variance(self, design: Floats) -> Floats:
        """Return the model variance (n,), %2, at design rows or differences of them.

        With the difference of two seasons' mean rows it is the part of the model's
        error that does not cancel in the change.
        """
        return self.ridge.variance(design)

    def to_arrays(self) -> dict[str, Floats]:
        """Return all numbers of the model, for ``numpy.savez`` without pickle."""
        limits = np.array([self.domain.mean_distance, self.domain.threshold])
        return {
            "centre": self.ridge.centre,
            "scale": self.ridge.scale,
            "beta": self.ridge.beta,
            "covariance": self.ridge.covariance,
            "points": self.domain.points,
            "weights": self.domain.weights,
            "limits": limits,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], card: Card) -> Self:
        """Build the model again from ``to_arrays`` and its card.

        Raises
        ------
        ModelError
            When a number, a name, the order of the features or what they mean
            differs from what was trained.
        """
        names = _names(card)
        held = {name: _checked(name, arrays, len(names)) for name in _ARRAYS}
        if card.get("arrays_digest") != arrays_digest(held):
            raise _changed("arrays_digest")
        if card.get("schema_digest") != schema_digest(names):
            raise _changed("schema_digest")
        mean_distance, threshold = held["limits"].tolist()
        domain = Domain(held["points"], held["weights"], mean_distance, threshold)
        ridge = Ridge(held["centre"], held["scale"], held["beta"], held["covariance"])
        return cls(names, ridge, domain, card)


def _affine(beta: Floats, standard: list[Floats]) -> Floats:
    total = np.full_like(standard[0], beta[0])
    for coefficient, column in zip(beta[1:], standard, strict=True):
        total += coefficient * column
    return total


def _quadratic(covariance: Floats, standard: list[Floats]) -> Floats:
    """Return z' C z per cell, a product at a time: no BLAS, so no chunk effects."""
    columns = [np.ones_like(standard[0]), *standard]
    total = np.zeros_like(standard[0])
    for i, left in enumerate(columns):
        inner = covariance[i, i] * left
        for j in range(i + 1, len(columns)):
            inner += (covariance[i, j] + covariance[j, i]) * columns[j]
        total += left * inner
    return np.maximum(total, 0.0)


def arrays_digest(arrays: Mapping[str, Floats]) -> str:
    """Return the SHA-256 of named arrays: names, shapes and little-endian bytes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name], dtype="<f8")
        digest.update(json.dumps([name, list(values.shape)]).encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def describe(names: tuple[str, ...], beta: Floats) -> Card:
    """Return the part of a card that says what goes in and what it weighs."""
    coefficients = dict(zip(("intercept", *names), beta.tolist(), strict=True))
    return {
        "kind": "cover_ridge",
        "target": {"name": "tree_cover", "unit": "%", "valid_range": [0, 100]},
        "features": schema(names),
        "schema_digest": schema_digest(names),
        "coefficients_per_sd": coefficients,
    }


def _names(card: Card) -> tuple[str, ...]:
    features = card.get("features")
    if card.get("kind") != "cover_ridge" or not isinstance(features, list):
        raise _changed("kind")
    return tuple(str(feature["name"]) for feature in features)


def _checked(
    name: str, arrays: Mapping[str, NDArray[np.generic]], features: int
) -> Floats:
    """Return one array if it is a finite float64 array of its shape."""
    rows = features + 1
    shapes = {
        "centre": (features,),
        "scale": (features,),
        "beta": (rows,),
        "covariance": (rows, rows),
        "weights": (features,),
        "limits": (2,),
    }
    if name not in arrays:
        raise _changed(name)
    values = arrays[name]
    if values.dtype != np.float64:
        raise _changed(name)
    expected = shapes.get(name, (values.shape[0] if values.ndim else 0, features))
    if values.shape != expected or not np.isfinite(values).all():
        raise _changed(name)
    return np.asarray(values, dtype=np.float64)


def _changed(field: str) -> ModelError:
    return ModelError(
        f"The cover model is not the one that was trained: {field} differs.",
        zh=f"树冠覆盖模型与训练时不一致（{field}）；请重新训练或从备份恢复。",
        cure="Train the model again, or restore it from a backup.",
        field=field,
    )
