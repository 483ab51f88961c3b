"""Large plots to squares, and their trees to the squares: read, divide, write."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.errors import TableError
from models.subplots import Frame, Squares, square_of_trees, squares_of
from store.headers import ColumnRule
from store.plot_writing import write_rows
from store.tables import read_header, read_table

Floats = NDArray[np.float64]

WHOLE = "whole_plot"
"""Column of the large plot's id, beside ``plot_id``, the square's."""


@dataclass(frozen=True, slots=True)
class SubplotRequest:
    """What the command was asked for; names are of columns."""

    trees: str
    corners: str
    plot: str
    field: tuple[str, str]
    placed: tuple[str, str]
    side_m: float
    out: Path
    trees_out: Path


def divide(request: SubplotRequest) -> list[str]:
    """Write squares and trees, and return what there is to say.

    Raises
    ------
    TableError
        If a table has a row that cannot be read, a plot no corners or corners that do
        not fit, or trees that stand elsewhere: a plot without a tree would pass for a
        lighter one.
    """
    corners = _read(request.corners, request.plot, (*request.field, *request.placed))
    trees = _read(request.trees, request.plot, request.field)
    frames = {
        str(plot): Frame.fit(
            _pairs(rows, request.field), _pairs(rows, request.placed), plot=str(plot)
        )
        for plot, rows in corners.groupby(request.plot)
    }
    _require_corners(trees[request.plot], frames, request)
    squares = {
        plot: squares_of(plot, frame, side_m=request.side_m)
        for plot, frame in frames.items()
    }
    named, notes = _named(trees, frames, squares, request)
    renamed = named.rename(columns={request.plot: WHOLE, "plot_id": WHOLE})
    renamed.insert(0, "plot_id", renamed.pop("square"))
    write_rows(request.trees_out, renamed)
    write_rows(request.out, _table(frames, squares))
    count = sum(len(one.names) for one in squares.values())
    return [f"{count} squares 小样方, {len(trees)} trees 样木: {request.out}", *notes]


def _read(path: str, plot: str, numbers: Sequence[str]) -> pd.DataFrame:
    """Read a table, all columns as text but ``numbers``; any bad row is an error.

    Columns whose names differ only in capitals are left out: no table holds both.
    """
    file = path if Path(path).is_absolute() else f"{Path.cwd()}/{path}"
    roots = [Path(file).parent]
    header = read_header(file, roots=roots)
    count = Counter(name.casefold() for name in header)
    others = [
        name
        for name in header
        if name and name not in (plot, *numbers) and count[name.casefold()] == 1
    ]
    rules = [
        ColumnRule(plot, "text", required=True),
        *(ColumnRule(name, "number", required=True) for name in numbers),
        *(ColumnRule(name, "text") for name in others),
    ]
    table = read_table(file, roots=roots, columns=rules, key=())
    if table.rejected:
        raise table.rejected[0]
    return table.rows


def _pairs(rows: pd.DataFrame, names: tuple[str, str]) -> Floats:
    return rows[list(names)].to_numpy(np.float64)


def _require_corners(
    plots: pd.Series, frames: Mapping[str, Frame], request: SubplotRequest
) -> None:
    without = sorted(set(plots.astype(str)) - set(frames))
    if without:
        raise TableError(
            f"{Path(request.corners).name} has no corners of the plot {without[0]}.",
            zh=f"{Path(request.corners).name} 缺少样地 {without[0]} 的角点；请补充。",
            cure="Add its corners, or leave its trees out.",
            file=request.corners,
            item=without[0],
            field=request.plot,
        )


def _named(
    trees: pd.DataFrame,
    frames: Mapping[str, Frame],
    squares: Mapping[str, Squares],
    request: SubplotRequest,
) -> tuple[pd.DataFrame, list[str]]:
    """Return the trees with the name of their square, and notes."""
    square = pd.Series("", index=trees.index)
    notes = []
    for plot, rows in trees.groupby(request.plot):
        name = str(plot)
        place, off = square_of_trees(
            name, frames[name], _pairs(rows, request.field), side_m=request.side_m
        )
        square[rows.index] = np.array(squares[name].names)[place]
        if off:
            notes.append(
                f"{name}: {off} trees outside the corners count in the nearest square "
                f"角点外样木 {off} 株计入最近小样方."
            )
    return trees.assign(square=square), notes


def _table(frames: Mapping[str, Frame], squares: Mapping[str, Squares]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "plot_id": one.names,
                WHOLE: plot,
                "x": one.outlines[:, :, 0].mean(axis=1),
                "y": one.outlines[:, :, 1].mean(axis=1),
                "area_ha": one.area_ha,
                "corner_rms_m": frames[plot].rms_m,
                "outline": shapely.to_wkt(
                    shapely.polygons(one.outlines), rounding_precision=3
                ),
            }
        )
        for plot, one in squares.items()
    ]
    return pd.concat(parts, ignore_index=True)
