"""A learnt model in use: mean, SD and domain of any number of cells."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import ModelError
from models.domain import Domain
from models.learning.candidates import Arrays, Fitted, Floats, Loader, Singles
from models.learning.columns import Standard, is_far
from models.learning.linear import BasisFit, checked
from models.learning.spread import Spread
from models.learning.trees import EvenTrees, FreeTrees
from models.reach import Reach

Card = dict[str, object]

FORMAT = 1
"""Of arrays and card; another one is refused."""

_SLAB = 1 << 13
"""Cells predicted at a time: their columns stay in the cache."""

_PARTS: dict[str, Callable[[Loader, int], Fitted]] = {
    BasisFit.kind: BasisFit.from_arrays,
    EvenTrees.kind: EvenTrees.from_arrays,
    FreeTrees.kind: FreeTrees.from_arrays,
}


class Predicted(NamedTuple):
    """Mean and SD of a new observation, float32, NaN where a feature is absent.

    ``in_domain`` is False outside the area of applicability, where a feature is
    absent, and where the mean lies outside the target's valid range (which is not cut).
    """

    mean: NDArray[np.float32]
    sd: NDArray[np.float32]
    in_domain: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LearnedModel:
    """A fitted candidate with its spread, domain and card.

    ``order`` (k,) says which of ``names`` each of the fit's columns is: the fit knows
    features by name, sorted, so that the order of a table's columns changes nothing.
    """

    names: tuple[str, ...]
    order: tuple[int, ...]
    standard: Standard
    fitted: Fitted
    spread: Spread
    domain: Domain
    valid_range: tuple[float, float]
    card: Card

    @cached_property
    def _reach(self) -> Reach:
        return Reach.of(self.domain)

    def predict(
        self, features: NDArray[np.floating], names: Sequence[str] | None = None
    ) -> Predicted:
        """Predict at ``features`` of shape (k, ...), float, in their units.

        Every cell is computed from its own features alone, in sums that no order can
        change: cutting the array elsewhere gives the same bytes.

        Parameters
        ----------
        names
            Names of ``features`` along the first axis. Give them whenever they are
            known: without, the order of ``self.names`` is taken on trust.

        Raises
        ------
        ModelError
            When the features are others, in another order, or in another number.
        """
        self.require_names(names if names is not None else self.names)
        if features.shape[0] != len(self.names):
            raise self._wrong_features([f"{features.shape[0]} features"])
        cells = features.reshape(len(self.names), -1)
        n = cells.shape[1]
        whole = Predicted(
            np.full(n, np.nan, np.float32),
            np.full(n, np.nan, np.float32),
            np.zeros(n, np.bool_),
        )
        for start in range(0, n, _SLAB):
            self._predict_into(whole, cells, slice(start, start + _SLAB))
        shape = features.shape[1:]
        return Predicted(
            whole.mean.reshape(shape),
            whole.sd.reshape(shape),
            whole.in_domain.reshape(shape),
        )

    def _predict_into(
        self, whole: Predicted, cells: NDArray[np.floating], slab: slice
    ) -> None:
        part = cells[list(self.order), slab]
        known = np.isfinite(part).all(axis=0)
        if not known.any():
            return
        rows: slice | NDArray[np.int64] = slab
        if not known.all():
            rows = np.flatnonzero(known) + slab.start
            part = part[:, known]
        columns = self.standard.columns(part)
        mean, sd = self._mean_and_sd(columns)
        low, high = self.valid_range
        inside = self._reach.contains(columns)
        inside &= ~is_far(columns) & (mean >= low) & (mean <= high)
        whole.mean[rows] = mean
        whole.sd[rows] = sd
        whole.in_domain[rows] = inside

    def _mean_and_sd(self, columns: Singles) -> tuple[Floats, Floats]:
        mean, own = self.fitted.predict(columns)
        return mean, self.spread.sd(mean, own)

    @property
    def shared_errors(self) -> int:
        """How many independent errors all cells share: the rows of ``loadings``."""
        if isinstance(self.fitted, BasisFit):
            return len(self.fitted.weights) - 1
        return 1

    def loadings(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return by how much cells (k, n) move with each error that all share, (r, n).

        In the target's unit, for one sd, with the calibration of the interval; all of
        a group's cells move at once, so a mean moves by the mean of its cells'. Trees
        do not know their own error: they move by that of the mean residual over
        unseen blocks, all cells alike. NaN where a feature is absent.
        """
        cells = features.reshape(len(self.names), -1)
        whole = np.full((self.shared_errors, cells.shape[1]), np.nan, np.float32)
        for start in range(0, cells.shape[1], _SLAB):
            part = cells[list(self.order), start : start + _SLAB]
            known = np.isfinite(part).all(axis=0)
            if known.any():
                rows = np.flatnonzero(known) + start
                whole[:, rows] = self._loadings(part[:, known])
        return whole

    def _loadings(self, part: NDArray[np.floating]) -> Floats:
        columns = self.standard.columns(part)
        mean, _ = self.fitted.predict(columns)
        if isinstance(self.fitted, BasisFit):
            shared = self.fitted.loadings(columns)
        else:
            residual = self.card.get("residual")
            told = residual["mean_se"] if isinstance(residual, dict) else 0.0
            shared = np.full((1, mean.size), float(told))
        return shared * self.spread.widening(mean)

    def map(self, stack: xr.DataArray) -> xr.Dataset:
        """Predict ``stack`` (feature, y, x), eager or lazy; check its features' names.

        Returns ``mean``, ``sd`` (float32, NaN where a feature is absent) and
        ``in_domain`` (uint8: 0, 1, and 255 where a feature is absent).

        Raises
        ------
        ModelError
            When the features are others, or in another order.
        """
        self.require_names([str(name) for name in stack["feature"].to_numpy()])
        stack = stack.chunk(feature=-1) if stack.chunks else stack
        mean, sd, inside = xr.apply_ufunc(
            self._predict_last_axis,
            stack.drop_vars("feature"),
            input_core_dims=[["feature"]],
            output_core_dims=[[], [], []],
            output_dtypes=[np.float32, np.float32, np.uint8],
            dask="parallelized",
        )
        return xr.Dataset({"mean": mean, "sd": sd, "in_domain": inside})

    def _predict_last_axis(
        self, features: NDArray[np.floating]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
        predicted = self.predict(np.moveaxis(features, -1, 0))
        inside = domain_codes(predicted)
        return predicted.mean, predicted.sd, inside

    def require_names(self, found: Sequence[str]) -> None:
        """Raise ``ModelError`` unless ``found`` are the features, in their order."""
        if tuple(found) != self.names:
            raise self._wrong_features(list(found))

    def _wrong_features(self, found: list[str]) -> ModelError:
        missing = [name for name in self.names if name not in found]
        extra = [name for name in found if name not in self.names]
        told = [f"missing {', '.join(missing)}"] if missing else []
        told += [f"unknown {', '.join(extra)}"] if extra else []
        return ModelError(
            "The features are not those of the model: "
            f"{'; '.join(told) or 'another order'}.",
            zh="特征名称、数量或顺序与模型不一致；请按模型卡片中的特征提供数据。",
            cure="Give the features of the model's card, named, in its order.",
            field="features",
            value=", ".join(found),
            expected=", ".join(self.names),
        )

    def to_arrays(self) -> Arrays:
        """Return all numbers of the model, for a file without pickle."""
        limits = [self.domain.mean_distance, self.domain.threshold, *self.valid_range]
        return {
            "order": np.array(self.order, dtype=np.int64),
            "centre": self.standard.centre,
            "scale": self.standard.scale,
            "spread": self.spread.to_array(),
            "points": self.domain.points,
            "importances": self.domain.weights,
            "limits": np.array(limits),
            **{f"fit_{name}": v for name, v in self.fitted.to_arrays().items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Loader, card: Card) -> Self:
        """Build the model again from ``to_arrays`` and its card.

        Raises
        ------
        ModelError
            When a number, a name or the order of the features differs from what was
            trained, or an array cannot be what it should.
        """
        names = _names(card)
        if card.get("arrays_digest") != arrays_digest(arrays):
            raise changed("arrays_digest")
        if card.get("schema_digest") != schema_digest(card):
            raise changed("schema_digest")
        try:
            return cls._built(arrays, names, card)
        except ValueError as error:
            raise changed(str(error)) from error

    @classmethod
    def _built(cls, arrays: Loader, names: tuple[str, ...], card: Card) -> Self:
        k = len(names)
        order = checked(arrays, "order", np.int64, (k,)).astype(np.int64).tolist()
        if sorted(order) != list(range(k)):
            raise ValueError("order")
        scale = _floats(arrays, "scale", (k,))
        points = _floats(arrays, "points", (None, k))
        if not (scale > 0).all() or len(points) == 0:
            raise ValueError("scale" if len(points) else "points")
        limits = arrays.get("limits")
        if limits is None or limits.dtype != np.float64 or limits.shape != (4,):
            raise ValueError("limits")
        mean_distance, threshold, low, high = cast(Floats, limits).tolist()
        fit = {n.removeprefix("fit_"): v for n, v in arrays.items() if n[:4] == "fit_"}
        return cls(
            names,
            tuple(order),
            Standard(_floats(arrays, "centre", (k,)), scale),
            _PARTS[str(card["kind"])](fit, k),
            Spread.from_array(_floats(arrays, "spread", (None,))),
            Domain(
                points, _floats(arrays, "importances", (k,)), mean_distance, threshold
            ),
            (low, high),
            card,
        )

    def with_card(self, card: Card) -> Self:
        """Return the model with its card signed: what holds its numbers is in it."""
        signed = card | {
            "format": FORMAT,
            "kind": self.fitted.kind,
            "arrays_digest": arrays_digest(self.to_arrays()),
        }
        return replace(self, card=signed | {"schema_digest": schema_digest(signed)})


def domain_codes(predicted: Predicted) -> NDArray[np.uint8]:
    """Return 1 inside, 0 outside, 255 where nothing was predicted."""
    absent = np.isnan(predicted.mean)
    return np.where(absent, 255, predicted.in_domain).astype(np.uint8)


def arrays_digest(arrays: Mapping[str, NDArray[np.generic]]) -> str:
    """Return the SHA-256 of named arrays: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        values = values.astype(values.dtype.newbyteorder("<"), copy=False)
        told = [name, values.dtype.str, list(values.shape)]
        digest.update(json.dumps(told).encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def schema_digest(card: Card) -> str:
    """Return the SHA-256 of what goes in and what comes out, by name and unit."""
    told = [card.get("features"), card.get("target"), card.get("kind")]
    text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def changed(field: str) -> ModelError:
    """Return the error for a model that is not the one that was trained."""
    return ModelError(
        f"The model is not the one that was trained: {field} differs.",
        zh=f"模型与训练时不一致（{field}）；请重新训练或从备份恢复。",
        cure="Train the model again, or restore it from a backup.",
        field=field,
    )


def _names(card: Card) -> tuple[str, ...]:
    features = card.get("features")
    if card.get("format") != FORMAT or card.get("kind") not in _PARTS:
        raise changed("format")
    if not isinstance(features, list) or not features:
        raise changed("features")
    return tuple(str(feature["name"]) for feature in features)


def _floats(arrays: Loader, name: str, shape: tuple[int | None, ...]) -> Floats:
    return cast(Floats, checked(arrays, name, np.float64, shape))
