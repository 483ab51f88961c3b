"""Large plots cut in squares, so that plots and cells of a raster are of one size."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geo.errors import TableError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEWEST_CORNERS = 3
MOST_RESIDUAL_M = 10.0
"""Corners that fit worse than this were mixed up, or are in other units."""
MOST_STRETCH = 0.1
"""Relative difference of areas on the map and in the field."""
MOST_OFF = 0.05
"""Share of trees outside the plot above which the axes are wrong."""
_OFF_SHARE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Where a plot's own coordinates (m, along its sides) lie on the map.

    ``to_map`` (2, 3) maps (1, x, y) of the field to easting and northing: an affine
    map by least squares, so that repeated GPS fixes of a corner average out.
    """

    to_map: Floats
    low: Floats
    size: Floats
    rms_m: float

    @classmethod
    def fit(cls, field: Floats, placed: Floats, *, plot: str) -> Self:
        """Fit to corners in the field and on the map, both (n, 2), metres.

        Raises
        ------
        TableError
            With fewer than three different corners, or corners that do not fit: more
            than 10 m off, or an area that differs by more than a tenth.
        """
        corners = np.unique(field, axis=0)
        basis = np.column_stack([np.ones(len(field)), field])
        if len(corners) < FEWEST_CORNERS or np.linalg.matrix_rank(basis) < 3:
            raise _misfit(
                plot,
                f"has {len(corners)} corners, which need to be three, not in a line",
                f"只有 {len(corners)} 个可用角点，至少需要不共线的三个",
            )
        solved, *_ = np.linalg.lstsq(basis, placed, rcond=None)
        rms = float(np.sqrt(np.mean(((basis @ solved - placed) ** 2).sum(axis=1))))
        stretch = abs(np.linalg.det(solved[1:])) - 1
        if rms > MOST_RESIDUAL_M or abs(stretch) > MOST_STRETCH:
            raise _misfit(
                plot,
                f"has corners that do not fit: {rms:.1f} m off, area {stretch:+.0%}",
                f"角点坐标不吻合：误差 {rms:.1f} 米，面积差 {stretch:+.0%}",
            )
        low = corners.min(axis=0)
        return cls(np.array(solved.T, np.float64), low, np.ptp(corners, axis=0), rms)

    def placed(self, field: Floats) -> Floats:
        """Return map coordinates (..., 2) of field coordinates (..., 2)."""
        return np.asarray(self.to_map[:, 0] + field @ self.to_map[:, 1:].T)


@dataclass(frozen=True, slots=True, eq=False)
class Squares:
    """The squares of one plot: names, outlines on the map (n, 4, 2), area of each."""

    names: tuple[str, ...]
    outlines: Floats
    area_ha: float


def squares_of(plot: str, frame: Frame, *, side_m: float) -> Squares:
    """Cut a plot in squares of ``side_m``, named ``plot-x-y`` by their lower corner.

    Raises ``TableError`` where the side does not divide the plot's.
    """
    counts = _counts(plot, frame, side_m)
    names, outlines = [], []
    steps = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for i in range(counts[0]):
        for j in range(counts[1]):
            corner = np.array([i, j]) + steps
            names.append(f"{plot}-{i * side_m:g}-{j * side_m:g}")
            outlines.append(frame.placed(frame.low + corner * side_m))
    return Squares(tuple(names), np.array(outlines), side_m * side_m / 10_000)


def square_of_trees(
    plot: str, frame: Frame, field: Floats, *, side_m: float
) -> tuple[Integers, int]:
    """Return which square each tree at ``field`` (n, 2) stands in, and how many off.

    A tree beyond the plot's edge counts in the nearest square: it belongs to the plot's
    list, and plot totals stay. More than 5 % of them more than 1 % of the side outside
    raise ``TableError``; a tree without a place counts as one.
    """
    counts = _counts(plot, frame, side_m)
    place = (field - frame.low) / side_m
    reach = _OFF_SHARE * frame.size / side_m
    off = ~((place >= -reach) & (place <= np.array(counts) + reach)).all(axis=1)
    absent = ~np.isfinite(place).all(axis=1)
    if absent.any() or (len(field) and off.mean() > MOST_OFF):
        raise _misfit(
            plot,
            f"has {int(off.sum())} of {len(field)} trees outside its corners",
            f"有 {int(off.sum())} / {len(field)} 株样木在角点范围之外",
        )
    cell = np.clip(np.floor(place), 0, np.array(counts) - 1).astype(np.int64)
    return cell[:, 0] * counts[1] + cell[:, 1], int(off.sum())


def _counts(plot: str, frame: Frame, side_m: float) -> tuple[int, int]:
    counts = np.round(frame.size / side_m)
    if (counts < 1).any() or not np.allclose(counts * side_m, frame.size, atol=0.01):
        raise _misfit(
            plot,
            f"is {frame.size[0]:g} x {frame.size[1]:g} m, which squares of "
            f"{side_m:g} m do not fill",
            f"为 {frame.size[0]:g} x {frame.size[1]:g} 米，不能分成 {side_m:g} 米方格",
        )
    return int(counts[0]), int(counts[1])


def _misfit(plot: str, what: str, zh: str) -> TableError:
    return TableError(
        f"The plot {plot} {what}.",
        zh=f"样地 {plot} {zh}；请核对角点与样木坐标。",
        cure="Check corners and trees: metres along the plot's sides, and on the map.",
        item=plot,
    )
