"""What a parcel's row says: the columns of every published parcel table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its unit ("" for text and codes) and its names for people."""

    name: str
    title: str
    title_zh: str
    unit: str = ""


def _estimate(name: str, title: str, title_zh: str, unit: str) -> tuple[Column, ...]:
    return (
        Column(name, title, title_zh, unit),
        Column(f"{name}_se", f"{title}, standard error", f"{title_zh}标准误", unit),
        Column(
            f"{name}_low", f"{title}, lower 90 % limit", f"{title_zh}(90%下限)", unit
        ),
        Column(
            f"{name}_high", f"{title}, upper 90 % limit", f"{title_zh}(90%上限)", unit
        ),
    )


COLUMNS: tuple[Column, ...] = (
    Column("parcel_id", "Parcel", "小班号"),
    Column("name_zh", "Name", "名称"),
    Column("area_ha", "Area", "面积", "ha"),
    Column("observed_pct", "Observed share of the area", "观测面积占比", "%"),
    Column("domain_pct", "Share inside the model's domain", "适用域面积占比", "%"),
    Column("status", "Status", "状态"),
    Column("method", "Method", "方法"),
    Column("model_pct", "Share by the region's own model", "本区域模型面积占比", "%"),
    *_estimate("agb_t", "Above-ground biomass", "地上生物量", "t"),
    *_estimate(
        "carbon_t", "Carbon, above and below ground", "碳储量(地上+地下)", "t C"
    ),
    *_estimate("co2_t", "The same as CO2", "碳储量折合CO2", "t CO2e"),
    *_estimate(
        "sink_tco2_yr",
        "Sink, uptake positive",
        "碳汇变化(吸收为正)",
        "t CO2e/yr",
    ),
    Column("change_p", "p-value of no change", "无变化假设p值", "1"),
    Column(
        "min_detectable_tco2_yr",
        "Smallest change that would show",
        "最小可检测变化",
        "t CO2e/yr",
    ),
    Column("loss_pct", "Share of the area with sudden loss", "突变损失面积占比", "%"),
    Column("verdict", "Verdict", "变化判定"),
    Column("exposure_tco2e_yr", "Emission exposure", "排放暴露", "t CO2e/yr"),
    Column(
        "nearest_source_km", "Distance to the nearest source", "最近排放源距离", "km"
    ),
    Column("priority_score", "Priority score", "优先度得分", "1"),
    Column("priority_rank", "Priority rank", "优先度排名", "1"),
    Column("note", "Note", "备注"),
    Column("run_id", "Run", "运行编号"),
)
"""In the order of publication; ``geometry`` follows."""

BY_NAME = {column.name: column for column in COLUMNS}
