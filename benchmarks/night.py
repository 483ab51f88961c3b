"""A whole night on one tile, against the least that any program would have to do."""

import tempfile

from alone import Figures, run_alone

BAR = 2.5
"""Times its floor: decoding the same bytes and predicting the same cells."""
MEMORY_BAR_GB = 4.0
AFTER_BAR = 0.5
"""Share of a night that the next one may take when a quarter of the tile is new."""
SAME_PCT = 1.0
"""Tree cover that floor and night may differ by: files are rounded, nothing else."""
PROGRAM = "night_tasks.py"


def measure(*, small: bool) -> list[Figures]:
    """Return the night, its memory and the night after it, as three objects."""
    side, parcels_side = (384, 10) if small else (10_980, 200)
    return measure_at(side, parcels_side)


def measure_at(side: int, parcels_side: int) -> list[Figures]:
    """Measure nights on ``side`` x ``side`` cells, in a folder that is removed."""
    with tempfile.TemporaryDirectory() as folder:
        made = _run("make", folder, side=side, parcels_side=parcels_side)
        before = _run("night", folder, name="before")
        newest = _run("night", folder, name="newest")
        floor = _run("floor", folder, name="newest")
        quarter = _run("night", folder, name="quarter")
    nights = {"before": before, "newest": newest, "quarter": quarter}
    _require_same(nights, floor)
    size = {"cells": side * side, "parcels": parcels_side**2}
    return [
        {
            "name": "night",
            "title": "a whole night, one scene new",
            "title_zh": "整夜处理（新到一景）",
            **size,
            "ratio": newest["seconds"] / floor["seconds"],
            "ratio_of": "night / floor",
            "bar": BAR,
            "figures": {"made": made, "floor": floor, **nights},
        },
        {
            "name": "night_memory",
            "title": "peak memory of that night",
            "title_zh": "该夜内存峰值",
            **size,
            "ratio": newest["peak_mb"] / 1_000,
            "ratio_of": "GB",
            "bar": MEMORY_BAR_GB,
            "figures": {name: one["peak_mb"] for name, one in nights.items()},
        },
        {
            "name": "night_after",
            "title": "the night after, a quarter of the tile new",
            "title_zh": "次夜（四分之一图幅更新）",
            **size,
            "ratio": quarter["seconds"] / newest["seconds"],
            "ratio_of": "night after / night",
            "bar": AFTER_BAR,
            "figures": {"seconds": quarter["seconds"], "night": newest["seconds"]},
        },
    ]


def _run(task: str, folder: str, **told: object) -> Figures:
    return run_alone(task, program=PROGRAM, folder=folder, **told)


def _require_same(nights: dict[str, Figures], floor: Figures) -> None:
    """Stop unless every night took its scenes and the floor predicts as it did."""
    for name, scenes in (("before", 8), ("newest", 9), ("quarter", 10)):
        found = nights[name]
        if found["scenes"] != scenes or found["left_out"]:
            raise SystemExit(
                f"night: {name} took {found['scenes']} scenes instead of {scenes}, "
                f"and left out {found['left_out']}."
            )
    if not floor["largest_difference_pct"] <= SAME_PCT:
        raise SystemExit(
            "night: floor and night map tree cover that differs by "
            f"{floor['largest_difference_pct']:.2f} %."
        )
