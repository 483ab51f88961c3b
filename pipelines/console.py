"""What the command line shows: tables, progress, sentences, in two languages."""

import sys
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

import pandas as pd
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from config.settings import Settings
from geo.errors import ForestsinkError
from geo.layers import ROUTES, STATUSES, VERDICTS
from pipelines.context import Progress as Report
from pipelines.journal import Entry
from pipelines.plan import Plan
from pipelines.publish import Finished
from pipelines.verify import Problem
from store.record import Attention, NightRecord

STAGES = {
    "plan": "plan 计划",
    "ingest": "scenes 影像入库",
    "parcels": "parcels 小班",
    "composite": "composites 合成",
    "sample": "reference cells 参考像元",
    "harmonise": "seasons' look 季节归一",
    "cover": "tree cover 林木覆盖",
    "biomass": "biomass 生物量",
    "season": "errors of cells 像元误差",
    "coverage": "parcels' cells 小班像元",
    "stock": "stocks 储量",
    "change": "change 变化",
    "change of parcels": "change of parcels 小班变化",
    "exposure": "emissions 排放暴露",
    "land": "land 用地",
    "priority": "priority 优先度",
    "publish": "publish 发布",
    "twin": "simulated county 模拟县域",
    "zone land": "land and criteria 用地与准则",
    "zone choice": "choice 优选",
    "zone draws": "robustness 稳健性抽样",
    "what if": "other budgets and areas 情景比较",
    "zone files": "maps and tables 成果文件",
}
ATTENTIONS_SHOWN = 8
VERDICT_STYLE = {"loss": "bold red", "gain": "green", "not_observed": "dim"}

WIDE = 146
"""Columns that the parcel table needs to show both languages."""

console = Console(width=None if sys.stdout.isatty() else 150)
errors = Console(stderr=True)


@contextmanager
def progress_bars(title: str) -> Iterator[Report]:
    """Show a bar for each stage as it starts."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console.rule(f"forestsink {title}")
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def report(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(STAGES.get(stage, stage), total=total)
            progress.update(bars[stage], completed=done, total=total)

        yield report


def waiting(what: str) -> AbstractContextManager[object]:
    """Show that something is going on that has no steps to count."""
    return console.status(what)


@contextmanager
def piping(is_piped: bool) -> Iterator[None]:
    """Show bars on the other stream, so that what is piped on is JSON alone."""
    console.stderr = is_piped
    try:
        yield
    finally:
        console.stderr = False


def print_error(error: ForestsinkError) -> None:
    """Say what is wrong and what to do, in both languages."""
    text = Text(str(error))
    if error.zh:
        text.append(f"\n{error.zh}")
    errors.print(Panel(text, title=error.code, border_style="red", expand=False))


def print_night(finished: Finished, settings: Settings, *, fresh: bool) -> None:
    """Show the parcels, what is incomplete and why, and where the results are."""
    record = finished.record
    parcels = pd.read_parquet(finished.folder / "parcels.parquet")
    if not fresh:
        console.print(
            f"Night {record.night} of {settings.region.title} is already done; every "
            "published file was hashed again and none has changed. "
            f"{settings.region.title_zh} {record.night} 已完成，全部成果校验无误。"
        )
    console.print(_parcel_table(parcels, record))
    _print_totals(record)
    _print_attentions(record.attentions)
    _print_places(finished.folder)


def _parcel_table(parcels: pd.DataFrame, record: NightRecord) -> Table:
    is_narrow = console.width < WIDE
    table = Table(
        title=f"{record.title_zh} {record.title}: {record.night}\n"
        f"season 季节 {record.season}, against 对比 {record.baseline_season or '-'}",
        caption="± is one standard error. ± 为一个标准误。",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("parcel 小班", no_wrap=True)
    for name in ("AGB 生物量 t", "C 碳 t", "sink 碳汇 tCO2e/a"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict 判定", no_wrap=True)
    table.add_column("status 状态", no_wrap=True)
    verdicts = {
        code: zh if is_narrow else f"{zh} {english}"
        for code, english, zh, _ in VERDICTS
    }
    statuses = {
        code: zh if is_narrow else f"{zh} {english}" for code, english, zh in STATUSES
    }
    for row in parcels.to_dict("records"):
        name = row["parcel_id"] if is_narrow else f"{row['parcel_id']} {row['name_zh']}"
        table.add_row(
            name,
            _plus_minus(row, "agb_t"),
            _plus_minus(row, "carbon_t"),
            _plus_minus(row, "sink_tco2_yr", signed=True),
            Text(verdicts[row["verdict"]], style=VERDICT_STYLE.get(row["verdict"], "")),
            statuses[row["status"]],
        )
    return table


def _plus_minus(
    row: Mapping[Hashable, float], name: str, *, signed: bool = False
) -> str:
    if pd.isna(row[name]):
        return "-"
    value = f"{row[name]:+.1f}" if signed else f"{row[name]:.1f}"
    return f"{value} ± {row[f'{name}_se']:.1f}"


def _print_totals(record: NightRecord) -> None:
    if record.biomass.route != "tier1":
        names = {code: f"{zh} {english}" for code, _, english, zh, _ in ROUTES}
        shares = [f"{names[r]} {pct:g} %" for r, pct in record.biomass.area_pct.items()]
        console.print(f"  Biomass by 生物量路线: {', '.join(shares)} of the area 面积")
    for total in record.totals:
        console.print(
            f"  {total.name}: [bold]{total.value:,.1f}[/] {total.unit} "
            f"(90 %: {total.low:,.1f} to {total.high:,.1f})"
        )
    if record.simulated:
        console.print(f"  [yellow]Simulated 模拟数据: {'; '.join(record.simulated)}[/]")


def _print_attentions(attentions: Sequence[Attention]) -> None:
    if not attentions:
        console.print("  Nothing is missing. 无缺项。")
        return
    console.print(f"\n[bold]Incomplete or doubtful 缺项与存疑 ({len(attentions)})[/]")
    for item in attentions[:ATTENTIONS_SHOWN]:
        console.print(f"  - {item.subject}: {item.message_zh} {item.message}")
    if len(attentions) > ATTENTIONS_SHOWN:
        console.print(
            f"  - and {len(attentions) - ATTENTIONS_SHOWN} more, in the report. "
            "其余见报告。"
        )


def _print_places(folder: Path) -> None:
    console.print("\n[bold]Results 成果[/]")
    places = {
        "report 报告": "report.html",
        "map 图": "overview.png",
        "QGIS project 工程": "forestsink.qgs",
        "parcels 小班": "parcels.gpkg",
        "layers 图层": "layers",
        "STAC": "catalog.json",
    }
    for title, name in places.items():
        console.print(f"  {title}: {folder / name}", soft_wrap=True)


def print_plan(plan: Plan) -> None:
    """Say what a night would read, compute and need, before any of it is done."""
    table = Table(title=f"Plan 计划: {plan.region} {plan.night}", show_header=False)
    for title, value in plan.lines():
        table.add_row(title, value)
    console.print(table)
    _print_attentions(plan.attentions)


def print_status(entries: Sequence[Entry]) -> None:
    """List the nights."""
    if not entries:
        console.print("No night has been run. 尚未运行。 Try `forestsink demo`.")
        return
    table = Table("region 区域", "night 日期", "state 状态", "run 运行", "detail 说明")
    for entry in entries:
        table.add_row(
            entry.region, str(entry.night), entry.state, entry.run_id, entry.detail
        )
    console.print(table)


def print_damages(checked: int, damages: Sequence[Problem]) -> None:
    """Name every file that is not what its manifest says."""
    for damage in damages:
        console.print(
            f"[red]{damage.file}[/]: {damage.problem} {damage.problem_zh}",
            soft_wrap=True,
        )
    console.print(
        f"{checked} files hashed, {len(damages)} differ. "
        f"已校验 {checked} 个文件，{len(damages)} 个不符。"
    )


def print_regions(found: Sequence[Mapping[str, str]]) -> None:
    """List the regions and where their files are."""
    table = Table("region 区域", "title 名称", "CRS", "cells 栅格", "file 文件")
    for region in found:
        if "problem" in region:
            table.add_row(region["name"], Text(region["problem"], style="red"))
        else:
            title = f"{region['title_zh']} {region['title']}"
            table.add_row(
                region["name"], title, region["crs"], region["cells"], region["file"]
            )
    console.print(table)


def print_made(folder: Path, sizes: Mapping[str, int]) -> None:
    """Show what a simulated county takes on disk, and where it is."""
    table = Table(title="模拟数据 simulated county", header_style="bold")
    table.add_column("part 部分")
    table.add_column("MB", justify="right")
    for name, size in sizes.items():
        table.add_row(name, f"{size / 1e6:.2f}")
    table.add_row("total 合计", f"{sum(sizes.values()) / 1e6:.2f}", style="bold")
    console.print(table)
    console.print(f"{folder}", soft_wrap=True)


def print_plots(out: Path, card: Mapping[str, object]) -> None:
    """Show what came of a tree list, and what to look at."""
    table = Table(
        "equation 方程", "trees 株数", "outside 超范围", "status 状态", "source"
    )
    for one in cast("list[dict[str, object]]", card["equations"]):
        cells = ("name", "trees", "trees_outside_range", "status", "source")
        table.add_row(*(str(one[name]) for name in cells))
    console.print(table)
    console.print(
        f"  {card['plots']} plots 样地, {card['trees']} trees 样木, "
        f"{card['area_ha']} ha: {card['agb_t']} t AGB 地上生物量; "
        f"mean 平均 {card['mean_agb_t_ha']} t/ha"
    )
    for plot_id, why in cast("dict[str, str]", card["refused"]).items():
        console.print(f"  [yellow]{plot_id}[/] refused 未采用: {why}")
    for title, name in (
        ("without trees 无样木", "no_trees"),
        (
            "mostly outside the equations' ranges 超出方程适用范围",
            "mostly_outside_range",
        ),
        ("not confirmed 未经核实的系数", "not_confirmed"),
    ):
        found = cast("list[str]", card[name])
        if found:
            console.print(f"  [yellow]{title}[/]: {', '.join(found[:12])}")
    console.print(f"  {out}", soft_wrap=True)
