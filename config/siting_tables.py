"""The tables of siting, as the functions of ``models`` take them."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from config.coefficients import Coefficient, find, load, root_shoot_classes
from geo.errors import SettingsError
from models.activity import Factor
from models.criteria import CostRates
from models.eligibility import Rule, require_distinct
from models.planting import CarbonContent, GrowthCurve, Known, Niche
from store.record import Coefficient as Used
from store.table_values import normalised

RULE_COLUMNS = (
    "name",
    "code",
    "kind",
    "layer",
    "test",
    "value",
    "unit",
    "title",
    "title_zh",
    "source",
    "status",
)


def emission_factors() -> dict[tuple[str, str], Factor]:
    """Return every emission factor by name and zone."""
    return {
        (row.name, row.species_or_zone): Factor(
            row.name, row.species_or_zone, row.value, row.se, row.unit, row.status
        )
        for row in load("emission_factors")
    }


@dataclass(frozen=True, slots=True)
class LandLayer:
    """A layer that siting knows: its unit and the values it may hold."""

    name: str
    unit: str
    low: float
    high: float
    title: str
    title_zh: str


@cache
def land_layers() -> Mapping[str, LandLayer]:
    """Return the layers of ``config/siting/layers.csv`` by name."""
    return {
        row["layer"]: LandLayer(
            row["layer"],
            row["unit"],
            float(row["low"]),
            float(row["high"]),
            row["title"],
            row["title_zh"],
        )
        for row in _rows("layers.csv")
    }


@cache
def _fuels() -> Mapping[str, str]:
    return {_plain(row["written"]): row["fuel"] for row in _rows("fuels.csv")}


def fuel_of(written: str) -> str:
    """Return the fuel's own name for what a table calls it; unknown ones unchanged."""
    return _fuels().get(_plain(written), _plain(written).replace(" ", "_"))


def eligibility_rules(
    *,
    own: Sequence[Rule] = (),
    values: Mapping[str, float] | None = None,
    off: Sequence[str] = (),
) -> tuple[Rule, ...]:
    """Return the rules of ``config/siting/eligibility.csv`` as a region has them.

    Parameters
    ----------
    own
        The region's own rules, added to the table's.
    values
        Other thresholds, by name of the rule.
    off
        Names of rules that do not hold in the region.

    Raises
    ------
    SettingsError
        When a rule that is named is not there, or two share a name or code.
    """
    changed = dict(values or {})
    rules = [*_built_in_rules(), *own]
    names = {rule.name for rule in rules}
    unknown = sorted({*changed, *off} - names)
    if unknown:
        raise SettingsError(
            f"There is no eligibility rule {', '.join(unknown)}.",
            zh=f"没有名为 {'、'.join(unknown)} 的适宜性规则，"
            f"可用：{'、'.join(sorted(names))}。",
            cure=f"Rules: {', '.join(sorted(names))}.",
            field="siting.rules",
            value=", ".join(unknown),
        )
    kept = [
        _with_value(rule, changed.get(rule.name))
        for rule in rules
        if rule.name not in off
    ]
    require_distinct(kept)
    return tuple(sorted(kept, key=lambda rule: (rule.kind, rule.code)))


def random_index() -> dict[int, float]:
    """Return Saaty's random index by number of criteria."""
    rows = [row for row in load("ahp") if row.name == "random_index"]
    return {int(row.species_or_zone): row.value for row in rows}


def growth_curves() -> dict[str, GrowthCurve]:
    """Return the growth curve of every species group."""
    stocking = _known(find("stocking"))
    return {
        group: GrowthCurve(
            group,
            limit_t_ha=_known(find("growth_limit", group)),
            rate_yr=_known(find("growth_rate", group)),
            power=_known(find("growth_power", group)),
            stocking=stocking,
        )
        for group in _groups()
    }


def niches() -> dict[str, Niche]:
    """Return where every species group is planted; few have a row about slope."""
    slopes = {
        row.species_or_zone: row.value
        for row in load("growth")
        if row.name == "niche_slope"
    }
    return {
        group: Niche(
            find("niche_low", group).value,
            find("niche_high", group).value,
            find("niche_rain", group).value,
            slopes.get(group, float("inf")),
        )
        for group in _groups()
    }


def site_classes() -> tuple[tuple[float, float, float], ...]:
    """Return (from, below, multiple) of site quality by slope in degrees."""
    rows = [row for row in load("growth") if row.name == "site_quality"]
    return tuple((max(row.bounds[0], 0.0), row.bounds[1], row.value) for row in rows)


def carbon_content(root_zone: str) -> CarbonContent:
    """Return what turns biomass to CO2 for a zone of ``root_shoot.csv``."""
    classes = root_shoot_classes(root_zone)
    fraction = find("carbon_fraction")
    spread = find("root_shoot_relative_se").value
    ratio = max(one.ratio for one in classes)
    return CarbonContent(
        classes,
        spread * ratio / (1 + ratio),
        fraction.value,
        find("carbon_fraction_se").value / fraction.value,
    )


def cost_rates() -> CostRates:
    """Return the rates of planting costs."""
    return CostRates(
        base_cny_ha=find("planting_base").value,
        slope_share_deg=find("planting_slope_share").value,
        distance_cny_ha_km=find("planting_distance").value,
        soil_cny_ha=find("soil_measures").value,
    )


def erosion_bounds() -> tuple[float, ...]:
    """Return the limits between classes of erosion, ascending, t/(km2 yr)."""
    rows = [row for row in load("siting") if row.name == "erosion_bound"]
    return tuple(
        row.value for row in sorted(rows, key=lambda r: int(r.species_or_zone))
    )


def used_rows(names: Sequence[tuple[str, str]]) -> tuple[Used, ...]:
    """Return what a record keeps of the coefficients with these names and zones."""
    return tuple(find(name, zone).used() for name, zone in names)


def _groups() -> list[str]:
    return [r.species_or_zone for r in load("growth") if r.name == "growth_limit"]


def _known(row: Coefficient) -> Known:
    return Known(row.value, row.se or 0.0)


@cache
def _built_in_rules() -> tuple[Rule, ...]:
    return tuple(
        Rule(
            name=row["name"],
            code=int(row["code"]),
            kind=row["kind"],  # type: ignore[arg-type]  # Rule checks it
            layer=row["layer"],
            test=row["test"],  # type: ignore[arg-type]  # Rule checks it
            value=float(row["value"]),
            unit=row["unit"],
            title=row["title"],
            title_zh=row["title_zh"],
            source=row["source"],
            status=row["status"],
        )
        for row in _rows("eligibility.csv")
    )


def _with_value(rule: Rule, value: float | None) -> Rule:
    if value is None:
        return rule
    told = {field: getattr(rule, field) for field in RULE_COLUMNS}
    told |= {"value": value, "source": "region file", "status": "proposal"}
    return Rule(**told)


def _plain(text: str) -> str:
    return normalised(text).casefold()


def _rows(name: str) -> list[dict[str, str]]:
    text = files("config").joinpath("siting", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
