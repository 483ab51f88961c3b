"""The tables of ``config/coefficients/``: every value with unit, source, status."""

import csv
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator, model_validator

from geo.errors import SettingsError
from models.carbon import RatioClass
from store.record import Coefficient as Used

TABLES_FOLDER = Path(__file__).parent / "coefficients"
TABLES = (
    "ahp",
    "bcef",
    "carbon_fraction",
    "default_agbd",
    "emission_factors",
    "growth",
    "limits",
    "plot_error",
    "priority",
    "root_shoot",
    "sampling",
    "siting",
    "volume_biomass",
)
"""One CSV each; a coefficient's name belongs to one table."""

COLUMNS = (
    "name",
    "value",
    "se",
    "unit",
    "species_or_zone",
    "valid_range",
    "source",
    "year",
    "status",
)

UNITS = frozenset(
    {"1", "%", "m", "cm", "ha", "m2/ha", "mm/yr", "t/ha", "t/ha/yr", "t/km2/yr"}
    | {"t/m3", "1/yr", "deg", "1/deg", "h/yr", "ha/yr"}
    | {"kg/GJ", "GJ/t", "t/MWh", "t/t", "g/km", "CNY/ha", "CNY/ha/km"}
    | {"MJ mm/ha/h/yr", "t ha h/ha/MJ/mm"}
)

ANY = "any"
"""The zone of a coefficient that holds everywhere."""


class Coefficient(Used):
    """One row: a value with its standard error, where it holds and who says so."""

    value: float = Field(allow_inf_nan=False)
    se: float | None = Field(ge=0, allow_inf_nan=False)
    species_or_zone: str = Field(min_length=1)
    valid_range: str
    """"low..high", (low, high], of what the table has classes of; "" for no limit.

    That is above-ground biomass in t/ha, growing stock in m3/ha for ``bcef``, the
    relative half-width for ``sampling``, or what the table's functions say.
    """
    source: str = Field(min_length=1)
    year: int = Field(ge=1900, le=2100)

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str) -> str:
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(sorted(UNITS))}")
        return unit

    @model_validator(mode="after")
    def _range_reads(self) -> Self:
        low, high = self.bounds
        if not low < high:
            raise ValueError("valid_range must read low..high with low < high")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """``valid_range`` as numbers, (-inf, inf) where there is no limit."""
        low, _, high = self.valid_range.partition("..")
        return float(low or "-inf"), float(high or "inf")

    def used(self) -> Used:
        """Return what a night's record keeps of the row."""
        name = self.name
        if self.species_or_zone != ANY:
            name = f"{name} ({self.species_or_zone})"
        return Used(
            name=name,
            value=self.value,
            se=self.se,
            unit=self.unit,
            source=f"{self.source} ({self.year})",
            status=self.status,
        )


@cache
def load(table: str) -> tuple[Coefficient, ...]:
    """Every row of a table, checked.

    Raises
    ------
    SettingsError
        When the table is unknown, its columns are others, a row is wrong or twice
        there.
    """
    if table not in TABLES:
        raise SettingsError(
            f"There is no table of coefficients named {table}.",
            zh=f"没有名为 {table} 的系数表，可用的有：{'、'.join(TABLES)}。",
            cure=f"Use one of {', '.join(TABLES)}.",
            field="table",
            value=table,
        )
    path = files("config").joinpath("coefficients", f"{table}.csv")
    return parse(path.read_text(encoding="utf-8"), file=f"{table}.csv")


def parse(text: str, *, file: str) -> tuple[Coefficient, ...]:
    """Read and check the text of one table; ``file`` is for messages."""
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise SettingsError(
            f"{file} has the columns {', '.join(reader.fieldnames or ())}.",
            zh=f"系数表 {file} 的列名不符，应为 {','.join(COLUMNS)}。",
            cure=f"Its columns must be {', '.join(COLUMNS)}.",
            file=file,
            field="columns",
        )
    rows = [
        _row(cells, file=file, line=line) for line, cells in enumerate(reader, start=2)
    ]
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        key = row.name, row.species_or_zone, row.valid_range
        if key in seen:
            raise SettingsError(
                f"{file} has {' / '.join(key)} twice.",
                zh=f"系数表 {file} 中 {' / '.join(key)} 重复，请删去一行。",
                cure="Delete one of the rows.",
                file=file,
                item=" / ".join(key),
            )
        seen.add(key)
    return tuple(rows)


def find(name: str, zone: str = ANY, *, at: float | None = None) -> Coefficient:
    """Return the one row of this name and zone.

    Parameters
    ----------
    at
        Place in its classes, where the coefficient has some.

    Raises
    ------
    SettingsError
        When no row fits, or several do.
    """
    of_zone = [row for row in _of_name(name) if row.species_or_zone == zone]
    fit = [row for row in of_zone if at is None or _holds(row, at)]
    if len(fit) != 1:
        zones = sorted({row.species_or_zone for row in _of_name(name)})
        raise SettingsError(
            f"{len(fit)} coefficients {name} for {zone}, expected one.",
            zh=f"系数 {name}（{zone}）有 {len(fit)} 行，应为一行；"
            f"可用的分区：{'、'.join(zones)}。",
            cure=f"Zones of {name}: {', '.join(zones) or 'none'}"
            + ("; say at which value." if len(fit) > 1 else "."),
            field=name,
            value=zone,
        )
    return fit[0]


def root_shoot_classes(zone: str) -> tuple[RatioClass, ...]:
    """Return the root:shoot classes of a zone, in order, for ``models.carbon``."""
    rows = [row for row in load("root_shoot") if row.species_or_zone == zone]
    classes = [
        RatioClass(max(row.bounds[0], 0.0), row.bounds[1], row.value)
        for row in rows
        if row.name == "root_shoot"
    ]
    if not classes:
        find("root_shoot", zone)  # says which zones there are
    return tuple(sorted(classes, key=lambda one: one.low_t_ha))


def priority_weights() -> dict[str, float]:
    """Return the default weight of every priority criterion."""
    return {
        row.species_or_zone: row.value
        for row in load("priority")
        if row.name == "priority_weight"
    }


def _of_name(name: str) -> list[Coefficient]:
    return [row for table in TABLES for row in load(table) if row.name == name]


def _holds(row: Coefficient, at: float) -> bool:
    low, high = row.bounds
    return low < at <= high or at == low == 0


def _row(
    cells: dict[str | None, str | list[str] | None], *, file: str, line: int
) -> Coefficient:
    given = {str(key): value or None for key, value in cells.items() if key}
    given["valid_range"] = given.get("valid_range") or ""
    field, what = "row", f"the row does not have {len(COLUMNS)} cells"
    if None not in cells and None not in cells.values():
        try:
            return Coefficient.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            field, what = ".".join(map(str, first["loc"])) or "row", first["msg"]
    raise SettingsError(
        f"{file}, line {line}, {field}: {what}.",
        zh=f"系数表 {file} 第 {line} 行的 {field} 有误：{what}。请更正该行。",
        cure="Correct the row.",
        file=file,
        item=line,
        field=field,
        value=given.get(field),
    )
