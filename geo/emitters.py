"""Emission sources as points, the form in which they are added up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import TableError

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sources:
    """Emission sources: metres in the region's CRS, and t CO2e/yr, one array each."""

    xs: Numbers
    ys: Numbers
    emission_t: Numbers

    def __post_init__(self) -> None:
        if not len(self.xs) == len(self.ys) == len(self.emission_t):
            raise ValueError(
                f"Sources need as many xs as ys and emissions, got {len(self.xs)}, "
                f"{len(self.ys)}, {len(self.emission_t)}."
            )
        for field in ("xs", "ys", "emission_t"):
            values = getattr(self, field)
            wrong = ~np.isfinite(values)
            if field == "emission_t":
                wrong |= values < 0
            if wrong.any():
                _refuse(field, int(np.argmax(wrong)), float(values[wrong][0]))


def _refuse(field: str, item: int, value: float) -> None:
    raise TableError(
        f"Source {item} has {field} = {value}.",
        zh=f"第 {item} 个排放源的 {field} 为 {value}，须为有限数，排放量不得为负。",
        cure="Correct the row, or leave the source out.",
        field=field,
        item=item,
        value=value,
        expected="finite; emissions not negative",
    )
