"""Estimates for one area among others: a few plots inside, a model from all plots.

After Mandallaz (2013), doi:10.1139/cjfr-2012-0381; "report" is the technical report
behind it, doi:10.3929/ethz-a-009990020.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.estimates import LEVEL, Counts, Estimate, Flag
from models.estimation import (
    Fit,
    Sample,
    Units,
    can_fit,
    fit,
    plain_mean,
    range_flags,
    regression,
    spread,
)
from models.targets import Target, grouped

Flags = tuple[Flag, ...]
MIN_EXTENDED = 6
"""Units in an area from which the extended estimator is chosen.

Its residuals are centred in the area without the loss of a degree of freedom, which
makes its variance too small by the share 1/n; the correction by the mean residual has
none of that. Six is the threshold of the package forestinventory.
"""


@dataclass(frozen=True, slots=True)
class AreaEstimates:
    """The estimate to report, and the others that exist, for comparison."""

    chosen: Estimate
    others: tuple[Estimate, ...]


def estimate_area(
    sample: Sample,
    inside: NDArray[np.bool_],
    target: Target,
    *,
    model: Fit | None = None,
    level: float = LEVEL,
) -> AreaEstimates:
    """Estimate the area that the plots ``inside`` (n,) lie in.

    Parameters
    ----------
    sample
        All plots; those elsewhere lend the area their model.
    target
        The auxiliaries of the area alone.
    model
        The fit to ``sample``, if it is at hand.

    Returns
    -------
    AreaEstimates
        Chosen is the extended synthetic estimate from ``MIN_EXTENDED`` units inside
        unless clusters cross the border, else the synthetic one corrected by the mean
        residual from 2, below that the synthetic one, flagged; and the regression
        estimate if all plots are inside.
    """
    model = fit(sample) if model is None else model
    if bool(inside.all()):
        return _whole(sample, model, target, level)
    if not inside.any():
        only = synthetic(model, target, level=level, flags=("synthetic_only",))
        return AreaEstimates(only, ())
    within = sample.only(inside)
    units = within.units()
    if len(units) < 2:
        return AreaEstimates(_alone(model, target, level), ())
    extended = _extended(sample, inside, target, level)
    candidates = [
        extended,
        small_area(model, units, target, level=level),
        synthetic(model, target, level=level, inside=len(units)),
        _in_area(plain_mean(within, level=level), model, units, target),
    ]
    found = [_flagged(one, units, extended) for one in candidates if one is not None]
    is_large = len(units) >= MIN_EXTENDED and not _is_crossed(sample, inside)
    chosen = found.pop(0 if extended is None or is_large else 1)
    return AreaEstimates(chosen, tuple(found))


def synthetic(
    model: Fit, target: Target, *, level: float, inside: int = 0, flags: Flags = ()
) -> Estimate:
    """Estimate from the model alone: ``Z_G' beta`` (report eq. 18, 28).

    The variance is that of the coefficients (and of a sampled first phase). How far the
    area departs from the model is in neither: the external variance is not defined.
    """
    mean, of_model, of_first_phase = model.synthetic(target)
    return Estimate(
        "synthetic",
        mean,
        None,
        of_model + of_first_phase,
        _counts(model, target, inside),
        len(model.units) - model.parameters,
        level,
        (*flags, *range_flags(model.units, target)),
    )


def small_area(model: Fit, units: Units, target: Target, *, level: float) -> Estimate:
    """Correct the synthetic estimate by the mean residual of ``units`` in the area.

    ``Z_G' beta + mean(e)``, variance ``Z_G' Cov(beta) Z_G + beta' Cov(Z_G) beta +
    var(e)/n_G``: Mandallaz (2013), eq. 25 and 26.
    """
    mean, of_model, of_first_phase = model.synthetic(target)
    residual = units.y - model.predict(units.aux)
    return Estimate(
        "small_area",
        mean + float(np.average(residual, weights=units.plots)),
        _external(units, residual, target),
        of_model + of_first_phase + spread(residual, units.plots),
        _counts(model, target, len(units)),
        len(units) - 1,
        level,
        range_flags(model.units, target),
    )


def extended_synthetic(
    model: Fit, units: Units, target: Target, *, level: float
) -> Estimate:
    """Estimate by a ``model`` whose last auxiliary says whether a plot is in the area.

    That makes the residuals in the area average 0, so the synthetic estimate is free of
    the area's own departure: report eq. 48, 51, Mandallaz (2013), eq. 31-36. ``units``
    and ``target`` are extended alike. If clusters cross the border, the average is only
    near 0 and ``small_area`` is the safer one.
    """
    mean, of_model, of_first_phase = model.synthetic(target)
    residual = units.y - model.predict(units.aux)
    return Estimate(
        "extended_synthetic",
        mean,
        _external(units, residual, target),
        of_model + of_first_phase,
        _counts(model, target, len(units)),
        len(units) - 1,
        level,
        range_flags(model.units, target),
    )


def _extended(
    sample: Sample, inside: NDArray[np.bool_], target: Target, level: float
) -> Estimate | None:
    marked = sample.with_indicator(inside)
    if not can_fit(marked):
        return None
    units = marked.only(inside).units()
    return extended_synthetic(fit(marked), units, target.extended(), level=level)


def _is_crossed(sample: Sample, inside: NDArray[np.bool_]) -> bool:
    if sample.cluster is None:
        return False
    share, _ = grouped(inside[:, None].astype(np.float64), cluster=sample.cluster)
    return bool(((share > 0) & (share < 1)).any())


def _external(units: Units, residual: NDArray[np.float64], target: Target) -> float:
    """Return ``var(e)/n2 (1 - n2/n1) + var(y)/n1``; n1 is infinite in a census."""
    share = 0.0 if target.units is None else len(units) / target.units
    of_residuals = (1 - share) * spread(residual, units.plots)
    return of_residuals + share * spread(units.y, units.plots)


def _whole(sample: Sample, model: Fit, target: Target, level: float) -> AreaEstimates:
    whole = regression(model, target, level=level)
    mean = plain_mean(sample, level=level)
    counts = _counts(model, target, len(model.units))
    return AreaEstimates(replace(whole, counts=counts), (replace(mean, counts=counts),))


def _alone(model: Fit, target: Target, level: float) -> Estimate:
    return synthetic(model, target, level=level, inside=1, flags=("one_plot",))


def _in_area(one: Estimate, model: Fit, units: Units, target: Target) -> Estimate:
    flags = tuple(flag for flag in one.flags if flag != "few_plots")
    return replace(one, counts=_counts(model, target, len(units)), flags=flags)


def _flagged(one: Estimate, units: Units, extended: Estimate | None) -> Estimate:
    few: Flags = ("few_plots",) if len(units) < MIN_EXTENDED else ()
    none: Flags = ("no_extension",) if extended is None else ()
    return replace(one, flags=(*one.flags, *few, *none))


def _counts(model: Fit, target: Target, inside: int) -> Counts:
    return Counts(len(model.units), None, inside, target.units)
