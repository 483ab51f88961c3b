"""The record of a night: what it used, what it left out, what it found."""

import json
from importlib.metadata import version

import geopandas as gpd
import numpy as np

from config.coefficients import find
from geo.period import Period
from models.carbon import limits_90
from pipelines.change import read_changes
from pipelines.context import Night
from pipelines.parcels import Parcels
from pipelines.results import Results
from pipelines.routed_record import anchored_estimates, biomass_of, plots_total
from pipelines.season import factors_of
from pipelines.stocks import POSITION_SE, read_totals
from pipelines.train import read_cover
from store.fonts import missing_font
from store.keys import code_digest, digest_of
from store.record import (
    Attention,
    Coefficient,
    Estimate,
    LayerUse,
    NightRecord,
    SceneUse,
)

LIBRARIES = ("forestsink", "rasterio", "xarray", "dask", "geopandas", "exactextract")
MOST_NAMED = 200
"""More parcels than this are counted, not named one by one."""
WHOLE_PCT = 99.5
"""Observed share of the parcels' area from which a night is complete."""
TITLES = {"agb_t": "AGB 地上生物量", "carbon_t": "carbon 碳储量", "co2_t": "CO2 折合"}
UNITS = {"agb_t": "t", "carbon_t": "t C", "co2_t": "t CO2e"}
EXTRA_COEFFICIENTS = (POSITION_SE, "max_growth")


def night_record(
    night: Night, results: Results, parcels: gpd.GeoDataFrame, layers: list[LayerUse]
) -> NightRecord:
    """Put together what a reader of the results may ask of the run."""
    region = night.settings.region
    area = parcels["area_ha"].to_numpy()
    seen = parcels["observed_pct"].to_numpy()
    observed = float((area * seen).sum() / area.sum())
    found = [*_attentions(night, results), *_unseen(parcels)]
    by_plots = plots_total(night, results)
    attentions = tuple(sorted(found, key=lambda item: not item.left_out))
    is_whole = observed >= WHOLE_PCT and not any(item.left_out for item in attentions)
    return NightRecord(
        region=region.name,
        title=region.title,
        title_zh=region.title_zh,
        night=night.night,
        season=str(night.season),
        baseline_season=_baseline(results),
        run_id=str(parcels["run_id"].iloc[0]),
        simulated=region.simulated,
        status="complete" if is_whole else "incomplete",
        observed_pct=round(observed, 2),
        scenes=_scenes(night, results),
        attentions=attentions,
        parcel_count=len(parcels),
        parcel_statuses=_counts(parcels, "status"),
        parcel_verdicts=_counts(parcels, "verdict"),
        biomass=biomass_of(night, results, parcels),
        totals=(
            *_stock_totals(night, results),
            *anchored_estimates(by_plots),
            *_sink_total(night, results),
        ),
        plots_total=by_plots,
        budget=_budget(night, results),
        model_card=_card(night, results),
        change_card=_change_card(night, results),
        coefficients=_coefficients(night),
        layers=tuple(layers),
        inputs=_inputs(night, results.parcels),
        versions={name: version(name) for name in LIBRARIES}
        | {"code": code_digest()[:12]},
        sources=region.citations,
    )


def _baseline(results: Results) -> str | None:
    return str(results.before.period) if results.before is not None else None


def _attentions(night: Night, results: Results) -> tuple[Attention, ...]:
    found = [
        *results.ingested.attentions,
        *results.parcels.attentions,
        *results.exposed.attentions,
        *results.trained.route.attentions,
    ]
    for maps in (results.season, results.before):
        if maps is None:
            continue
        for key in sorted(set(maps.shifts.values())):
            facts = night.catalog.need(key).facts
            if not facts["usable"]:
                found.append(_unusable(maps.period, str(facts["reason"]), facts))
    if results.change is not None:
        facts = night.catalog.need(results.change).facts
        if not facts["measured"]:
            found.append(_unusable(night.season, str(facts["reason"]), facts))
    no_font = missing_font()
    if no_font is not None:
        found.append(no_font.model_copy(update={"left_out": False}))
    return tuple(found)


def _unseen(parcels: gpd.GeoDataFrame) -> list[Attention]:
    """Say which parcels the season did not see whole: each, or how many they are."""
    found = []
    unseen = parcels[parcels["observed_pct"] < WHOLE_PCT]
    if len(unseen) > MOST_NAMED:
        area_ha = float(unseen["area_ha"].sum())
        return [
            Attention(
                subject="parcels",
                code="observations",
                message=f"{len(unseen):,} parcels ({area_ha:,.0f} ha) were not seen on "
                "all of their area; observed_pct says how far, parcel by parcel.",
                message_zh=f"{len(unseen):,} 个小班（{area_ha:,.0f} 公顷）"
                "未被完整观测，各小班的观测比例见 observed_pct。",
                cure="Add scenes that cover them, or move the grid's edge.",
            )
        ]
    for row in unseen.to_dict("records"):
        seen = f"{row['observed_pct']:.1f} %"
        found.append(
            Attention(
                subject=str(row["parcel_id"]),
                code="observations",
                message=f"Parcel {row['parcel_id']} was seen on {seen} of its area.",
                message_zh=f"小班 {row['parcel_id']} 仅有 {seen} 的面积被观测到。",
                cure="Add scenes that cover it, or move the grid's edge.",
            )
        )
    return found


def _unusable(period: Period, reason: str, facts: object) -> Attention:
    zh = facts["reason_zh"] if isinstance(facts, dict) else ""
    return Attention(
        subject=str(period),
        code="observations",
        message=reason,
        message_zh=str(zh) or reason,
        cure="Wait for more clear scenes, or lengthen the season.",
    )


def _scenes(night: Night, results: Results) -> tuple[SceneUse, ...]:
    periods = (results.season.period, night.year, night.baseline, night.training)
    return tuple(
        SceneUse(
            scene_id=scene.scene_id,
            acquired=scene.day,
            provider=scene.provider,
            clear_pct=scene.clear_pct,
            composites=tuple(
                sorted({str(p) for p in periods if p is not None and scene.day in p})
            ),
        )
        for scene in results.ingested.scenes
    )


def _counts(parcels: gpd.GeoDataFrame, column: str) -> dict[str, int]:
    counts = parcels[column].value_counts()
    return {str(name): int(counts[name]) for name in sorted(counts.index)}


def _stock_totals(night: Night, results: Results) -> list[Estimate]:
    totals = read_totals(night, results.stock)
    estimates = []
    for name, total in totals.items():
        value, se = np.array(total.estimate), np.array(total.se)
        low, high = limits_90(value, se, stock=True)
        estimates.append(
            Estimate(
                name=TITLES[name],
                value=total.estimate,
                se=total.se,
                low=float(low),
                high=float(high),
                unit=UNITS[name],
            )
        )
    return estimates


def _sink_total(night: Night, results: Results) -> list[Estimate]:
    if results.change is None:
        return []
    if not night.catalog.need(results.change).facts["measured"]:
        return []
    _, region = read_changes(night, results.change)
    if region.empty:
        return []
    row = region.iloc[0]
    return [
        Estimate(
            name="sink 碳汇变化(吸收为正)",
            value=float(row["sink_tco2_yr"]),
            se=float(row["sink_tco2_yr_se"]),
            low=float(row["sink_tco2_yr_low"]),
            high=float(row["sink_tco2_yr_high"]),
            unit="t CO2e/yr",
        )
    ]


def _budget(night: Night, results: Results) -> dict[str, float]:
    totals = read_totals(night, results.stock)
    if "co2_t" not in totals:
        return {}
    return {name: round(pct, 2) for name, pct in totals["co2_t"].share_pct.items()}


def _card(night: Night, results: Results) -> dict[str, object]:
    path = night.catalog.need(results.trained.model).path("card.json")
    card: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return card


def _change_card(night: Night, results: Results) -> dict[str, object]:
    if results.change is None:
        return {}
    return dict(night.catalog.need(results.change).facts)


def _coefficients(night: Night) -> tuple[Coefficient, ...]:
    rows = factors_of(night.settings.region.biomass)[1]
    return tuple(row.used() for row in [*rows, *map(find, EXTRA_COEFFICIENTS)])


def _inputs(night: Night, parcels: Parcels) -> dict[str, str]:
    return {
        "parcels": parcels.parcels.digest,
        "coverage": digest_of(parcels.coverage),
        "tree_cover": read_cover(night).digest,
    }
