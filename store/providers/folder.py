"""Scenes from a folder of rasters: drone orthomosaics, or whatever an agency sends."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import xarray as xr

from geo.align import Method
from geo.errors import InputError, RasterError, SettingsError
from geo.grid import Grid
from geo.layers import REFLECTANCE
from geo.masks import MaskRule
from geo.period import Period
from store.files import sha256_file
from store.providers.base import (
    Acquisition,
    Asset,
    Provider,
    Scene,
    Search,
    group_passes,
)
from store.providers.intake import (
    examine_scene,
    lonlat_of,
    require_overlap,
    source_of,
)
from store.providers.reading import Reading, load_scene
from store.safe import RASTER_DRIVERS, open_raster

_OURS = frozenset({*(band.name for band in REFLECTANCE), "mask"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderProvider:
    """Rasters in a folder, whose names say when and what they are.

    Nothing is guessed: what neither the file nor the region file declares (nodata, CRS,
    a mask or that none is needed) is refused.
    """

    name: str
    folder: Path
    roots: tuple[Path, ...]
    pattern: str
    """Regular expression of the whole path below ``folder``, with a group ``date``
    (``20200701`` or ``2020-07-01``) and, as needed, ``band``, ``platform``, ``time``
    (``093000``, UTC)."""
    bands: tuple[str, ...] | Mapping[str, str]
    """Our names of a file's bands in their order (empty for one to skip), or, where
    ``pattern`` has a group ``band``, what that group holds by our name."""
    scale: float
    offset: float
    nodata: float | None = None
    """None leaves it to the files' own tags and alpha bands."""
    mask: MaskRule | Literal["none"] | None = None
    """``none`` states that every pixel with data is clear."""
    timezone: str = "Asia/Shanghai"
    resampling: Method = "nearest"
    declared_crs: str = ""
    digest: Callable[[Path], str] = sha256_file
    """How files are hashed."""
    """For files that have none; recorded in the digest of the scene."""

    def __post_init__(self) -> None:
        by_file = isinstance(self.bands, Mapping)
        groups = re.compile(self.pattern).groupindex
        unknown = {band for band in self.bands if band} - _OURS
        if "date" not in groups or by_file != ("band" in groups) or unknown:
            raise SettingsError(
                f"The folder {self.name} has the pattern {self.pattern!r} and the "
                "bands "
                f"{list(self.bands)}, which do not fit.",
                zh=f"文件夹 {self.name} 的命名规则 {self.pattern!r} 与波段 "
                f"{list(self.bands)} 不匹配。规则须含 date 组；"
                "按波段分文件时须含 band 组。",
                cure="The pattern needs a group date, and a group band exactly if "
                "bands "
                f"lie in files of their own; bands are {sorted(_OURS)}.",
                field="pattern",
            )

    def search(self, grid: Grid, period: Period) -> Search:
        """Find scenes as ``Provider`` says, reading names and headers.

        Rasters whose name does not follow the pattern, that lie elsewhere or nowhere,
        and flights without their mask are rejected.
        """
        rejected: list[InputError] = []
        files: dict[tuple[str, str, datetime], list[tuple[Path, str]]] = {}
        for path in self._rasters():
            try:
                item_id, platform, acquired, band = self._read_name(path)
                if self._day(acquired) in period:
                    self._require_place(path, grid)
                    key = item_id, platform, acquired
                    files.setdefault(key, []).append((path, band))
            except InputError as error:
                rejected.append(error.at(file=path))
        acquisitions = []
        for key, found in sorted(files.items()):
            try:
                acquisitions.append(self._acquisition(key, found))
            except InputError as error:
                rejected.append(error.at(file=found[0][0], item=key[0]))
        return Search(group_passes(self.name, acquisitions), tuple(rejected))

    def fetch(self, scene: Scene) -> Scene:
        return examine_scene(scene, roots=self.roots, digest=self.digest)

    def load(
        self, scene: Scene, grid: Grid, *, bands: Sequence[str], chunk_cells: int
    ) -> xr.Dataset:
        rule = self.mask if isinstance(self.mask, MaskRule) else None
        reading = Reading(self.roots, rule, self.resampling, tuple(bands), chunk_cells)
        return load_scene(scene, grid, reading)

    def _rasters(self) -> Iterator[Path]:
        if not self.folder.is_dir():
            raise SettingsError(
                f"There is no folder {self.folder}.",
                zh=f"文件夹 {self.folder} 不存在。请核对区域文件中的 folder。",
                cure="Correct the provider's folder in the region file.",
                field="folder",
                value=self.folder,
            )
        for path in sorted(self.folder.absolute().rglob("*")):
            if path.suffix.lower() in RASTER_DRIVERS and not path.name.startswith("."):
                yield path

    def _read_name(self, path: Path) -> tuple[str, str, datetime, str]:
        """Return item, platform, instant and band that the name states."""
        name = path.relative_to(self.folder.absolute()).as_posix()
        match = re.fullmatch(self.pattern, name)
        if match is None:
            raise RasterError(
                f"The name {name!r} does not follow the pattern {self.pattern!r}.",
                zh=f"文件名 {name!r} 不符合命名规则 {self.pattern!r}。"
                "请改名或修改规则。",
                cure="Rename the file, or correct the pattern in the region file.",
                field="pattern",
                value=name,
            )
        stated = match.groupdict()
        band = stated.get("band") or ""
        start, stop = match.span("band") if band else (len(name), len(name))
        acquired = self._instant(stated["date"] or "", stated.get("time") or "")
        return (
            name[:start] + name[stop:],
            stated.get("platform") or "unknown",
            acquired,
            band,
        )

    def _instant(self, day: str, clock: str) -> datetime:
        """Return the instant; local noon where a name states the day alone."""
        try:
            when = date.fromisoformat(day)
            if clock:
                return datetime.combine(when, time.fromisoformat(clock), UTC)
        except ValueError as error:
            raise RasterError(
                f"The name states the date {day!r} {clock!r}, which does not exist.",
                zh=f"文件名中的日期 {day!r} {clock!r} 不存在。请改名。",
                cure="Rename the file.",
                field="date",
                value=f"{day} {clock}".strip(),
            ) from error
        return datetime.combine(when, time(12), ZoneInfo(self.timezone)).astimezone(UTC)

    def _day(self, acquired: datetime) -> date:
        return acquired.astimezone(ZoneInfo(self.timezone)).date()

    def _require_place(self, path: Path, grid: Grid) -> None:
        with open_raster(path, roots=self.roots) as dataset:
            source = source_of(dataset, self.declared_crs)
        require_overlap(source.lonlat_bounds(), lonlat_of(grid), place="the region")

    def _acquisition(
        self, key: tuple[str, str, datetime], files: list[tuple[Path, str]]
    ) -> Acquisition:
        item_id, platform, acquired = key
        places = self._places(files)
        if self.mask is None or (self.mask != "none" and "mask" not in places):
            raise InputError(
                "No cloud mask is declared for these pixels.",
                zh="未声明云掩膜：不能默认全部晴空。请提供掩膜波段，"
                '或在区域文件中写明 mask = "none"。',
                cure='Deliver a band "mask" with its code table, or state mask = '
                '"none".',
                field="mask",
            )
        assets = [
            Asset(
                band=band,
                href=str(path),
                item_id=item_id,
                scale=1.0 if band == "mask" else self.scale,
                offset=0.0 if band == "mask" else self.offset,
                nodata=None if band == "mask" else self.nodata,
                index=index,
                crs=self.declared_crs,
            )
            for band, (path, index) in sorted(places.items())
            if band != "mask" or self.mask != "none"
        ]
        return Acquisition(
            item_id, platform, acquired, self._day(acquired), tuple(assets)
        )

    def _places(self, files: list[tuple[Path, str]]) -> dict[str, tuple[Path, int]]:
        """Return file and band of the file by our names of bands."""
        if not isinstance(self.bands, Mapping):
            order = enumerate(self.bands, start=1)
            return {band: (files[0][0], index) for index, band in order if band}
        by_group = {group: path for path, group in files}
        missing = sorted(set(self.bands.values()) - set(by_group))
        if missing:
            raise InputError(
                f"The bands {missing} have no file.",
                zh=f"缺少波段文件 {missing}。请补齐后重试。",
                cure="Deliver the files of these bands too.",
                field="band",
                value=sorted(by_group),
                expected=missing,
            )
        return {band: (by_group[group], 1) for band, group in self.bands.items()}


_: type[Provider] = FolderProvider
