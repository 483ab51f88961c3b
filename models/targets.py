"""What is known of the auxiliaries where no plot is: everywhere, or from a sample."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geo.errors import TableError, TooFewObservationsError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Mean of the k auxiliaries over a region or area, and how well it is known.

    ``mean`` (k,); ``covariance`` (k, k) of that mean, zero where the auxiliaries are
    known everywhere; ``units`` of the first phase that it was taken from, None then.
    """

    mean: Floats
    covariance: Floats
    units: int | None = None

    @classmethod
    def known(cls, mean: Floats) -> Self:
        """Take a mean that has no sampling error, such as that of all cells."""
        mean = np.asarray(mean, np.float64)
        return cls(mean, np.zeros((mean.size, mean.size)))

    @classmethod
    def census(cls, aux: Floats, *, size: Floats | None = None) -> Self:
        """Average the auxiliaries (N, k) of all units, each counting by ``size``."""
        return cls.known(np.average(aux, axis=0, weights=_positive(size)))

    @classmethod
    def first_phase(
        cls,
        aux: Floats,
        *,
        cluster: Integers | None = None,
        weight: Floats | None = None,
    ) -> Self:
        """Average a first-phase sample (n1, k): Mandallaz (2013), eq. 65-67.

        With M the plots of a cluster, each counting by ``weight`` (the share of it
        inside the forest; 1), and Z their mean: ``mean = sum M Z / sum M``,
        ``covariance = sum (M/Mbar)^2 (Z - mean)(Z - mean)' / (n1 (n1 - 1))``.

        Raises
        ------
        TooFewObservationsError
            If there are fewer than two units.
        """
        values, plots = grouped(aux, cluster=cluster, weight=weight)
        if len(plots) < 2:
            raise TooFewObservationsError(
                f"A first phase needs at least 2 units, have {len(plots)}.",
                zh=f"第一相样本至少需要 2 个单元，实有 {len(plots)} 个。",
                cure="List every first-phase plot, or join the area with a neighbour.",
                value=len(plots),
                expected="at least 2",
            )
        mean = np.average(values, axis=0, weights=plots)
        return cls(mean, covariance_of_mean(values - mean, plots), len(plots))

    def extended(self) -> Self:
        """Add the indicator of the area, whose mean in the area is 1 without error."""
        return type(self)(
            np.append(self.mean, 1.0), np.pad(self.covariance, (0, 1)), self.units
        )


def grouped(
    values: Floats, *, cluster: Integers | None = None, weight: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the means (u, c) of each cluster and the plots (u,) that it counts for."""
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, np.float64)
    if cluster is None:
        return values[weights > 0], weights[weights > 0]
    codes = np.unique(cluster, return_inverse=True)[1]
    plots = np.bincount(codes, weights).astype(np.float64)
    sums = [np.bincount(codes, weights * column) for column in values.T]
    seen = plots > 0
    return np.column_stack(sums)[seen] / plots[seen, None], plots[seen]


def covariance_of_mean(deviations: Floats, plots: Floats) -> Floats:
    """Return the covariance of a mean weighted by ``plots``, from deviations (u, c)."""
    units = len(plots)
    scaled = deviations * (plots / plots.mean())[:, None]
    return np.asarray(scaled.T @ scaled / (units * (units - 1)))


def _positive(size: Floats | None) -> Floats | None:
    if size is None or float(np.sum(size)) > 0:
        return size
    raise TableError(
        "The sizes of the population's units add up to 0.",
        zh="总体各单元的面积之和为 0，无法加权。请填写面积。",
        cure="Give each unit its area.",
        value=0,
    )
