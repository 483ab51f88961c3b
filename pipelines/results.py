"""All that a night found out, and the parcel table that says it row by row."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.parcels import COLUMNS
from pipelines.change import read_changes
from pipelines.context import Night, TileKeys
from pipelines.emissions import EXPOSURE_FILE, Exposed
from pipelines.ingest import Ingested
from pipelines.parcels import Parcels, read_parcel_table
from pipelines.priority import PRIORITY_FILE
from pipelines.season import SeasonMaps, Trained
from pipelines.stocks import STOCK_FILE
from store.keys import LayerKey, digest_of

NO_BASELINE = "无更早季节可比 no earlier season to compare with"
NOT_MEASURED = "两季共同观测不足 the seasons share too few observations"


@dataclass(frozen=True, slots=True)
class Results:
    """Keys of everything that a night is published from."""

    ingested: Ingested
    parcels: Parcels
    trained: Trained
    season: SeasonMaps
    year: TileKeys
    before: SeasonMaps | None
    stock: LayerKey
    change: LayerKey | None
    exposed: Exposed
    priority: LayerKey

    def run_id(self, night: Night) -> str:
        """Return what names the run: the digest of all that its results rest on."""
        region = night.settings.region
        keys = [self.stock, self.change, self.exposed.exposure, self.priority]
        maps = [self.season, self.before]
        return digest_of(
            {
                "region": region.model_dump(mode="json", exclude={"dask", "data_root"}),
                "night": str(night.night),
                "keys": [key.digest for key in keys if key is not None],
                "maps": [
                    {name: key.digest for name, key in season.agbd.items()}
                    for season in maps
                    if season is not None
                ],
                "scenes": [
                    (scene.scene_id, sorted(k.digest for k in scene.keys.values()))
                    for scene in self.ingested.scenes
                ],
                "attentions": [
                    item.model_dump(mode="json") for item in self.ingested.attentions
                ],
            }
        )[:12]


def parcel_table(night: Night, results: Results, run_id: str) -> gpd.GeoDataFrame:
    """Join what every stage says of the parcels; all of ``COLUMNS``, and geometry."""
    table = read_parcel_table(night, results.parcels)
    parts = [
        pd.read_parquet(night.catalog.need(results.stock).path(STOCK_FILE)),
        pd.read_parquet(
            night.catalog.need(results.exposed.exposure).path(EXPOSURE_FILE)
        ),
        pd.read_parquet(night.catalog.need(results.priority).path(PRIORITY_FILE)),
    ]
    for part in parts:
        table = table.merge(part, on="parcel_id", how="left", validate="1:1")
    table = table.join(_change_columns(night, results, len(table)))
    unseen = table["status"] == "no_observation"
    table.loc[unseen, "verdict"] = "not_observed"
    table["note"] = [
        "; ".join(part for part in parts if part)
        for parts in zip(table["change_note"], table["priority_reason"], strict=True)
    ]
    ranked = table["priority_rank"] > 0
    table["priority_rank"] = table["priority_rank"].where(ranked).astype("Int64")
    table["method"] = night.settings.region.biomass.method
    table["run_id"] = run_id
    return table[[column.name for column in COLUMNS] + ["geometry"]]


def _change_columns(night: Night, results: Results, count: int) -> pd.DataFrame:
    names = [
        "sink_tco2_yr",
        "sink_tco2_yr_se",
        "sink_tco2_yr_low",
        "sink_tco2_yr_high",
        "change_p",
        "min_detectable_tco2_yr",
        "loss_pct",
    ]
    why = NO_BASELINE
    if results.change is not None:
        if night.catalog.need(results.change).facts["measured"]:
            table, _ = read_changes(night, results.change)
            unknown = table["verdict"] == "not_observed"
            shown = table[names].mask(unknown, np.nan)
            return shown.assign(verdict=table["verdict"], change_note=table["note"])
        why = NOT_MEASURED
    empty = pd.DataFrame(np.nan, index=range(count), columns=names)
    return empty.assign(verdict="not_observed", change_note=why)
