"""Can a scene be trusted? Facts counted in one pass, and what they must not be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from geo.errors import RasterError
from geo.masks import CLEAR, CLOUDED, NO_DATA

VISIBLE = ("blue", "green", "red")

_LOW, _HIGH, _STEPS = -1.0, 3.0, 1000
"""Histogram: a thousand steps per unit of reflectance; what lies beyond is counted at
the ends, so whole numbers add up to the same quantiles whatever the chunks."""

_BINS = round((_HIGH - _LOW) * _STEPS) + 1


class SceneFacts(TypedDict):
    """What one scene holds on the grid, in cells; plain JSON."""

    cells: int
    no_data: int
    clear: int
    clouded: int
    invalid: int
    """Cells whose source held NaN or infinity that is not its nodata value."""
    no_observation: bool
    """Not one clear cell: nothing to compute from, and no error."""
    clear_pct: float
    offset_applied: bool
    quantiles: dict[str, dict[str, float]]
    """Reflectance of the clear cells by band: ``q005``, ``q01``, ``q50``, ``q99``."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a product's clear reflectance looks like; figures outside are not trusted.

    ``darkest`` bounds the darkest hundredth of the visible bands: dense forest, shadow
    and water reflect 0.01-0.05. A Sentinel-2 offset that was applied twice or not at
    all moves that by 0.1, and so does haze over a whole scene.
    """

    nir_median: tuple[float, float] = (0.005, 1.0)
    darkest: tuple[float, float] = (-0.02, 0.095)
    invalid_share: float = 0.01
    least_clear: int = 400
    """Fewer clear cells than this say nothing about a distribution."""


SURFACE_REFLECTANCE = Profile()


def scene_facts(dataset: xr.Dataset) -> SceneFacts:
    """Count what a loaded scene holds, in one pass, chunk by chunk.

    Parameters
    ----------
    dataset
        ``reflectance`` (band, y, x) and ``status`` (y, x); ``invalid`` (y, x) and the
        attribute ``offset_applied`` where the provider says so.
    """
    seen = dataset["status"]
    invalid = dataset.get("invalid", xr.zeros_like(seen, dtype=bool))
    bands = [str(name) for name in dataset["band"].values]
    tallies, histograms = _tally(dataset["reflectance"], seen, invalid)
    cells = int(seen.size)
    clear = int(tallies[CLEAR])
    return {
        "cells": cells,
        "no_data": int(tallies[NO_DATA]),
        "clear": clear,
        "clouded": int(tallies[CLOUDED]),
        "invalid": int(tallies[3]),
        "no_observation": clear == 0,
        "clear_pct": round(100 * clear / cells, 2),
        "offset_applied": bool(dataset.attrs.get("offset_applied", False)),
        "quantiles": {
            band: _quantiles(counts)
            for band, counts in zip(bands, histograms, strict=True)
            if counts.any()
        },
    }


def scene_problems(
    facts: SceneFacts, profile: Profile = SURFACE_REFLECTANCE
) -> tuple[RasterError, ...]:
    """Return why a scene with these ``facts`` may not be used; empty if it may.

    A scene without a clear cell is no problem: it is no observation.
    """
    problems = [_too_many_invalid(facts, profile)]
    if facts["clear"] >= profile.least_clear:
        problems += [
            _wrongly_scaled(facts, profile),
            _offset_applied_twice(facts, profile),
            _offset_missing(facts, profile),
        ]
    return tuple(problem for problem in problems if problem is not None)


def require_plausible(
    facts: SceneFacts, scene_id: str, *, profile: Profile = SURFACE_REFLECTANCE
) -> None:
    """Raise the first of ``scene_problems`` as ``RasterError``, naming the scene."""
    for problem in scene_problems(facts, profile):
        raise problem.at(item=scene_id)


def _tally(
    reflectance: xr.DataArray, seen: xr.DataArray, invalid: xr.DataArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return cells by status with the invalid ones last, and histograms by band."""
    reflectance = reflectance.transpose("band", "y", "x")
    if reflectance.chunks is None:
        return _count(reflectance.values, seen.values, invalid.values)
    reflectance = reflectance.chunk(band=-1)
    plane = {name: reflectance.chunksizes[name] for name in ("y", "x")}
    parts = zip(
        *(
            array.data.to_delayed().ravel()
            for array in (reflectance, seen.chunk(plane), invalid.chunk(plane))
        ),
        strict=True,
    )
    counted = [delayed(_count)(*part) for part in parts]
    while len(counted) > 1:
        counted = [
            delayed(_add)(counted[start : start + 8])
            for start in range(0, len(counted), 8)
        ]
    total: tuple[NDArray[np.int64], NDArray[np.int64]] = counted[0].compute()
    return total


def _add(
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tallies = np.sum([part[0] for part in parts], axis=0)
    return tallies, np.sum([part[1] for part in parts], axis=0)


def _count(
    reflectance: NDArray[np.float32],
    seen: NDArray[np.uint8],
    invalid: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tallies = np.bincount(seen.ravel(), minlength=3)[:3].astype(np.int64)
    clear = seen == CLEAR
    histograms = np.zeros((len(reflectance), _BINS), dtype=np.int64)
    for band, values in enumerate(reflectance):
        kept = values[clear]
        kept = kept[np.isfinite(kept)]
        np.clip(kept, np.float32(_LOW), np.float32(_HIGH), out=kept)
        kept -= np.float32(_LOW)
        kept *= np.float32(_STEPS)
        histograms[band] = np.bincount(np.rint(kept).astype(np.intp), minlength=_BINS)
    return np.append(tallies, np.count_nonzero(invalid)), histograms


def _quantiles(counts: NDArray[np.int64]) -> dict[str, float]:
    running = np.cumsum(counts)
    levels = {"q005": 0.005, "q01": 0.01, "q50": 0.5, "q99": 0.99}
    return {
        name: round(
            int(np.searchsorted(running, level * running[-1])) / _STEPS + _LOW, 3
        )
        for name, level in levels.items()
    }


def _too_many_invalid(facts: SceneFacts, profile: Profile) -> RasterError | None:
    if facts["invalid"] <= profile.invalid_share * facts["cells"]:
        return None
    return RasterError(
        f"{facts['invalid']} of {facts['cells']} cells hold NaN or infinity.",
        zh=f"{facts['cells']} 个像元中有 {facts['invalid']} 个为 NaN 或无穷大。"
        "请检查生产该影像的软件，或声明正确的无数据值。",
        cure="Check the program that wrote the raster, or declare its nodata value.",
        value=facts["invalid"],
        expected=f"at most {profile.invalid_share:.0%} of the cells",
    )


def _wrongly_scaled(facts: SceneFacts, profile: Profile) -> RasterError | None:
    low, high = profile.nir_median
    medians: dict[str, float] = {
        band: facts["quantiles"][band]["q50"]
        for band in ("nir", "nir08")
        if band in facts["quantiles"]
    }
    wrong = {band: value for band, value in medians.items() if not low <= value <= high}
    if not wrong:
        return None
    return RasterError(
        f"The median clear reflectance {_listed(wrong)} is impossible: the pixels were "
        "scaled twice or not at all.",
        zh=f"晴空反射率中值 {_listed(wrong)} 不可能出现：像元值被重复缩放或未缩放。"
        "请核对元数据中的 scale 与 offset。",
        cure="Correct scale and offset in the item's metadata or the region file.",
        field="scale",
        value=_listed(wrong),
        expected=f"{low} to {high}",
    )


def _offset_applied_twice(facts: SceneFacts, profile: Profile) -> RasterError | None:
    darkest = _of_visible(facts["quantiles"], "q005")
    wrong = {
        band: value for band, value in darkest.items() if value < profile.darkest[0]
    }
    if not wrong:
        return None
    return RasterError(
        f"The darkest clear cells reflect {_listed(wrong)}: the offset was applied "
        "twice.",
        zh=f"最暗的晴空像元反射率为 {_listed(wrong)}：偏移量被重复扣除。"
        "请核对元数据中的 BOA_ADD_OFFSET。",
        cure="Correct the offset in the item's metadata: its pixels already contain "
        "it.",
        field="offset",
        value=_listed(wrong),
        expected=f"at least {profile.darkest[0]}",
    )


def _offset_missing(facts: SceneFacts, profile: Profile) -> RasterError | None:
    darkest = _of_visible(facts["quantiles"], "q01")
    if facts["offset_applied"] or not darkest:
        return None
    if min(darkest.values()) <= profile.darkest[1]:
        return None
    return RasterError(
        f"Even the darkest clear cells reflect {_listed(darkest)} without an offset: "
        "the metadata lacks BOA_ADD_OFFSET, or haze that the mask misses covers all.",
        zh=f"最暗的晴空像元反射率仍达 {_listed(darkest)}，且未应用偏移量："
        "元数据缺少 BOA_ADD_OFFSET，或整景被掩膜遗漏的薄云(霾)覆盖。请核对元数据。",
        cure="State the product's own offset in the item's metadata, if it has one.",
        field="offset",
        value=_listed(darkest),
        expected=f"one visible band at or below {profile.darkest[1]}",
    )


def _of_visible(
    quantiles: Mapping[str, Mapping[str, float]], level: str
) -> dict[str, float]:
    return {band: quantiles[band][level] for band in VISIBLE if band in quantiles}


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{band} {value:g}" for band, value in values.items())
