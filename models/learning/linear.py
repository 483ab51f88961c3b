"""Models that are linear in a basis: ridge, and a Gaussian process on few pivots."""

from dataclasses import dataclass
from typing import ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from models.learning.candidates import Arrays, Floats, Loader, Singles
from models.learning.columns import STEP, exact_weights, rounded, squares
from models.learning.scales import SCALES, Scale, back, slope

RATE_PRODUCT_NS = 0.05
RATE_PASS_NS = 0.8
RATE_EXP_NS = 3.0
"""Declared: a product in a matrix, a pass over a column, an exponential."""

_BUMP = 64.0
"""Bumps are kept times this: on the grid of the features they have 21 bits too."""


@dataclass(frozen=True, slots=True, eq=False)
class BasisFit:
    """``z'beta`` on a scale, z = 1, the features, and bumps around pivots.

    A bump is ``exp(-d^2 / (2 length^2))``, d the distance from a pivot (m, k) on the
    features' grid. ``weights`` (1 + rank, 1 + k + m) are exact: the first row is beta,
    the others W with ``W'W`` the covariance of beta.
    """

    kind: ClassVar[str] = "basis"

    scale: Scale
    smear: float
    length: float
    pivots: Floats
    weights: Floats

    @classmethod
    def of(
        cls,
        scale: Scale,
        smear: float,
        *,
        beta: Floats,
        covariance_root: Floats,
        pivots: Floats | None = None,
        length: float = 1.0,
    ) -> Self:
        """Build a fit from beta and a root S of its covariance: S S' = C."""
        triangle = np.asarray(qr(covariance_root.T, mode="r")[0])[: beta.size]
        triangle *= np.where(np.diag(triangle) < 0, -1.0, 1.0)[:, None]
        weights = np.vstack([rounded(beta), rounded(triangle, digits=6)])
        bumps = 0 if pivots is None else len(pivots)
        weights[:, beta.size - bumps :] /= _BUMP
        none = np.empty((0, beta.size - 1))
        return cls(
            scale,
            smear,
            length,
            none if pivots is None else pivots,
            exact_weights(weights),
        )

    @property
    def beta(self) -> Floats:
        """Coefficients of 1, features and bumps."""
        beta: Floats = self.weights[0].copy()
        beta[beta.size - len(self.pivots) :] *= _BUMP
        return beta

    def basis(self, columns: Singles) -> Floats:
        """Return 1, features and bumps (1 + k + m, n) of ``columns`` (k, n)."""
        k = len(columns)
        whole = np.empty((self.weights.shape[1], columns.shape[1]))
        whole[0] = 1.0
        whole[1 : k + 1] = columns
        if len(self.pivots):
            features, bumps = whole[1 : k + 1], whole[k + 1 :]
            np.matmul(self.pivots, features, out=bumps)  # exact: both on the grid
            bumps *= -2.0
            bumps += squares(features)
            bumps += (self.pivots**2).sum(axis=1)[:, None]
            bumps *= -0.5 / self.length**2
            bumps[:] = np.exp(bumps.astype(np.float32))
            bumps *= _BUMP / STEP
            np.rint(bumps, out=bumps)
            bumps *= STEP
        return whole

    def predict(self, columns: Singles) -> tuple[Floats, Floats]:
        """Return mean and variance on the plain scale, at ``columns`` (k, n)."""
        sums = self.weights @ self.basis(columns)
        value, variance = sums[0], squares(sums[1:])
        if self.scale == "plain":
            return value, variance
        steep = slope(self.scale, value, self.smear)
        return back(self.scale, value, self.smear), variance * steep**2

    def loadings(self, columns: Singles) -> Floats:
        """Return by how much each cell moves with one sd of each shared error, (r, n).

        Signed, to first order; the squares of a cell's add up to its variance. Sums
        over cells then are by how much a total moves.
        """
        sums = self.weights @ self.basis(columns)
        if self.scale == "plain":
            return np.asarray(sums[1:])
        return np.asarray(sums[1:] * slope(self.scale, sums[0], self.smear))

    def with_error(self, moves: Floats) -> Self:
        """Return the fit with errors more: how ``moves`` (terms, q) its coefficients.

        Each column is one sd of an error that is independent of all others.
        """
        own = self.weights[1:].T.copy()
        own[len(own) - len(self.pivots) :] *= _BUMP
        return type(self).of(
            self.scale,
            self.smear,
            beta=self.beta,
            covariance_root=np.hstack([own, moves]),
            pivots=self.pivots if len(self.pivots) else None,
            length=self.length,
        )

    def to_arrays(self) -> Arrays:
        """Return all numbers of the fit."""
        return {
            "scale": np.array([SCALES.index(self.scale)], dtype=np.int64),
            "told": np.array([self.smear, self.length]),
            "pivots": self.pivots,
            "weights": self.weights,
        }

    @classmethod
    def from_arrays(cls, arrays: Loader, features: int) -> Self:
        """Build the fit again; ``ValueError`` names the array that cannot be."""
        code = int(checked(arrays, "scale", np.int64, (1,)).astype(np.int64)[0])
        if not 0 <= code < len(SCALES):
            raise ValueError("scale")
        smear, length = cast(Floats, checked(arrays, "told", np.float64, (2,))).tolist()
        if not length > 0:
            raise ValueError("told")
        pivots = cast(Floats, checked(arrays, "pivots", np.float64, (None, features)))
        terms = 1 + features + len(pivots)
        weights = cast(Floats, checked(arrays, "weights", np.float64, (None, terms)))
        if len(weights) == 0 or (weights != exact_weights(weights)).any():
            raise ValueError("weights")
        return cls(SCALES[code], smear, length, pivots, weights)

    def cost_ns(self) -> float:
        """Return nanoseconds per cell and core."""
        (rows, terms), (bumps, features) = self.weights.shape, self.pivots.shape
        products = rows * terms + bumps * features
        passes = terms + 2 * rows + 6 * bumps
        exponentials = bumps + 1
        return float(
            products * RATE_PRODUCT_NS
            + passes * RATE_PASS_NS
            + exponentials * RATE_EXP_NS
        )


def checked(
    arrays: Loader,
    name: str,
    dtype: type[np.generic],
    shape: tuple[int | None, ...],
) -> NDArray[np.generic]:
    """Return one array if its type, shape and numbers can be; None is any length."""
    values = arrays.get(name)
    if values is None or values.dtype != dtype or values.ndim != len(shape):
        raise ValueError(name)
    fits = all(
        want in (None, have) for want, have in zip(shape, values.shape, strict=True)
    )
    if not fits or not np.isfinite(values.astype(np.float64)).all():
        raise ValueError(name)
    return values
