"""The error of a plot's biomass: what is drawn, what is shared and what is not.

Errors of diameter, height and of a single tree about its equation are each tree's own
and average out over a plot. An equation's error is shared by all trees it is used for,
and that of a species' wood density by all trees of the species, in every plot: these do
not average out.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.allometry import TreeEquation, Trees, elasticity, tree_kg

Numbers = NDArray[np.float64]

DENSITY_RANGE_G_CM3 = (0.08, 1.39)
"""Least and greatest wood density of the global database (Zanne et al. 2009)."""

PARTS = ("diameter", "height", "wood_density", "equation_residual", "equation_shared")

_BLOCK_TREES = 1024
_THINNEST_CM = 0.1


@dataclass(frozen=True, slots=True)
class PlotErrors:
    """Standard errors of measures, from ``plot_error.csv``."""

    diameter_se: float
    """Of one diameter, the part in cm that all have; the other grows with it."""
    diameter_se_share: float
    height_se_share: float
    """Of one measured height, relative."""
    wood_density_se: float
    """Of a species' wood density, g/cm3, where a row gives none."""


def with_errors(trees: pd.DataFrame, errors: PlotErrors) -> pd.DataFrame:
    """Add ``dbh_se_cm``, ``height_sd_ln`` and ``density_se_g_cm3`` where not given.

    A ``height_sd_ln`` or ``density_se_g_cm3`` that is there and not NaN is kept.
    """
    added = trees.copy()
    added["dbh_se_cm"] = errors.diameter_se + errors.diameter_se_share * trees["dbh_cm"]
    for name, value in (
        ("height_sd_ln", errors.height_se_share),
        ("density_se_g_cm3", errors.wood_density_se),
    ):
        given = trees[name] if name in trees else pd.Series(np.nan, trees.index)
        added[name] = given.fillna(value)
    return added


def simulate(
    trees: pd.DataFrame,
    plot_ids: Sequence[str],
    equations: Mapping[str, TreeEquation],
    *,
    draws: int,
    seed: int,
) -> Numbers:
    """Draw the above-ground biomass of every plot, t/ha, shape (plots, draws).

    A plot's own draws come from a generator named by ``seed`` and its id, shared ones
    by equation and species: a plot's figures do not depend on which others are there,
    and the same draw is the same world in all of them, so that covariances between
    plots are those of their rows. All lognormal factors have mean one.

    Parameters
    ----------
    trees
        ``plot_id``, ``equation``, ``species``, ``dbh_cm``, ``height_m``,
        ``density_g_cm3``, ``stress``, ``per_ha`` and what ``with_errors`` adds.
    """
    worlds = _Worlds(seed, draws)
    groups = dict(tuple(trees.groupby("plot_id", sort=False)))
    found = np.zeros((len(plot_ids), draws))
    for row, plot_id in enumerate(plot_ids):
        if plot_id in groups:
            found[row] = _plot(groups[plot_id], plot_id, equations, worlds)
    return found


class _Worlds:
    """What all plots of one draw share."""

    def __init__(self, seed: int, draws: int) -> None:
        self.seed, self.draws = seed, draws
        self._known: dict[tuple[str, str], Numbers] = {}

    def equation(self, equation: TreeEquation) -> Numbers:
        """Return an equation's factor in every draw, (draws, 1)."""
        return _factor(self._normal("equation", equation.name), equation.shared_sd)

    def density(self, species: pd.Series) -> Numbers:
        """Return the density's deviate of each tree's species, (draws, trees)."""
        kinds, place = np.unique(species.to_numpy(str), return_inverse=True)
        deviates = [self._normal("wood density", kind) for kind in kinds]
        return np.hstack(deviates)[:, place]

    def _normal(self, kind: str, name: str) -> Numbers:
        if (kind, name) not in self._known:
            normal = generator(self.seed, kind, name).standard_normal((self.draws, 1))
            self._known[kind, name] = normal
        return self._known[kind, name]


def _plot(
    trees: pd.DataFrame,
    plot_id: str,
    equations: Mapping[str, TreeEquation],
    worlds: _Worlds,
) -> Numbers:
    random = generator(worlds.seed, "plot", plot_id)
    total = np.zeros(worlds.draws)
    for start in range(0, len(trees), _BLOCK_TREES):
        block = trees.iloc[start : start + _BLOCK_TREES]
        normal = random.standard_normal((3, worlds.draws, len(block)))
        kg = _kg(block, normal, equations, worlds)
        total += kg @ block["per_ha"].to_numpy(float) / 1000
    return total


def _kg(
    block: pd.DataFrame,
    normal: Numbers,
    equations: Mapping[str, TreeEquation],
    worlds: _Worlds,
) -> Numbers:
    """Return one mass per draw and tree, kg."""

    def column(name: str) -> Numbers:
        return block[name].to_numpy(np.float64)

    dbh = np.maximum(column("dbh_cm") + column("dbh_se_cm") * normal[0], _THINNEST_CM)
    height = column("height_m") * _factor(normal[1], column("height_sd_ln"))
    density = column("density_g_cm3")
    if np.isfinite(density).any():
        spread = worlds.density(block["species"]) * column("density_se_g_cm3")
        density = np.clip(density + spread, *DENSITY_RANGE_G_CM3)
    drawn = Trees.of(dbh, height, density_g_cm3=density, stress=column("stress"))
    names = block["equation"].to_numpy(str)
    kg = np.empty(dbh.shape)
    for name in np.unique(names):
        chosen, equation = names == name, equations[name]
        part = Trees(*(one[:, chosen] for one in _measures(drawn)))
        own = _factor(normal[2][:, chosen], equation.residual_sd)
        kg[:, chosen] = tree_kg(equation, part)[0] * own * worlds.equation(equation)
    return kg


def _measures(trees: Trees) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    return trees.dbh_cm, trees.height_m, trees.density_g_cm3, trees.stress


def _factor(normal: Numbers, sd_ln: Numbers | float) -> Numbers:
    """Lognormal with mean one."""
    return np.asarray(np.exp(sd_ln * normal - np.square(sd_ln) / 2))


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the stream of random numbers of what has these names."""
    text = "\0".join((str(seed), *names))
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def error_parts(
    trees: pd.DataFrame,
    plot_ids: Sequence[str],
    equations: Mapping[str, TreeEquation],
) -> pd.DataFrame:
    """Return the standard error that each of ``PARTS`` brings to a plot, t/ha.

    To first order, for telling where the error comes from; the whole is simulated.
    ``trees`` is as for ``simulate``, with ``agb_kg``.
    """
    place = pd.Index(plot_ids).get_indexer(pd.Index(trees["plot_id"]))
    mass = trees["agb_kg"].to_numpy(float) * trees["per_ha"].to_numpy(float) / 1000
    slope = _slopes(trees, equations)

    def spread(sds: Mapping[str, float]) -> Numbers:
        sd = trees["equation"].map(dict(sds)).to_numpy(float)
        return np.asarray(np.sqrt(np.expm1(sd**2)))

    relative = {
        "diameter": slope["dbh"] * trees["dbh_se_cm"] / trees["dbh_cm"],
        "height": slope["height"] * trees["height_sd_ln"],
        "wood_density": slope["density"]
        * (trees["density_se_g_cm3"] / trees["density_g_cm3"]).fillna(0.0),
        "equation_residual": spread({n: e.residual_sd for n, e in equations.items()}),
        "equation_shared": spread({n: e.shared_sd for n, e in equations.items()}),
    }
    together = {"wood_density": "species", "equation_shared": "equation"}
    found = {}
    for name in PARTS:
        effect = mass * np.asarray(relative[name], np.float64)
        if name in together:
            effect, at = _added(effect, place, trees[together[name]])
        else:
            at = place
        found[name] = np.sqrt(np.bincount(at, effect**2, minlength=len(plot_ids)))
    return pd.DataFrame(found, index=pd.Index(plot_ids, name="plot_id"))


def _added(
    effect: Numbers, place: NDArray[np.intp], by: pd.Series
) -> tuple[Numbers, NDArray[np.intp]]:
    """Add effects of one plot and one ``by`` up; return the sums and their plots."""
    codes = pd.factorize(by, sort=True)[0]
    count = int(codes.max(initial=0)) + 1
    keys, pair = np.unique(place * count + codes, return_inverse=True)
    return np.bincount(pair, effect).astype(np.float64), np.asarray(keys // count)


def _slopes(
    trees: pd.DataFrame, equations: Mapping[str, TreeEquation]
) -> dict[str, Numbers]:
    found = {name: np.zeros(len(trees)) for name in ("dbh", "height", "density")}
    names = trees["equation"].to_numpy(str)
    measures = tree_measures(trees)
    for name in np.unique(names):
        chosen = names == name
        for measure, slope in found.items():
            slope[chosen] = elasticity(equations[name], measures.part(chosen), measure)
    return found


def tree_measures(trees: pd.DataFrame) -> Trees:
    """Return the measures of a table of trees; absent columns are NaN."""

    def column(name: str) -> Numbers | float:
        return trees[name].to_numpy(np.float64) if name in trees else np.nan

    return Trees.of(
        trees["dbh_cm"].to_numpy(np.float64),
        column("height_m"),
        density_g_cm3=column("density_g_cm3"),
        stress=column("stress"),
    )
