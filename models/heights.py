"""Heights of trees that were not climbed: a curve of height on diameter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import TooFewObservationsError

Numbers = NDArray[np.float64]

FEWEST_PAIRS = 20


@dataclass(frozen=True, slots=True)
class HeightCurve:
    """``ln H = a + b ln D + c (ln D)^2``, D in cm, H in m."""

    a: float
    b: float
    c: float
    residual_sd: float
    """Of ln H: the relative error of one height."""
    dbh_range_cm: tuple[float, float]
    """Diameters of the pairs it was fitted to."""
    pairs: int

    def heights_m(self, dbh_cm: Numbers) -> Numbers:
        """Mean height at each diameter.

        The curve of logarithms is that of medians: exp(residual_sd^2 / 2) makes means
        of it. Beyond the fitted diameters the height of the nearest end is kept, where
        the parabola might turn down.
        """
        ln_d = np.log(np.clip(np.asarray(dbh_cm, np.float64), *self.dbh_range_cm))
        ln_h = self.a + self.b * ln_d + self.c * ln_d**2 + self.residual_sd**2 / 2
        return np.asarray(np.exp(ln_h))


def fit_heights(dbh_cm: Numbers, height_m: Numbers) -> HeightCurve:
    """Fit the curve by least squares in logarithms; pairs with a NaN are left out.

    Raises
    ------
    TooFewObservationsError
        With fewer than 20 pairs.
    """
    dbh, height = np.asarray(dbh_cm, np.float64), np.asarray(height_m, np.float64)
    known = (dbh > 0) & (height > 0)
    pairs = int(known.sum())
    if pairs < FEWEST_PAIRS:
        raise TooFewObservationsError(
            f"A height curve needs {FEWEST_PAIRS} trees with diameter and height, "
            f"got {pairs}.",
            zh=f"树高曲线至少需要 {FEWEST_PAIRS} 株同时有胸径和树高的树，"
            f"现有 {pairs} 株；请补测树高，或改用不需树高的方程。",
            cure="Measure more heights, or use an equation without height.",
            field="height",
            value=pairs,
            expected=FEWEST_PAIRS,
        )
    ln_d, ln_h = np.log(dbh[known]), np.log(height[known])
    design = np.column_stack([np.ones(pairs), ln_d, ln_d**2])
    beta = np.linalg.lstsq(design, ln_h, rcond=None)[0]
    residual = ln_h - design @ beta
    sd = float(np.sqrt((residual**2).sum() / (pairs - 3)))
    low, high = float(dbh[known].min()), float(dbh[known].max())
    a, b, c = (float(one) for one in beta)
    return HeightCurve(a, b, c, sd, (low, high), pairs)
