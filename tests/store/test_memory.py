import errno
import subprocess
import sys

import numpy as np
import pytest
import rasterio

from store.memory import lack_of_memory

PROGRAM = """
import sys, resource
from pathlib import Path
from store.lockdown import lock_down
lock_down()
from store.safe import open_raster

path = Path(sys.argv[1])
try:
    with open_raster(path, roots=[path.parent]) as source:
        held = next(
            int(line.split()[1]) * 1024
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmSize")
        )
        limit = held + int(sys.argv[2]) * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        source.read(1)
except Exception as error:
    print(type(error).__name__, error)
"""
BLOCK_MB = 64


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A sound raster of one block, 64 MB when it is decoded."""
    path = tmp_path_factory.mktemp("sound") / "sound.tif"
    profile = {
        "driver": "GTiff",
        "width": 4096,
        "height": 4096,
        "count": 1,
        "dtype": "float32",
        "nodata": -1,
        "crs": "EPSG:32650",
        "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 3_000_000),
        "tiled": True,
        "blockxsize": 4096,
        "blockysize": 4096,
        "compress": "ZSTD",
    }
    noise = np.random.default_rng(3).random((1, 4096, 4096), np.float32)
    with rasterio.open(path, "w", **profile) as target:
        target.write(noise)
    return path


@pytest.mark.parametrize("blocks", [1.25, 2.25])
def test_c33_a_sound_file_is_not_blamed_for_a_lack_of_memory(sound, blocks):
    """Enough for the result but not GDAL's block; for both but not what unpacks it."""
    spare_mb = int(BLOCK_MB * blocks)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(sound), str(spare_mb)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("MemoryError sound.tif: ")


def behind(cause):
    error = OSError("Read failed. See previous exception for details.")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError("Unable to allocate 1 GiB"), "Unable to allocate 1 GiB"),
        (MemoryError(), "MemoryError"),
        (OSError(errno.ENOMEM, "Cannot"), "[Errno 12] Cannot"),
        (RuntimeError("std::bad_alloc"), "std::bad_alloc"),
        (behind(ValueError("cannot allocate 8 bytes")), "cannot allocate 8 bytes"),
        (behind(ValueError("ZSTD: decoding failed")), ""),
        (OSError(errno.ENOSPC, "No space left on device"), ""),
    ],
)
def test_what_libraries_say_when_memory_is_out(error, told):
    assert lack_of_memory(error) == told
