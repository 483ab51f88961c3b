"""Candidate: ridge regression, on the scale of the target that suits it best."""

from dataclasses import dataclass

import numpy as np

from models.learning.candidates import Floats, Integers, Rows, Settings, Tuned
from models.learning.columns import rounded
from models.learning.linear import BasisFit
from models.learning.scales import Scale, back, onto, smear_of, usable_scales
from models.ridge import PENALTIES, fit_ridge
from models.scores import significant


@dataclass(frozen=True, slots=True)
class RidgeCandidate:
    """Penalty, and scale out of those the target allows, chosen on spatial folds."""

    name: str = "ridge"
    plain_only: bool = False

    def fit(self, rows: Rows, *, seed: int) -> Tuned:
        """Tune on the folds of ``rows``, then fit to all of them."""
        settings, rmse = self._tune(rows)
        return Tuned(self.refit(rows, settings, seed=seed), settings, rmse)

    def refit(self, rows: Rows, settings: Settings, *, seed: int) -> BasisFit:
        """Fit with a known scale, penalty and smearing term."""
        del seed  # nothing is left to chance
        scale: Scale = settings["scale"]  # type: ignore[assignment]  # our own
        features = rows.columns.T.astype(np.float64)
        ridge = fit_ridge(
            features,
            onto(scale, rows.observed),
            block=rows.block,
            penalty=float(str(settings["penalty"])),
        )
        # From standard units of these rows to the units of ``columns``.
        unit = np.diag(np.concatenate([[1.0], 1.0 / ridge.scale]))
        unit[0, 1:] = -ridge.centre / ridge.scale
        values, vectors = np.linalg.eigh(ridge.covariance)
        root = unit @ (vectors * np.sqrt(np.maximum(values, 0.0)))
        return BasisFit.of(
            scale,
            float(str(settings["smear"])),
            beta=unit @ ridge.beta,
            covariance_root=root,
        )

    def _tune(self, rows: Rows) -> tuple[Settings, float]:
        best: tuple[float, Settings] = (np.inf, {})
        scales = usable_scales(rows.observed)
        for scale in scales[:1] if self.plain_only else scales:
            target = onto(scale, rows.observed)
            for penalty, value in zip(PENALTIES, _unseen(rows, target), strict=True):
                smear = significant(smear_of(scale, target - value))
                error = back(scale, value, smear) - rows.observed
                rmse = significant(float(np.sqrt(np.mean(error**2))), 8)
                if rmse < best[0]:
                    settings: Settings = {
                        "scale": scale,
                        "penalty": penalty,
                        "smear": smear,
                    }
                    best = (rmse, settings)
        return best[1], best[0]


def _unseen(rows: Rows, target: Floats) -> Floats:
    """Return predictions (penalties, n) for every fold from the others."""
    whole = np.empty((len(PENALTIES), target.size))
    for fold in rows.folds():
        train, test = rows.split(fold)
        whole[:, test] = _path(rows, target, train=train, test=test)
    return whole


def _path(rows: Rows, target: Floats, *, train: Integers, test: Integers) -> Floats:
    """Return predictions (penalties, test rows) by one eigendecomposition."""
    seen = rows.columns[:, train].astype(np.float64)
    centre, mean = seen.mean(axis=1, keepdims=True), target[train].mean()
    spread = seen.std(axis=1, keepdims=True)
    spread[spread == 0] = 1.0
    seen = (seen - centre) / spread
    values, vectors = np.linalg.eigh(seen @ seen.T / train.size)
    moment = vectors.T @ (seen @ (target[train] - mean)) / train.size
    penalties = np.array(PENALTIES)[:, None]
    slopes = (moment / (np.maximum(values, 0.0) + penalties)) @ vectors.T
    asked = (rows.columns[:, test].astype(np.float64) - centre) / spread
    return rounded(mean + slopes @ asked)
