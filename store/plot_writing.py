"""What ``forestsink plots`` leaves: a table of plots, one of trees, a card."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from geo.errors import StoreError
from store.files import write_json, writing

DECIMALS = {"area_ha": 6, "outside_range_pct": 2}
TREE_COLUMNS = (
    "plot_id",
    "tree_id",
    "species",
    "equation",
    "dbh_cm",
    "height_m",
    "density_g_cm3",
    "per_ha",
    "agb_kg",
    "root_kg",
    "outside_range",
)


def write_plots(
    path: Path,
    table: pd.DataFrame,
    plots: pd.DataFrame,
    refused: Mapping[str, str],
    card: Mapping[str, object],
) -> None:
    """Write the plots in their own order, with their other columns, and the card.

    A refused plot keeps its row, with ``status`` ``refused``, why, and no figure.
    """
    others = [name for name in plots if name not in set(table.columns) - {"plot_id"}]
    merged = plots[others].merge(table, on="plot_id", how="left", validate="1:1")
    reason = [refused.get(str(plot_id), "") for plot_id in merged["plot_id"]]
    status = np.select(
        [[bool(why) for why in reason], merged["trees"].eq(0).to_numpy()],
        ["refused", "no_trees"],
        "estimated",
    )
    figures = [name for name in table if name != "plot_id"]
    merged = merged[["plot_id", *figures, *others[1:]]]
    merged.insert(1, "status", status)
    merged.insert(2, "reason", reason)
    _write_csv(path, merged)
    write_json(_card_path(path), card)


def write_trees(path: Path, trees: pd.DataFrame) -> None:
    """Write every tree with its equation and its mass."""
    _write_csv(path, trees[[name for name in TREE_COLUMNS if name in trees]])


def write_rows(path: Path, rows: pd.DataFrame) -> None:
    """Write a table of plots or trees as the others are: UTF-8, four decimals."""
    _write_csv(path, rows)


def _card_path(path: Path) -> Path:
    if path.suffix.lower() == ".json":
        raise StoreError(
            f"{path.name} is the name of the card; the table is CSV.",
            zh=f"{path.name} 与说明文件同名；请用 .csv 作为输出表名。",
            cure="Name the table .csv.",
            file=path,
        )
    return path.with_suffix(".json")


def _write_csv(path: Path, rows: pd.DataFrame) -> None:
    """Write UTF-8, floats to four decimals: the same figures, the same bytes."""
    rounded = rows.copy()
    for name in rounded.select_dtypes("float64"):
        rounded[name] = rounded[name].round(DECIMALS.get(str(name), 4)) + 0.0
    for name in rounded:
        if pd.api.types.is_string_dtype(rounded[name]):
            rounded[name] = rounded[name].map(_inert)
    with writing(path) as temporary:
        rounded.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def _inert(text: str) -> str:
    """Keep a text that a spreadsheet would run from being run."""
    return f"'{text}" if str(text)[:1] in {"=", "+", "@", "\t", "\r"} else text
