"""Parcel means once the weights are known, against those who start afresh each time."""

import tempfile

from alone import Figures, run_alone

EXACT = 1e-6
"""Largest relative difference from exactextract that counts as the same result."""
BAR = 40.0


def measure(*, small: bool) -> list[Figures]:
    """Return the benchmark of parcel means, as one object."""
    side, parcels_side = (2_745, 50) if small else (10_980, 200)
    repeats = 3 if small else 2
    with tempfile.TemporaryDirectory() as folder:
        run_alone("make", folder=folder, side=side, parcels_side=parcels_side)
        once = run_alone("cover", folder=folder, side=side)
        cloudy = run_alone("ours", folder=folder, side=side, repeats=5, cloudy=True)
        ours = run_alone("ours", folder=folder, side=side, repeats=9, cloudy=False)
        peers = {
            "exactextract": run_alone(
                "exactextract", folder=folder, side=side, repeats=repeats
            ),
            "rasterised label": run_alone(
                "rasterised", folder=folder, side=side, repeats=3
            ),
            "rasterstats": run_alone("rasterstats", folder=folder, side=side),
        }
        spread = run_alone("variances", folder=folder)
    apart = peers["exactextract"]["largest_difference"]
    if not apart <= EXACT:
        raise SystemExit(f"zonal: means differ from exactextract by {apart:.1e}.")
    return [
        {
            "name": "zonal",
            "title": "parcel means again, once the weights are known",
            "title_zh": "权重已知后再次求小班均值",
            "cells": side * side,
            "parcels": parcels_side**2,
            "ratio": peers["exactextract"]["seconds"] / ours["seconds"],
            "ratio_of": "exactextract / ours",
            "bar": BAR,
            "figures": {
                "weights_once": once,
                "ours": ours,
                "ours_with_clouds": cloudy,
                "parcel_variance": spread,
                **peers,
            },
            "ratios": {
                name: peer["seconds"] / ours["seconds"]
                for name, peer in peers.items()
                if "seconds" in peer
            },
        }
    ]
