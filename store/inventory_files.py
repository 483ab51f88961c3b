"""Files of a region's inventory of emissions: tables, a layer, what was left out."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.grid import Grid
from geo.layers import LAYERS
from store.files import write_json
from store.qgis import raster_qml
from store.rasters import write_layer

TABLE = "inventory.csv"
SOURCES = "sources.csv"
RECORD = "inventory.json"
LAYER = "emission_density"


def write_inventory(
    folder: Path,
    *,
    tables: Mapping[str, pd.DataFrame],
    density: NDArray[np.float64],
    grid: Grid,
    year: int,
    record: Mapping[str, object],
) -> None:
    """Write tables as UTF-8 CSV, ``density`` as a styled COG, and the record.

    Parameters
    ----------
    density
        t CO2e/(ha yr) of every cell ``(y, x)``.
    """
    for name, table in tables.items():
        text = table.to_csv(index=False, lineterminator="\n", float_format="%.10g")
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    layer = LAYERS[LAYER]
    values = xr.DataArray(density[None].astype(np.float32), dims=("band", "y", "x"))
    write_layer(
        folder / f"{LAYER}_{year}.tif", layer, values, grid, tags={"YEAR": str(year)}
    )
    style = raster_qml(layer, layer.bands[0], 1)
    path = folder / f"{LAYER}_{year}.qml"
    path.write_text(style, encoding="utf-8", newline="\n")
    write_json(folder / RECORD, dict(record))
