"""The measurements of a whole night. Run as a program, like ``tasks.py``."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window
from sampler import Sampler
from season import NEWEST, NIGHTS, make_season
from tasks import peak_mb

from config.settings import Settings, read
from geo.layers import REFLECTANCE
from geo.period import Period
from models.cover import CoverModel
from models.features import feature_stack
from models.harmonise import Shifts
from pipelines.context import Night, silent
from pipelines.recipe import run_night
from pipelines.train import load_model
from store.catalog import Artefact, Catalog, Facts, read_manifest
from store.keys import LayerKey
from store.lockdown import lock_down

P = ParamSpec("P")
R = TypeVar("R")
Figures = dict[str, Any]
Floats = NDArray[np.float32]

CHUNK = 1_024
"""Cells along the side of what the floor reads and predicts at a time."""
PROFILE_ROWS = 40


def make(folder: str, side: int, parcels_side: int) -> Figures:
    """Write the season that all others read."""
    start = time.perf_counter()
    make_season(Path(folder), side, parcels_side)
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {
        "seconds": time.perf_counter() - start,
        "peak_mb": peak_mb(),
        "disk_mb": sum(path.stat().st_size for path in files) // 1_000_000,
    }


@dataclass
class Spent:
    """Wall and processor seconds of all that ran while it was entered, added up."""

    wall: float = 0.0
    cpu: float = 0.0

    def __enter__(self) -> Self:
        self.wall -= time.perf_counter()
        self.cpu -= time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += time.process_time()


@dataclass
class Clock:
    """Wall seconds of every step of a night, and of building every kind of artefact."""

    steps: dict[str, float] = field(default_factory=dict)
    built: dict[str, float] = field(default_factory=dict)

    def call(self, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a step of the night's recipe, and note how long it took."""
        periods = [str(arg) for arg in args if isinstance(arg, Period)]
        start = time.perf_counter()
        result = step(*args, **kwargs)
        self._add(self.steps, " ".join([step.__name__, *periods]), start)
        return result

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note how long each kind of artefact takes to build, without checksums."""
        plain = Catalog.produce

        def produce(
            catalog: Catalog, key: LayerKey, build: Callable[[Path], Facts]
        ) -> Artefact:
            def timed(place: Path) -> Facts:
                start = time.perf_counter()
                facts = build(place)
                self._add(self.built, key.layer, start)
                return facts

            return plain(catalog, key, timed)

        Catalog.produce = produce  # type: ignore[method-assign]
        try:
            yield
        finally:
            Catalog.produce = plain  # type: ignore[method-assign]

    @staticmethod
    def _add(into: dict[str, float], name: str, start: float) -> None:
        into[name] = round(into.get(name, 0.0) + time.perf_counter() - start, 3)


def night(folder: str, name: str) -> Figures:
    """Run one of ``NIGHTS`` and say what it took and what came out."""
    settings, clock = _settings(folder), Clock()
    with Sampler() as sampler, clock.watching(), Spent() as spent:
        finished = run_night(settings, NIGHTS[name], call=clock.call)
    record = finished.record
    card = dict(record.model_card)
    return {
        "seconds": spent.wall,
        "peak_mb": peak_mb(),
        "cpu_seconds": spent.cpu,
        "sampled_seconds": sampler.seconds(),
        "scenes": len(record.scenes),
        "left_out": _left_out(finished.record.attentions),
        "observed_pct": record.observed_pct,
        "statuses": record.parcel_statuses,
        "verdicts": record.parcel_verdicts,
        "scores": card.get("scores"),
        "steps": clock.steps,
        "built": clock.built,
        "profile": sampler.rows(PROFILE_ROWS),
    }


def floor(folder: str, name: str) -> Figures:
    """Decode what the night has to decode and predict what it has to predict.

    Every band of every scene of the season: the newest from its source files, the
    others as they are stored. Then cover, its error and the domain of every cell of
    the season, from reflectance that lies in memory. Nothing is written.
    """
    settings = _settings(folder)
    context = Night(settings, NIGHTS[name], Catalog(settings.store_root), silent)
    held = Held(context)
    with ThreadPoolExecutor(settings.region.dask.workers) as pool:
        decoded = _decoded(pool, held.files_to_decode())
        predicted = _predicted(pool, held)
    return {
        "seconds": decoded["decode_seconds"] + predicted["predict_seconds"],
        "peak_mb": peak_mb(),
        "bands": len(REFLECTANCE),
        **decoded,
        **predicted,
    }


@dataclass(frozen=True)
class Held:
    """What a night has left in the store, found by its manifests."""

    context: Night

    def folders(self, layer: str, period: str) -> list[Path]:
        """Return the artefacts of a layer and period, by the name of their tile."""
        root = self.context.settings.store_root / self.context.settings.region.name
        found: dict[str, Path] = {}
        # The newest of each tile: what nights before it made is there too.
        for path in sorted(
            (root / layer / period).glob("*/manifest.json"),
            key=lambda path: path.stat().st_mtime_ns,
        ):
            found[path.parent.name.rsplit("-", maxsplit=1)[0]] = path.parent
        if not found:
            raise SystemExit(f"The store has no {layer} of {period}.")
        return [found[tile] for tile in sorted(found)]

    def of_season(self, layer: str) -> list[Path]:
        return self.folders(layer, self.context.label(self.context.season))

    def files_to_decode(self) -> list[Path]:
        """Return the newest scene's source files, and the older ones as stored."""
        season, root = self.context.season, self.context.settings.data_root
        wanted = {"scl", *(band.name for band in REFLECTANCE)}
        newest = sorted((root / "scenes").glob(f"*_{NEWEST:%Y%m%d}_*/*.tif"))
        files = [path for path in newest if path.stem in wanted]
        stored = self.context.settings.store_root.glob("*/scene/*")
        for day in sorted(path.name for path in stored):
            if season.start.strftime("%Y%m%d") <= day < f"{NEWEST:%Y%m%d}":
                for folder in self.folders("scene", day):
                    files += sorted(folder.glob("*.tif"))
        return files

    def model(self) -> CoverModel:
        period = self.context.label(self.context.training)
        manifest = read_manifest(self.folders("cover-model", period)[0])
        if manifest is None:
            raise SystemExit("The manifest of the cover model cannot be read.")
        return load_model(self.context, LayerKey(**manifest["key"]))

    def shifts(self, tile: str) -> Shifts:
        """Return the shifts of a tile, or those of all where it has none of its own."""
        named = {folder.name: folder for folder in self.of_season("harmonisation")}
        for wanted in (tile, "all"):
            for name in sorted(named):
                if name.startswith(f"{wanted}-"):
                    text = (named[name] / "shifts.json").read_text(encoding="utf-8")
                    facts = json.loads(text)
                    if facts["usable"]:
                        return Shifts.from_record(facts)
        raise SystemExit(f"The season has no usable shifts of {tile}.")


def _decoded(pool: ThreadPoolExecutor, files: Sequence[Path]) -> Figures:
    """Read every cell of ``files``."""
    windows = [(path, window) for path in files for window in _windows(path)]
    with Spent() as spent:
        sizes = list(pool.map(lambda one: _read(*one).nbytes, windows))
    return {
        "decode_seconds": spent.wall,
        "decode_cpu_seconds": spent.cpu,
        "decoded_mb": sum(sizes) / 1e6,
    }


def _predicted(pool: ThreadPoolExecutor, held: Held) -> Figures:
    """Predict every cell of the season, and hold it against what the night mapped."""
    model = held.model()
    spent, cells, apart = Spent(), 0, 0.0
    pairs = zip(held.of_season("composite"), held.of_season("cover"), strict=True)
    for composite, cover in pairs:
        source, mapped = _only_raster(composite), _only_raster(cover)
        shifts = held.shifts(composite.name.split("-")[0])
        for windows in _by_row(_windows(source)):
            chunks = [_reflectance(source, shifts, window) for window in windows]
            with spent:
                tasks = pool.map(lambda chunk: model.map(feature_stack(chunk)), chunks)
                found = list(tasks)
            for window, one in zip(windows, found, strict=True):
                expected = _band(mapped, "cover_pct", window)
                difference = np.abs(one["cover_pct"].to_numpy() - expected)
                cells += int(np.isfinite(difference).sum())
                apart = max(apart, float(np.nanmax(difference, initial=0.0)))
    return {
        "predict_seconds": spent.wall,
        "predict_cpu_seconds": spent.cpu,
        "predicted_cells": cells,
        "largest_difference_pct": apart,
    }


def _windows(path: Path) -> list[Window]:
    with rasterio.open(path) as source:
        height, width = source.shape
    return [
        Window(left, top, min(CHUNK, width - left), min(CHUNK, height - top))
        for top in range(0, height, CHUNK)
        for left in range(0, width, CHUNK)
    ]


def _by_row(windows: list[Window]) -> list[list[Window]]:
    tops = sorted({window.row_off for window in windows})
    return [[one for one in windows if one.row_off == top] for top in tops]


def _read(path: Path, window: Window) -> NDArray[np.generic]:
    with rasterio.open(path) as source:
        values: NDArray[np.generic] = source.read(window=window)
    return values


def _band(path: Path, name: str, window: Window) -> Floats:
    """Read one band by its name, in its unit, NaN where there is no value."""
    with rasterio.open(path) as source:
        index = source.descriptions.index(name)
        codes = source.read(index + 1, window=window)
        values: Floats = codes.astype(np.float32) * np.float32(source.scales[index])
        values[codes == source.nodata] = np.nan
    return values


def _reflectance(path: Path, shifts: Shifts, window: Window) -> xr.DataArray:
    names = [band.name for band in REFLECTANCE]
    bands = xr.DataArray(
        np.stack([_band(path, name, window) for name in names]),
        dims=("band", "y", "x"),
        coords={"band": names},
    )
    return shifts.apply(bands)


def _only_raster(folder: Path) -> Path:
    (path,) = folder.glob("*.tif")
    return path


def _left_out(attentions: Sequence[Any]) -> list[str]:
    """Return what was left out of a night, unclear parcels apart."""
    return [
        f"{one.subject}: {one.message}"
        for one in attentions
        if one.left_out and one.code != "observations"
    ]


def _settings(folder: str) -> Settings:
    place = Path(folder)
    return read(place / "region.toml").model_copy(update={"home": place / "home"})


TASKS: dict[str, Callable[..., Figures]] = {
    "make": make,
    "night": night,
    "floor": floor,
}

if __name__ == "__main__":
    lock_down()
    print(json.dumps(TASKS[sys.argv[1]](**json.loads(sys.argv[2]))))
