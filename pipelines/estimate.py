"""From two tables to estimates: read, estimate region and areas, write down."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import TableError, TooFewObservationsError
from models.estimates import FLAGS, Estimate, title
from models.estimation import Fit, Sample, fit
from models.scores import significant
from models.small_areas import AreaEstimates, estimate_area
from models.targets import Target
from models.totals import total_of
from store.estimate_tables import Columns, PlotTable, read_population, read_sample
from store.files import write_json
from store.phases import whole_first_phase
from store.rows import write_rows

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: two files, their columns, the design."""

    sample: str
    population: str
    columns: Columns
    is_two_phase: bool
    level: float


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Rows to report, rows to compare them with, and all that was said on the way."""

    request: Request
    rows: list[Row]
    comparison: list[Row]
    sample: PlotTable
    population: PlotTable
    kind: tuple[str, str, str]
    model: Fit
    notes: tuple[str, ...]

    def record(self) -> dict[str, object]:
        """Return what the JSON holds."""
        names = ("intercept", *self.request.columns.aux)
        slopes = self.model.coefficients()
        kind, english, chinese = self.kind
        return {
            "design": "two-phase" if self.request.is_two_phase else "exhaustive",
            "y": self.request.columns.y,
            "aux": list(self.request.columns.aux),
            "by": self.request.columns.area or None,
            "level": self.request.level,
            "results": self.rows,
            "comparison": self.comparison,
            "model": {
                "coefficients": {
                    name: significant(float(slope))
                    for name, slope in zip(names, slopes, strict=True)
                },
                "r2": _figure(self.model.r2()),
            },
            "sample": _told(self.sample),
            "population": {
                **_told(self.population),
                "kind": kind,
                "meaning": english,
                "meaning_zh": chinese,
                "size": self.request.columns.size or None,
            },
            "flags": {
                code: {"en": FLAGS[code][0], "zh": FLAGS[code][1]}
                for code in FLAGS
                if any(code in _flags(row) for row in (*self.rows, *self.comparison))
            },
            "notes": list(self.notes),
        }


def run_estimate(request: Request) -> Result:
    """Estimate the region and, if asked for, each area of the population.

    Raises
    ------
    UnsafePathError, TableError
        If a file, a column or a row cannot be used.
    TooFewObservationsError
        If there are too few plots for the auxiliaries.
    """
    columns = request.columns
    table = read_sample(request.sample, columns)
    population = _population(request, table)
    sample = Sample(
        table.y,
        table.aux,
        _codes(table.cluster) if columns.cluster else None,
        columns.aux,
    )
    try:
        model = fit(sample)
    except (TableError, TooFewObservationsError) as error:
        raise error.at(file=request.sample) from None
    return _estimated(request, (sample, model), table, population)


def save(result: Result, out: Path) -> None:
    """Write ``result`` as JSON, or its rows as CSV, by the ending of ``out``."""
    if out.suffix.lower() == ".json":
        write_json(out, result.record())
    else:
        rows = [{**row, "reported": True} for row in result.rows]
        rows += [{**row, "reported": False} for row in result.comparison]
        write_rows(out, rows)


def _population(request: Request, sample: PlotTable) -> PlotTable:
    columns = request.columns
    if not request.is_two_phase:
        columns = replace(columns, cluster="")
    population = read_population(request.population, columns, units=sample.units)
    if not request.is_two_phase:
        return population
    return whole_first_phase(sample, population)


def _estimated(
    request: Request,
    fitted: tuple[Sample, Fit],
    table: PlotTable,
    population: PlotTable,
) -> Result:
    sample, model = fitted
    kind = _kind(request, population)
    rows: list[Row] = []
    comparison: list[Row] = []
    notes = [*table.notes, *population.notes]
    for area, inside, members in _areas(request, table, population, kind[0]):
        try:
            target = _target(request, population, members)
        except TooFewObservationsError as error:
            notes.append(f"{area}: {error.what} {error.zh}")
            continue
        found = estimate_area(sample, inside, target, model=model, level=request.level)
        size = _size(request, population, members)
        rows.append(_row(area, found.chosen, request, size) | _gain(found))
        comparison += [
            _row(area, one, request, size) | {"relative_efficiency": None}
            for one in found.others
        ]
    has_region = any(row["area"] is None for row in rows)
    notes += _told_of(table, population, has_region=has_region)
    return Result(
        request, rows, comparison, table, population, kind, model, tuple(notes)
    )


def _kind(request: Request, population: PlotTable) -> tuple[str, str, str]:
    if request.is_two_phase:
        return "first_phase", "each row is a first-phase plot", "每行为一个第一相样地"
    areas = len(np.unique(population.area))
    if len(population) == (areas if request.columns.area else 1):
        return "means", "each row holds the means of an area", "每行为一个区域的均值"
    weighted = "weighted by size" if request.columns.size else "all of equal size"
    weighted_zh = "按面积加权" if request.columns.size else "等面积"
    return (
        "units",
        f"each row is a unit of the population, {weighted}; means are taken over rows",
        f"每行为总体的一个单元（{weighted_zh}），均值由各行求得",
    )


def _areas(
    request: Request, table: PlotTable, population: PlotTable, kind: str
) -> Iterator[tuple[str | None, NDArray[np.bool_], NDArray[np.int64]]]:
    """Yield name, plots inside and rows of the population; None names the region."""
    every = np.arange(len(population))
    known = kind != "means" or request.columns.size or not request.columns.area
    if known:
        yield None, np.isin(table.area, population.area), every
    if request.columns.area:
        places = pd.Series(every).groupby(population.area).indices
        for name in np.unique(population.area):
            yield str(name), table.area == name, np.asarray(places[name], np.int64)


def _target(
    request: Request, population: PlotTable, members: NDArray[np.int64]
) -> Target:
    aux = population.aux[members]
    size = None if population.size is None else population.size[members]
    if not request.is_two_phase:
        try:
            return Target.census(aux, size=size)
        except TableError as error:
            raise error.at(
                file=request.population, field=request.columns.size
            ) from None
    cluster = population.cluster[members] if request.columns.cluster else None
    return Target.first_phase(
        aux, cluster=None if cluster is None else _codes(cluster), weight=size
    )


def _size(
    request: Request, population: PlotTable, members: NDArray[np.int64]
) -> float | None:
    if population.size is None or request.is_two_phase:
        return None
    return float(population.size[members].sum())


def _row(area: str | None, one: Estimate, request: Request, size: float | None) -> Row:
    code, english, chinese = title(one.method, sampled=request.is_two_phase)
    inside = one.counts.second_in_area
    total = None if size is None else total_of(one, area_ha=size)
    low, high = one.limits(one.variance) or (None, None)
    low_ext, high_ext = one.limits(one.ext_variance) or (None, None)
    return {
        "area": area,
        "method": code,
        "method_en": english,
        "method_zh": chinese,
        "estimate": _figure(one.estimate),
        "ext_variance": _figure(one.ext_variance),
        "g_variance": _figure(one.g_variance),
        "se": _figure(one.se),
        "n": one.counts.second if inside is None else inside,
        "n1": one.counts.first_in_area if inside is not None else one.counts.first,
        "n2": one.counts.second,
        "degrees": one.degrees,
        "level": one.level,
        "lower": _figure(low),
        "upper": _figure(high),
        "lower_ext": _figure(low_ext),
        "upper_ext": _figure(high_ext),
        "size": _figure(size),
        "total": _figure(None if total is None else total.total),
        "total_se": _figure(None if total is None else total.se),
        "flags": list(one.flags),
    }


def _gain(found: AreaEstimates) -> Row:
    """Say how many times more plots the plain mean would need."""
    plain = [one for one in found.others if one.method == "plain_mean"]
    variance = found.chosen.variance
    known = bool(plain) and variance > 0
    return {
        "relative_efficiency": _figure(plain[0].variance / variance) if known else None
    }


def _told_of(table: PlotTable, population: PlotTable, *, has_region: bool) -> list[str]:
    notes = []
    strange = sorted(set(table.area) - set(population.area))
    if strange:
        notes.append(
            f"{', '.join(strange)} of {table.name} is not in {population.name}: "
            "its plots help to fit the model, but it gets no estimate. "
            "该区不在总体表中，样地只用于建模。"
        )
    if len(population) > 1 and not has_region:
        notes.append(
            f"{population.name} gives means without sizes, so there is no estimate of "
            "the whole region; name a column of areas by --size. "
            "总体均值未给面积，无法估计全区；请用 --size 指定面积列。"
        )
    return notes


def _told(table: PlotTable) -> dict[str, object]:
    return {"file": table.name, "sha256": table.digest, "rows": len(table)}


def _flags(row: Row) -> list[str]:
    flags = row["flags"]
    return flags if isinstance(flags, list) else []


def _codes(names: NDArray[np.str_]) -> NDArray[np.int64]:
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _figure(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else significant(value)
