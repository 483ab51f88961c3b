"""Rows of results as a CSV file that spreadsheets open with its Chinese intact."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from store.files import writing


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write ``rows`` atomically as UTF-8 with BOM; columns are those of the first row.

    None is an empty cell, a list its items with semicolons between.
    """
    with (
        writing(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", newline="") as stream,
    ):
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(rows[0])
        table.writerows([_cell(value) for value in row.values()] for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, list):
        return ";".join(str(item) for item in value)
    return "" if value is None else value
