"""Bring the composite of one season to the look of another, on forest that stood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import TooFewObservationsError
from models.cover import CoverModel
from models.features import feature_stack

Floats = NDArray[np.float64]

_SAMPLES = 200
"""Bootstrap samples behind a standard error, enough for its first two digits."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """What to add to each band, how sure that is, and what it rests on.

    ``shift`` and its standard errors ``se`` have the unit of the bands (reflectance
    0-1); ``covariance`` says that bands err together, as with the sun's height.
    """

    names: tuple[str, ...]
    shift: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    cells: int
    blocks: int

    @property
    def se(self) -> tuple[float, ...]:
        return tuple(np.sqrt(np.diag(self.covariance)).tolist())

    def apply(self, composite: xr.DataArray) -> xr.DataArray:
        """Add the shifts to the ``band`` of their name; other bands stay. Lazy."""
        added = xr.DataArray(
            np.asarray(self.shift, dtype=np.float32),
            dims="band",
            coords={"band": list(self.names)},
        )
        onto = added.reindex(band=composite["band"], fill_value=0.0)
        return composite + onto.astype(composite.dtype)

    def record(self) -> dict[str, object]:
        """Return the shifts for a card."""
        return {
            "bands": list(self.names),
            "shift": list(self.shift),
            "se": list(self.se),
            "covariance": [list(row) for row in self.covariance],
            "cells": self.cells,
            "blocks": self.blocks,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Build the shifts again from ``record`` (read back from JSON)."""
        return cls(
            names=tuple(str(name) for name in record["bands"]),
            shift=tuple(float(value) for value in record["shift"]),
            covariance=tuple(
                tuple(float(value) for value in row) for row in record["covariance"]
            ),
            cells=int(record["cells"]),
            blocks=int(record["blocks"]),
        )

    @classmethod
    def none(cls, names: Sequence[str]) -> Self:
        """Return the shifts of the reference season itself: nothing, exactly."""
        zeros = (0.0,) * len(names)
        return cls(tuple(names), zeros, (zeros,) * len(names), 0, 0)


@dataclass(frozen=True, slots=True)
class ReferenceCells:
    """Cells seen in both seasons: bands (n, bands), ``block`` numbers (n,).

    ``is_reference`` marks the cells that are expected to look the same in both, such
    as forest with a cover of 50 % or more in the reference year.
    """

    names: tuple[str, ...]
    year: NDArray[np.floating]
    reference: NDArray[np.floating]
    is_reference: NDArray[np.bool_]
    block: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = (self.is_reference.size, len(self.names))
        if self.year.shape != shape or self.reference.shape != shape:
            raise ValueError(
                f"Both seasons need the shape {shape}, got {self.year.shape} and "
                f"{self.reference.shape}."
            )


def shift_to_reference(
    cells: ReferenceCells, *, min_cells: int = 100, min_blocks: int = 5, seed: int = 0
) -> Shifts:
    """Return per band the median difference, reference minus year, and its error.

    The median of the reference cells does not notice losses on a minority of them.
    The error is that of resampling whole spatial blocks, because neighbouring cells
    repeat one another. Indices have to be computed again after the shift.

    A change that more than half of the reference forest shares cannot be told from
    a difference of season and is removed with it.

    Raises
    ------
    TooFewObservationsError
        With fewer than ``min_cells`` usable reference cells, or ``min_blocks``
        blocks that hold one.
    """
    difference = cells.reference.astype(np.float64) - cells.year
    usable = cells.is_reference & np.isfinite(difference).all(axis=1)
    difference, block = difference[usable], cells.block[usable]
    blocks = np.unique(block)
    if len(difference) < min_cells or len(blocks) < min_blocks:
        raise TooFewObservationsError(
            f"Two seasons share {len(difference)} reference cells in {len(blocks)} "
            f"blocks; {min_cells} cells in {min_blocks} blocks are needed.",
            zh=f"两个季节共有 {len(difference)} 个参考林像元、{len(blocks)} 个方块，"
            f"至少需要 {min_cells} 个像元、{min_blocks} 个方块；请延长合成季节。",
            cure="Lengthen the season, or lower the cover that marks reference forest.",
            value=len(difference),
            expected=min_cells,
        )
    return Shifts(
        names=cells.names,
        shift=tuple(np.median(difference, axis=0).tolist()),
        covariance=_block_covariance(difference, block, seed=seed),
        cells=len(difference),
        blocks=len(blocks),
    )


def _block_covariance(
    difference: Floats, block: NDArray[np.int64], *, seed: int
) -> tuple[tuple[float, ...], ...]:
    """Return the covariance of the medians of samples of whole blocks."""
    members = [np.flatnonzero(block == name) for name in np.unique(block)]
    generator = np.random.default_rng(seed)
    medians = np.empty((_SAMPLES, difference.shape[1]))
    for row in range(_SAMPLES):
        drawn = generator.integers(len(members), size=len(members))
        rows = np.concatenate([members[i] for i in drawn])
        medians[row] = np.median(difference[rows], axis=0)
    covariance = np.atleast_2d(np.cov(medians, rowvar=False))
    return tuple(tuple(row) for row in covariance.tolist())


def harmonisation_error_pct(
    model: CoverModel, composite: xr.DataArray, shifts: Shifts
) -> float:
    """Return the sd that the error of ``shifts`` gives to the mean cover, in %.

    ``composite`` (band, ...) holds the shifted cells of that mean. Each band is moved
    by its standard error in turn; the effects combine as the errors of the bands do.
    All cells share this error: it is the least season error of a change.
    """
    before = _mean_cover(model, composite)
    effect = []
    for name, se in zip(shifts.names, shifts.se, strict=True):
        moved = replace(shifts, names=(name,), shift=(se,))
        after = _mean_cover(model, moved.apply(composite))
        effect.append((after - before) / se if se else 0.0)
    variance = np.array(effect) @ np.array(shifts.covariance) @ np.array(effect)
    return float(np.sqrt(max(variance, 0.0)))


def _mean_cover(model: CoverModel, composite: xr.DataArray) -> float:
    cover = model.map(feature_stack(composite))["cover_pct"]
    return float(cover.mean(dtype=np.float64))
