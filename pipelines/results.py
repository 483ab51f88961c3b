"""All that a night found out, and the parcel table that says it row by row."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.errors import ModelError
from geo.parcels import COLUMNS
from pipelines.change import read_changes
from pipelines.context import Night, TileKeys
from pipelines.emissions import EXPOSURE_FILE, Exposed
from pipelines.ingest import Ingested
from pipelines.parcels import Parcels, read_parcel_table
from pipelines.priority import PRIORITY_FILE, Ranked
from pipelines.season import SeasonMaps, Trained
from pipelines.stocks import STOCK_FILE
from pipelines.stored import digests
from store.keys import LayerKey, digest_of

NO_BASELINE = "无更早季节可比 no earlier season to compare with"
NOT_BOTH = "两季未同时观测到 not seen in both seasons"
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
    anchored: LayerKey | None
    changed: TileKeys | None
    change: LayerKey | None
    exposed: Exposed
    priority: Ranked

    def run_id(self, night: Night) -> str:
        """Return what names the run: the digest of all that its results rest on."""
        region = night.settings.region
        # No part of a night: where and how it is worked on, and what is learnt apart.
        apart = {"dask", "data_root", "plots", "canopy"}
        keys = [self.stock, self.change, self.exposed.exposure, self.priority.table]
        keys.append(self.anchored)
        maps = [
            self.season.agbd,
            self.season.route,
            self.before.agbd if self.before else {},
            self.changed or {},
            self.exposed.layer,
            self.priority.layer,
            self.year,
        ]
        return digest_of(
            {
                "region": region.model_dump(mode="json", exclude=apart),
                "night": str(night.night),
                "keys": [key.digest for key in keys if key is not None],
                "maps": [digests(keys) for keys in maps],
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
        pd.read_parquet(night.catalog.need(results.priority.table).path(PRIORITY_FILE)),
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
    if results.trained.route.model is None:
        table["method"], table["model_pct"] = "tier1", 0.0
    table["run_id"] = run_id
    _require_errors(table)
    return table[[column.name for column in COLUMNS] + ["geometry"]]


def _require_errors(table: gpd.GeoDataFrame) -> None:
    """Refuse to publish a figure whose error is not known."""
    for name in ("agb_t", "carbon_t", "co2_t", "sink_tco2_yr"):
        bare = table[name].notna() & ~(table[f"{name}_se"] > 0)
        if bare.any():
            parcel = str(table.loc[bare, "parcel_id"].iloc[0])
            raise ModelError(
                f"Parcel {parcel} has a {name} without a standard error.",
                zh=f"小班 {parcel} 的 {name} 缺少标准误，拒绝发布；请报告此问题。",
                cure="Report this with the night's folder.",
                item=parcel,
                field=name,
            )


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
            note = table["note"].mask(unknown, NOT_BOTH)
            return shown.assign(verdict=table["verdict"], change_note=note)
        why = NOT_MEASURED
    empty = pd.DataFrame(np.nan, index=range(count), columns=names)
    return empty.assign(verdict="not_observed", change_note=why)
