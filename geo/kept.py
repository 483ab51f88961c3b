"""Means over parcels of what is known on few cells only, such as what may be planted.

The work grows with these cells, not with the grid: values come as one number for each
kept cell, row by row.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from geo.coverage import CoverageWeights
from geo.errors import GridMismatchError

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


class KeptMeans:
    """Area-weighted means by name; strips of rows are given from the top down."""

    def __init__(self, weights: CoverageWeights) -> None:
        self._weights = weights
        self._count = len(weights.parcel_ids)
        self._kept = np.zeros(self._count)
        self._totals: dict[str, Numbers] = {}
        self._seen: dict[str, Numbers] = {}

    def add(self, row: int, kept: Flags, values: Mapping[str, Numbers]) -> None:
        """Add a strip as wide as the grid.

        Parameters
        ----------
        row
            First row of the strip.
        kept
            ``(y, x)``: the cells that count.
        values
            A number for each kept cell; NaN is unobserved.

        Raises
        ------
        GridMismatchError
            When the strip is not as wide as the grid, or values are too many or few.
        """
        runs, edges = self._weights.section(kept.shape, row=row, column=0)
        flat = kept.reshape(-1)
        _require_one_each(values, int(np.count_nonzero(flat)))
        cell, run = runs.expanded()
        inner, outer = flat[cell], flat[edges.cell]
        place = np.cumsum(flat) - 1
        at = place[np.concatenate([cell[inner], edges.cell[outer]])]
        unit = np.concatenate([runs.parcel[run[inner]], edges.parcel[outer]])
        share = np.concatenate([np.ones(int(inner.sum())), edges.share[outer]])
        whole = self._sum(unit, share)
        self._kept += whole
        for name, each in values.items():
            part = each[at]
            known = np.isfinite(part)
            if known.all():
                total, seen = self._sum(unit, share * part), whole
            else:
                total = self._sum(unit, np.where(known, share * part, 0.0))
                seen = self._sum(unit, share * known)
            self._totals[name] = self._totals.get(name, 0.0) + total
            self._seen[name] = self._seen.get(name, 0.0) + seen

    def _sum(self, unit: NDArray[np.int32], values: Numbers) -> Numbers:
        return np.bincount(unit, values, self._count).astype(np.float64)

    @property
    def kept_ha(self) -> Numbers:
        """Area of the kept cells of each parcel, ha."""
        return self._kept * self._weights.grid.cell_ha

    @property
    def means(self) -> dict[str, Numbers]:
        """Mean of each name over the kept cells with a value; NaN where none has."""
        found = {}
        for name, total in self._totals.items():
            seen = self._seen[name]
            mean = np.full(self._count, np.nan)
            np.divide(total, seen, out=mean, where=seen > 0)
            found[name] = mean
        return found


def _require_one_each(values: Mapping[str, Numbers], count: int) -> None:
    wrong = [name for name, each in values.items() if each.shape != (count,)]
    if wrong:
        raise GridMismatchError(
            f"{wrong[0]} has {values[wrong[0]].shape} values for {count} kept cells.",
            zh=f"{wrong[0]} 的取值个数与保留的 {count} 个格点不符，请逐格给值。",
            cure="Give one value for each kept cell.",
            field=wrong[0],
            expected=(count,),
        )
