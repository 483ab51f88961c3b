"""The layers of a planner's request and inventory: part of ``geo.layers.LAYERS``."""

from geo.bands import NO_VALUE, Band, Layer


def _criterion(
    name: str, title: str, title_zh: str, unit: str, *ramp: tuple[float, str]
) -> Band:
    return Band(name, title, title_zh, unit, "float32", -9999, (0, 1e12), ramp=ramp)


_CRITERIA = {
    "carbon_potential": (
        _criterion(
            "co2_t_ha",
            "Uptake by the horizon",
            "至目标年固碳潜力",
            "t CO2/ha",
            (0, "#ffffe5"),
            (150, "#78c679"),
            (400, "#004529"),
        ),
        _criterion(
            "co2_se_t_ha",
            "Standard error of the uptake",
            "固碳潜力标准误",
            "t CO2/ha",
            (0, "#f7fcfd"),
            (100, "#8c96c6"),
            (300, "#4d004b"),
        ),
    ),
    "eco_fragility": (
        Band(
            "eco_fragility",
            "Class of soil erosion",
            "土壤侵蚀等级",
            "class",
            "float32",
            -9999,
            (1, 6),
            classes=(
                (1, "#ffffcc", "slight", "微度"),
                (2, "#fed976", "light", "轻度"),
                (3, "#feb24c", "moderate", "中度"),
                (4, "#fd8d3c", "strong", "强烈"),
                (5, "#e31a1c", "very strong", "极强烈"),
                (6, "#800026", "severe", "剧烈"),
            ),
        ),
    ),
    "emission_exposure": (
        _criterion(
            "emission_exposure",
            "Emission exposure of land that may be planted",
            "可造林地排放暴露",
            "t CO2e/yr",
            (0, "#ffffcc"),
            (5e4, "#fd8d3c"),
            (2e5, "#800026"),
        ),
    ),
    "idle_land": (
        _criterion(
            "idle_land",
            "Idle land",
            "低覆盖地",
            "1",
            (0, "#f7f7f7"),
            (1, "#b35806"),
        ),
    ),
    "access": (
        _criterion(
            "access",
            "Distance to a road",
            "距道路距离",
            "m",
            (0, "#1a9850"),
            (500, "#fee08b"),
            (2000, "#d73027"),
        ),
    ),
    "cost": (
        _criterion(
            "cost",
            "Cost of planting",
            "造林成本",
            "CNY/ha",
            (15_000, "#f7fcf5"),
            (25_000, "#74c476"),
            (40_000, "#00441b"),
        ),
    ),
}
"""The bands of each criterion of siting, on cells that may be planted."""

REQUEST_LAYERS: tuple[Layer, ...] = (
    Layer(
        "emission_density",
        "Direct emissions by area",
        "直接排放强度",
        "year",
        (
            _criterion(
                "emission_tco2e_ha_yr",
                "Direct emissions of the cell",
                "单位面积直接排放",
                "t CO2e/(ha yr)",
                (0, "#fff7ec"),
                (100, "#fc8d59"),
                (10_000, "#7f0000"),
            ),
        ),
    ),
    Layer(
        "eligible",
        "Where new forest may be planted, or why not",
        "可造林范围与排除原因",
        "request",
        (
            Band(
                "reason",
                "Most binding rule that excludes",
                "最具约束力的排除原因",
                "class",
                "int16",
                NO_VALUE,
                (0, 31),
                classes=(
                    (0, "#ffd92f", "eligible", "可造林"),
                    (1, "#cc6600", "permanent basic farmland", "永久基本农田"),
                    (2, "#6a51a3", "ecological redline", "生态保护红线"),
                    (3, "#3f007d", "core of a nature reserve", "自然保护区核心区"),
                    (4, "#6baed6", "wetland", "湿地"),
                    (5, "#2171b5", "water", "水域"),
                    (6, "#00441b", "forest already", "已是森林"),
                    (7, "#1b7837", "forest of late", "三年内曾为森林"),
                    (8, "#969696", "settlement or industry", "城镇村及工矿用地"),
                    (9, "#252525", "road", "道路"),
                    (10, "#e08214", "cultivated land", "耕地"),
                    (11, "#543005", "too steep", "坡度过大"),
                    (30, "#d9d9d9", "too small a patch", "连片面积不足"),
                    (31, "#f0f0f0", "a layer has no data", "图层无数据"),
                ),
            ),
        ),
    ),
    Layer(
        "zone",
        "Priority zones in order",
        "优先区次序",
        "request",
        (
            Band(
                "zone_rank",
                "Order of the zone; 0 is eligible and not chosen",
                "优先区次序(0为可造林未入选)",
                "class",
                "int16",
                NO_VALUE,
                (0, 32767),
                ramp=(
                    (0, "#f6efcf"),
                    (1, "#00441b"),
                    (10, "#238b45"),
                    (30, "#74c476"),
                    (100, "#c7e9c0"),
                ),
            ),
        ),
    ),
    Layer(
        "selection",
        "How sure the choice is",
        "入选稳定性",
        "request",
        (
            Band(
                "selection_frequency",
                "Share of draws that choose the unit",
                "入选频率",
                "1",
                "float32",
                -9999,
                (0, 1),
                ramp=((0, "#fff5eb"), (0.5, "#fdae6b"), (0.9, "#7f2704")),
            ),
            Band(
                "unit_score",
                "Score of the unit",
                "单元综合得分",
                "1",
                "float32",
                -9999,
                (0, 1),
                ramp=((0, "#ffffd4"), (0.5, "#fe9929"), (1, "#993404")),
            ),
        ),
    ),
    *(
        Layer(name, bands[0].title, bands[0].title_zh, "request", bands)
        for name, bands in _CRITERIA.items()
    ),
)
"""Every layer of an answer."""
