"""Benchmarks are programs in a folder of their own, not a package."""

import sys

from config.environment import CHECKOUT

sys.path.insert(0, str(CHECKOUT / "benchmarks"))
