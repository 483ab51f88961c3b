"""The one table of what every layer is; writers, styles, legends and docs read it."""

from geo.bands import (
    NO_VALUE,
    REFLECTANCE,
    REFLECTANCE_SCALE,
    Band,
    Layer,
)
from geo.request_layers import REQUEST_LAYERS

__all__ = [
    "LAYERS",
    "NO_VALUE",
    "REFLECTANCE",
    "REFLECTANCE_SCALE",
    "STATUSES",
    "VERDICTS",
    "Band",
    "Layer",
]

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
        *REQUEST_LAYERS,
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
