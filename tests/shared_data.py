"""Real data beside the checkout, in ``../shared/data``; tests skip without it."""

from pathlib import Path

import pytest

from config.environment import CHECKOUT


def _found(name: str) -> Path:
    """Look beside the checkout, and beside the folder that worktrees are in."""
    places = [parent / "shared" / "data" / name for parent in CHECKOUT.parents[:2]]
    return next((place for place in places if place.is_dir()), places[0])


def shared(name: str) -> Path:
    """Return a folder of the real data, or skip the test that asks."""
    folder = _found(name)
    if not folder.is_dir():
        pytest.skip(f"needs the real data, ../shared/data/{name}")
    return folder
