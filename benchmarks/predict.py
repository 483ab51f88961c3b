"""Mean, SD and domain of every cell, against the mean of a random forest."""

import tempfile

from alone import Figures, run_alone

BAR = 8.0
PROGRAM = "predict_tasks.py"


def measure(*, small: bool) -> list[Figures]:
    """Return the benchmark of predicting a map, as one object."""
    cells = 400_000 if small else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        learnt = run_alone("learn", program=PROGRAM, folder=folder)
        ours = run_alone("ours", program=PROGRAM, folder=folder, cells=cells, repeats=3)
        peer = run_alone("forest", program=PROGRAM, cells=cells)
    if not learnt["rmse"] <= learnt["forest_rmse"]:
        raise SystemExit(
            f"predict: blocked RMSE {learnt['rmse']:.4g}, "
            f"the forest's is {learnt['forest_rmse']:.4g}."
        )
    return [
        {
            "name": "predict",
            "title": "mean, SD and domain of a map of 20 features",
            "title_zh": "20个特征的制图：均值、标准差与适用域",
            "cells": cells,
            "parcels": 0,
            "ratio": peer["seconds"] / ours["seconds"],
            "ratio_of": "random forest (100 trees, mean only) / ours",
            "bar": BAR,
            "figures": {"learnt": learnt, "ours": ours, "random forest": peer},
        }
    ]
