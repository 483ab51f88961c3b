"""What a region emits: sources counted once, summed by sector, scope and year."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geo.errors import TableError

KEY = ("source_id", "year", "scope")
"""What names one figure of one source: nothing is counted twice under it."""

COLUMNS = (
    *KEY,
    "name",
    "sector",
    "co2e_t_yr",
    "se_t_yr",
    "method",
    "is_estimated",
    "factors",
    "x",
    "y",
    "file",
    "item",
)
"""Of the table of sources: x and y of the middle in metres, file and row of origin."""

INVENTORY_COLUMNS = (
    "sector",
    "scope",
    "year",
    "sources",
    "co2e_t_yr",
    "se_t_yr",
    "estimated_pct",
    "intensity_t_km2",
)

SAME_SHARE = 1e-6
SAME_PLACE_M = 100.0
DIRECT = 1
"""Scope 1: what the source itself lets out. Electricity that it buys (scope 2) is
already counted at the power station, so only scope 1 adds up over a region."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Sources that count, each once; what was dropped and what looks doubtful."""

    sources: pd.DataFrame
    rejected: tuple[TableError, ...]
    """Keys whose rows contradict one another: none of them counts."""
    notes: tuple[TableError, ...]
    """Rows that repeat another one, and sources that look like one under two ids."""


def count_once(sources: pd.DataFrame) -> Counted:
    """Keep one row per key over all files and years.

    Rows of a key that agree on emission (to a millionth) and place (to 100 m) are one
    source delivered twice: the first stays. Rows that differ contradict one another,
    and none stays. Different ids with the same figure, sector and place are noted:
    both stay, because two equal boilers may share a chimney.

    Parameters
    ----------
    sources
        Columns of ``COLUMNS``, in the order of files and rows.
    """
    frame = sources.reset_index(drop=True)
    dropped: list[int] = []
    rejected, notes = [], []
    shares = frame.duplicated(list(KEY), keep=False)
    for key, group in frame.loc[shares].groupby(list(KEY), sort=True):
        named = "/".join(str(part) for part in np.atleast_1d(np.array(key, object)))
        if _agree(group):
            dropped += list(group.index[1:])
            notes.append(_repeated(named, group))
        else:
            dropped += list(group.index)
            rejected.append(_contradicts(named, group))
    kept = frame.drop(index=dropped).reset_index(drop=True)
    return Counted(kept, tuple(rejected), (*notes, *_lookalikes(kept)))


def of_year(sources: pd.DataFrame, year: int, *, carry_years: int = 0) -> pd.DataFrame:
    """Return one row per source and scope for ``year``.

    A source without a row of that year brings its latest one from at most
    ``carry_years`` before, marked as estimated and ``carried`` with its year.

    Raises
    ------
    TableError
        When no source has a figure for that year.
    """
    near = sources[(sources["year"] <= year) & (sources["year"] >= year - carry_years)]
    if near.empty:
        years = ", ".join(str(one) for one in sorted(set(sources["year"])))
        raise TableError(
            f"No emission source has a figure for {year}.",
            zh=f"没有 {year} 年的排放源数据；现有年份：{years or '无'}。",
            cure=f"Ask for one of {years or 'no year'}, or carry older figures.",
            field="year",
            value=year,
            expected=years,
        )
    latest = near.sort_values("year", kind="stable").groupby(
        ["source_id", "scope"], sort=True
    )
    chosen = latest.tail(1).sort_values(["source_id", "scope"]).reset_index(drop=True)
    old = chosen["year"] < year
    return chosen.assign(
        carried_from=chosen["year"].where(old),
        is_estimated=chosen["is_estimated"] | old,
        year=year,
    )


def inventory(
    sources: pd.DataFrame, *, region_ha: float, share_inside: Sequence[float]
) -> pd.DataFrame:
    """Sum emissions by sector, scope and year, with intensity per area.

    Parameters
    ----------
    share_inside
        Part (0-1) of each source that lies in the region: only that counts.

    Returns
    -------
        ``sector``, ``scope``, ``year``, ``sources``, ``co2e_t_yr``, ``se_t_yr``,
        ``estimated_pct`` (of the emission), ``intensity_t_km2``; and for every year
        and scope a row with the sector ``all``. Errors of sources that share the same
        factors add up linearly, others as independent ones.
    """
    inside = np.asarray(share_inside, np.float64)
    part = sources[["sector", "scope", "year", "factors", "is_estimated"]].assign(
        co2e_t_yr=sources["co2e_t_yr"].to_numpy(np.float64) * inside,
        se_t_yr=sources["se_t_yr"].to_numpy(np.float64) * inside,
    )
    part = part[inside > 0]
    whole = part.assign(sector="all")
    rows = [
        _summed(key, group, region_ha)
        for frame in (part, whole)
        for key, group in frame.groupby(["year", "scope", "sector"], sort=True)
    ]
    return pd.DataFrame(rows, columns=list(INVENTORY_COLUMNS)).sort_values(
        ["year", "scope", "sector"], ignore_index=True
    )


def intensity(
    table: pd.DataFrame, denominators: pd.DataFrame, *, unit: str
) -> pd.DataFrame:
    """Return ``table`` with emission per unit of output, population or the like.

    Parameters
    ----------
    denominators
        ``sector``, ``year`` and ``value`` in ``unit``; sectors without one get NaN.
    """
    joined = table.merge(
        denominators[["sector", "year", "value"]],
        on=["sector", "year"],
        how="left",
        validate="m:1",
    )
    value = joined.pop("value")
    per = joined["co2e_t_yr"] / value.where(value > 0)
    return joined.assign(**{f"t_per_{unit}": per})


def _summed(key: object, group: pd.DataFrame, region_ha: float) -> tuple[object, ...]:
    year, scope, sector = np.array(key, object)
    total = float(group["co2e_t_yr"].sum())
    shared = group.groupby("factors", sort=True)["se_t_yr"].sum()
    guessed = float(group.loc[group["is_estimated"], "co2e_t_yr"].sum())
    return (
        sector,
        scope,
        year,
        len(group),
        total,
        float(np.hypot.reduce(shared.to_numpy(np.float64))),
        100 * guessed / total if total > 0 else 0.0,
        total / (region_ha / 100),
    )


def _agree(group: pd.DataFrame) -> bool:
    figures = group["co2e_t_yr"].to_numpy(np.float64)
    apart = np.hypot(group["x"] - group["x"].iloc[0], group["y"] - group["y"].iloc[0])
    close = np.abs(figures - figures[0]) <= SAME_SHARE * np.abs(figures[0])
    return bool(close.all() and (apart <= SAME_PLACE_M).all())


def _rows(group: pd.DataFrame) -> str:
    return "; ".join(
        f"{file} {item}"
        for file, item in zip(group["file"], group["item"], strict=True)
    )


def _repeated(key: str, group: pd.DataFrame) -> TableError:
    return TableError(
        f"Source {key} was delivered {len(group)} times; it counts once.",
        zh=f"排放源 {key} 重复提交 {len(group)} 次，只计一次。",
        cure="Nothing, unless they are different sources: then give each its own id.",
        field=" + ".join(KEY),
        item=_rows(group),
        value=key,
    )


def _contradicts(key: str, group: pd.DataFrame) -> TableError:
    figures = ", ".join(f"{value:g}" for value in group["co2e_t_yr"])
    return TableError(
        f"Source {key} has rows that contradict one another ({figures} t CO2e/yr); "
        "none was used.",
        zh=f"排放源 {key} 的多条记录相互矛盾（{figures} 吨），均未采用，请只保留一条。",
        cure="Keep one row for each source, year and scope.",
        field=" + ".join(KEY),
        item=_rows(group),
        value=figures,
        file=group["file"].iloc[0],
    )


def _lookalikes(frame: pd.DataFrame) -> list[TableError]:
    """Note different ids of one year with the same figure, sector and place."""
    counted = frame[frame["co2e_t_yr"] > 0]
    place = [np.round(counted[axis] / SAME_PLACE_M) for axis in ("x", "y")]
    figure = counted["co2e_t_yr"].round(3)
    by = [counted["year"], counted["scope"], counted["sector"], figure, *place]
    found = []
    for _, group in counted.groupby(by, sort=True):
        if len(group) > 1:
            ids = ", ".join(str(one) for one in group["source_id"])
            found.append(
                TableError(
                    f"Sources {ids} have the same figure, sector and place: one may "
                    "be counted twice.",
                    zh=f"排放源 {ids} 数值、行业与位置相同，可能重复计算，请核对。",
                    cure="If they are one source, keep one of them.",
                    field="source_id",
                    item=_rows(group),
                    value=ids,
                )
            )
    return found
