"""Change of tree cover between two seasons: what moved, and what moves anyway.

Two maps of one model share most of its error; what is left between them is noise of
the cells, correlated in space, and a difference of season that all cells of a kind
share. Both are measured on the quiet majority of the very cells that are compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import TooFewObservationsError
from geo.zonal import StripSums

Floats = NDArray[np.float64]
Classes = NDArray[np.int8]
Mask = NDArray[np.bool_]

_CELLS_AT_ONCE = 16_384

SD_PER_MAD = 1.4826022185056018
"""Standard deviation over median absolute deviation, of a normal distribution."""


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """What counts as change; every limit is a setting of the region.

    A cell is lost when its moisture index fell by more than ``loss_z`` robust sd of
    the quiet cells of its class, its cover by ``min_drop_pct`` or more, and it was
    forest (``min_cover_pct``). A parcel shows loss when its mean fell significantly
    (false discovery rate ``alpha``) or ``loss_area_pct`` of its area was lost.
    """

    max_growth_t_ha_yr: float
    """The most above-ground biomass a forest of the zone adds, t/ha/yr."""
    class_bounds_pct: tuple[float, ...] = (30.0, 60.0)
    """Baseline cover that parts open, sparse and closed stands."""
    min_cells: int = 50
    """A class with fewer quiet cells borrows the noise of all classes."""
    loss_z: float = -3.0
    min_cover_pct: float = 20.0
    min_drop_pct: float = 20.0
    loss_area_pct: float = 20.0
    min_observed_pct: float = 50.0
    alpha: float = 0.10

    def __post_init__(self) -> None:
        is_sound = (
            self.max_growth_t_ha_yr > 0
            and list(self.class_bounds_pct) == sorted(set(self.class_bounds_pct))
            and self.loss_z < 0 < self.alpha < 1
            and 0 < self.loss_area_pct <= 100
            and 0 <= self.min_observed_pct <= 100
        )
        if not is_sound:
            raise ValueError(f"These rules contradict themselves: {self}.")

    @property
    def class_count(self) -> int:
        return len(self.class_bounds_pct) + 1


@dataclass(frozen=True, slots=True)
class SeasonPair:
    """Two harmonised seasons of the same cells (n,), NaN where not observed.

    ``cover_a`` and ``cover_b`` in %, ``ndmi_a`` and ``ndmi_b`` the moisture index.
    ``baseline_pct`` is what stood there before, as far as it is known better than from
    the first season alone: a meadow in a lush summer looks like forest. Where earlier
    seasons or an earlier reference raster exist, give the lowest cover of them and the
    first season; a map of later than the first season would hide what fell before it.
    """

    cover_a: NDArray[np.floating]
    cover_b: NDArray[np.floating]
    ndmi_a: NDArray[np.floating]
    ndmi_b: NDArray[np.floating]
    baseline_pct: NDArray[np.floating] | None = None

    @property
    def baseline(self) -> NDArray[np.floating]:
        """Cover before, %: the first season's unless it is known better."""
        return self.cover_a if self.baseline_pct is None else self.baseline_pct

    def thinned(self, most: int) -> "SeasonPair":
        """Return every n-th cell, about ``most`` of them: enough for medians."""
        return self.only(slice(None, None, -(-self.cover_a.size // most)))

    def only(self, cells: slice) -> "SeasonPair":
        """Return some of the cells."""
        baseline = self.baseline_pct
        return SeasonPair(
            self.cover_a[cells],
            self.cover_b[cells],
            self.ndmi_a[cells],
            self.ndmi_b[cells],
            None if baseline is None else baseline[cells],
        )

    @property
    def is_observed(self) -> Mask:
        """Cells with a baseline, and a cover and an index in both seasons."""
        total = self.cover_a + self.cover_b + self.ndmi_a + self.ndmi_b + self.baseline
        return np.asarray(np.isfinite(total))

    @property
    def cover_delta(self) -> Floats:
        return np.asarray(self.cover_b, dtype=np.float64) - self.cover_a

    @property
    def ndmi_delta(self) -> Floats:
        return np.asarray(self.ndmi_b, dtype=np.float64) - self.ndmi_a


@dataclass(frozen=True, slots=True)
class DifferenceNoise:
    """Per class: what every quiet cell moved (``shift``) and how they scatter (``sd``).

    A shift that a whole class shares cannot be told from a difference of season. It is
    taken out of the cells, and its full size stays in the error as ``season_sd``.
    """

    shift: tuple[float, ...]
    sd: tuple[float, ...]
    season_sd: tuple[float, ...]
    cells: tuple[int, ...]
    is_borrowed: tuple[bool, ...]

    def without_shift(self, delta: Floats, strata: Classes) -> Floats:
        """Return ``delta`` less the shift of its class; NaN where there is none."""
        return delta - self._of(self.shift, strata)

    def cell_sd(self, strata: Classes) -> Floats:
        """Return the robust sd of each cell's difference; NaN where no class."""
        return self._of(self.sd, strata)

    def season_of(self, strata: Classes) -> Floats:
        """Return the error that all cells of each cell's class share; NaN as above."""
        return self._of(self.season_sd, strata)

    @staticmethod
    def _of(values: tuple[float, ...], strata: Classes) -> Floats:
        # Class -1 (not observed) picks the NaN that closes the table.
        return np.array([*values, np.nan])[strata]

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Build the noise again from ``record`` (read back from JSON)."""
        return cls(**{name: tuple(values) for name, values in record.items()})

    def record(self) -> dict[str, object]:
        """Return the noise for a card, classes in the order of rising cover."""
        return {
            "shift": list(self.shift),
            "sd": list(self.sd),
            "season_sd": list(self.season_sd),
            "cells": list(self.cells),
            "is_borrowed": list(self.is_borrowed),
        }


def baseline_class(cover_pct: NDArray[np.floating], rules: ChangeRules) -> Classes:
    """Return the class of baseline cover, 0 for the most open, -1 where NaN."""
    classes = np.full(np.shape(cover_pct), -1, np.int8)
    for bound in (-np.inf, *rules.class_bounds_pct):
        classes += cover_pct >= bound  # false where NaN
    return classes


def difference_noise(
    delta: Floats,
    strata: Classes,
    rules: ChangeRules,
    *,
    is_quiet: Mask | None = None,
    floor: float = 0.0,
) -> DifferenceNoise:
    """Measure shift (median) and sd (from the MAD) of ``delta`` in each class.

    ``is_quiet`` leaves out cells known to have changed; ``floor`` is the least season
    error, such as that of the harmonisation, in the unit of ``delta``. A class of
    fewer than ``rules.min_cells`` cells borrows the noise of all classes together.

    Raises
    ------
    TooFewObservationsError
        When all classes together hold fewer cells than that.
    """
    usable = np.isfinite(delta) & (strata >= 0)
    usable = usable if is_quiet is None else usable & is_quiet
    if usable.sum() < rules.min_cells:
        raise TooFewObservationsError(
            f"Two seasons share {usable.sum()} quiet cells, {rules.min_cells} needed "
            "to tell change from noise.",
            zh=f"两个季节仅有 {usable.sum()} 个稳定像元，至少需要 {rules.min_cells} 个"
            "才能区分变化与噪声；请延长合成季节。",
            cure="Lengthen the season, or lower the least number of cells.",
            expected=rules.min_cells,
        )
    members = [delta[usable & (strata == k)] for k in range(rules.class_count)]
    is_borrowed = tuple(len(values) < rules.min_cells for values in members)
    sources = [
        delta[usable] if borrowed else values
        for values, borrowed in zip(members, is_borrowed, strict=True)
    ]
    shift = tuple(float(np.median(values)) for values in sources)
    return DifferenceNoise(
        shift=shift,
        sd=tuple(_robust_sd(values) for values in sources),
        season_sd=tuple(float(np.hypot(value, floor)) for value in shift),
        cells=tuple(len(values) for values in members),
        is_borrowed=is_borrowed,
    )


def _robust_sd(values: Floats) -> float:
    return float(SD_PER_MAD * np.median(abs(values - np.median(values))))


@dataclass(frozen=True, slots=True)
class SeasonNoise:
    """The noise of the two things that are compared: cover (%) and moisture index."""

    cover: DifferenceNoise
    ndmi: DifferenceNoise


def learn_noise(
    pair: SeasonPair, rules: ChangeRules, *, floor_pct: float = 0.0
) -> SeasonNoise:
    """Measure the noise of ``pair``, class by class of baseline cover.

    Median and MAD ignore losses on a minority of cells; leaving these out in a second
    pass would cut the tail of the noise itself and call too much a loss. ``floor_pct``
    is the least season error of cover.
    """
    strata = _strata(pair, rules)
    return SeasonNoise(
        difference_noise(pair.cover_delta, strata, rules, floor=floor_pct),
        difference_noise(pair.ndmi_delta, strata, rules),
    )


def sudden_loss(pair: SeasonPair, noise: SeasonNoise, rules: ChangeRules) -> Mask:
    """Return the cells that lost their canopy between the two seasons.

    Both shifts are taken out first. The moisture index says that the fall is no noise
    (it is the sharper of the two), the cover that it matters, the baseline that there
    was forest. Cells not observed in both seasons are not lost. Felled trees and trees
    that lost their leaves for a season look the same: a later season tells.
    """
    return compare(pair, noise, rules).is_loss


def _strata(pair: SeasonPair, rules: ChangeRules) -> Classes:
    return baseline_class(np.where(pair.is_observed, pair.baseline, np.nan), rules)


@dataclass(frozen=True, slots=True)
class CellChange:
    """What happened to each cell (n,): ``strata`` is -1 where not observed.

    ``delta_pct`` is the change of cover without the season's shift and ``sd_pct`` the
    sd of its noise, NaN where not observed: what ``geo.correlation.parcel_variance``
    takes, shaped as the grid.
    """

    delta_pct: Floats
    sd_pct: Floats
    strata: Classes
    is_loss: Mask

    @property
    def is_observed(self) -> Mask:
        return self.strata >= 0


def compare(pair: SeasonPair, noise: SeasonNoise, rules: ChangeRules) -> CellChange:
    """Return the change of every cell of ``pair``, given the region's noise."""
    strata = _strata(pair, rules)
    delta = noise.cover.without_shift(pair.cover_delta, strata)
    ndmi = noise.ndmi.without_shift(pair.ndmi_delta, strata)
    is_beyond_noise = ndmi < rules.loss_z * noise.ndmi.cell_sd(strata)
    was_forest = pair.baseline >= rules.min_cover_pct
    is_loss = is_beyond_noise & was_forest & (delta <= -rules.min_drop_pct)
    return CellChange(delta, noise.cover.cell_sd(strata), strata, np.asarray(is_loss))


def moved_bands(cells: CellChange, noise: SeasonNoise) -> Floats:
    """Return delta and sd of cover, the season's sd, and 0-1 for a loss: (4, n).

    In per cent of cover; NaN where a cell was not seen in both seasons.
    """
    unseen = ~cells.is_observed
    lost = np.where(unseen, np.nan, cells.is_loss)
    season = noise.cover.season_of(cells.strata)
    return np.stack([cells.delta_pct, cells.sd_pct, season, lost])


def moved_cells(
    pair: SeasonPair, noise: SeasonNoise, rules: ChangeRules
) -> NDArray[np.float32]:
    """Return ``moved_bands`` of every cell of ``pair``, float32 (4, n).

    Few cells at a time: a dozen arrays in double precision then stay in the cache.
    """
    count = pair.cover_a.size
    moved = np.empty((4, count), np.float32)
    for start in range(0, count, _CELLS_AT_ONCE):
        some = slice(start, start + _CELLS_AT_ONCE)
        moved[:, some] = moved_bands(compare(pair.only(some), noise, rules), noise)
    return moved


SUMMED = ("moved", "season", "lost")
"""What is summed over parcels, of delta, season's sd and loss; with ``observed``."""


def change_sums(moved: StripSums) -> pd.DataFrame:
    """Return the sums behind each parcel's change; those of several parts add up.

    ``moved`` holds the strips of ``SUMMED``. Columns: ``observed`` and ``lost`` area,
    ha; ``moved`` and ``season``, area x %.
    """
    total, observed = moved.result
    return pd.DataFrame(
        {"observed": observed[0], **dict(zip(SUMMED, total, strict=True))}
    )
