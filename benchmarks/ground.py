"""What stands where in the simulated season: land, tree cover, and what was cleared.

Nothing of it is real. Every cell is one whole number, so that a scene is a table of
reflectances looked up cell by cell: cheap enough for a whole Sentinel-2 tile.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float32]
Codes = NDArray[np.uint16]

SEED = 20_240_825

LANDS = (
    ("conifer", "grass_green", 0.30),
    ("evergreen", "grass_green", 0.56),
    ("deciduous", "crop_green", 0.74),
    ("deciduous", "grass_dry", 0.84),
    ("bamboo", "soil", 0.93),
    ("settlement", "settlement", 0.97),
    ("water", "water", 1.0),
)
"""Surface of trees, surface below them (config/twin/spectra.csv), share up to here."""
TREELESS = 5
"""From this land on there are no trees."""
LEVELS = 51
"""Steps of tree cover, 2 % each."""
STEP_PCT = 2
LOOKS = 8
"""Steps of what makes stands of equal cover look different: age, soil, slope."""
CODES = len(LANDS) * LEVELS * LOOKS

CLEARED = 0.02
"""Share of the land that was cleared between the two seasons."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A random field of mean 0 and sd 1, smooth between nodes ``spacing`` apart."""

    nodes: Floats
    spacing: float

    @classmethod
    def make(cls, side: int, spacing: float, name: int, *, smooth: float = 0.7) -> Self:
        """Make the field number ``name`` over ``side`` x ``side`` cells and a margin.

        ``smooth`` is the sd of the filter over the nodes, in nodes.
        """
        generator = np.random.default_rng([SEED, name])
        count = int(side / spacing) + 4
        nodes = generator.standard_normal((count, count), np.float32)
        nodes = gaussian_filter(nodes, smooth, mode="wrap")
        return cls((nodes - nodes.mean()) / nodes.std(), spacing)

    def at(
        self, rows: slice, columns: slice, *, step: int = 1, shift: int = 0
    ) -> Floats:
        """Return the field at every ``step``-th cell, seen ``shift`` cells on."""
        first, part = self._between(rows, step, shift)
        lines = self.nodes[first] * (1 - part)[:, None]
        lines += self.nodes[first + 1] * part[:, None]
        first, part = self._between(columns, step, shift)
        values = lines[:, first]
        values += (lines[:, first + 1] - values) * part
        return values

    def _between(
        self, cells: slice, step: int, shift: int
    ) -> tuple[NDArray[np.int64], Floats]:
        centres = np.arange(cells.start, cells.stop, step) + 0.5 * step + shift
        place = centres / self.spacing + 1
        first = place.astype(np.int64)
        return first, (place - first).astype(np.float32)

    def above(self, share: float) -> float:
        """Return the value that ``share`` of the field lies above."""
        return float(np.quantile(self.nodes, 1 - share))


def make_ground(side: int, *, is_cleared: bool, strip: int = 256) -> Codes:
    """Return the code of ``side`` x ``side`` cells, laid out a strip at a time.

    A code is (land x ``LEVELS`` + cover) x ``LOOKS`` + look. ``is_cleared`` is the
    season after the first, when some of the trees are gone.
    """
    fields = _fields(side)
    codes = np.empty((side, side), np.uint16)
    for start in range(0, side, strip):
        rows = slice(start, min(start + strip, side))
        land, cover, look = _strip(fields, rows, slice(0, side))
        if is_cleared:
            gone = fields["cleared"].at(rows, slice(0, side))
            cover[gone > fields["cleared"].above(CLEARED)] //= 16
        codes[rows] = (land * LEVELS + cover) * LOOKS + look
    return codes


def tree_cover_pct(codes: Codes) -> Floats:
    """Return the tree cover behind ``codes``, in per cent."""
    level = codes // np.uint16(LOOKS) % np.uint16(LEVELS)
    return level.astype(np.float32) * STEP_PCT


def _fields(side: int) -> dict[str, Field]:
    spacings = {
        "wide": 300.0,
        "stand": 40.0,
        "fine": 6.0,
        "land": 90.0,
        "look": 12.0,
        "cleared": 28.0,
    }
    return {
        name: Field.make(side, spacing, number)
        for number, (name, spacing) in enumerate(spacings.items())
    }


def _strip(
    fields: dict[str, Field], rows: slice, columns: slice
) -> tuple[Codes, Codes, Codes]:
    """Return land, step of cover and look of some rows."""
    shares = [1 - share for _, _, share in LANDS[:-1]]
    edges = [fields["land"].above(share) for share in shares]
    land = np.searchsorted(edges, fields["land"].at(rows, columns)).astype(np.uint16)
    wooded = fields["wide"].at(rows, columns)
    wooded += 1.1 * fields["stand"].at(rows, columns)
    wooded += 0.7 * fields["fine"].at(rows, columns)
    share = 1 / (1 + np.exp(-1.6 * wooded))
    cover = np.rint(share * (LEVELS - 1)).astype(np.uint16)
    cover[land >= TREELESS] = 0
    look = fields["look"].at(rows, columns) * (LOOKS / 5) + LOOKS / 2
    return land, cover, np.clip(look, 0, LOOKS - 1).astype(np.uint16)
