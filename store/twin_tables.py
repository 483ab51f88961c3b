"""Tables and vector layers of the simulated county, labelled simulated."""

import csv
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pyogrio

from store.exports import write_geopackage
from store.lockdown import require_lockdown

Cell = str | float | int

SHAPEFILE_OPTIONS = {"DBF_DATE_LAST_UPDATE": "2021-01-01", "RESIZE": "YES"}
"""A fixed date makes the file repeatable; columns are as wide as their texts."""


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    """Write UTF-8 with a last column ``simulated`` of ones; return how many rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*header, "simulated"])
        for row in rows:
            writer.writerow([*row, 1])
            count += 1
    return count


def write_vectors(
    path: Path, layers: Mapping[str, gpd.GeoDataFrame], titles: Mapping[str, str]
) -> None:
    """Write a GeoPackage whose layers say in their titles that they are simulated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_geopackage(path, layers)
    with closing(sqlite3.connect(path)) as database, database:
        for name, title in sorted(titles.items()):
            database.execute(
                "UPDATE gpkg_contents SET identifier = ?, description = ? "
                "WHERE table_name = ?",
                (f"{title}（模拟 simulated）", "模拟数据 SIMULATED data", name),
            )


def write_gbk_shapefile(path: Path, rows: gpd.GeoDataFrame) -> None:
    """Write a Shapefile as old desktop software does: GBK, and no .cpg that says so."""
    require_lockdown()
    pyogrio.write_dataframe(
        rows,
        path,
        driver="ESRI Shapefile",
        encoding="GBK",
        layer_options=SHAPEFILE_OPTIONS,
    )
    path.with_suffix(".cpg").unlink(missing_ok=True)
