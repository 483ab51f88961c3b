"""How time and memory grow with cells, and with parcels."""

import itertools
import tempfile

from alone import Figures, run_alone

BAR = 1.15
"""Linear within 15 %: a step's time may grow this much more than its size."""


def measure(*, small: bool) -> list[Figures]:
    """Return growth with cells and growth with parcels, as two objects."""
    base = 686 if small else 2_745
    sides = (10, 100) if small else (32, 100, 316, 1_000)
    by_cells = [
        (base * factor, 25 if small else 100)
        for factor in ((1, 4) if small else (1, 2, 4))
    ]
    by_parcels = [(base * 4, side) for side in sides]
    return [
        _grown("growth with cells", "随像元数的增长", by_cells, "cells"),
        _grown("growth with parcels", "随小班数的增长", by_parcels, "parcels"),
    ]


def _grown(
    title: str, title_zh: str, sizes: list[tuple[int, int]], what: str
) -> Figures:
    steps = [_step(side, parcels_side) for side, parcels_side in sizes]
    factors = {
        name: [
            (big[name] / small[name]) / (big[what] / small[what])
            for small, big in itertools.pairwise(steps)
        ]
        for name in ("weights_seconds", "seconds")
    }
    return {
        "name": title.replace(" ", "_"),
        "title": title,
        "title_zh": title_zh,
        "cells": max(step["cells"] for step in steps),
        "parcels": max(step["parcels"] for step in steps),
        "ratio": max(max(those) for those in factors.values()),
        "ratio_of": f"growth of time / growth of {what}, worst step",
        "bar": BAR,
        "figures": {"steps": steps, "time_over_size": factors},
    }


def _step(side: int, parcels_side: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        run_alone("make", folder=folder, side=side, parcels_side=parcels_side)
        once = run_alone("cover", folder=folder, side=side)
        ours = run_alone("ours", folder=folder, side=side, repeats=7, cloudy=False)
    return {
        "cells": side * side,
        "parcels": parcels_side**2,
        "weights_seconds": once["seconds"],
        "weights_mb": once["weights_mb"],
        "weights_peak_mb": once["peak_mb"],
        "seconds": ours["seconds"],
        "peak_mb": ours["peak_mb"],
    }
