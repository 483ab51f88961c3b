"""What a region emits: its inventory by sector and year, and where, as a layer."""

from pathlib import Path

import pandas as pd

from config.settings import Settings
from pipelines.siting_sources import (
    RegionSources,
    emission_density,
    inventory_of,
    read_region_sources,
)
from pipelines.sources import set_aside
from pipelines.zones import put_in_place, require_ours
from store.catalog import Facts
from store.inventory_files import SOURCES, TABLE, write_inventory

MARK = "inventory_of"
"""What the manifest of an inventory's folder holds."""
SHOWN = (
    "source_id",
    "name",
    "name_zh",
    "sector",
    "scope",
    "year",
    "co2e_t_yr",
    "se_t_yr",
    "method",
    "is_estimated",
    "factors",
    "file",
    "item",
)


def make_inventory(settings: Settings, year: int | None, out: Path | None) -> Path:
    """Write a region's inventory, whole or not at all; return its folder.

    The table has every sector, scope and year; the layer is of the direct emissions of
    ``year``, by default the last. Sources that cannot be used go to quarantine.

    Raises
    ------
    InputError
        No source is usable, or none has a figure for the year.
    StoreError
        ``out`` holds something else.
    """
    name = settings.region.name
    usual = settings.home / "inventories" / name
    folder = out if out is not None else usual
    require_ours(folder, MARK)
    found = read_region_sources(settings)
    grid = settings.region.grid.grid()
    last = int(found.sources["year"].max()) if year is None else year
    table = inventory_of(found, grid)
    carry = settings.region.siting.exposure.carry_years
    density = emission_density(found, grid, year=last, carry_years=carry)
    for error in found.rejected:
        set_aside(settings, error)
    record = _record(settings, found, table, last)

    def build(temporary: Path) -> Facts:
        write_inventory(
            temporary,
            tables={TABLE: table, SOURCES: _shown(found)},
            density=density,
            grid=grid,
            year=last,
            record=record,
        )
        return {"sources": len(found.sources)}

    put_in_place(folder, build, {MARK: name})
    return folder


def _shown(found: RegionSources) -> pd.DataFrame:
    order = ["year", "scope", "sector", "source_id"]
    rows = pd.DataFrame(found.sources[list(SHOWN)])
    return rows.sort_values(order, ignore_index=True)


def _record(
    settings: Settings, found: RegionSources, table: pd.DataFrame, year: int
) -> dict[str, object]:
    whole = table[(table["sector"] == "all") & (table["year"] == year)]
    return {
        "region": settings.region.name,
        "title_zh": settings.region.title_zh,
        "simulated": list(settings.region.simulated),
        "year": year,
        "by_scope": {
            str(row["scope"]): {
                "co2e_t_yr": row["co2e_t_yr"],
                "se_t_yr": row["se_t_yr"],
                "estimated_pct": row["estimated_pct"],
                "intensity_t_km2": row["intensity_t_km2"],
            }
            for row in whole.to_dict("records")
        },
        "left_out": [{"what": one.what, "zh": one.zh} for one in found.rejected],
        "doubts": [{"what": one.what, "zh": one.zh} for one in found.doubts],
        "notes": list(found.notes),
        "inputs": dict(found.digests),
    }
