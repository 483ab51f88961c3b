"""What ``predict.py`` measures, each in a process and a thread of its own."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from forest_plots import cells as cells_of
from forest_plots import plots
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from tasks import peak_mb
from threadpoolctl import threadpool_limits

from models.learning.model import LearnedModel
from models.learning.recipe import Recipe
from models.learning.table import PlotTable, Target
from models.learning.training import train
from models.scores import block_folds
from store.model_files import read_model, write_model

Figures = dict[str, Any]
_PART = 1 << 20


def learn(folder: str) -> Figures:
    """Train ours, and score a random forest on the same folds."""
    told = plots()
    columns = {f"f{i:02d}": column for i, column in enumerate(told["features"].T)}
    table = PlotTable.of(columns, told["observed"], x=told["x"], y=told["y"])
    start = time.perf_counter()
    trained = train(table, Recipe(Target("agb_t_ha", "t/ha", (0.0, 1200.0))))
    taken = time.perf_counter() - start
    write_model(Path(folder) / "model", trained.model.to_arrays(), trained.card)
    card: Any = trained.card
    blocks = card["blocks"]
    folds = block_folds(
        told["x"], told["y"], block_m=blocks["block_m"], folds=blocks["folds"]
    )
    return {
        "chosen": card["chosen"]["name"],
        "rmse": card["scores"]["blocked"]["rmse"],
        "forest_rmse": _forest_rmse(told, folds),
        "candidates": {
            one["name"]: one["blocked"]["rmse"] for one in card["candidates"]
        },
        "plots": len(told["observed"]),
        "train_seconds": taken,
    }


def ours(folder: str, cells: int, repeats: int) -> Figures:
    """Mean, SD and domain of all cells by the model as it was kept."""
    arrays, card = read_model(Path(folder) / "model")
    model = LearnedModel.from_arrays(arrays, card)
    features = cells_of(cells)
    found = []
    with threadpool_limits(1):
        for _ in range(repeats):
            start = time.perf_counter()
            predicted = model.predict(features, model.names)
            found.append(time.perf_counter() - start)
    return {
        "seconds": min(found),
        "in_domain": float(predicted.in_domain.mean()),
        "mean": float(predicted.mean.mean(dtype=np.float64)),
        "nanoseconds_per_cell": min(found) / cells * 1e9,
        "declared_nanoseconds": card["cost"]["declared_ns_per_cell"],
    }


def forest(cells: int) -> Figures:
    """Mean of all cells by a random forest of 100 trees, a part at a time."""
    told = plots()
    grown = _forest().fit(told["features"], told["observed"])
    features = np.ascontiguousarray(cells_of(cells).T)
    start = time.perf_counter()
    total = sum(
        float(grown.predict(features[row : row + _PART]).sum())
        for row in range(0, cells, _PART)
    )
    taken = time.perf_counter() - start
    return {
        "seconds": taken,
        "mean": total / cells,
        "nanoseconds_per_cell": taken / cells * 1e9,
    }


def _forest() -> RandomForestRegressor:
    return RandomForestRegressor(100, random_state=0, n_jobs=1)


def _forest_rmse(
    told: dict[str, NDArray[np.float64]], folds: NDArray[np.int64]
) -> float:
    squared = 0.0
    for fold in np.unique(folds):
        train_rows, test = folds != fold, folds == fold
        grown = _forest().fit(
            told["features"][train_rows], told["observed"][train_rows]
        )
        error = grown.predict(told["features"][test]) - told["observed"][test]
        squared += float((error**2).sum())
    return float(np.sqrt(squared / len(folds)))


TASKS: dict[str, Callable[..., Figures]] = {
    "learn": learn,
    "ours": ours,
    "forest": forest,
}

if __name__ == "__main__":
    measured = TASKS[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps({**measured, "peak_mb": peak_mb()}))
