"""A region's total from plots that are a probability sample of its forest.

The plots carry the figure, the map only sharpens it (``models.totals``): auxiliaries
known for every cell and learnt from no plot, so that residuals at the plots are honest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.carbon import Z_90
from models.estimation import FEW_UNITS
from models.totals import Total, anchored_total

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST = 15
"""Plots below which no total is told: a regression on two auxiliaries of fewer says
next to nothing of its own error."""
MOST_YEARS = 3
"""Between plots and imagery, as the gate of a model asks."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The forest of the parcels with figures: its area, and its mean of each layer.

    The auxiliaries first, then whatever else is to be known of it.
    """

    area_ha: float
    area_se_ha: float
    mean: Floats

    @classmethod
    def of(
        cls, total: Floats, forest_ha: Floats, seen_ha: Floats, areas: Floats
    ) -> "Frame":
        """Put parcels (p,) together.

        Parameters
        ----------
        total
            Sums of layers over the observed forest of each, (layers, p).
        forest_ha, seen_ha
            Observed forest, and observed area; where it was not seen a parcel is taken
            to be what it is where it was.
        areas
            Area and its standard error, ha, (2, p); independent between parcels.
        """
        some = (forest_ha > 0) & (seen_ha > 0)
        share = np.where(some, forest_ha / np.where(some, seen_ha, 1.0), 0.0)
        area = areas[0] * share
        whole = float(area.sum())
        if whole == 0:
            return cls(0.0, 0.0, np.full(len(total), np.nan))
        means = total[:, some] / forest_ha[some]
        se = float(np.sqrt(((areas[1] * share) ** 2).sum()))
        return cls(whole, se, np.asarray(means @ area[some] / whole))


@dataclass(frozen=True, slots=True, eq=False)
class AtPlots:
    """Plots (n,): biomass, t/ha, auxiliaries (n, k), and which lie in the frame.

    ``shared_se_t_ha`` is what their equations share: no number of plots averages it
    out, and no spread of plots shows it.
    """

    agb_t_ha: Floats
    aux: Floats
    inside: Mask
    shared_se_t_ha: float


@dataclass(frozen=True, slots=True)
class Anchored:
    """A total with its sampling error, and with the error that all plots share."""

    total: Total
    plots: int
    se: float
    low: float
    high: float
    flags: tuple[str, ...]


def anchor(plots: AtPlots, frame: Frame) -> Anchored:
    """Return the model-assisted total of the frame, t.

    ``total.se`` is the root of the g-weight variance (or what ``estimate_area`` chose)
    and of the area; ``se`` adds what the plots' equations share. Limits are normal at
    90 %, never below zero.

    Raises
    ------
    TableError, TooFewObservationsError
        As ``anchored_total``.
    """
    known = np.isfinite(plots.aux).all(axis=1) & np.isfinite(plots.agb_t_ha)
    inside = plots.inside[known]
    found = anchored_total(
        plots.agb_t_ha[known],
        plots.aux[known],
        frame.mean[: plots.aux.shape[1]],
        area_ha=frame.area_ha,
        area_se_ha=frame.area_se_ha,
        inside=None if inside.all() else inside,
    )
    se = float(np.hypot(found.se, plots.shared_se_t_ha * frame.area_ha))
    flags = tuple(found.mean.flags)
    count = int(inside.sum())
    if count < FEW_UNITS and "few_plots" not in flags:
        flags = (*flags, "few_plots")
    return Anchored(
        found,
        count,
        se,
        max(found.total - Z_90 * se, 0.0),
        found.total + Z_90 * se,
        flags,
    )
