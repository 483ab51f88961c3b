"""What the rasters of an answer show: reasons, ranks, sureness and criteria."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geo.layers import LAYERS, Layer
from models.eligibility import Rule
from pipelines.zone_problem import Posed
from pipelines.zone_units import Candidates
from store.zone_rasters import ELIGIBLE, Cells

OWN_COLOURS = ("#e7298a", "#66a61e", "#7570b3", "#a6761d", "#1f78b4", "#b2df8a")
"""Of the region's own rules, in order of their codes; then again from the first."""


def cells_of(
    land: Candidates,
    posed: Posed,
    horizon: int,
    *,
    rank: NDArray[np.int64],
    frequency: NDArray[np.float64],
) -> Cells:
    """Return the cells of an answer: a unit has what its land that may be planted has.

    ``rank`` is that of each unit's zone, 0 for none; criteria are those with a weight.
    """
    eligible = land.table["is_eligible"].to_numpy(dtype=bool)

    def told(values: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.where(eligible, values, np.nan).astype(np.float64)

    criteria: dict[str, tuple[NDArray[np.float64], ...]]
    criteria = {name: (told(raw),) for name, (raw, _) in sorted(posed.values.items())}
    if "carbon_potential" in criteria:
        last = land.potential[horizon]
        criteria["carbon_potential"] = (told(last.co2_t_ha), told(last.se_t_ha))
    return Cells(
        code=land.code,
        reasons=reasons_layer(land.rules),
        shapes=land.shapes.geometry.to_numpy(),
        values={
            "zone": (told(rank),),
            "selection": (told(frequency), told(posed.score)),
            **criteria,
        },
    )


def reasons_layer(rules: Sequence[Rule]) -> Layer:
    """Return the layer ``eligible`` with the region's own rules among its classes."""
    layer = LAYERS[ELIGIBLE]
    (band,) = layer.bands
    known = {code for code, *_ in band.classes}
    own = [rule for rule in rules if rule.kind == "hard" and rule.code not in known]
    more = [
        (rule.code, OWN_COLOURS[number % len(OWN_COLOURS)], rule.title, rule.title_zh)
        for number, rule in enumerate(sorted(own, key=lambda rule: rule.code))
    ]
    classes = tuple(sorted((*band.classes, *more)))
    return replace(layer, bands=(replace(band, classes=classes),))
