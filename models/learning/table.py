"""What is learnt from: plots with a measured target, features, a place and a day."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geo.errors import ModelError, TooFewObservationsError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MIN_PLOTS = 30
MIN_BLOCKS = 10
"""Fewer plots or blocks than these say too little about the error of a model."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted, its unit, and between which values it can lie at all."""

    name: str
    unit: str = ""
    valid_range: tuple[float, float] = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class PlotTable:
    """Plots: ``features`` (n, k) in the order of ``names``, ``observed`` (n,).

    ``x`` and ``y`` (n,) are metres in a projected CRS. ``day`` (n,) is when each was
    measured, ``datetime64[D]`` with NaT for not known. ``ids`` (n,) name the plots.
    """

    names: tuple[str, ...]
    features: Floats
    observed: Floats
    x: Floats
    y: Floats
    ids: tuple[str, ...]
    day: NDArray[np.datetime64]

    def __post_init__(self) -> None:
        n = self.observed.size
        rows = {self.x.size, self.y.size, len(self.ids), self.day.size, n}
        if self.features.shape != (n, len(self.names)) or rows != {n}:
            raise ValueError(
                f"{n} plots with {len(self.names)} features do not match features of "
                f"shape {self.features.shape} and columns of {sorted(rows)} rows."
            )
        if len(set(self.names)) != len(self.names) or not self.names:
            raise ModelError(
                f"Features need names of their own, got {', '.join(self.names)}.",
                zh="特征为空或名称重复；请为每个特征指定唯一名称。",
                cure="Name every feature once, and at least one.",
                field="features",
            )

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Floats],
        observed: Floats,
        *,
        x: Floats,
        y: Floats,
        ids: tuple[str, ...] | None = None,
        day: NDArray[np.datetime64] | None = None,
    ) -> Self:
        """Line up named ``columns``; without ``ids`` plots are numbered from 1."""
        n = len(observed)
        unknown = np.full(n, np.datetime64("NaT"), dtype="datetime64[D]")
        return cls(
            tuple(columns),
            np.column_stack([np.asarray(c, np.float64) for c in columns.values()]),
            np.asarray(observed, np.float64),
            np.asarray(x, np.float64),
            np.asarray(y, np.float64),
            tuple(str(i + 1) for i in range(n)) if ids is None else ids,
            unknown if day is None else day.astype("datetime64[D]"),
        )

    def take(self, rows: Integers) -> Self:
        """Return some plots, in the order of ``rows``."""
        return replace(
            self,
            features=self.features[rows],
            observed=self.observed[rows],
            x=self.x[rows],
            y=self.y[rows],
            ids=tuple(self.ids[row] for row in rows.tolist()),
            day=self.day[rows],
        )

    def usable(self) -> Self:
        """Return the plots with all numbers, in an order that the file's does not set.

        Raises
        ------
        TooFewObservationsError
            With fewer than ``MIN_PLOTS`` of them; it names the column to blame.
        """
        whole = np.column_stack([self.features, self.observed, self.x, self.y])
        finite = np.isfinite(whole)
        rows = np.flatnonzero(finite.all(axis=1))
        if rows.size < MIN_PLOTS:
            raise self._too_few(rows.size, finite)
        keys = (*self.features[rows].T, self.observed[rows], self.x[rows], self.y[rows])
        return self.take(rows[np.lexsort(keys)])

    def _too_few(
        self, usable: int, finite: NDArray[np.bool_]
    ) -> TooFewObservationsError:
        names = (*self.names, "the target", "x", "y")
        missing = (~finite).sum(axis=0)
        worst = int(missing.argmax()) if missing.size else 0
        blame, blame_zh = "", ""
        if missing.size and missing[worst]:
            blame = f"; {missing[worst]} lack {names[worst]}"
            blame_zh = f"，其中 {missing[worst]} 个缺少 {names[worst]}"
        return TooFewObservationsError(
            f"Training needs {MIN_PLOTS} plots with every feature, there are {usable} "
            f"of {len(finite)}{blame}.",
            zh=f"训练至少需要 {MIN_PLOTS} 个特征齐全的样地，{len(finite)} 个样地中"
            f"仅有 {usable} 个可用{blame_zh}；请补充样地或去掉缺失多的特征。",
            cure="Add plots, or leave out the features that are often missing.",
            field="plots",
            value=usable,
            expected=MIN_PLOTS,
        )

    def without_constants(self) -> Self:
        """Leave out features that have one value only: nothing is learnt from them."""
        kept = np.flatnonzero(np.ptp(self.features, axis=0) > 0)
        if kept.size == 0:
            raise ModelError(
                f"None of the features {', '.join(self.names)} varies over the plots.",
                zh="所有特征在样地间取值相同，无法训练；请检查特征列。",
                cure="Choose features that differ between plots.",
                field="features",
            )
        return replace(
            self,
            names=tuple(self.names[i] for i in kept.tolist()),
            features=self.features[:, kept],
        )

    def digest(self) -> str:
        """Return the SHA-256 of all that is learnt from, in this order of plots."""
        digest = hashlib.sha256(json.dumps(self.names).encode())
        for values in (self.features, self.observed, self.x, self.y):
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return digest.hexdigest()
