"""The land of a region: where planting may go, strip by strip, and its criteria."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from config.settings import Settings
from config.siting_settings import LandFileSettings, OwnRule
from config.siting_tables import eligibility_rules, land_layers
from geo.errors import SettingsError
from geo.grid import Grid
from geo.patches import in_small_patches
from geo.terrain import slope_deg
from models.eligibility import TOO_SMALL, Rule, Screened, screen, with_rule
from pipelines.sources import roots_of
from store.land_layers import LandFile, open_land

STRIP_ROWS = 128
Values = NDArray[np.float32]


class Layer(Protocol):
    """Anything that gives rows of the grid: a file's layer, or an array."""

    def read(self, rows: slice) -> Values: ...


@dataclass(frozen=True, slots=True)
class Held:
    """A layer that is an array already, such as a night's tree cover."""

    values: Values

    def read(self, rows: slice) -> Values:
        return self.values[rows]


@dataclass(frozen=True, slots=True, eq=False)
class RegionLand:
    """Layers of the land by name, the rules about them, and what is to be noted."""

    grid: Grid
    layers: Mapping[str, Layer]
    rules: tuple[Rule, ...]
    rain_mm: float | None
    digests: dict[str, str]
    notes: tuple[str, ...]

    def strips(self) -> Iterator[slice]:
        """Cut the grid in strips of rows from the top."""
        for start in range(0, self.grid.height, STRIP_ROWS):
            yield slice(start, min(start + STRIP_ROWS, self.grid.height))

    def read(self, name: str, rows: slice) -> Values | None:
        """Return rows of a layer; slope from heights where there is no layer of it."""
        if name in self.layers:
            return self.layers[name].read(rows)
        if name == "slope" and "height" in self.layers:
            top, bottom = max(rows.start - 1, 0), min(rows.stop + 1, self.grid.height)
            heights = self.layers["height"].read(slice(top, bottom))
            slope = slope_deg(heights, self.grid.cell_m).astype(np.float32)
            return slope[rows.start - top : rows.stop - top]
        if name == "rain" and self.rain_mm is not None:
            shape = rows.stop - rows.start, self.grid.width
            return np.full(shape, self.rain_mm, np.float32)
        return None


def open_region_land(
    settings: Settings, *, more: Mapping[str, Layer] | None = None
) -> RegionLand:
    """Open the layers that the region file names, and those given in ``more``.

    Raises
    ------
    SettingsError, InputError
        When a layer, or a rule about one, cannot be used: nothing is left out of the
        limits in silence.
    """
    siting = settings.region.siting
    grid = settings.region.grid.grid()
    opened = {
        name: open_land(
            _file_of(name, told),
            data_root=settings.data_root,
            roots=roots_of(settings),
            grid=grid,
        )
        for name, told in sorted(siting.layers.items())
    }
    rules = eligibility_rules(
        own=[_rule_of(rule) for rule in siting.rules],
        values=siting.rule_values,
        off=siting.rules_off,
    )
    notes = tuple(
        f"No feature of layer {name} meets the region."
        for name, land in opened.items()
        if not land.meets_region
    )
    digests = {name: land.digest for name, land in opened.items()}
    layers: dict[str, Layer] = {**opened, **(more or {})}
    return RegionLand(grid, layers, rules, siting.rain_mm, digests, notes)


def screen_region(land: RegionLand) -> Screened:
    """Apply every rule to the whole grid, strip by strip.

    Holds nine bytes a cell: code, bits of hard rules, bits of flags.
    """
    code = np.zeros(land.grid.shape, np.uint8)
    bits, flags = (np.zeros(land.grid.shape, np.uint32) for _ in range(2))
    unchecked: tuple[str, ...] = ()
    for rows in land.strips():
        layers = _layers_of_rules(land, rows)
        part = screen(layers, land.rules)
        code[rows], bits[rows], flags[rows] = part.code, part.excluded_by, part.flags
        unchecked = part.unchecked
    whole = Screened(code, bits, flags, unchecked)
    small = next((rule for rule in land.rules if rule.name == TOO_SMALL), None)
    if small is None:
        return whole
    few = in_small_patches(
        whole.eligible, cell_ha=land.grid.cell_ha, least_ha=small.value / 10_000
    )
    for rows in land.strips():
        part = with_rule(
            Screened(code[rows], bits[rows], flags[rows], ()), small, few[rows]
        )
        code[rows], bits[rows] = part.code, part.excluded_by
    return whole


def _layers_of_rules(land: RegionLand, rows: slice) -> dict[str, Values]:
    found = {}
    for name in sorted({rule.layer for rule in land.rules if rule.layer}):
        values = land.read(name, rows)
        if values is not None:
            found[name] = values
    return found


def _file_of(name: str, told: LandFileSettings) -> LandFile:
    known = land_layers()
    low, high = told.low, told.high
    if name in known:
        low, high = known[name].low, known[name].high
    elif low is None or high is None:
        low, high = 0.0, 1.0
    if not low < high:
        raise SettingsError(
            f"Layer {name} may hold {low:g} to {high:g}, which is nothing.",
            zh=f"图层 {name} 的取值范围 {low:g}–{high:g} 有误，请更正。",
            cure="Give low below high.",
            field=f"siting.layers.{name}",
            value=f"{low:g} to {high:g}",
        )
    kept = told.model_dump(exclude={"unit", "low", "high", "simulated"})
    return LandFile(name=name, low=low, high=high, **kept)


def _rule_of(told: OwnRule) -> Rule:
    return Rule(**told.model_dump(), status="proposal")
