"""Model-assisted estimates of a region from plots and auxiliaries.

D. Mandallaz (2013), Design-based properties of some small-area estimators in forest
inventory with two-phase sampling, Can. J. For. Res. 43, 441-449,
doi:10.1139/cjfr-2012-0381, and the technical report behind it,
doi:10.3929/ethz-a-009990020, whose equations are cited as "report". A unit is a plot,
or a cluster of M plots with the means of theirs; plots alone are clusters with M = 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import TableError, TooFewObservationsError
from models.estimates import LEVEL, Counts, Estimate, Flag
from models.targets import Target, covariance_of_mean, grouped

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEW_UNITS = 30
"""Below this the variances, which hold for large samples, come out too small."""
_DEPENDENT = 1e-8
"""Share of a column's spread left by the columns before it that counts as nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The plots: observations ``y`` (n,), auxiliaries ``aux`` (n, k), ``cluster`` (n,).

    ``names`` (k) of the auxiliaries are for messages. ``cluster`` None is a simple
    sample. Plots are taken to be drawn with equal probability.

    Raises
    ------
    TableError
        If shapes differ or a value is not finite; it names the row and the field.
    """

    y: Floats
    aux: Floats
    cluster: Integers | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would come out as a silent NaN."""
        names = self.names or tuple(f"aux{place}" for place in range(self.k))
        object.__setattr__(self, "names", names)
        if self.aux.shape != (self.y.size, len(names)):
            raise TableError(
                f"The auxiliaries have shape {self.aux.shape}, expected "
                f"({self.y.size}, {len(names)}).",
                zh="辅助变量与观测的行数或列数不一致。",
                cure="Give each plot one value of every auxiliary.",
                value=self.aux.shape,
            )
        values = np.column_stack([self.y, self.aux])
        for row, column in np.argwhere(~np.isfinite(values))[:1]:
            raise _not_finite(int(row), ("y", *names)[column], values[row, column])

    @property
    def k(self) -> int:
        """How many auxiliaries there are."""
        return self.aux.shape[1] if self.aux.ndim == 2 else -1

    def only(self, inside: NDArray[np.bool_]) -> "Sample":
        """Return the plots ``inside``; a cluster keeps those of its plots."""
        cluster = None if self.cluster is None else self.cluster[inside]
        return Sample(self.y[inside], self.aux[inside], cluster, self.names)

    def with_indicator(self, inside: NDArray[np.bool_]) -> "Sample":
        """Return the sample with an auxiliary that is 1 ``inside`` and 0 elsewhere."""
        aux = np.column_stack([self.aux, inside.astype(np.float64)])
        return Sample(self.y, aux, self.cluster, (*self.names, "plot is in the area"))

    def units(self) -> "Units":
        """Return the plots, or the means of the clusters."""
        values = np.column_stack([self.y, self.aux])
        means, plots = grouped(values, cluster=self.cluster)
        return Units(means[:, 0], means[:, 1:], plots)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Sampling units: ``y`` (n,), ``aux`` (n, k) and ``plots`` (n,) in each."""

    y: Floats
    aux: Floats
    plots: Floats

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Least squares on units weighted by their plots (report eq. 63, 64).

    In standard units ``x = (aux - centre) / scale`` and with ``z = (1, x)``:
    ``beta = (sum M z z')^-1 sum M z y``, ``residual = y - z' beta`` and ``covariance =
    (sum M z z')^-1 (sum M^2 residual^2 z z') (sum M z z')^-1`` of ``beta``.
    """

    units: Units
    centre: Floats
    scale: Floats
    beta: Floats
    inverse: Floats
    """``(sum M z z')^-1``."""
    residual: Floats

    @property
    def parameters(self) -> int:
        """How many there are, the intercept among them."""
        return len(self.beta)

    @property
    def covariance(self) -> Floats:
        scored = (
            self.design(self.units.aux) * (self.units.plots * self.residual)[:, None]
        )
        return np.asarray(self.inverse @ (scored.T @ scored) @ self.inverse)

    def design(self, aux: Floats) -> Floats:
        """Return ``z`` (m, k + 1) of auxiliaries (m, k)."""
        standard = (np.atleast_2d(aux) - self.centre) / self.scale
        return np.column_stack([np.ones(len(standard)), standard])

    def predict(self, aux: Floats) -> Floats:
        return np.asarray(self.design(aux) @ self.beta)

    def synthetic(self, target: Target) -> tuple[float, float, float]:
        """Return ``Z' beta``, ``Z' Cov(beta) Z`` and ``beta' Cov(Z) beta``.

        The last is what the estimate owes to a first phase that is a sample, and 0
        where the auxiliaries are known everywhere (report eq. 67).
        """
        mean = self.design(target.mean)[0]
        slope = self.beta[1:] / self.scale
        return (
            float(mean @ self.beta),
            float(mean @ self.covariance @ mean),
            float(slope @ target.covariance @ slope),
        )

    def g_weights(self, target: Target) -> Floats:
        """Return ``g = Z' (sum M z z'/n)^-1 z`` (n,) of each unit.

        ``sum M g y / n`` is the estimate; ``sum M g / n`` is 1 and ``sum M g aux / n``
        the target mean, exactly: the weights are calibrated.
        """
        mean = self.design(target.mean)[0]
        return np.asarray(
            len(self.units) * self.design(self.units.aux) @ self.inverse @ mean
        )

    def r2(self) -> float:
        """Share of the units' variance that the model explains; NaN without any."""
        weights = self.units.plots
        mean = np.average(self.units.y, weights=weights)
        total = float((weights * (self.units.y - mean) ** 2).sum())
        left = float((weights * self.residual**2).sum())
        return 1 - left / total if total > 0 else float("nan")

    def coefficients(self) -> Floats:
        """Return intercept and slopes (k + 1,) in the units of the auxiliaries."""
        slope = self.beta[1:] / self.scale
        return np.append(self.beta[0] - slope @ self.centre, slope)


def fit(sample: Sample) -> Fit:
    """Fit the working model of ``sample``.

    Raises
    ------
    TableError
        If an auxiliary is constant or follows from those before it; it is named.
    TooFewObservationsError
        With fewer than two units more than parameters.
    """
    units = sample.units()
    _require_units(len(units), sample.k + 1, clusters=sample.cluster is not None)
    found = dependent(units)
    if found is not None:
        raise _dependent_error(sample, units, found)
    return _solve(units)


def can_fit(sample: Sample) -> bool:
    """Return whether ``fit`` would succeed."""
    units = sample.units()
    return len(units) >= sample.k + 3 and dependent(units) is None


def dependent(units: Units) -> int | None:
    """Return the first auxiliary that is a combination of a constant and others."""
    centred = units.aux - units.aux.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    size = np.abs(units.aux).max(axis=0, initial=0.0) * np.sqrt(len(units))
    constant = np.flatnonzero(length <= 1e-12 * size)
    if constant.size:
        return int(constant[0])
    left = np.abs(np.diag(np.linalg.qr(centred / length, mode="r")))
    gone = np.flatnonzero(left <= _DEPENDENT)
    return int(gone[0]) if gone.size else None


def regression(
    model: Fit, target: Target, *, level: float = LEVEL, flags: tuple[Flag, ...] = ()
) -> Estimate:
    """Estimate the mean of the region that the plots are a sample of.

    The residuals have mean 0 by the intercept, so ``Z' beta`` needs no correction.
    External variance: the residuals' spread over n2, plus that of the predictions over
    n1. g-weight variance: ``Z' Cov(beta) Z + beta' Cov(Z) beta`` (report eq. 67), which
    is ``sum M^2 g^2 residual^2 / n^2`` where the auxiliaries are known everywhere.
    """
    mean, of_model, of_first_phase = model.synthetic(target)
    units = model.units
    return Estimate(
        "regression",
        mean,
        spread(model.residual, units.plots) + of_first_phase,
        of_model + of_first_phase,
        Counts(len(units), target.units),
        len(units) - model.parameters,
        level,
        (*flags, *range_flags(units, target), *_few(len(units))),
    )


def plain_mean(sample: Sample, *, level: float = LEVEL) -> Estimate:
    """Estimate without auxiliaries: the mean of the plots and its variance.

    Mandallaz (2008), Sampling Techniques for Forest Inventories, ch. 4. It is what the
    other estimates have to improve on.
    """
    units = sample.units()
    if len(units) < 2:
        raise TooFewObservationsError(
            f"A mean with its variance needs at least 2 units, have {len(units)}.",
            zh=f"计算均值及其方差至少需要 2 个样地，实有 {len(units)} 个。",
            cure="Measure more plots.",
            value=len(units),
            expected="at least 2",
        )
    return Estimate(
        "plain_mean",
        float(np.average(units.y, weights=units.plots)),
        spread(units.y, units.plots),
        None,
        Counts(len(units)),
        len(units) - 1,
        level,
        _few(len(units)),
    )


def spread(values: Floats, plots: Floats) -> float:
    """Return the variance of the mean of ``values`` (n,) weighted by ``plots``.

    ``sum (M/Mbar)^2 (v - vbar)^2 / (n (n - 1))``: for M = 1, the usual s^2/n.
    """
    deviations = values - np.average(values, weights=plots)
    return float(covariance_of_mean(deviations[:, None], plots)[0, 0])


def range_flags(units: Units, target: Target) -> tuple[Flag, ...]:
    """Flag a target whose mean the units do not cover."""
    low, high = units.aux.min(axis=0), units.aux.max(axis=0)
    is_outside = (target.mean < low) | (target.mean > high)
    return ("outside_range",) if bool(is_outside.any()) else ()


def _few(units: int) -> tuple[Flag, ...]:
    return ("few_plots",) if units < FEW_UNITS else ()


def _solve(units: Units) -> Fit:
    centre = np.average(units.aux, axis=0, weights=units.plots)
    scale = np.sqrt(np.average((units.aux - centre) ** 2, axis=0, weights=units.plots))
    z = np.column_stack([np.ones(len(units)), (units.aux - centre) / scale])
    root = np.sqrt(units.plots)
    orthogonal, triangle = np.linalg.qr(z * root[:, None])
    beta = np.linalg.solve(triangle, orthogonal.T @ (units.y * root))
    inverse_root = np.linalg.inv(triangle)
    return Fit(
        units, centre, scale, beta, inverse_root @ inverse_root.T, units.y - z @ beta
    )


def _require_units(units: int, parameters: int, *, clusters: bool) -> None:
    least = parameters + 2
    if units >= least:
        return
    noun, noun_zh = ("clusters", "群团") if clusters else ("plots", "样地")
    raise TooFewObservationsError(
        f"A model with {parameters - 1} auxiliaries needs at least {least} {noun}, "
        f"have {units}.",
        zh=f"{parameters - 1} 个辅助变量至少需要 {least} 个{noun_zh}，实有 {units} 个。"
        "请减少辅助变量或增加样地。",
        cure="Use fewer auxiliaries, or more plots.",
        value=units,
        expected=f"at least {least}",
    )


def _dependent_error(sample: Sample, units: Units, place: int) -> TableError:
    name = sample.names[place]
    column = units.aux[:, place]
    if np.ptp(column) <= 1e-12 * np.abs(column).max():
        what = f"has the same value in all {len(units)} sampling units"
        zh = "在全部样地中取值相同"
    else:
        others = ", ".join(sample.names[:place])
        what = f"follows exactly from {others}"
        zh = f"可由 {others} 完全推出（共线）"
    return TableError(
        f"The auxiliary {name} {what}, so it explains nothing.",
        zh=f"辅助变量 {name} {zh}，没有信息。请将其去掉。",
        cure=f"Leave {name} out of the auxiliaries.",
        field=name,
        value=f"{column[0]:g}, ...",
    )


def _not_finite(row: int, name: str, value: float) -> TableError:
    return TableError(
        f"{name} of plot {row + 1} is {value}.",
        zh=f"第 {row + 1} 个样地的 {name} 不是数值。请补齐或去掉该样地。",
        cure="Fill the value in, or leave the plot out on purpose.",
        field=name,
        item=f"plot {row + 1}",
        value=value,
    )
