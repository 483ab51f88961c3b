"""How far the figures of a parcel go."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StatusRules:
    """Shares in per cent of a parcel's area, and the least area that can be reported.

    ``least_area_ha`` is one cell of what the model was trained on: below it, nothing
    is known of how well the model does.
    """

    least_area_ha: float
    min_observed_pct: float = 50.0
    whole_pct: float = 95.0
    min_domain_pct: float = 50.0


def parcel_status(
    area_ha: Floats, observed_pct: Floats, domain_pct: Floats, rules: StatusRules
) -> NDArray[np.str_]:
    """Return the code of ``geo.layers.STATUSES`` of each parcel.

    The gravest applies: ``no_observation`` below ``min_observed_pct``, then
    ``too_small``, ``outside_domain`` and ``incomplete`` (observed below ``whole_pct``).
    Only the first has no figures; a parcel partly observed is taken to be, where
    it was not, what it is where it was.
    """
    # An area that is a hair below the limit is the limit, drawn in another projection.
    is_small = area_ha < rules.least_area_ha * (1 - 1e-3)
    return np.select(
        [
            observed_pct < rules.min_observed_pct,
            is_small,
            np.nan_to_num(domain_pct) < rules.min_domain_pct,
            observed_pct < rules.whole_pct,
        ],
        ["no_observation", "too_small", "outside_domain", "incomplete"],
        default="estimated",
    )
