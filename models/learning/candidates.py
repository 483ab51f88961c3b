"""What a candidate must do to take part: tune and fit, predict, be kept as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]
Arrays = dict[str, NDArray[np.generic]]
Settings = dict[str, object]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Plots to learn from: ``columns`` (k, n) in standard units, ``observed`` (n,).

    ``fold`` (n,) is the spatial fold that each lies in: tuning leaves one out at a
    time. ``block`` (n,) is the finer square: within it errors may go together.
    """

    columns: Singles
    observed: Floats
    fold: Integers
    block: Integers

    def split(self, fold: int) -> tuple[Integers, Integers]:
        """Return the rows outside ``fold`` and those in it."""
        return np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)

    def folds(self) -> list[int]:
        """Return the numbers of the folds, ascending."""
        return [int(fold) for fold in np.unique(self.fold)]


class Fitted(Protocol):
    """A fitted candidate."""

    kind: ClassVar[str]

    def predict(self, columns: Singles) -> tuple[Floats, Floats]:
        """Return mean, and variance of the mean, of ``columns`` (k, n).

        A cell's numbers come from its own column alone. Variances may be 0 where the
        candidate has none of its own: the calibrated spread is added to them.
        """
        ...

    def to_arrays(self) -> Arrays:
        """Return all that ``predict`` needs."""
        ...

    def cost_ns(self) -> float:
        """Return nanoseconds per cell and core, from counts and declared rates."""
        ...


class Tuned(NamedTuple):
    """A fit, the settings chosen for it, and its RMSE on the folds that chose them."""

    fitted: Fitted
    settings: Settings
    inner_rmse: float


class Candidate(Protocol):
    """A family of models with settings to be tuned on spatial folds."""

    @property
    def name(self) -> str:
        """What cards call it."""
        ...

    def fit(self, rows: Rows, *, seed: int) -> Tuned:
        """Tune on the folds of ``rows``, then fit to all of them."""
        ...

    def refit(self, rows: Rows, settings: Settings, *, seed: int) -> Fitted:
        """Fit with settings that are known."""
        ...


Loader = Mapping[str, NDArray[np.generic]]
