"""The scenes and the tree cover as small cloud-optimised GeoTIFFs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio.shutil
from affine import Affine
from carpathians_source import CRS_CODE, Scenes, read_bands
from numpy.typing import NDArray
from rasterio.io import MemoryFile

SCALE = 0.0001
COG = {
    "driver": "COG",
    "COMPRESS": "DEFLATE",
    "LEVEL": "9",
    "PREDICTOR": "STANDARD",
    "BLOCKSIZE": "128",
    "OVERVIEWS": "NONE",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a raster's numbers are: stored value x ``scale`` is in ``unit``."""

    description: str
    unit: str
    nodata: int
    scale: float = 1.0


def write_cog(
    path: Path,
    cells: NDArray[np.uint8] | NDArray[np.uint16],
    transform: Affine,
    meaning: Meaning,
    tags: dict[str, str] | None = None,
) -> None:
    """Write one band in EPSG:3035; ``tags`` go to the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = cells.shape
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=height,
            width=width,
            count=1,
            dtype=cells.dtype,
            crs=CRS_CODE,
            transform=transform,
            nodata=meaning.nodata,
        ) as raster:
            raster.write(cells, 1)
            raster.set_band_description(1, meaning.description)
            raster.set_band_unit(1, meaning.unit)
            raster.scales = (meaning.scale,)
            raster.update_tags(**(tags or {}))
        with memory.open() as raster:
            rasterio.shutil.copy(raster, path, **COG)


def write_scene_rasters(scenes: Scenes, out: Path) -> None:
    """Write ``scenes/<id>/<band>.tif`` for every acquisition."""
    for index, day in enumerate(scenes.days):
        folder = out / "scenes" / f"S2_{day:%Y%m%d}"
        for band in read_bands():
            write_cog(
                folder / f"{band.name}.tif",
                scenes.stacks[band.name][index],
                scenes.transform(band.cell_m),
                Meaning(band.name, "1", nodata=0, scale=SCALE),
            )
        write_cog(
            folder / "scl.tif",
            scenes.scl[index],
            scenes.transform(10),
            Meaning("scl", "class", nodata=0),
        )


def write_cover(scenes: Scenes, cover: NDArray[np.uint8], out: Path) -> None:
    write_cog(
        out / "tree_cover_2018.tif",
        cover,
        scenes.transform(20),
        Meaning("tree_cover_pct", "%", nodata=255),
        {
            "CRS_REPAIR": "The source CRS is an unnamed Lambert azimuthal equal-area "
            "on GRS 1980 with the parameters of EPSG:3035; written as EPSG:3035.",
            "COPYRIGHT": "© European Union, Copernicus Land Monitoring Service 2018, "
            "European Environment Agency (EEA)",
        },
    )
