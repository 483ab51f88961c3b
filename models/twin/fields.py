"""Random numbers that depend on a seed, a name and a place, and on nothing else."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_TO_UNIT = 2.0**-53
_64_BITS = 2**64 - 1
_NODE_SD = 12.0**-0.5
"""Standard deviation of a uniform number between 0 and 1."""
_SPLINE_SD = 151 / 315
"""Mean over positions of the sum of squared cubic B-spline weights; in two dimensions
the variance shrinks by its square, the standard deviation by itself."""


def key_of(seed: int, *names: str | int) -> int:
    """Return 64 bits that belong to ``seed`` and ``names``."""
    text = "\0".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of a block: a counter keyed by what is drawn and where."""
    return np.random.Generator(np.random.Philox(key=key_of(seed, *names)))


def uniform(key: int, i: ArrayLike, j: ArrayLike) -> Floats:
    """Return a number in [0, 1) for each pair of whole numbers ``(i, j)``.

    A hash (the finaliser of splitmix64, three times), so any order and any subset of
    pairs gives the same numbers.
    """
    i, j = np.broadcast_arrays(np.asarray(i, np.int64), np.asarray(j, np.int64))
    mixed = _mix(np.atleast_1d(i).astype(np.uint64) ^ np.uint64(key))
    mixed = _mix(mixed + np.atleast_1d(j).astype(np.uint64))
    mixed = _mix(mixed ^ np.uint64(key >> 1))
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * _TO_UNIT).reshape(
        i.shape
    )


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))


def normal(key: int, i: ArrayLike, j: ArrayLike) -> Floats:
    """Return a nearly normal number (mean 0, sd 1) for each ``(i, j)``.

    The sum of four uniform numbers: it never lies beyond 3.5.
    """
    total = sum(uniform((key + n) & _64_BITS, i, j) for n in range(4))
    return np.asarray((np.asarray(total) - 2.0) * 3.0**0.5)


@dataclass(frozen=True, slots=True)
class Noise:
    """A smooth random field, mean 0 and sd 1, correlated over about ``wavelength_m``.

    A cubic B-spline over hashed values at the nodes of a square lattice.
    """

    seed: int
    name: str
    wavelength_m: float

    def at(self, x: Floats, y: Floats) -> Floats:
        """Return the field at scattered places, metres."""
        i, x_weights = _spline(x / self.wavelength_m)
        j, y_weights = _spline(y / self.wavelength_m)
        key = self._key()
        total = np.zeros(np.broadcast(x, y).shape)
        for row, y_weight in enumerate(y_weights):
            for column, x_weight in enumerate(x_weights):
                nodes = uniform(key, j + row, i + column)
                total += (nodes - 0.5) * x_weight * y_weight
        return total / (_NODE_SD * _SPLINE_SD)

    def on(self, xs: Floats, ys: Floats) -> Floats:
        """Return the field on the grid of columns ``xs`` and rows ``ys``."""
        i, x_weights = _spline(xs / self.wavelength_m)
        j, y_weights = _spline(ys / self.wavelength_m)
        rows = np.arange(j.min(), j.max() + 4)
        columns = np.arange(i.min(), i.max() + 4)
        nodes = uniform(self._key(), rows[:, None], columns[None, :]) - 0.5
        across = np.zeros((len(rows), len(xs)))
        for n, weight in enumerate(x_weights):
            across += nodes[:, i - columns[0] + n] * weight
        total = across[j - rows[0]] * y_weights[0][:, None]
        for n, weight in enumerate(y_weights[1:], start=1):
            part = across[j - rows[0] + n]
            part *= weight[:, None]
            total += part
        total /= _NODE_SD * _SPLINE_SD
        return np.asarray(total)

    def _key(self) -> int:
        return key_of(self.seed, self.name)


def _spline(u: Floats) -> tuple[NDArray[np.int64], tuple[Floats, ...]]:
    """Return the first of four nodes around ``u``, and the weights of the four."""
    whole = np.floor(u)
    t = u - whole
    s = 1.0 - t
    weights = (
        s * s * s / 6,
        (3 * t * t * t - 6 * t * t + 4) / 6,
        (3 * s * s * s - 6 * s * s + 4) / 6,
        t * t * t / 6,
    )
    return whole.astype(np.int64) - 1, weights


@dataclass(frozen=True, slots=True)
class Places:
    """Where fields are wanted: a grid of columns and rows, or scattered points."""

    x: Floats
    y: Floats
    is_grid: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.y), len(self.x)) if self.is_grid else self.x.shape

    @property
    def xy(self) -> tuple[Floats, Floats]:
        """Both coordinates of every place, in ``shape``."""
        if not self.is_grid:
            return self.x, self.y
        shape = self.shape
        return (
            np.broadcast_to(self.x[None, :], shape),
            np.broadcast_to(self.y[:, None], shape),
        )

    def noise(self, seed: int, name: str, wavelength_m: float) -> Floats:
        field = Noise(seed, name, wavelength_m)
        return field.on(self.x, self.y) if self.is_grid else field.at(self.x, self.y)

    def octaves(
        self, seed: int, name: str, wavelengths_m: tuple[float, ...], gain: float = 0.5
    ) -> Floats:
        """Return a sum of noises, each ``gain`` times the one before; sd 1."""
        total, power, weight = np.zeros(self.shape), 0.0, 1.0
        for wavelength_m in wavelengths_m:
            name_of_octave = f"{name} {wavelength_m:g}"
            total += weight * self.noise(seed, name_of_octave, wavelength_m)
            power, weight = power + weight * weight, weight * gain
        return np.asarray(total / np.sqrt(power))


def grid_places(xs: Floats, ys: Floats) -> Places:
    return Places(xs, ys, is_grid=True)


def point_places(x: ArrayLike, y: ArrayLike) -> Places:
    return Places(np.asarray(x, np.float64), np.asarray(y, np.float64), is_grid=False)
