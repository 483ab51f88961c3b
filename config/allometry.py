"""Equations of trees and stands from ``config/coefficients/``, checked row by row."""

import csv
import math
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from config.coefficients import ANY, find, load
from geo.errors import SettingsError
from models.allometry import (
    STATUSES,
    UNLIMITED,
    ExpansionClass,
    OrganEquation,
    TreeEquation,
    VolumeEquation,
)
from models.plot_error import PlotErrors
from store.record import Frozen

TREE_EQUATIONS = "tree_equations.csv"

Status = Literal["confirmed", "derived", "unverified", "proposal"]
_Parameters = tuple[float, ...]
_FORMS: dict[str, tuple[int, Callable[[str, _Parameters], OrganEquation]]] = {
    "constant": (1, lambda o, p: OrganEquation(o, math.log(p[0]), 0.0)),
    "power_d": (2, lambda o, p: OrganEquation(o, math.log(p[0]), p[1])),
    "power_d_h": (
        3,
        lambda o, p: OrganEquation(o, math.log(p[0]), p[1], ln_h=p[2]),
    ),
    "power_d2h": (
        2,
        lambda o, p: OrganEquation(o, math.log(p[0]), 2 * p[1], ln_h=p[1]),
    ),
    "ln_d": (2, lambda o, p: OrganEquation(o, p[0], p[1])),
    "ln_d2h": (2, lambda o, p: OrganEquation(o, p[0], 2 * p[1], ln_h=p[1])),
    "power_density_d2h": (
        2,
        lambda o, p: OrganEquation(
            o, math.log(p[0]), 2 * p[1], ln_h=p[1], ln_density=p[1]
        ),
    ),
    "ln_density_stress": (
        5,
        lambda o, p: OrganEquation(
            o, p[0], p[3], ln_d2=p[4], ln_density=p[2], stress=p[1]
        ),
    ),
}
"""How many parameters a form has, and what it is in logarithms.

``constant``: a; ``power_d``: a D^b; ``power_d_h``: a D^b H^c; ``power_d2h``:
a (D^2 H)^b; ``power_density_d2h``: a (rho D^2 H)^b; ``ln_d``: exp(a + b ln D);
``ln_d2h``: exp(a + b ln(D^2 H)); ``ln_density_stress``: exp(a + b E + c ln rho + d ln D
+ e (ln D)^2).
"""


class EquationRow(Frozen):
    """One organ of one equation, as its source prints it."""

    equation: str = Field(min_length=1)
    species_zh: str = Field(min_length=1)
    """One or more names, with | between them."""
    species: str = Field(min_length=1)
    organ: Literal["stem", "branch", "leaf", "above", "root"]
    form: str
    a: float = Field(allow_inf_nan=False)
    b: float | None = Field(allow_inf_nan=False)
    c: float | None = Field(allow_inf_nan=False)
    d: float | None = Field(allow_inf_nan=False)
    e: float | None = Field(allow_inf_nan=False)
    residual_sd_ln: float | None = Field(ge=0, le=2)
    shared_sd_ln: float | None = Field(ge=0, le=2)
    d_low_cm: float | None = Field(ge=0)
    d_high_cm: float | None = Field(gt=0)
    h_low_m: float | None = Field(ge=0)
    h_high_m: float | None = Field(gt=0)
    source: str = Field(min_length=10)
    year: int = Field(ge=1900, le=2100)
    status: Status

    @model_validator(mode="after")
    def _parameters_fit_the_form(self) -> Self:
        if self.form not in _FORMS:
            raise ValueError(f"form must be one of {', '.join(_FORMS)}")
        given = [one is not None for one in (self.a, self.b, self.c, self.d, self.e)]
        count = _FORMS[self.form][0]
        if given != [place < count for place in range(5)]:
            raise ValueError(f"{self.form} has the first {count} of a to e")
        if not self.form.startswith("ln") and self.a <= 0:
            raise ValueError("a must be positive")
        return self

    @property
    def organ_equation(self) -> OrganEquation:
        given = (self.a, self.b, self.c, self.d, self.e)
        return _FORMS[self.form][1](
            self.organ, tuple(one for one in given if one is not None)
        )


@cache
def tree_equations() -> dict[str, TreeEquation]:
    """Every tree equation by its name, in the order of the table."""
    path = files("config").joinpath("coefficients", TREE_EQUATIONS)
    return parse(path.read_text(encoding="utf-8"), file=TREE_EQUATIONS)


def parse(text: str, *, file: str) -> dict[str, TreeEquation]:
    """Read and check the text of the table; ``file`` is for messages.

    Raises
    ------
    SettingsError
        When columns are others, a row is wrong, an organ is twice in an equation or
        parts are there beside the whole.
    """
    reader = csv.DictReader(text.splitlines())
    columns = list(EquationRow.model_fields)
    if list(reader.fieldnames or ()) != columns:
        raise _wrong(file, 1, "columns", f"the columns must be {', '.join(columns)}")
    rows = [_row(cells, file, line) for line, cells in enumerate(reader, start=2)]
    found: dict[str, TreeEquation] = {}
    for name, group in groupby(rows, key=lambda row: row.equation):
        if name in found:
            raise _wrong(file, 0, "equation", f"the rows of {name} must be together")
        found[name] = _equation(list(group), file)
    return found


def equations_of(species: str) -> tuple[TreeEquation, ...]:
    """Return the equations that go by ``species``, the best attested first.

    ``species`` is the name of an equation, a Latin name or a Chinese one; case, spaces
    and full-width letters do not matter. Empty where there is none.
    """
    known = tree_equations()
    wanted = _folded(species)
    fit = [
        one
        for one in known.values()
        if wanted
        in {
            _folded(name)
            for name in (one.name, one.species, *one.species_zh.split("|"))
        }
    ]
    return tuple(sorted(fit, key=lambda one: STATUSES.index(one.status)))


def volume_equation(name: str) -> VolumeEquation:
    """Return the volume-to-biomass equation of a forest type.

    Raises ``SettingsError`` naming the types there are.
    """
    slope, start = find("biomass_per_volume", name), find("biomass_at_no_volume", name)
    return VolumeEquation(
        name, slope.value, start.value, f"{slope.source} ({slope.year})", slope.status
    )


def expansion_classes(zone: str) -> tuple[ExpansionClass, ...]:
    """Return the BCEF of a forest type by class of growing stock."""
    rows = [row for row in load("bcef") if row.species_or_zone == zone]
    if not rows:
        find("bcef_s", zone)  # says which types there are
    return tuple(ExpansionClass(*row.bounds, row.value) for row in rows)


def plot_errors() -> PlotErrors:
    """Return the measurement and equation errors of ``plot_error.csv``."""
    names = PlotErrors.__dataclass_fields__
    return PlotErrors(**{name: find(name, ANY).value for name in names})


def _equation(rows: list[EquationRow], file: str) -> TreeEquation:
    first = rows[0]
    organs = [row.organ for row in rows]
    if len(set(organs)) < len(organs):
        raise _wrong(file, 0, "organ", f"{first.equation} has an organ twice")
    if "above" in organs and set(organs) - {"above", "root"}:
        raise _wrong(file, 0, "organ", f"{first.equation} has parts beside the whole")
    alike = {(row.species_zh, row.species, *_ranges(row)) for row in rows}
    if len(alike) > 1:
        raise _wrong(file, 0, "row", f"{first.equation} is of two kinds or two ranges")
    worst = max((row.status for row in rows), key=STATUSES.index)
    of_worst = next(row for row in rows if row.status == worst)
    dbh, height = _ranges(first)
    return TreeEquation(
        name=first.equation,
        species_zh=first.species_zh,
        species=first.species,
        organs=tuple(row.organ_equation for row in rows),
        dbh_range_cm=dbh,
        height_range_m=height,
        residual_sd=_or_usual(first.residual_sd_ln, "equation_residual_sd"),
        shared_sd=_or_usual(first.shared_sd_ln, "equation_shared_sd"),
        source=f"{of_worst.source} ({of_worst.year})",
        status=worst,
    )


def _or_usual(given: float | None, name: str) -> float:
    return find(name).value if given is None else given


def _ranges(row: EquationRow) -> tuple[tuple[float, float], tuple[float, float]]:
    return (
        _range(row.d_low_cm, row.d_high_cm),
        _range(row.h_low_m, row.h_high_m),
    )


def _range(low: float | None, high: float | None) -> tuple[float, float]:
    return (
        UNLIMITED[0] if low is None else low,
        UNLIMITED[1] if high is None else high,
    )


def _row(
    cells: dict[str | None, str | list[str] | None], file: str, line: int
) -> EquationRow:
    try:
        given = {str(key): value or None for key, value in cells.items()}
        return EquationRow.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "row"
        raise _wrong(file, line, field, first["msg"]) from error


def _folded(text: str) -> str:
    kept: Iterable[str] = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in kept if letter.isalnum())


def _wrong(file: str, line: int, field: str, what: str) -> SettingsError:
    place = f"{file}, line {line}" if line else file
    return SettingsError(
        f"{place}, {field}: {what}.",
        zh=f"系数表 {place} 的 {field} 有误：{what}。请更正。",
        cure="Correct the table of equations.",
        file=file,
        item=line,
        field=field,
    )
