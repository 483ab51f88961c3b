"""Field plots: real trees that weigh what the place weighs, measured with error."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from models.twin.county import CELL_M, FOREST, LEFT, PLOT_HA, TOP, Species, decimal_year
from models.twin.fields import Floats, generator
from models.twin.ground import survey
from models.twin.growth import density_t_ha, fire_left, state_at, wooded
from models.twin.landscape import Landscape
from models.twin.stands import stand_of
from models.twin.terrain import slope_deg

CALLIPER_CM = 5.0
"""Thinner stems are not measured (起测胸径)."""
POSITION_SD_M = 3.0
DBH_SD_CM, DBH_SD_SHARE, HEIGHT_SD_SHARE = 0.15, 0.01, 0.07
CREW_SD = np.array([0.012, 0.05])
"""How much crews differ from one another in diameter and height, relative."""
OVERLOOKED = 0.02
SAMPLING_SD = 0.10
"""Two plots of 0.0667 ha side by side differ by that much, relative."""
PLOTS_PER_KM2 = 6.5
FEWEST, MOST = 40, 900


@dataclass(frozen=True, slots=True)
class Trees:
    """Stems of a plot."""

    species: tuple[Species, ...]
    dbh_cm: Floats
    height_m: Floats

    @property
    def total_kg(self) -> float:
        """Above-ground dry mass of all of them."""
        return float(stems_kg(self.species, self.dbh_cm, self.height_m).sum())


@dataclass(frozen=True, slots=True)
class Plot:
    """A square of one mu in a forest, what stands on it and what the crew wrote."""

    plot_id: str
    x: float
    y: float
    """Where it is."""
    read_x: float
    read_y: float
    """Where the receiver said it is."""
    day: date
    stand: int
    slope_deg: float
    actual: Trees
    measured: Trees

    @property
    def agbd_t_ha(self) -> float:
        """True density of the plot, of all stems, t/ha."""
        return self.actual.total_kg / 1000 / PLOT_HA

    @property
    def measured_t_ha(self) -> float:
        """Density from what was measured, by the species' own equations, t/ha."""
        return self.measured.total_kg / 1000 / PLOT_HA


def stems_kg(kinds: tuple[Species, ...], dbh_cm: Floats, height_m: Floats) -> Floats:
    """Above-ground dry mass of stems, each by the equation of its own kind, kg."""
    organs = np.array([kind.organs for kind in kinds]).reshape(len(kinds), -1, 2)
    size = (dbh_cm * dbh_cm * height_m)[:, None]
    return np.asarray((organs[..., 0] * size ** organs[..., 1]).sum(axis=1))


def plot_count(landscape: Landscape) -> int:
    wanted = round(PLOTS_PER_KM2 * landscape.county.area_km2)
    return min(max(wanted, FEWEST), MOST)


def plots(landscape: Landscape, year: int, count: int) -> Iterator[Plot]:
    """Measure ``count`` plots in woods of the county, late in the summer of ``year``.

    Places are drawn until enough of them lie in woods; tries end at forty times
    ``count``, so a county of fields has fewer.
    """
    found = 0
    for attempt in range(40 * count):
        if found == count:
            return
        plot = _try(landscape, year, attempt, name=f"LJ-{found + 1:04d}")
        if plot is not None:
            found += 1
            yield plot


def _try(landscape: Landscape, year: int, attempt: int, *, name: str) -> Plot | None:
    county = landscape.county
    draw = generator(county.seed, "plot", year, attempt)
    row, column = draw.integers(2, county.size - 5, 2)
    day = date(year, 8, 1) + timedelta(days=int(draw.integers(0, 75)))
    grid = county.grid.window(slice(row, row + 3), slice(column, column + 3))
    near = stand_of(grid, landscape.stands, county.seed)
    if (landscape.stands.land[near] != FOREST).any():
        return None
    ground, instant = survey(grid, landscape), decimal_year(day)
    trees = wooded(ground.cover, ground.stand, landscape.stands, instant)
    if not trees.all():
        return None
    there = np.unique(ground.stand)
    near = np.searchsorted(there, ground.stand).astype(np.int32)
    state = state_at(landscape.stands.only(there), landscape.flora, instant)
    density = density_t_ha(
        state,
        ground.cover,
        near,
        has_trees=trees,
        vigour=ground.vigour,
        left=fire_left(ground.severity, ground.burnt, instant),
    )
    stand, middle = int(ground.stand[1, 1]), int(near[1, 1])
    if density.mean() < 1.0 or state.stems_ha[middle] < 50:
        return None
    mass_kg = density.mean() * PLOT_HA * 1000
    mass_kg *= float(np.exp(SAMPLING_SD * draw.standard_normal()))
    actual = _grow(landscape, stand, state.height_m[middle], mass_kg, draw)
    x = LEFT + (column + 1.5) * CELL_M
    y = TOP - (row + 1.5) * CELL_M
    off_x, off_y = POSITION_SD_M * draw.standard_normal(2)
    return Plot(
        plot_id=name,
        x=float(x),
        y=float(y),
        read_x=float(x + off_x),
        read_y=float(y + off_y),
        day=day,
        stand=stand,
        slope_deg=float(slope_deg(ground.east, ground.north)[1, 1]),
        actual=actual,
        measured=_measure(actual, draw),
    )


def _grow(
    landscape: Landscape,
    stand: int,
    height_m: float,
    mass_kg: float,
    draw: np.random.Generator,
) -> Trees:
    """Draw stems of the stand's kinds, and widen them until they weigh ``mass_kg``."""
    stands, flora = landscape.stands, landscape.flora
    main = flora.by_code(int(stands.species[stand]))
    density = main.stems_old_ha * float(stands.stock[stand])
    young = np.exp(-max(float(height_m), 1.0) / 9.0)
    density += (main.stems_young_ha - main.stems_old_ha) * young
    count = max(int(draw.poisson(density * PLOT_HA)), 4)
    others = [one for one in flora.species if one.key != "moso_bamboo"]
    share = 0.0 if main.key == "moso_bamboo" else 0.12
    kinds = tuple(
        others[int(draw.integers(len(others)))] if draw.random() < share else main
        for _ in range(count)
    )
    relative = draw.weibull(3.2 if main.is_planted else 2.2, count) + 0.15
    relative /= relative.mean()
    tall = (1 - np.exp(-1.5 * relative)) / (1 - np.exp(-1.5 * 1.4))
    heights = np.maximum(
        height_m * tall * np.exp(0.05 * draw.standard_normal(count)), 1.4
    )
    dbh_cm = relative * _mean_dbh(kinds, relative, heights, mass_kg)
    return Trees(kinds, dbh_cm, heights)


def _mean_dbh(
    kinds: tuple[Species, ...], relative: Floats, heights: Floats, mass_kg: float
) -> float:
    """Find the mean diameter (cm) at which the stems weigh ``mass_kg``, by halving."""
    low, high = 0.1, 120.0
    for _ in range(30):
        middle = (low + high) / 2
        if stems_kg(kinds, relative * middle, heights).sum() < mass_kg:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _measure(actual: Trees, draw: np.random.Generator) -> Trees:
    """Read tape and hypsometer, to 0.1 cm and 0.1 m.

    A crew has its own bias on top of what each reading scatters, leaves out thin
    stems, and overlooks some on the border.
    """
    dbh_bias, height_bias = CREW_SD * draw.standard_normal(2)
    noise = draw.standard_normal((2, len(actual.dbh_cm)))
    dbh = actual.dbh_cm * (1 + dbh_bias + DBH_SD_SHARE * noise[0])
    dbh += DBH_SD_CM * noise[0]
    height = actual.height_m * (1 + height_bias + HEIGHT_SD_SHARE * noise[1])
    seen = draw.random(len(dbh)) >= OVERLOOKED
    kept = np.flatnonzero(seen & (dbh >= CALLIPER_CM))
    return Trees(
        tuple(actual.species[n] for n in kept),
        dbh[kept].round(1),
        np.maximum(height[kept], 1.3).round(1),
    )
