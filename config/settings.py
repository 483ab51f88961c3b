"""Settings of one region: read once, checked, frozen, and passed down."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator
from pyproj import CRS
from pyproj.exceptions import CRSError

from config.environment import home
from config.frozen import Frozen
from config.plots import CanopySettings, PlotSettings
from config.siting_settings import (
    SitingSettings,
    SourceFileSettings,
    SourceSettings,
)
from config.twin_settings import TwinSettings
from geo.errors import SettingsError
from geo.grid import Grid
from geo.layers import REFLECTANCE
from geo.period import Season

BUILT_IN = Path(__file__).parent


class GridSettings(Frozen):
    """The region's cells. ``left`` and ``top`` are the outer corner, in metres."""

    crs: str = Field(description="A projected CRS in metres, such as EPSG:4547.")
    left: float
    top: float
    cell_m: float = Field(gt=0, le=1000, description="Side of a cell, in metres.")
    width: int = Field(gt=0, description="Cells from west to east.")
    height: int = Field(gt=0, description="Cells from north to south.")
    tile_cells: int = Field(
        2048,
        ge=16,
        le=16_384,
        description="Side of a tile, in cells: what is built again when one changes.",
    )

    @field_validator("crs")
    @classmethod
    def _is_projected(cls, text: str) -> str:
        try:
            crs = CRS.from_user_input(text)
        except CRSError:
            raise ValueError(f"{text!r} is not a CRS such as EPSG:4547") from None
        if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
            raise ValueError(f"{text} is not a projected CRS in metres")
        return text

    def grid(self) -> Grid:
        return Grid(self.crs, self.left, self.top, self.cell_m, self.width, self.height)


class MaskSettings(Frozen):
    """How the codes of a cloud mask are read."""

    clear: tuple[int, ...] = Field((4, 5, 6, 7), description="Codes of clear cells.")
    nodata: tuple[int, ...] = Field((0, 1), description="Codes of cells without data.")
    known: tuple[int, ...] = Field(
        tuple(range(12)), description="All codes that may occur; others are refused."
    )
    dilate_cells: int = Field(
        1, ge=0, le=50, description="Cells that cloud and shadow are grown by."
    )


Resampling = Literal["nearest", "bilinear", "average"]


class StacSource(Frozen):
    """Scenes from a static STAC catalogue or a STAC API."""

    kind: Literal["stac"]
    name: str
    href: str = Field(description="catalog.json in the data folder, or an API's URL.")
    collections: tuple[str, ...] = ()
    bands: Mapping[str, str] = Field(description="Our band = the asset's key.")
    mask_asset: str = "scl"
    mask: MaskSettings = MaskSettings()
    resampling: Resampling = "nearest"
    asset_hosts: tuple[str, ...] = Field(
        (), description="Other hosts that assets may be fetched from."
    )
    max_asset_mb: int = Field(2048, gt=0)

    @property
    def given(self) -> frozenset[str]:
        return frozenset(self.bands)


class FolderSource(Frozen):
    """Scenes from a folder of GeoTIFFs: drone flights or any other raster."""

    kind: Literal["folder"]
    name: str
    folder: str
    pattern: str = Field(
        description="Regular expression over file names with the groups date, and "
        "optionally band and platform."
    )
    bands: tuple[str, ...] | Mapping[str, str] = Field(
        description="Bands in file order, or our band = the band group's text."
    )
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    mask: MaskSettings | Literal["none"] = Field(
        description='Codes of a file whose band is "mask", or "none", said on purpose.'
    )
    declared_crs: str | None = None
    resampling: Resampling = "nearest"

    @property
    def given(self) -> frozenset[str]:
        return frozenset(self.bands)

    @field_validator("pattern")
    @classmethod
    def _has_a_date(cls, pattern: str) -> str:
        if "date" not in re.compile(pattern).groupindex:
            raise ValueError("the pattern needs a group named date: (?P<date>\\d{8})")
        return pattern


SceneSource = Annotated[StacSource | FolderSource, Field(discriminator="kind")]


class ParcelSettings(Frozen):
    """The parcel layer (小班)."""

    path: str
    layer: str | None = None
    id_field: str = "parcel_id"
    name_field: str | None = None
    declared_crs: str | None = None
    encoding: str | None = None
    simulated: bool = Field(False, description="True is shown wherever results are.")


class SeasonSettings(Frozen):
    """Which days a composite is made of."""

    start: str = Field("06-01", pattern=r"^\d\d-\d\d$")
    stop: str = Field("09-01", pattern=r"^\d\d-\d\d$")
    min_clear: int = Field(3, ge=1, description="Clear looks that a cell needs.")
    min_days: int = Field(
        30, ge=1, description="Days of a running season before it replaces the last."
    )

    def season(self) -> Season:
        return Season(_month_day(self.start), _month_day(self.stop))


class ModelSettings(Frozen):
    """Tree cover from the composite, trained on a raster of one year."""

    tree_cover: str = Field(description="Tree cover in per cent, a GeoTIFF.")
    year: int = Field(ge=1985, le=2100, description="The year that it shows.")
    reference_cover_pct: float = Field(
        50, gt=0, lt=100, description="Cover from which a cell ties years together."
    )
    block_m: float = Field(200, gt=0, description="Side of a cross-validation block.")
    folds: int = Field(5, ge=2, le=20)


class BiomassSettings(Frozen):
    route: Literal["auto", "tier1", "plots", "canopy"] = Field(
        "auto",
        description="Way to the biomass; auto: the best promoted model there is.",
    )
    zone: str = Field(description="A zone of config/coefficients/default_agbd.csv.")
    root_shoot: str = Field(description="A zone of coefficients/root_shoot.csv.")
    min_domain_pct: float = Field(
        50, ge=0, le=100, description="Domain share that a parcel's status asks for."
    )


class ChangeSettings(Frozen):
    baseline_year: int = Field(ge=1985, le=2100)
    alpha: float = Field(0.1, gt=0, lt=0.5, description="False discovery rate.")
    loss_area_pct: float = Field(
        20, gt=0, le=100, description="Share with sudden loss that makes a loss."
    )
    min_observed_pct: float = Field(50, gt=0, le=100)


class DaskSettings(Frozen):
    scheduler: str = Field(
        "threads", description='"threads", or an address such as tcp://host:8786.'
    )
    workers: int = Field(2, ge=1, description="Threads, when there is no address.")
    memory_mb: int = Field(
        3000, ge=512, description="What a night may hold in memory; chunks follow it."
    )
    chunk_cells: int | None = Field(
        None, ge=16, description="Side of a chunk in cells, instead of what follows."
    )

    @field_validator("scheduler")
    @classmethod
    def _is_known(cls, text: str) -> str:
        if text != "threads" and not re.match(r"^(tcp|tls|ucx)://", text):
            raise ValueError(f'{text!r} is neither "threads" nor an address')
        return text


class Region(Frozen):
    """What a monitoring centre watches, from one TOML file."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    title: str
    title_zh: str
    timezone: str = Field("Asia/Shanghai", description="Whose calendar days are used.")
    data_root: str = Field(
        description="Folder of the inputs; nothing else is opened. Relative to the "
        "region file; {home} stands for the data folder."
    )
    simulated: tuple[str, ...] = Field((), description="Inputs that are simulated.")
    citations: tuple[str, ...] = ()
    grid: GridSettings
    scenes: tuple[SceneSource, ...] = Field(min_length=1)
    parcels: ParcelSettings
    sources: SourceSettings | None = None
    plots: PlotSettings | None = None
    canopy: tuple[CanopySettings, ...] = ()
    season: SeasonSettings = SeasonSettings()
    model: ModelSettings
    biomass: BiomassSettings
    change: ChangeSettings
    dask: DaskSettings = DaskSettings()
    twin: TwinSettings | None = None
    siting: SitingSettings = SitingSettings()

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, text: str) -> str:
        try:
            ZoneInfo(text)
        except (KeyError, ValueError):
            raise ValueError(f"{text!r} is no zone such as Asia/Shanghai") from None
        return text

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands of reflectance that any source of scenes has, in table order."""
        given = {band for source in self.scenes for band in source.given}
        return tuple(band.name for band in REFLECTANCE if band.name in given)

    @property
    def source_files(self) -> tuple[SourceFileSettings, ...]:
        """The files of emission sources, however the region names them."""
        if self.sources is None:
            return self.siting.sources
        usual = SourceFileSettings(
            path=self.sources.path, datum="wgs84", simulated=self.sources.simulated
        )
        return (usual,)

    @model_validator(mode="after")
    def _has_emission_sources(self) -> Self:
        if (self.sources is None) == (not self.siting.sources):
            raise ValueError(
                "emission sources are named either by [sources] path or by "
                "[[siting.sources]], and once"
            )
        return self

    @model_validator(mode="after")
    def _sources_differ(self) -> Self:
        names = [source.name for source in self.scenes]
        if len(set(names)) != len(names):
            raise ValueError(f"each source of scenes needs its own name, got {names}")
        return self


class Settings(Frozen):
    """Everything that a run is told, once."""

    home: Path = Field(description="The data folder: store, published layers, Prefect.")
    data_root: Path = Field(description="The region's inputs, resolved.")
    region: Region

    @property
    def store_root(self) -> Path:
        return self.home / "store"

    @property
    def published_root(self) -> Path:
        return self.home / "published" / self.region.name


def region_files() -> dict[str, Path]:
    """Return every region file by name; the data folder's shadow the built-in ones."""
    folders = (BUILT_IN / "regions", home() / "regions")
    return {
        path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))
    }


def load(region: str) -> Settings:
    """Read the settings of ``region``.

    Raises
    ------
    SettingsError
        No such region, or a setting that is missing, misspelt or out of bounds.
    """
    files = region_files()
    if region not in files:
        near = difflib.get_close_matches(region, files, n=1)
        raise SettingsError(
            f"There is no region {region!r}; there are {', '.join(files)}.",
            zh=f"没有名为 {region} 的区域；现有：{'、'.join(files)}。",
            cure=f"Did you mean {near[0]}?" if near else "See `forestsink regions`.",
            value=region,
        )
    return read(files[region])


def read(path: Path) -> Settings:
    """Read one region file, with the defaults of ``config/default.toml``."""
    content = _merge(_toml(BUILT_IN / "default.toml"), _toml(path))
    scheduler = os.environ.get("FORESTSINK_DASK_SCHEDULER")
    if scheduler:
        content = _merge(content, {"dask": {"scheduler": scheduler}})
    try:
        region = Region.model_validate(content)
    except ValidationError as error:
        raise _settings_error(path, error) from None
    named = region.data_root.replace("{home}", str(home()))
    return Settings(
        home=home(), data_root=(path.parent / named).resolve(), region=region
    )


Table = dict[str, object]


def _merge(base: Table, over: Table) -> Table:
    merged = {**base, **over}
    for name, below in base.items():
        above = over.get(name)
        if isinstance(below, dict) and isinstance(above, dict):
            merged[name] = _merge(below, above)
    return merged


def _toml(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"{path.name} cannot be read: {error}.",
            zh=f"配置文件 {path.name} 无法读取：{error}。",
            cure="Save it as UTF-8 TOML.",
            file=path,
        ) from None


def _settings_error(path: Path, error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "region"
    more = error.error_count() - 1
    extra = f" (and {more} more)" if more else ""
    given = "" if isinstance(first["input"], Mapping) else first["input"]
    return SettingsError(
        f"{path.name}: {field}: {first['msg']}{extra}.",
        zh=f"配置文件 {path.name} 的 {field} 有误：{first['msg']}。",
        cure=_cure(first["type"], field),
        file=path,
        field=field,
        value=given,
    )


def _cure(kind: str, field: str) -> str:
    if kind != "extra_forbidden":
        return f"Correct {field}."
    name = field.rsplit(".", maxsplit=1)[-1]
    known = {key for model in Frozen.__subclasses__() for key in model.model_fields}
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {near[0]}?" if near else f"Remove {field}."


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)
