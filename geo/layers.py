"""The one table of what every layer is; writers, styles, legends and docs read it."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, Self

REFLECTANCE_SCALE = 1e-4
"""Reflectance is stored as whole numbers of one ten-thousandth."""


@dataclass(frozen=True, slots=True)
class Band:
    """One band: its unit, how it is stored, what is possible and how it is drawn.

    ``ramp`` pairs a value (in ``unit``) with a colour; ``classes`` pairs a code with a
    colour, an English and a Chinese label. A band has one or the other.
    """

    name: str
    title: str
    title_zh: str
    unit: str
    dtype: Literal["int16", "float32"]
    nodata: float
    valid_range: tuple[float, float]
    scale: float = 1.0
    ramp: tuple[tuple[float, str], ...] = ()
    classes: tuple[tuple[int, str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """A product on the grid for a period."""

    name: str
    title: str
    title_zh: str
    period: Literal["acquisition", "season", "year", "two years", "since", "request"]
    bands: tuple[Band, ...]
    published: bool = True

    def __post_init__(self) -> None:
        if len({(band.dtype, band.nodata) for band in self.bands}) != 1:
            raise ValueError(f"One file holds one type: {self.name} mixes them.")

    @property
    def dtype(self) -> str:
        return self.bands[0].dtype

    @property
    def nodata(self) -> float:
        return self.bands[0].nodata

    @property
    def band_names(self) -> tuple[str, ...]:
        return tuple(band.name for band in self.bands)

    def seen_in(self, reflectance: Collection[str]) -> Self:
        """Return the layer of a region whose sensors have only these bands."""
        absent = {band.name for band in REFLECTANCE} - set(reflectance)
        kept = tuple(band for band in self.bands if band.name not in absent)
        return replace(self, bands=kept)


def _reflectance(name: str, title: str, title_zh: str) -> Band:
    return Band(
        name,
        title,
        title_zh,
        unit="1",
        dtype="int16",
        nodata=-32768,
        valid_range=(-0.2, 1.6),
        scale=REFLECTANCE_SCALE,
        ramp=((0.0, "#000000"), (0.15, "#7f7f7f"), (0.5, "#ffffff")),
    )


REFLECTANCE = tuple(
    _reflectance(name, f"Reflectance, {title}", f"{title_zh}反射率")
    for name, title, title_zh in (
        ("blue", "blue", "蓝光"),
        ("green", "green", "绿光"),
        ("red", "red", "红光"),
        ("rededge1", "red edge 0.70 um", "红边0.70微米"),
        ("rededge2", "red edge 0.74 um", "红边0.74微米"),
        ("rededge3", "red edge 0.78 um", "红边0.78微米"),
        ("nir", "near infrared", "近红外"),
        ("nir08", "narrow near infrared", "窄近红外"),
        ("swir16", "shortwave infrared 1.6 um", "短波红外1.6微米"),
        ("swir22", "shortwave infrared 2.2 um", "短波红外2.2微米"),
    )
)
"""The bands every optical provider maps its own names to; a region has some of them."""

NO_VALUE = -32768
"""What a whole-number file holds where there is no value."""

_IN_DOMAIN = Band(
    "in_domain",
    "Inside the model's domain",
    "在模型适用域内",
    "class",
    "int16",
    NO_VALUE,
    (0, 1),
    classes=(
        (0, "#e34a33", "outside", "域外"),
        (1, "#31a354", "inside", "域内"),
    ),
)

_GREENS = ("#ffffe5", "#d9f0a3", "#78c679", "#238443", "#004529")

_AGBD = (
    Band(
        "agbd_t_ha",
        "Above-ground biomass density, dry matter",
        "地上生物量密度(干物质)",
        "t/ha",
        "int16",
        NO_VALUE,
        (0, 1200),
        scale=0.1,
        ramp=tuple(zip((0, 40, 80, 120, 160), _GREENS, strict=True)),
    ),
    Band(
        "agbd_sd_t_ha",
        "Standard deviation of the density",
        "密度标准差",
        "t/ha",
        "int16",
        NO_VALUE,
        (0, 1200),
        scale=0.1,
        ramp=((0, "#f7fcfd"), (60, "#8c96c6"), (120, "#4d004b")),
    ),
    _IN_DOMAIN,
)

ROUTES: tuple[tuple[str, int, str, str, str], ...] = (
    ("tier1", 1, "default values", "缺省值法", "#fdae61"),
    ("plots", 2, "learnt from field plots", "样地回归法", "#1a9850"),
    ("canopy", 3, "canopy heights and plots", "冠层高两阶段法", "#2b83ba"),
)
"""Code, number in rasters, English, Chinese and colour of the ways to biomass."""

_ROUTE = Band(
    "route",
    "Way to the biomass",
    "生物量方法路线",
    "class",
    "int16",
    NO_VALUE,
    (1, 3),
    classes=tuple((number, colour, en, zh) for _, number, en, zh, colour in ROUTES),
)

LAYERS: dict[str, Layer] = {
    layer.name: layer
    for layer in (
        Layer(
            "scene",
            "Scene on the region's grid",
            "单景反射率",
            "acquisition",
            (
                *REFLECTANCE,
                Band(
                    "status",
                    "What was seen",
                    "观测状态",
                    "class",
                    "int16",
                    -32768,
                    (0, 2),
                    classes=(
                        (0, "#bdbdbd", "no data", "无数据"),
                        (1, "#238443", "clear", "晴空"),
                        (2, "#9ecae1", "cloud, shadow or snow", "云、影或雪"),
                    ),
                ),
            ),
            published=False,
        ),
        Layer(
            "composite",
            "Seasonal median of clear observations",
            "季节晴空中值合成",
            "season",
            (
                *REFLECTANCE,
                Band(
                    "clear_count",
                    "Clear observations",
                    "晴空观测次数",
                    "1",
                    "int16",
                    -32768,
                    (0, 400),
                    ramp=((0, "#fff7ec"), (5, "#fdbb84"), (15, "#7f0000")),
                ),
            ),
        ),
        Layer(
            "cover",
            "Tree cover",
            "林木覆盖度",
            "season",
            (
                Band(
                    "cover_pct",
                    "Tree cover",
                    "林木覆盖度",
                    "%",
                    "int16",
                    NO_VALUE,
                    (0, 100),
                    scale=0.01,
                    ramp=tuple(zip((0, 25, 50, 75, 100), _GREENS, strict=True)),
                ),
                Band(
                    "cover_sd_pct",
                    "Standard deviation of the model's error",
                    "模型误差标准差",
                    "%",
                    "int16",
                    NO_VALUE,
                    (0, 100),
                    scale=0.01,
                    ramp=((0, "#f7fcfd"), (5, "#8c96c6"), (10, "#4d004b")),
                ),
                Band(
                    "ndmi",
                    "Moisture index, harmonised",
                    "水分指数(季节校准后)",
                    "1",
                    "int16",
                    NO_VALUE,
                    (-1, 1),
                    scale=1e-4,
                    ramp=((-0.2, "#8c510a"), (0.2, "#f6e8c3"), (0.6, "#01665e")),
                ),
                _IN_DOMAIN,
            ),
        ),
        Layer("agbd", "Above-ground biomass density", "地上生物量密度", "year", _AGBD),
        Layer(
            "learned",
            "Above-ground biomass density by a region's own model",
            "地上生物量密度(本区域模型)",
            "year",
            (*_AGBD, _ROUTE),
            published=False,
        ),
        Layer("route", "Way to the biomass", "生物量方法路线", "year", (_ROUTE,)),
        Layer(
            "moved",
            "Change of tree cover, cell by cell",
            "林木覆盖度变化(逐像元)",
            "two years",
            tuple(
                Band(name, title, title_zh, unit, "int16", NO_VALUE, limits, scale=0.01)
                for name, title, title_zh, unit, limits in (
                    ("delta_pct", "Change", "变化", "%", (-100.0, 100.0)),
                    ("sd_pct", "Standard deviation", "标准差", "%", (0.0, 100.0)),
                    ("season_sd_pct", "Season's error", "季节误差", "%", (0.0, 100.0)),
                    ("lost", "Canopy lost", "林冠消失", "1", (0.0, 1.0)),
                )
            ),
            published=False,
        ),
        Layer(
            "agbd_change",
            "Change of above-ground biomass density",
            "地上生物量密度变化",
            "two years",
            (
                Band(
                    "change_t_ha",
                    "Change of the density",
                    "密度变化",
                    "t/ha",
                    "int16",
                    NO_VALUE,
                    (-1200, 1200),
                    scale=0.1,
                    ramp=(
                        (-80, "#b2182b"),
                        (-20, "#fddbc7"),
                        (0, "#f7f7f7"),
                        (20, "#d9f0d3"),
                        (80, "#1b7837"),
                    ),
                ),
                Band(
                    "change_sd_t_ha",
                    "Standard deviation of the change",
                    "变化标准差",
                    "t/ha",
                    "int16",
                    NO_VALUE,
                    (0, 1200),
                    scale=0.1,
                    ramp=((0, "#f7fcfd"), (60, "#8c96c6"), (120, "#4d004b")),
                ),
                Band(
                    "verdict",
                    "Verdict",
                    "判定",
                    "class",
                    "int16",
                    NO_VALUE,
                    (0, 3),
                    classes=(
                        (0, "#bdbdbd", "not observed", "未观测"),
                        (1, "#d73027", "loss", "减少"),
                        (2, "#f7f7f7", "no significant change", "无显著变化"),
                        (3, "#1a9850", "gain", "增加"),
                    ),
                ),
            ),
        ),
        Layer(
            "exposure",
            "Emission exposure, distance-weighted",
            "排放暴露(距离加权)",
            "year",
            (
                Band(
                    "exposure_tco2e_yr",
                    "Distance-weighted emissions",
                    "距离加权排放量",
                    "t CO2e/yr",
                    "float32",
                    -9999,
                    (0, 1e12),
                    ramp=((0, "#ffffcc"), (5e4, "#fd8d3c"), (2e5, "#800026")),
                ),
            ),
        ),
        Layer(
            "priority",
            "Priority for new sink forest",
            "碳汇造林优先度",
            "request",
            (
                Band(
                    "score",
                    "Priority score",
                    "优先度得分",
                    "1",
                    "float32",
                    -9999,
                    (0, 1),
                    ramp=((0, "#ffffd4"), (0.5, "#fe9929"), (1, "#993404")),
                ),
            ),
        ),
    )
}
"""Every layer by name."""

VERDICTS: tuple[tuple[str, str, str, str], ...] = (
    ("loss", "loss", "减少", "#d73027"),
    ("gain", "gain", "增加", "#1a9850"),
    ("no_significant_change", "no significant change", "无显著变化", "#f7f7f7"),
    ("not_observed", "not observed", "未观测", "#bdbdbd"),
)
"""Code, English, Chinese and colour of what may be said of a parcel's change."""

STATUSES: tuple[tuple[str, str, str], ...] = (
    ("estimated", "estimated", "已估计"),
    ("incomplete", "partly observed", "部分观测"),
    ("no_observation", "no observation", "无观测"),
    ("outside_domain", "outside the model's domain", "超出适用域"),
    ("too_small", "too small to report alone", "面积过小"),
)
"""Code, English and Chinese of how far a parcel's figures go."""
