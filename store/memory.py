"""Telling a lack of memory from what it looks like: a damaged file, a full disk."""

import errno
import re

_SAID = re.compile(
    r"cannot allocate|unable to allocate|out of memory|not enough memory|"
    r"no space for|bad_alloc|can't start new thread",
    re.IGNORECASE,
)
"""What NumPy, GDAL, libtiff, GEOS and Python say, each in its words."""


def lack_of_memory(error: BaseException) -> str:
    """Return what shows that ``error`` comes from a lack of memory; empty if nothing.

    GDAL reports a block that it has no memory for as one that it cannot read: the
    reason is in the errors behind the one that is raised.
    """
    found: BaseException | None = error
    while found is not None:
        refused = isinstance(found, OSError) and found.errno == errno.ENOMEM
        if isinstance(found, MemoryError) or refused or _SAID.search(str(found)):
            return str(found) or type(found).__name__
        found = found.__cause__
    return ""
