"""Make data-samples/carpathians from the source files: same inputs, same bytes.

Usage: python data-samples/make_carpathians.py --shared <folder> --out <folder>
"""

import argparse
import hashlib
import shutil
from pathlib import Path

from carpathians_parcels import write_parcels
from carpathians_plants import write_sources
from carpathians_rasters import write_cover, write_scene_rasters
from carpathians_source import ndmi_drop, read_cover, read_scenes
from carpathians_stac import write_catalogue

BY_HAND = "README.md"
SUMS = "SHA256SUMS"


def main() -> None:
    arguments = _arguments()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for folder in ("items", "scenes"):
        shutil.rmtree(out / folder, ignore_errors=True)
    scenes = read_scenes(arguments.shared)
    cover = read_cover(arguments.shared)
    write_scene_rasters(scenes, out)
    write_cover(scenes, cover, out)
    write_catalogue(scenes, out)
    write_parcels(scenes, ndmi_drop(scenes), cover, out)
    write_sources(arguments.shared, out)
    count, size = _write_sums(out)
    print(f"{count} files, {size / 1e6:.2f} MB in {arguments.out}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="the source files")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    return parser.parse_args()


def _write_sums(out: Path) -> tuple[int, int]:
    """List every made file as ``sha256sum -c`` reads it; return count and bytes."""
    files = sorted(
        path.relative_to(out).as_posix()
        for path in out.rglob("*")
        if path.is_file() and path.name not in (BY_HAND, SUMS)
    )
    lines = [f"{_sha256(out / name)}  {name}\n" for name in files]
    (out / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    return len(files), sum((out / name).stat().st_size for name in files)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
