"""Totals anchored by plots: what a group of parcels holds, with its error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import TableError
from models.estimates import Estimate, student
from models.estimation import Sample
from models.small_areas import estimate_area
from models.targets import Target

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Total:
    """A mean per hectare times an area: ``total`` in the mean's unit times ha."""

    mean: Estimate
    area_ha: float
    area_se_ha: float
    total: float
    se: float

    @property
    def limits(self) -> tuple[float, float]:
        """Confidence limits of the total at the level of the mean."""
        half = student(self.mean.degrees, self.mean.level) * self.se
        return self.total - half, self.total + half


def anchored_total(
    y: Floats,
    aux: Floats,
    target: Target | Floats,
    *,
    area_ha: float,
    area_se_ha: float = 0.0,
    inside: NDArray[np.bool_] | None = None,
) -> Total:
    """Return the total over any group of parcels, corrected by the plots.

    Parameters
    ----------
    y, aux
        Observed density per ha (n,) and auxiliaries (n, k) at the plots, such as the
        map's AGBD there.
    target
        Mean of the same auxiliaries over the group, area-weighted (k,), or a ``Target``
        if it comes from a first-phase sample.
    area_ha, area_se_ha
        Area of the group and its standard error, in ha.
    inside
        Which plots (n,) lie in the group; None if all do, as in the whole region.

    Returns
    -------
    Total
        At 90 % confidence, by the estimator that ``estimate_area`` chooses.

    Raises
    ------
    TableError, TooFewObservationsError
        As ``Sample`` and ``fit``; and if the area is not positive.
    """
    sample = Sample(np.asarray(y, np.float64), np.asarray(aux, np.float64))
    is_inside = np.ones(sample.y.size, np.bool_) if inside is None else inside
    goal = target if isinstance(target, Target) else Target.known(target)
    return total_of(
        estimate_area(sample, is_inside, goal).chosen,
        area_ha=area_ha,
        area_se_ha=area_se_ha,
    )


def total_of(mean: Estimate, *, area_ha: float, area_se_ha: float = 0.0) -> Total:
    """Multiply a mean per ha by its area.

    The variance is that of a product of independent factors (Goodman 1960,
    doi:10.1080/01621459.1960.10483369): ``A^2 V + m^2 s^2 + V s^2``.
    """
    if not (np.isfinite(area_ha) and area_ha > 0):
        raise TableError(
            f"The area is {area_ha} ha.",
            zh=f"面积为 {area_ha} 公顷，应为正数。请核对面积。",
            cure="Give the area in ha, above 0.",
            field="area_ha",
            value=area_ha,
        )
    of_mean, of_area = mean.variance, area_se_ha**2
    variance = area_ha**2 * of_mean + (mean.estimate**2 + of_mean) * of_area
    return Total(
        mean, area_ha, area_se_ha, area_ha * mean.estimate, float(np.sqrt(variance))
    )
