"""What stands on a stand at an instant: density, height, closure, stems."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.twin.county import FOREST, GRASS, SHRUB, Flora
from models.twin.fields import Floats
from models.twin.stands import Stands

SHRUB_T_HA = 11.0
FIRE_LOSS = 0.85
"""Share of the density that the fiercest fire takes."""


@dataclass(frozen=True, slots=True)
class StandState:
    """Each stand at one instant; zero where there are no trees."""

    age_yr: Floats
    agbd_t_ha: Floats
    height_m: Floats
    closure: Floats
    """Share of the sky that crowns cover, 0-1."""
    stems_ha: Floats
    is_bare: NDArray[np.bool_]
    """Cut, and not yet planted again, or planted less than two years ago."""


def grown(age_yr: Floats, per_yr: Floats, power: Floats) -> Floats:
    """Return the share of its limit that a stand has reached (Chapman-Richards)."""
    return np.asarray((1 - np.exp(-per_yr * np.maximum(age_yr, 0))) ** power)


def state_at(stands: Stands, flora: Flora, instant: float) -> StandState:
    """Return every stand at ``instant``, a decimal year."""
    species = stands.species
    age = _age(stands, instant)
    has_trees = age > 0
    share = grown(
        age, *(flora.column(f"growth_{n}")[species] for n in ("per_yr", "power"))
    )
    tall = grown(
        age, *(flora.column(f"height_{n}")[species] for n in ("per_yr", "power"))
    )
    since = np.maximum(instant - stands.thinned, 0)
    was_thinned = (stands.thinned <= instant) & (stands.planted > instant)
    gone = np.where(was_thinned, stands.thinned_share, 0.0)
    left, open_ = 1 - gone * np.exp(-since / 14), 1 - 1.1 * gone * np.exp(-since / 4)
    limit = flora.column("agbd_max_t_ha")[species] * stands.site
    young, old = (flora.column(f"stems_{n}_ha")[species] for n in ("young", "old"))
    closing = 1 - np.exp(-np.maximum(age, 0) / 6.5)
    closure = 0.92 * closing * stands.stock**0.45 * open_
    stems = old + (young - old) * np.exp(-np.maximum(age, 0) / 15)
    return StandState(
        age_yr=np.maximum(age, 0),
        agbd_t_ha=limit * share * stands.stock * left,
        height_m=flora.column("height_max_m")[species] * stands.site**0.7 * tall,
        closure=np.where(has_trees, closure.clip(0.0, 0.96), 0.0),
        stems_ha=np.where(has_trees, stems * stands.stock * left, 0.0),
        is_bare=(instant >= stands.cut) & (age < 2),
    )


def _age(stands: Stands, instant: float) -> Floats:
    """Years since planting or birth; 0 where no tree stands."""
    age = np.where(stands.land == FOREST, instant - stands.birth, 0.0)
    age = np.where(instant >= stands.cut, 0.0, age)
    return np.where(instant >= stands.planted, instant - stands.planted, age)


def fire_left(
    severity: NDArray[np.floating], burnt: NDArray[np.floating], instant: float
) -> Floats:
    """Return the share of the density that fire left; ``burnt`` is its date."""
    since = instant - burnt
    loss = FIRE_LOSS * severity * np.exp(-np.maximum(since, 0) / 22)
    return np.asarray(np.where(since >= 0, 1 - loss, 1.0))


def wooded(
    cover: NDArray[np.uint8], stand: NDArray[np.int32], stands: Stands, instant: float
) -> NDArray[np.bool_]:
    """Return where trees stand or did at ``instant``: forest, and planted idle land."""
    planted = (stands.planted <= instant) & (stands.land == GRASS)
    return np.asarray((cover == FOREST) | ((cover == GRASS) & planted[stand]))


def density_t_ha(
    state: StandState,
    cover: NDArray[np.uint8],
    stand: NDArray[np.int32],
    *,
    has_trees: NDArray[np.bool_],
    vigour: NDArray[np.floating],
    left: Floats,
) -> Floats:
    """Return the true above-ground density of each cell, t/ha of dry matter.

    ``vigour`` is how much a place differs from its stand, ``left`` what fire left.
    """
    trees = np.where(has_trees, state.agbd_t_ha[stand], 0.0)
    shrubs = np.where(cover == SHRUB, SHRUB_T_HA, 0.0)
    return np.asarray((trees + shrubs) * vigour * left)
