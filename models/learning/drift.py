"""Whether the cells to be predicted are of the kind that was learnt from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import ModelError

Floats = NDArray[np.float64]

DRIFTED = 0.25
"""Population stability index from which a feature is called drifted (the usual one)."""
_POWERS = tuple(power for power in range(-6, 7) if abs(power) > 1)
"""A factor of ten alone is what bare land and forest may differ by."""
_HARDLY, _MOSTLY = 0.02, 0.6
_EMPTY = 1e-3


@dataclass(frozen=True, slots=True)
class Drift:
    """How the cells' values of one feature differ from the plots'."""

    feature: str
    stability_index: float
    outside_share: float
    """Share of cells outside the plots' range."""

    @property
    def has_drifted(self) -> bool:
        """Whether the index is at or beyond ``DRIFTED``."""
        return self.stability_index >= DRIFTED


def drift_of(
    features: Sequence[Mapping[str, object]], sample: NDArray[np.floating]
) -> tuple[Drift, ...]:
    """Compare a sample of cells (k, n), NaN where absent, with a card's ``features``.

    The population stability index over the deciles of the plots: the sum over classes
    of (cells' share - plots' share) ln (cells' share / plots' share).

    Raises
    ------
    ModelError
        When a feature comes in another scale: hardly a value is where most plots are
        (between the outer deciles), and a power of ten would bring most there.
    """
    found = []
    for told, column in zip(features, sample, strict=True):
        values = column[np.isfinite(column)].astype(np.float64)
        name = str(told["name"])
        deciles = np.array(told["deciles"], dtype=np.float64)
        if values.size:
            _require_scale(name, values, deciles)
            outside = (values < deciles[0]) | (values > deciles[-1])
            index = _stability(values, deciles)
            found.append(Drift(name, round(index, 4), round(float(outside.mean()), 4)))
    return tuple(found)


def _stability(values: Floats, deciles: Floats) -> float:
    inner = np.unique(deciles[1:-1])
    # Where plots share a value several deciles are one class, with all their weight.
    edges = np.searchsorted(deciles, inner, side="left")
    plots = np.diff(np.concatenate([[0], edges, [len(deciles) - 1]])) / 10
    classes = np.searchsorted(inner, values, side="right")
    cells = np.bincount(classes, minlength=len(inner) + 1) / values.size
    expected, actual = np.maximum(plots, _EMPTY), np.maximum(cells, _EMPTY)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def _require_scale(name: str, values: Floats, deciles: Floats) -> None:
    low, high = float(deciles[1]), float(deciles[-2])

    def share(power: int) -> float:
        scaled = values * 10.0**power
        return float(((scaled >= low) & (scaled <= high)).mean())

    if share(0) > _HARDLY:
        return
    power = max(_POWERS, key=lambda one: (share(one), -abs(one)))
    if share(power) < _MOSTLY:
        return
    median = float(np.median(values))
    raise ModelError(
        f"{name} looks scaled: its cells lie around {median:g}, most plots between "
        f"{low:g} and {high:g}; times 1e{power} they would fit.",
        zh=f"特征 {name} 的量纲疑似不同：像元值约为 {median:g}，多数样地为 {low:g} 至 "
        f"{high:g}，乘以 1e{power} 后相符；请检查比例系数。",
        cure="Apply the scale and offset of the raster, or train on the same scale.",
        field=name,
        value=f"{median:g}",
        expected=f"{low:g} to {high:g}",
    )
