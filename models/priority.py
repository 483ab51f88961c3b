"""Score and rank parcels for new sink forest: a first, transparent weighted sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import SettingsError

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

CRITERIA: dict[str, tuple[str, str]] = {
    "carbon_potential": ("Room for biomass to grow", "固碳潜力"),
    "eco_fragility": ("Ecological fragility", "生态脆弱性"),
    "emission_exposure": ("Emission exposure", "排放暴露"),
    "idle_land": ("Share of land with little cover", "低覆盖地比例"),
    "access": ("Ease of access", "可达性"),
}
"""What may be weighed, in English and Chinese; more of each means plant here first."""

SHARES = frozenset({"carbon_potential", "idle_land"})
"""Criteria that are shares: 1 means the same in every region."""

REASONS: dict[str, tuple[str, str]] = {
    "forest_already": ("forest already", "已是森林"),
    "too_small": ("too small", "面积过小"),
    "no_observation": ("not observed", "未观测"),
}
"""Why a parcel has no score, in order of precedence."""

_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Scores and ranks in the order of the parcels that were given."""

    score: Numbers
    """0-1, six digits; NaN where the parcel may not be planted."""
    rank: NDArray[np.int64]
    """1 is first; 0 where there is no score."""
    reason: tuple[str, ...]
    """A key of ``REASONS`` where there is no score, else ""."""
    weights: dict[str, float]
    """The weights that were used; they add up to 1."""
    missing: tuple[str, ...]
    """Weighted criteria for which there was no layer."""


def carbon_potential(agbd_t_ha: Numbers, *, default_t_ha: float) -> Numbers:
    """Room to grow, (default - present) / default, limited to 0-1; NaN stays NaN."""
    return np.clip((default_t_ha - agbd_t_ha) / default_t_ha, 0.0, 1.0)


def not_plantable(
    cover_pct: Numbers,
    area_ha: Numbers,
    *,
    forest_cover_pct: float = 20.0,
    least_area_m2: float = 400.0,
) -> dict[str, Flags]:
    """Which parcels may not be planted, by reason.

    Forest has a canopy cover of 20 % or more, and CCER-14-001 counts parcels of at
    least 400 m2, to the square metre. A parcel whose cover was not observed (NaN) is
    not known to be free of forest.
    """
    return {
        "forest_already": cover_pct >= forest_cover_pct,
        "too_small": np.round(area_ha * 10_000) < least_area_m2,
        "no_observation": np.isnan(cover_pct),
    }


def rank_zones(
    parcel_ids: Sequence[str],
    criteria: Mapping[str, Numbers],
    *,
    weights: Mapping[str, float],
    excluded: Mapping[str, Flags],
) -> Ranking:
    """Score S = sum of w_k x_k over the criteria that are there, and rank.

    Criteria of ``SHARES`` are 0-1 by nature and count as they are; others count as
    their share of the greatest value among the eligible parcels. Weights are
    renormalised over the criteria present; ``missing`` names the others. Equal scores
    rank by parcel id.

    Parameters
    ----------
    criteria
        Values by key of ``CRITERIA``, one per parcel; NaN excludes the parcel as not
        observed.
    weights
        By key of ``CRITERIA``, not negative, of any sum.
    excluded
        Flags by key of ``REASONS``.

    Raises
    ------
    SettingsError
        When a criterion is unknown, a weight is negative, or no weighted criterion is
        there.
    """
    used = _present_weights(criteria, weights)
    flags = dict(excluded)
    unseen = flags.get("no_observation", np.zeros(len(parcel_ids), bool))
    for name in used:
        unseen = unseen | ~np.isfinite(criteria[name])
    flags["no_observation"] = unseen
    reason = _reasons(flags, len(parcel_ids))
    eligible = np.array([why == "" for why in reason], bool)
    score = np.full(len(parcel_ids), np.nan)
    if eligible.any():
        parts = (used[name] * _scaled(name, criteria[name][eligible]) for name in used)
        score[eligible] = np.round(sum(parts, np.zeros(eligible.sum())), _DIGITS)
    missing = tuple(
        name for name in CRITERIA if weights.get(name, 0) > 0 and name not in used
    )
    return Ranking(score, _ranks(score, parcel_ids), reason, used, missing)


def _present_weights(
    criteria: Mapping[str, Numbers], weights: Mapping[str, float]
) -> dict[str, float]:
    unknown = sorted({*criteria, *weights} - set(CRITERIA))
    negative = sorted(name for name, weight in weights.items() if not weight >= 0)
    if unknown or negative:
        wrong = ", ".join(unknown or negative)
        raise SettingsError(
            f"Priority criteria: {wrong} is {'unknown' if unknown else 'negative'}.",
            zh=f"优先度准则 {wrong} {'不存在' if unknown else '权重为负'}，"
            "请改正权重设置。",
            cure=f"Use weights not below 0 for {', '.join(CRITERIA)}.",
            field="priority.weights",
            value=wrong,
        )
    present = {
        name: float(weights[name])
        for name in CRITERIA
        if name in criteria and weights.get(name, 0) > 0
    }
    whole = sum(present.values())
    if whole == 0:
        raise SettingsError(
            "No criterion with a weight has a layer, so nothing can be ranked.",
            zh="带权重的准则均无图层，无法排序；请提供图层或调整权重。",
            cure="Provide a layer, or give weight to a criterion that has one.",
            field="priority.weights",
            value=dict(weights),
        )
    return {name: weight / whole for name, weight in present.items()}


def _reasons(flags: Mapping[str, Flags], count: int) -> tuple[str, ...]:
    reason = np.full(count, "", object)
    for name in reversed(REASONS):
        if name in flags:
            reason[flags[name]] = name
    return tuple(str(one) for one in reason)


def _scaled(name: str, values: Numbers) -> Numbers:
    highest = 1.0 if name in SHARES else np.inf
    if values.min() < 0 or values.max() > highest:
        raise ValueError(
            f"{name} goes from {values.min():g} to {values.max():g}; it should lie "
            f"within 0 to {highest:g}."
        )
    if name in SHARES:
        return values
    greatest = values.max()
    return values / greatest if greatest > 0 else np.zeros(len(values))


def _ranks(score: Numbers, parcel_ids: Sequence[str]) -> NDArray[np.int64]:
    ranked = [place for place in range(len(score)) if not np.isnan(score[place])]
    ranked.sort(key=lambda place: (-score[place], parcel_ids[place]))
    rank = np.zeros(len(score), np.int64)
    rank[ranked] = np.arange(1, len(ranked) + 1)
    return rank
