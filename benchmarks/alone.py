"""One measurement, one process: its peak memory is its own.

Whoever calls this imports nothing large: on Linux a child starts from the peak of the
process that it was forked from.
"""

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIBRARIES = ("numpy", "scipy", "exactextract", "rasterio", "geopandas", "shapely")

Figures = dict[str, Any]


def run_alone(task: str, *, program: str = "tasks.py", **told: object) -> Figures:
    """Run a function of ``program`` in a new process and return what it measured.

    Its last line of output counts: a solver may print lines of its own.
    """
    done = subprocess.run(
        [sys.executable, str(HERE / program), task, json.dumps(told)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    shown = {name: figure for name, figure in figures.items() if name != "profile"}
    print(f"  {task} {told.get('name', '')}: {shown}", flush=True)
    return figures


def machine() -> Figures:
    """Say what the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_at_start": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()
