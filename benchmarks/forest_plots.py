"""Plots and cells of a simulated forest for benchmarks: twenty features, one target."""

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

FEATURES = 20
EXTENT_M = 60_000.0
PLOTS = 300


def plots(seed: int = 4) -> dict[str, NDArray[np.float64]]:
    """Return ``x``, ``y``, ``observed`` (t/ha) and ``features`` (n, 20) of plots."""
    generator = np.random.default_rng(seed)
    x, y = generator.uniform(0, EXTENT_M, (2, PLOTS))
    state = _state(generator, PLOTS, np.sin(x / 6000) * np.cos(y / 8000))
    biomass = (
        1.1 * state[0] ** 1.6 * state[1] * np.exp(generator.normal(0, 0.18, PLOTS))
    )
    features = _seen(generator, state).T.astype(np.float64)
    return {"x": x, "y": y, "observed": biomass, "features": features}


def cells(count: int, seed: int = 5) -> Singles:
    """Return features (20, ``count``) of cells: forest like the plots, and other land.

    One cell in eight is what no plot was: water, fields and towns.
    """
    generator = np.random.default_rng(seed)
    whole = np.empty((FEATURES, count), dtype=np.float32)
    for start in range(0, count, 1 << 18):
        part = slice(start, min(start + (1 << 18), count))
        size = part.stop - part.start
        state = _state(generator, size, generator.uniform(-1, 1, size))
        whole[:, part] = _seen(generator, state)
        other = generator.random(size) < 0.125
        whole[:, part][:, other] += generator.normal(0, 3, (FEATURES, int(other.sum())))
    return whole


def _state(
    generator: np.random.Generator, count: int, trend: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return height in m, cover 0.4-1, moisture and terrain of each place."""
    height = np.maximum(16 + 5 * trend + generator.normal(0, 4, count), 2.0)
    cover = generator.uniform(0.4, 1.0, count)
    return np.stack([height, cover, *generator.normal(0, 1, (2, count))])


def _seen(generator: np.random.Generator, state: NDArray[np.float64]) -> Singles:
    """Return what sensors make of a state: saturating, mixed and noisy."""
    height, cover, moisture, terrain = state
    signals = np.stack(
        [
            1 - np.exp(-height / 14),
            cover,
            cover * np.tanh(height / 20),
            height / 20,
            moisture,
            terrain,
        ]
    )
    mixing = np.random.default_rng(1).normal(size=(FEATURES, len(signals)))
    mixed = mixing @ signals
    mixed += generator.normal(0, 0.12, mixed.shape)
    return mixed.astype(np.float32)
