"""The folder of a simulated county: whole or absent, every file named and hashed."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from geo.errors import StoreError
from store.files import held, sha256_file, write_json

MANIFEST = "twin.json"
SUMS = "SHA256SUMS"
TRUTH = "truth"
"""The folder of what is true, which nothing that estimates may open."""
_SCRATCH = ".scratch"

README = """# 临江县（模拟） Linjiang, a simulated county

**模拟数据 SIMULATED.** Nothing here was measured and the place does not exist. Every
file says so again in its own metadata, columns or names. Made by `forestsink twin make`
with the settings in `twin.json`; the same settings give the same bytes (`SHA256SUMS`).

| file | what |
|---|---|
| `catalog.json`, `items/`, `scenes/` | Sentinel-2-like scenes, static STAC |
| `tree_cover_2021.tif` | reference raster of tree cover, %, 20 m, with error |
| `terrain/` | height above sea, slope |
| `drone/` | canopy height and orthomosaic of some sites at two dates |
| `plots/` | field plots of 0.0667 ha with their tree lists, measured with error |
| `sensors/` | daily weather, soil moisture, stem growth, with the sensors' faults |
| `parcels.gpkg`, `parcels_gbk.shp` | parcels (小班); the Shapefile: GBK, no .cpg |
| `sources.csv`, `sources.gpkg` | emission sources: points; with roads and villages |
| `constraints/` | farmland, wetland, settlement, slope; redline and roads |
| `truth/` | what is true: density by year, height, cover, species, events, faults |

What is simulated and how: docs/twin.md of the project.
"""


def is_made(folder: Path, settings: Mapping[str, object]) -> bool:
    """Return whether ``folder`` holds the whole county of just these settings."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return bool(
            content["settings"] == dict(settings)
            and content["sums_sha256"] == sha256_file(folder / SUMS)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def making(
    folder: Path, settings: Mapping[str, object], *, needs_bytes: int
) -> Iterator[Path]:
    """Yield an empty folder that becomes ``folder`` when it is full, or never.

    A county that is there already is replaced. Sums and manifest are written last.

    Raises
    ------
    StoreError
        ``folder`` holds something else than a county, or the disk is too small.
    BusyError
        Another process makes it.
    """
    draft = folder.with_name(f".{folder.name}.draft")
    with held(folder.with_name(f".{folder.name}.lock"), purpose="twin make"):
        _require_own(folder)
        _require_space(folder, needs_bytes)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        yield draft
        shutil.rmtree(draft / _SCRATCH, ignore_errors=True)
        _finish(draft, settings)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)


def scratch(draft: Path) -> Path:
    """Return a folder for files between two passes, which are not kept."""
    folder = draft / _SCRATCH
    folder.mkdir(exist_ok=True)
    return folder


def sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each part of a county: its folders and files at the top."""
    return {
        path.name: sum(part.stat().st_size for part in _files(path))
        for path in sorted(folder.iterdir())
    }


def _files(path: Path) -> list[Path]:
    return (
        [path]
        if path.is_file()
        else sorted(part for part in path.rglob("*") if part.is_file())
    )


def _finish(draft: Path, settings: Mapping[str, object]) -> None:
    (draft / "README.md").write_text(README, encoding="utf-8", newline="\n")
    names = sorted(path.relative_to(draft).as_posix() for path in _files(draft))
    lines = [f"{sha256_file(draft / name)}  {name}\n" for name in names]
    (draft / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    manifest = {
        "about": "SIMULATED county, 模拟数据",
        "settings": dict(settings),
        "files": len(names),
        "sums_sha256": sha256_file(draft / SUMS),
    }
    write_json(draft / MANIFEST, manifest)


def _require_own(folder: Path) -> None:
    is_free = not folder.exists() or not any(folder.iterdir())
    if is_free or (folder / MANIFEST).is_file():
        return
    raise StoreError(
        f"{folder.name} is a folder with other files in it; it was not touched.",
        zh=f"目录 {folder.name} 中有其他文件，未作改动。请另选一个空目录。",
        cure="Name a new or an empty folder, or one that holds a county.",
        file=folder,
    )


def _require_space(folder: Path, needs_bytes: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if free < needs_bytes:
        raise StoreError(
            f"The county needs about {needs_bytes / 1e9:.1f} GB of disk, "
            f"{free / 1e9:.1f} GB are free.",
            zh=f"模拟县约需磁盘 {needs_bytes / 1e9:.1f} GB，"
            f"剩余 {free / 1e9:.1f} GB。请释放空间或减小规模。",
            cure="Free space, or ask for fewer cells, years or scenes.",
            file=folder,
            value=f"{free / 1e9:.1f} GB",
        )
