"""How to train: what is predicted, which candidates, blocks, folds and the seed."""

from dataclasses import dataclass

import numpy as np

from geo.errors import ModelError
from models.learning.table import Target

CANDIDATES = ("ridge", "gaussian_process", "catboost", "extra_trees")
BASELINE = "plain_ridge"
"""A ridge without any choice of scale: what the gate compares with."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. ``block_m`` None: from the residual variogram."""

    target: Target
    block_m: float | None = None
    folds: int | None = None
    seed: int = 0
    candidates: tuple[str, ...] = CANDIDATES
    imagery: np.datetime64 | None = None
    """Day that the features show, to hold the plots' days against."""
    units: tuple[tuple[str, str], ...] = ()
    """Unit of each feature that has one."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.candidates) - set(CANDIDATES))
        if unknown or not self.candidates:
            raise ModelError(
                f"No such candidate: {', '.join(unknown) or 'none given'}.",
                zh=f"未知的候选模型：{'、'.join(unknown) or '未指定'}。",
                cure=f"Choose among {', '.join(CANDIDATES)}.",
                field="candidates",
                expected=", ".join(CANDIDATES),
            )
        if self.folds is not None and self.folds < 3:
            raise ValueError(f"Tuning inside folds takes 3 or more, got {self.folds}.")
