"""How the weight of an emission source falls with distance and turns with the wind."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from geo.errors import SettingsError

Numbers = NDArray[np.float64]
Shape = Literal["exponential", "gaussian", "inverse"]

SECTORS = (8, 16)
_ROUNDING = 0.01
"""Published shares of a wind rose are rounded; they may miss 1 by this much."""
_STILL_SHARE = 0.1
"""Within this share of the length the direction of the wind counts less and less."""


@dataclass(frozen=True, slots=True)
class WindRose:
    """Share of the time that the wind blows from each of 8 or 16 sectors.

    The first sector is north, the others follow clockwise; ``calm`` is the share of
    the time without direction. Shares add up to 1 within one hundredth.
    """

    shares: tuple[float, ...]
    calm: float = 0.0

    def __post_init__(self) -> None:
        total = sum(self.shares) + self.calm
        sized = len(self.shares) in SECTORS
        valid = all(0 <= share <= 1 for share in (*self.shares, self.calm))
        if not (sized and valid and abs(total - 1) <= _ROUNDING):
            hint = " It looks like per cent." if 99 <= total <= 101 else ""
            raise SettingsError(
                f"A wind rose needs 8 or 16 shares of 0 to 1 that add up to 1 with "
                f"the calm; got {len(self.shares)} that add up to {total:.4g}.{hint}",
                zh=f"风玫瑰须为 8 或 16 个方位的频率（0–1，含静风合计为 1）；"
                f"现有 {len(self.shares)} 个，合计 {total:.4g}。"
                "若为百分数请除以 100。",
                cure="Give shares from north clockwise; divide per cent by 100.",
                field="wind.shares",
                value=f"{total:.4g}",
                expected="8 or 16 shares, sum 1",
            )

    def factor(self, east_m: Numbers, north_m: Numbers) -> Numbers:
        """Return how much more often than on average the wind blows this way.

        The mean over all directions is 1. Between sectors a periodic cubic B-spline
        joins smoothly: it never goes below zero and keeps the mean.

        Parameters
        ----------
        east_m, north_m
            From the source to the place: wind from the opposite side takes it there.
        """
        count = len(self.shares)
        even = np.array(self.shares) + self.calm / count
        even = even * (count / even.sum())
        turn = (np.arctan2(east_m, north_m) + np.pi) * (count / (2 * np.pi))
        first = np.floor(turn).astype(np.int64)
        t = turn - first
        parts = (
            (1 - t) ** 3,
            3 * t**3 - 6 * t**2 + 4,
            -3 * t**3 + 3 * t**2 + 3 * t + 1,
            t**3,
        )
        total = np.zeros_like(t)
        for step, part in enumerate(parts):
            total += part * even[(first + step - 1) % count]
        return np.asarray(total / 6)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Weight 0-1 of an emission at a distance; a rule of planning, not physics.

    ``exponential`` is exp(-d / length), ``gaussian`` exp(-(d / length)^2 / 2) and
    ``inverse`` (1 + d / length)^-power. Over the last share ``taper`` of the range the
    weight goes smoothly to zero at ``cutoff_m``, so that maps show no circles; with
    ``taper`` 0 it stops there. With ``wind`` the weight is multiplied by
    1 + (rose - 1) d^2 / (d^2 + (length / 10)^2): close to a source direction means
    little.
    """

    shape: Shape = "exponential"
    length_m: float = 20_000.0
    cutoff_m: float = 100_000.0
    taper: float = 0.1
    power: float = 2.0
    wind: WindRose | None = None

    def __post_init__(self) -> None:
        positive = self.length_m > 0 and self.cutoff_m > 0 and self.power > 0
        known = self.shape in get_args(Shape)
        if not (positive and known and 0 <= self.taper <= 1):
            raise SettingsError(
                f"An exposure kernel needs a known shape, positive length, range and "
                f"power and a taper of 0 to 1, got {self}.",
                zh=f"暴露核函数设置有误：{self.shape}，特征距离 {self.length_m} 米，"
                f"范围 {self.cutoff_m} 米，须为正数且形状已知。",
                cure=f"Shapes: {', '.join(get_args(Shape))}; lengths in metres.",
                field="exposure",
                value=self.shape,
            )

    def radial(self, distance_m: Numbers) -> Numbers:
        """Return the weight at each distance without the wind, 0-1."""
        scaled = distance_m / self.length_m
        if self.shape == "exponential":
            weight = np.exp(-scaled)
        elif self.shape == "gaussian":
            weight = np.exp(-(scaled**2) / 2)
        else:
            weight = (1 + scaled) ** -self.power
        return np.asarray(weight * self._tapered(distance_m))

    def weight(self, east_m: Numbers, north_m: Numbers) -> Numbers:
        """Return the weight at each offset from the source, in metres."""
        distance_m = np.hypot(east_m, north_m)
        weight = self.radial(distance_m)
        if self.wind is None:
            return weight
        square = distance_m**2
        directed = square / (square + (_STILL_SHARE * self.length_m) ** 2)
        factor = self.wind.factor(east_m, north_m)
        return np.asarray(weight * (1 + (factor - 1) * directed))

    def _tapered(self, distance_m: Numbers) -> Numbers:
        if self.taper == 0:
            return (distance_m <= self.cutoff_m).astype(np.float64)
        left = (self.cutoff_m - distance_m) / (self.taper * self.cutoff_m)
        u = np.clip(left, 0.0, 1.0)
        return np.asarray(u**3 * (u * (6 * u - 15) + 10))
