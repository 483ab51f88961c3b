"""The region's total as its field plots say it, beside what the map adds up to."""

import json
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely import STRtree, points

from config.coefficients import TABLES_FOLDER
from config.plots import PlotSettings
from geo.errors import ForestsinkError, InputError
from geo.zonal import StripSums, coverage_weights
from models.anchor import FEWEST, MOST_YEARS, Anchored, AtPlots, Frame, anchor
from models.estimates import FLAGS, METHODS
from models.routes import FOREST_COVER_PCT
from pipelines.context import Night, each
from pipelines.cover import COVER, COVER_FILE, NDMI
from pipelines.parcels import (
    Group,
    Parcels,
    read_parcel_table,
    read_weights,
    stacked,
)
from pipelines.plot_features import MIN_SEEN, around
from pipelines.plot_sites import Sites, read_sites
from pipelines.routed_maps import AGBD_FILE
from pipelines.season import SeasonMaps
from pipelines.stocks import SUMS_FILE, areas_of
from pipelines.stored import digests, pieces, read_piece, tiles_of
from store.arrays import read_arrays, write_arrays
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey

Numbers = NDArray[np.float64]

ANCHORED_FILE = "anchored.json"
AUXILIARIES = ("cover_pct", "ndmi")
"""Known for every cell, and learnt from no plot."""

PURPOSIVE = (
    "The plots are not said to be a probability sample ([plots] sample), so no total "
    "is drawn from them; the map's total rests on the model alone.",
    "样地未声明为概率抽样（[plots] sample），不据其推算总量；区域总量仅由模型得出。",
)


class NotAnchoredError(Exception):
    """Why plots give no total, in English and Chinese."""


def anchor_total(night: Night, parcels: Parcels, season: SeasonMaps) -> LayerKey | None:
    """Estimate the biomass of the parcels' forest from plots; None without plots.

    The artefact says either the total, or in two languages why there is none.
    """
    told = night.settings.region.plots
    if told is None:
        return None
    is_sample = told.sample == "probability"
    parts = _sum_forest(night, parcels, season) if is_sample else []
    key = LayerKey.of(
        "anchored",
        region=night.settings.region.name,
        period=night.label(season.period),
        inputs={
            "parcels": parcels.parcels.digest,
            "parts": [part.digest for part in parts],
            "cover": digests(season.cover) if is_sample else {},
            "files": _files(night, told) if is_sample else {},
        },
        settings={
            "plots": told.model_dump(mode="json") if is_sample else told.sample,
            "root_shoot": night.settings.region.biomass.root_shoot,
            "period": str(season.period),
        },
    )

    def build(folder: Path) -> Facts:
        content = _answer(night, parcels, season, parts)
        write_json(folder / ANCHORED_FILE, content)
        return {"anchored": "total" in content}

    return night.catalog.produce(key, build).key


def read_anchored(night: Night, key: LayerKey) -> dict[str, object]:
    """Read back what ``anchor_total`` found."""
    path = night.catalog.need(key).path(ANCHORED_FILE)
    content: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _files(night: Night, told: PlotSettings) -> dict[str, str]:
    """Return the digests of all that the plots' biomass comes from, if it is there."""
    named = [told.trees, told.plots, told.species_map, told.own_equations]
    if told.height_curve not in {"", "own"}:
        named.append(told.height_curve)
    paths = [night.settings.data_root / name for name in named if name]
    paths += sorted(TABLES_FOLDER.glob("*.csv"))
    return {path.name: night.digest(path) for path in paths if path.is_file()}


def _answer(
    night: Night, parcels: Parcels, season: SeasonMaps, parts: list[LayerKey]
) -> dict[str, object]:
    told = night.settings.region.plots
    if told is None or told.sample != "probability":
        return {"reason": PURPOSIVE[0], "reason_zh": PURPOSIVE[1]}
    try:
        sites = read_sites(night.settings)
        _require_near(season.period.start.year - sites.year)
        frame = _frame(night, parcels, parts)
        found = anchor(_at_plots(night, parcels, season, sites), frame)
    except NotAnchoredError as error:
        return {"reason": error.args[0], "reason_zh": error.args[1]}
    except ForestsinkError as error:
        kind = "read" if isinstance(error, InputError) else "used"
        return {
            "reason": f"The plots could not be {kind}: {error}",
            "reason_zh": f"样地无法使用：{error.zh or error.what}",
        }
    return _told(found, frame, sites)


def _require_near(years: int) -> None:
    if abs(years) > MOST_YEARS:
        raise NotAnchoredError(
            f"The plots were measured {abs(years)} years from the season; at most "
            f"{MOST_YEARS} are allowed for a total.",
            f"样地调查与本季相差 {abs(years)} 年，超过 {MOST_YEARS} 年，"
            "不据其推算总量。",
        )


def _told(found: Anchored, frame: Frame, sites: Sites) -> dict[str, object]:
    method = found.total.mean.method
    return {
        "total": found.total.total,
        "se": found.se,
        "low": found.low,
        "high": found.high,
        "sampling_se": found.total.se,
        "plots": found.plots,
        "year": sites.year,
        "forest_ha": frame.area_ha,
        "map_total": float(frame.mean[-1]) * frame.area_ha,
        "method": METHODS[method][0],
        "method_zh": METHODS[method][1],
        "auxiliaries": list(AUXILIARIES),
        "flags": [FLAGS[flag][0] for flag in FLAGS if flag in found.flags],
        "flags_zh": [FLAGS[flag][1] for flag in FLAGS if flag in found.flags],
    }


def _sum_forest(night: Night, parcels: Parcels, season: SeasonMaps) -> list[LayerKey]:
    """Add up auxiliaries and biomass over the forest of every parcel."""

    def work(group: Group) -> LayerKey:
        near = tiles_of(night.tiles, group.window)
        key = LayerKey.of(
            "forest-sums",
            region=night.settings.region.name,
            period=night.label(season.period),
            tile=group.tile,
            inputs={
                "coverage": group.coverage.digest,
                "cover": digests(season.cover, near),
                "agbd": digests(season.agbd, near),
            },
            settings={"forest_pct": FOREST_COVER_PCT},
        )
        build = partial(_build_forest, night, group, season)
        return night.catalog.produce(key, build).key

    return each(night, "", parcels.groups, work)


def _build_forest(
    night: Night, group: Group, season: SeasonMaps, folder: Path
) -> Facts:
    weights = read_weights(night, group)
    added = StripSums(weights, bands=len(AUXILIARIES) + 2)
    for piece in pieces(night.tiles, group.window):
        seen = read_piece(night, season.cover, COVER_FILE, piece, (COVER, NDMI))
        agbd = read_piece(night, season.agbd, AGBD_FILE, piece, (1,))
        forest = seen[0] >= FOREST_COVER_PCT
        layers = np.where(forest, np.concatenate([seen, agbd]), np.float32(np.nan))
        whole = np.concatenate([layers, seen[:1]])
        added.add(whole, row=piece.row, column=piece.column)
    total, seen_ha = added.result
    columns = {
        "total": total[:-1].T,
        "forest_ha": seen_ha[0],
        "seen_ha": seen_ha[-1],
        "polygon_ha": weights.polygon_ha,
    }
    write_arrays(folder / SUMS_FILE, columns)
    return {}


def _frame(night: Night, parcels: Parcels, parts: list[LayerKey]) -> Frame:
    held = [read_arrays(night.catalog.need(key).path(SUMS_FILE)) for key in parts]
    found = {
        name: stacked(night, parcels, [part[name] for part in held])
        for name in ("total", "forest_ha", "seen_ha", "polygon_ha")
    }
    least = night.settings.region.change.min_observed_pct / 100
    enough = found["seen_ha"] >= least * found["polygon_ha"]
    areas = areas_of(read_parcel_table(night, parcels))
    return Frame.of(
        found["total"].T[:, enough],
        found["forest_ha"][enough],
        found["seen_ha"][enough],
        np.stack([areas.area_ha, areas.area_se_ha])[:, enough],
    )


def _at_plots(
    night: Night, parcels: Parcels, season: SeasonMaps, sites: Sites
) -> AtPlots:
    """Return what the plots hold and what the season shows there.

    Raises
    ------
    NotAnchoredError
        Fewer than ``FEWEST`` plots were seen in the parcels.
    """
    table = sites.computed.table
    agb = table["agb_t_ha"].to_numpy(np.float64)
    aux = _seen_at(night, season, sites)
    shapes = read_parcel_table(night, parcels).geometry.to_numpy()
    hits = STRtree(shapes).query(points(sites.x, sites.y), predicate="intersects")
    inside = np.zeros(len(agb), np.bool_)
    inside[np.unique(hits[0])] = True
    usable = np.isfinite(aux).all(axis=1) & np.isfinite(agb)
    count = int((usable & inside).sum())
    if count < FEWEST:
        raise NotAnchoredError(
            f"{count} plots were seen in the parcels; {FEWEST} are needed for a total.",
            f"小班内仅有 {count} 个可用样地，推算总量至少需要 {FEWEST} 个。",
        )
    shared = table["se_equation_shared_t_ha"].to_numpy(np.float64)[usable]
    return AtPlots(agb, aux, inside, float(shared.mean()))


def _seen_at(night: Night, season: SeasonMaps, sites: Sites) -> Numbers:
    """Return the auxiliaries over plots' outlines (n, k); NaN where hardly seen."""
    weights = coverage_weights(sites.outlines, night.grid)
    added = StripSums(weights, bands=len(AUXILIARIES))
    for piece in around(night, sites.outlines):
        values = read_piece(night, season.cover, COVER_FILE, piece, (COVER, NDMI))
        added.add(values, row=piece.row, column=piece.column)
    total, seen_ha = added.result
    enough = (seen_ha >= MIN_SEEN * weights.polygon_ha) & (seen_ha > 0)
    means = np.full(total.shape, np.nan)
    np.divide(total, seen_ha, out=means, where=enough)
    return means.T
