"""Ensembles of trees as plain arrays, and their prediction a column at a time."""

from dataclasses import dataclass
from typing import ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from models.learning.candidates import Arrays, Floats, Integers, Loader, Singles
from models.learning.linear import checked

RATE_SPLIT_NS = 0.4
RATE_LEAF_NS = 3.0
RATE_STEP_NS = 25.0
"""Declared: a comparison, a look-up, a step down (docs/methods-models.md)."""

_MOST_BITS = 8
"""Trees are joined while their leaves' numbers together fit a byte."""


@dataclass(frozen=True, slots=True, eq=False)
class EvenTrees:
    """Trees that ask the same question across each level (CatBoost's).

    ``feature`` and ``border`` (trees, depth): a level's bit is whether the feature is
    above the border; ``feature`` -1 is a level that a shallower tree does not have.
    ``leaves`` (trees, 2^depth): values by the bits, the first level the lowest.
    """

    kind: ClassVar[str] = "even_trees"

    feature: NDArray[np.int32]
    border: Singles
    leaves: Floats
    bias: float

    def predict(self, columns: Singles) -> tuple[Floats, Floats]:
        """Return the mean, and no variance, of ``columns`` (k, n)."""
        total = np.full(columns.shape[1], self.bias)
        depth = self.feature.shape[1]
        together = max(1, _MOST_BITS // max(depth, 1))
        for start in range(0, len(self.feature), together):
            trees = range(start, min(start + together, len(self.feature)))
            total += self._joined(trees).take(self._address(columns, trees))
        return total, np.zeros_like(total)

    def _address(self, columns: Singles, trees: range) -> NDArray[np.uint16]:
        """Return which leaf of the joined ``trees`` each cell falls into."""
        kind = np.uint8 if self.feature.shape[1] * len(trees) <= 8 else np.uint16
        address = np.zeros(columns.shape[1], dtype=kind)
        above = np.empty(columns.shape[1], dtype=np.bool_)
        term = np.empty_like(address)
        levels = zip(
            self.feature[trees.start : trees.stop].ravel().tolist(),
            self.border[trees.start : trees.stop].ravel(),
            strict=True,
        )
        for bit, (feature, border) in enumerate(levels):
            if feature >= 0:
                np.greater(columns[feature], border, out=above)
                np.multiply(above.view(np.uint8), kind(1 << bit), out=term)
                np.bitwise_or(address, term, out=address)
        return address.astype(np.uint16)

    def _joined(self, trees: range) -> Floats:
        """Return the table of the sum of ``trees`` by their bits put in a row."""
        table = np.zeros(1)
        for tree in trees:
            table = (table[None, :] + self.leaves[tree][:, None]).reshape(-1)
        return table

    def to_arrays(self) -> Arrays:
        """Return all numbers of the trees."""
        return {
            "feature": self.feature,
            "border": self.border,
            "leaves": self.leaves,
            "bias": np.array([self.bias]),
        }

    @classmethod
    def from_arrays(cls, arrays: Loader, features: int) -> Self:
        """Build the trees again; ``ValueError`` names the array that cannot be."""
        feature = checked(arrays, "feature", np.int32, (None, None))
        trees, depth = feature.shape
        whole = feature.astype(np.int64)
        if depth > 10 or not ((whole >= -1) & (whole < features)).all():
            raise ValueError("feature")
        return cls(
            cast(NDArray[np.int32], feature),
            cast(Singles, checked(arrays, "border", np.float32, (trees, depth))),
            cast(Floats, checked(arrays, "leaves", np.float64, (trees, 2**depth))),
            float(checked(arrays, "bias", np.float64, (1,)).astype(np.float64)[0]),
        )

    def cost_ns(self) -> float:
        """Return nanoseconds per cell and core."""
        trees, depth = self.feature.shape
        return float(trees * depth * RATE_SPLIT_NS + trees / 2 * RATE_LEAF_NS)


@dataclass(frozen=True, slots=True, eq=False)
class FreeTrees:
    """Trees of any shape, averaged: nodes of all trees one after the other.

    ``root`` (trees,) is where each begins. A cell goes ``left`` if its ``feature`` is
    at most ``border``, else ``right``; a leaf has ``feature`` -1 and a ``value``.
    Children come after their parent, so every walk ends.
    """

    kind: ClassVar[str] = "free_trees"

    root: Integers
    feature: NDArray[np.int32]
    border: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats

    def predict(self, columns: Singles) -> tuple[Floats, Floats]:
        """Return the mean of the trees, and no variance, of ``columns`` (k, n)."""
        total = np.zeros(columns.shape[1])
        cells = np.ascontiguousarray(columns.T)
        for root in self.root.tolist():
            total += self.value[self._leaf(cells, root)]
        return total / len(self.root), np.zeros_like(total)

    def _leaf(self, cells: Singles, root: int) -> NDArray[np.int64]:
        """Return the leaf in which each of ``cells`` (n, k) ends."""
        node = np.full(len(cells), root, dtype=np.int64)
        walking = np.arange(len(cells))
        while walking.size:
            here = node[walking]
            feature = self.feature[here]
            inner = feature >= 0
            walking, here, feature = walking[inner], here[inner], feature[inner]
            goes_left = cells[walking, feature] <= self.border[here]
            node[walking] = np.where(goes_left, self.left[here], self.right[here])
        return node

    def to_arrays(self) -> Arrays:
        """Return all numbers of the trees."""
        return {
            "root": self.root,
            "feature": self.feature,
            "border": self.border,
            "left": self.left,
            "right": self.right,
            "value": self.value,
        }

    @classmethod
    def from_arrays(cls, arrays: Loader, features: int) -> Self:
        """Build the trees again; ``ValueError`` names the array that cannot be."""
        feature = checked(arrays, "feature", np.int32, (None,))
        nodes = len(feature)
        held = {
            name: checked(arrays, name, dtype, (nodes,))
            for name, dtype in (
                ("border", np.float64),
                ("left", np.int32),
                ("right", np.int32),
                ("value", np.float64),
            )
        }
        root = checked(arrays, "root", np.int64, (None,)).astype(np.int64)
        whole = feature.astype(np.int64)
        if not ((whole >= -1) & (whole < features)).all():
            raise ValueError("feature")
        for name in ("left", "right"):
            child = held[name].astype(np.int64)
            # A child behind its parent cannot lead back: no walk goes round for ever.
            if not ((child > np.arange(nodes)) & (child < nodes))[whole >= 0].all():
                raise ValueError(name)
        if root.size == 0 or not ((root >= 0) & (root < nodes)).all():
            raise ValueError("root")
        return cls(
            root,
            cast(NDArray[np.int32], feature),
            cast(Floats, held["border"]),
            cast(NDArray[np.int32], held["left"]),
            cast(NDArray[np.int32], held["right"]),
            cast(Floats, held["value"]),
        )

    def cost_ns(self) -> float:
        """Return nanoseconds per cell and core."""
        leaves = max(float((self.feature < 0).sum()) / len(self.root), 2.0)
        return len(self.root) * 1.3 * float(np.log2(leaves)) * RATE_STEP_NS
