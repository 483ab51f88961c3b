"""Predictions that no forest can have: counted, told, refused when they are many."""

from dataclasses import dataclass

import numpy as np

from geo.errors import ModelError
from models.carbon import Z_90
from models.learning.model import LearnedModel, Predicted

MOST_IMPOSSIBLE = 0.05
"""Share of cells whose whole 90 % interval may lie outside the valid range."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of cells; tallies of parts of a map add up."""

    predicted: int = 0
    in_domain: int = 0
    out_of_range: int = 0
    """Whose mean is outside the target's valid range: never cut, marked outside."""
    impossible: int = 0
    """Whose 90 % interval is outside as a whole."""

    def __add__(self, other: "Tally") -> "Tally":
        """Return the tally of both parts."""
        return Tally(
            self.predicted + other.predicted,
            self.in_domain + other.in_domain,
            self.out_of_range + other.out_of_range,
            self.impossible + other.impossible,
        )

    @classmethod
    def of(cls, predicted: Predicted, valid_range: tuple[float, float]) -> "Tally":
        """Count the cells of one part."""
        low, high = valid_range
        mean, reach = predicted.mean, np.float32(Z_90) * predicted.sd
        known = np.isfinite(mean)
        return cls(
            int(known.sum()),
            int(predicted.in_domain.sum()),
            int((known & ((mean < low) | (mean > high))).sum()),
            int((known & ((mean + reach < low) | (mean - reach > high))).sum()),
        )

    def domain_share(self) -> float | None:
        """Return the share of predicted cells in the domain, None without any."""
        return self.in_domain / self.predicted if self.predicted else None

    def record(self) -> dict[str, object]:
        """Return counts and share for a report."""
        share = self.domain_share()
        return {
            "predicted": self.predicted,
            "in_domain": self.in_domain,
            "domain_share": None if share is None else round(share, 6),
            "out_of_range": self.out_of_range,
            "impossible": self.impossible,
        }


def require_possible(tally: Tally, model: LearnedModel) -> None:
    """Raise ``ModelError`` when too many predictions are impossible."""
    if tally.impossible <= MOST_IMPOSSIBLE * tally.predicted:
        return
    low, high = model.valid_range
    share = tally.impossible / tally.predicted
    raise ModelError(
        f"{100 * share:.1f} % of {tally.predicted} cells are predicted outside "
        f"{low:g} to {high:g}, with their whole 90 % interval.",
        zh=f"{tally.predicted} 个像元中有 {100 * share:.1f}% 的预测值（含区间）超出"
        f" {low:g} 至 {high:g}；该模型不适用于此数据，请检查特征与训练样地。",
        cure="Check the features' scale, or train on plots like these cells.",
        value=f"{share:.4f}",
        expected=f"at most {MOST_IMPOSSIBLE:g}",
    )
