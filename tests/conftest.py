"""Every test runs with GDAL locked down, as every program does."""

from store.lockdown import lock_down, require_lockdown

lock_down()
require_lockdown()
