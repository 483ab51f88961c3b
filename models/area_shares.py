"""Area of map classes from a stratified sample of reference labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import TableError, TooFewObservationsError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AreaShares:
    """Shares of the total area, 0-1, of each of c classes, and how good the map is.

    ``share`` (c,) by reference label with its standard error ``se``; accuracies are
    NaN for a class that was never mapped (user's) or never found (producer's).
    """

    share: Floats
    se: Floats
    users: Floats
    producers: Floats
    overall: float


def area_shares(counts: Floats, weights: Floats) -> AreaShares:
    """Estimate areas from sample counts and the strata's shares of the area.

    Olofsson et al. (2014), doi:10.1016/j.rse.2014.02.015, after Cochran (1977), 5.52:
    ``p_hj = W_h n_hj / n_h``, ``share_j = sum_h p_hj`` and ``V_j = sum_h (W_h p_hj -
    p_hj^2) / (n_h - 1)``; user's accuracy ``n_jj / n_j``, producer's ``p_jj /
    share_j``.

    Parameters
    ----------
    counts
        Reference labels (columns) found in each stratum (rows), (h, c); stratum j maps
        class j, and strata after the c-th map none of its own.
    weights
        Shares of the area (h,), which sum to 1.

    Raises
    ------
    TooFewObservationsError
        If a stratum has fewer than two samples.
    TableError
        If the weights do not sum to 1 within 0.5 %.
    """
    drawn = counts.sum(axis=1)
    _check(drawn, weights)
    part = weights[:, None] * counts / drawn[:, None]
    share = part.sum(axis=0)
    variance = ((weights[:, None] * part - part**2) / (drawn[:, None] - 1)).sum(axis=0)
    right = np.diag(part)
    with np.errstate(divide="ignore", invalid="ignore"):
        producers = right / share
    return AreaShares(
        share,
        np.sqrt(variance),
        np.diag(counts) / drawn[: counts.shape[1]],
        producers,
        float(right.sum()),
    )


def _check(drawn: Floats, weights: Floats) -> None:
    poor = np.flatnonzero(drawn < 2)
    if poor.size:
        raise TooFewObservationsError(
            f"Stratum {poor[0] + 1} has {drawn[poor[0]]:g} samples; each needs 2.",
            zh=f"第 {poor[0] + 1} 层只有 {drawn[poor[0]]:g} 个样本，每层至少 2 个。",
            cure="Draw more samples there, or merge strata.",
            item=f"stratum {poor[0] + 1}",
            value=drawn[poor[0]],
        )
    if abs(weights.sum() - 1) > 0.005:
        raise TableError(
            f"The strata's shares of the area sum to {weights.sum():g}, not 1.",
            zh=f"各层面积权重之和为 {weights.sum():g}，应为 1。请核对。",
            cure="Give each stratum's share of the whole area.",
            field="weights",
            value=weights.sum(),
            expected=1,
        )
