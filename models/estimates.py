"""What an estimate from plots is: a figure, two variances, and who may rely on it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

Method = Literal[
    "plain_mean", "regression", "extended_synthetic", "small_area", "synthetic"
]
Flag = Literal[
    "synthetic_only", "few_plots", "one_plot", "no_extension", "outside_range"
]
LEVEL = 0.9
"""Confidence of the limits, unless another is asked for."""

METHODS: dict[Method, tuple[str, str]] = {
    "plain_mean": ("mean of the plots alone", "样地简单平均"),
    "regression": ("regression (g-weight)", "回归估计（g权重）"),
    "extended_synthetic": ("extended synthetic", "扩展合成估计"),
    "small_area": ("small area (synthetic + mean residual)", "小区域估计（残差修正）"),
    "synthetic": ("synthetic", "合成估计"),
}
"""English and Chinese; with a sampled first phase they are called "pseudo"."""

FLAGS: dict[Flag, tuple[str, str]] = {
    "synthetic_only": (
        "no plot lies in the area: it is taken to follow the model of all plots; a "
        "difference of the area from it is not in the variance",
        "区内无样地：假定其服从全体样地的模型，区内偏差未计入方差",
    ),
    "few_plots": (
        "few plots: variance and limits are themselves uncertain",
        "样地过少：方差与置信限本身不可靠",
    ),
    "one_plot": (
        "one plot in the area gives no spread: the synthetic estimate is reported",
        "区内仅一个样地，无法估计离散度：采用合成估计",
    ),
    "no_extension": (
        "within the plots, being in the area follows from the auxiliaries: there is no "
        "extended estimate",
        "样地是否在区内可由辅助变量推出，无法作扩展估计",
    ),
    "outside_range": (
        "the area's mean of an auxiliary lies outside what the plots cover",
        "区域辅助变量均值超出样地取值范围，属于外推",
    ),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Sampling units: plots, or clusters of plots. None where there is no such number.

    ``first`` is None if the auxiliaries are known everywhere; the ``_in_area`` counts
    are None for an estimate that is not of one area among others.
    """

    second: int
    first: int | None = None
    second_in_area: int | None = None
    first_in_area: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean per unit of area, in the unit of the observations, and its variances.

    ``ext_variance`` takes the model as given from elsewhere, ``g_variance`` knows that
    it was fitted to these plots; either is None where it is not defined. ``degrees``
    are those of Student's t for the limits at confidence ``level``.
    """

    method: Method
    estimate: float
    ext_variance: float | None
    g_variance: float | None
    counts: Counts
    degrees: int
    level: float = LEVEL
    flags: tuple[Flag, ...] = ()

    @property
    def variance(self) -> float:
        """The variance to rely on: g-weight, external only where there is no other."""
        chosen = self.ext_variance if self.g_variance is None else self.g_variance
        return float("nan") if chosen is None else chosen

    @property
    def se(self) -> float:
        return float(np.sqrt(self.variance))

    def limits(self, variance: float | None) -> tuple[float, float] | None:
        """Return the confidence limits by ``variance``; None if it is None."""
        if variance is None:
            return None
        half = student(self.degrees, self.level) * float(np.sqrt(variance))
        return self.estimate - half, self.estimate + half


def title(method: Method, *, sampled: bool) -> tuple[str, str, str]:
    """Return code, English and Chinese name; ``sampled`` if the first phase is."""
    english, chinese = METHODS[method]
    if not sampled or method == "plain_mean":
        return method, english, chinese
    if method == "regression":
        return f"two_phase_{method}", f"two-phase {english}", f"两相{chinese}"
    return f"pseudo_{method}", f"pseudo {english}", f"伪{chinese}"


def student(degrees: int, level: float) -> float:
    """Return how many standard errors the two-sided limits at ``level`` are away."""
    return float(stdtrit(degrees, (1 + level) / 2))
