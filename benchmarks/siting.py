"""Choosing planning units: time, memory and gap, and the same answers as HiGHS."""

from tempfile import TemporaryDirectory

from alone import Figures, run_alone

PROGRAM = "siting_tasks.py"

SECONDS, MEGABYTES, GAP_PCT = 60.0, 2_000.0, 0.1
"""Bars of the largest size, and the gap and difference that no case may exceed."""

FULL = (100, 224, 500, 1_000)
SMALL = (32, 224)
"""Sides of the grids: 10^4, 5 x 10^4, 2.5 x 10^5 and 10^6 units."""
PENALTIES = (0.01, 0.05)
"""Benefit that 1 m of border costs: ragged zones and compact ones."""
SHARE = 0.3
FULL_REQUEST = (10_980, 200)
"""Cells and parcels along a side: a tile, 40,000 parcels."""
SMALL_REQUEST = (768, 16)
REQUEST_SECONDS = 300.0
REQUEST_SHARE = 0.02
"""Of all land."""
EQUAL = [
    (side, seed, penalty)
    for side in (12, 24, 40)
    for seed in (1, 2)
    for penalty in PENALTIES
]
"""Cases that are small enough for HiGHS to solve each in seconds."""


def measure(*, small: bool) -> list[Figures]:
    """Return size, agreement with HiGHS and its time, as separate objects."""
    limit = 30.0 if small else 120.0
    sides = SMALL if small else FULL
    cases = [
        _case(
            side,
            1,
            penalty,
            limit if side <= (sides[0] if small else sides[-3]) else 0.0,
        )
        for side in sides
        for penalty in (PENALTIES[-1:] if small else PENALTIES)
    ]
    compared = [] if small else EQUAL
    equal = [_case(side, seed, penalty, limit) for side, seed, penalty in compared]
    robust = run_alone(
        "robust",
        program=PROGRAM,
        side=32 if small else 200,
        seed=1,
        penalty=PENALTIES[0],
        share=SHARE,
        draws=10 if small else 100,
    )
    figures = {"cases": cases, "robust": robust, "highs_limit_seconds": limit}
    return [*_told(cases, equal, figures), measure_request(small=small)]


def measure_request(*, small: bool) -> Figures:
    """Return the time of a whole request, as an object."""
    side, parcels = SMALL_REQUEST if small else FULL_REQUEST
    with TemporaryDirectory() as home:
        told = {"home": home, "side": side}
        run_alone("region", program=PROGRAM, parcels=parcels, **told)
        found = run_alone("request", program=PROGRAM, share=REQUEST_SHARE, **told)
    return {
        "name": "zones_request",
        "title": "a planner's request, from layers to ranked zones",
        "title_zh": "规划请求全流程：从图层到优先区",
        "cells": found["cells"],
        "parcels": found["parcels"],
        "ratio": found["seconds"] / REQUEST_SECONDS,
        "ratio_of": f"seconds / {REQUEST_SECONDS:g} s",
        "bar": 1.0,
        "figures": found,
    }


def _case(side: int, seed: int, penalty: float, limit: float) -> Figures:
    told = {"side": side, "seed": seed, "penalty": penalty, "share": SHARE}
    found: Figures = {"ours": run_alone("ours", program=PROGRAM, **told)}
    if limit > 0:
        found["highs"] = run_alone("highs", program=PROGRAM, limit=limit, **told)
    return {"penalty": penalty, "seed": seed, **found}


def _told(
    cases: list[Figures], equal: list[Figures], figures: Figures
) -> list[Figures]:
    most = max(case["ours"]["units"] for case in cases)
    largest = [case["ours"] for case in cases if case["ours"]["units"] == most]
    both = [case for case in cases + equal if case.get("highs", {}).get("finished")]
    apart = max(_below(case) for case in both)
    if not apart <= GAP_PCT:
        raise SystemExit(f"siting: an answer is {apart:.3f} % below that of HiGHS.")
    peer = max(both, key=lambda case: case["ours"]["units"])
    ratios = [
        ("siting", "time", "用时", "seconds", SECONDS, "s"),
        ("siting_memory", "memory", "内存", "peak_mb", MEGABYTES, "MB"),
        ("siting_gap", "certified gap", "可证间隙", "gap_pct", GAP_PCT, "%"),
    ]
    objects: list[Figures] = [
        {
            "name": name,
            "title": f"siting: {title}",
            "title_zh": f"选址：{title_zh}",
            "cells": 0,
            "parcels": most,
            "ratio": max(told[field] for told in largest) / bar,
            "ratio_of": f"{field} / {bar:g} {unit}",
            "bar": 1.0,
            "figures": figures if name == "siting" else {},
        }
        for name, title, title_zh, field, bar, unit in ratios
    ]
    objects.append(
        {
            "name": "siting_equal",
            "title": f"siting: {len(both)} cases that HiGHS solves",
            "title_zh": f"选址：HiGHS 可解的 {len(both)} 个算例",
            "cells": 0,
            "parcels": peer["ours"]["units"],
            "ratio": apart / GAP_PCT,
            "ratio_of": f"% below HiGHS, worst case / {GAP_PCT:g} %",
            "bar": 1.0,
            "figures": {"cases": equal},
        }
    )
    objects.append(
        {
            "name": "siting_against_highs",
            "title": "siting: the largest case that HiGHS solves",
            "title_zh": "选址：HiGHS 可解的最大算例",
            "cells": 0,
            "parcels": peer["ours"]["units"],
            "ratio": peer["highs"]["seconds"] / peer["ours"]["seconds"],
            "ratio_of": "HiGHS / ours",
            "bar": 1.0,
            "figures": {},
        }
    )
    return objects


def _below(case: Figures) -> float:
    """Return how far our answer lies below that of HiGHS, %."""
    exact = case["highs"]["objective"]
    return max(100 * (exact - case["ours"]["objective"]) / abs(exact), 0.0)
