"""A simulated county: pure functions of a seed and a place; no files, no clock.

Everything is evaluated at absolute coordinates or from generators keyed by (seed, what,
block), so a block comes out the same whichever was made before it.
"""
