"""The ``forestsink`` command. The clock and the terminal are here and nowhere else."""

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from config.environment import home, prepare
from geo.errors import ForestsinkError
from pipelines.estimate_command import estimate
from pipelines.features_command import features
from pipelines.inventory_command import inventory
from pipelines.learn_command import predict, train
from pipelines.plots import plots_command
from pipelines.subplots_command import subplots
from pipelines.twin.command import twin_app
from pipelines.zones_command import zones

app = typer.Typer(
    help="Nightly monitoring of forest carbon sinks. 森林碳汇每夜监测。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
run_app = typer.Typer(help="运行流程 Run a flow.", no_args_is_help=True)
app.add_typer(run_app, name="run")
app.add_typer(twin_app, name="twin")
app.command("plots")(plots_command)
app.command()(subplots)
app.command()(features)
app.command()(estimate)
app.command()(train)
app.command()(predict)
app.command()(inventory)
app.command()(zones)

DEMO_REGION = "carpathians"
DEMO_NIGHT = date(2020, 9, 1)

RegionOption = Annotated[
    str, typer.Option(help="Region to work on, see `forestsink regions`. 区域")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON. 输出 JSON")]
PlainOption = Annotated[
    bool,
    typer.Option(
        "--without-prefect", help="Same stages, no Prefect. 不经 Prefect 直接运行"
    ),
]


@app.command()
def demo(without_prefect: PlainOption = False) -> None:
    """用真实哨兵2号样例运行一夜。 Run one night on the real Sentinel-2 sample."""
    _night(DEMO_REGION, DEMO_NIGHT, without_prefect=without_prefect)


@run_app.command("nightly")
def run_nightly(
    region: RegionOption,
    night: Annotated[
        str | None,
        typer.Option(help="Logical date, YYYY-MM-DD; today by default. 日期"),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be done. 只显示计划")
    ] = False,
    without_prefect: PlainOption = False,
) -> None:
    """运行一个区域的一夜。 Run one night of a region, or say what it would take."""
    logical = _day(night) if night else _today(region)
    if plan:
        _lock_down()
        from pipelines.console import print_plan
        from pipelines.recipe import plan_of
        from pipelines.twin.ready import load_ready

        print_plan(plan_of(load_ready(region), logical))
        return
    _night(region, logical, without_prefect=without_prefect)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """列出各夜及其状态。 List the nights and how they stand."""
    from pipelines.console import print_status
    from pipelines.journal import Journal

    entries = Journal(home()).entries()
    if as_json:
        _print_json([entry.record() for entry in entries])
    else:
        print_status(entries)


@app.command()
def verify(as_json: JsonOption = False) -> None:
    """校验全部文件。 Hash every file and name what differs."""
    from pipelines.console import print_damages
    from pipelines.verify import verify_home

    checked, damages = verify_home(home())
    if as_json:
        _print_json({"checked": checked, "damaged": [d.record() for d in damages]})
    else:
        print_damages(checked, damages)
    if damages:
        raise typer.Exit(1)


@app.command()
def regions(as_json: JsonOption = False) -> None:
    """列出各区域。 List the regions and what is wrong in their files."""
    from config.settings import region_files
    from pipelines.console import print_regions

    found = [_region_record(name, path) for name, path in region_files().items()]
    if as_json:
        _print_json(found)
    else:
        print_regions(found)


def main() -> None:
    """Run the command line; an error of ours is a sentence, not a traceback."""
    prepare(home())
    try:
        app()
    except ForestsinkError as error:
        from pipelines.console import print_error

        print_error(error)
        sys.exit(1)


def _night(region: str, night: date, *, without_prefect: bool) -> None:
    _lock_down()
    from pipelines.console import print_night, progress_bars, waiting
    from pipelines.recipe import find_finished, run_night
    from pipelines.twin.ready import load_ready

    settings = load_ready(region)
    with waiting("checking what is done already 检查已完成的工作"):
        done = find_finished(settings, night)
    if done is not None:
        print_night(done, settings, fresh=False)
        return
    title = f"{settings.region.title_zh} {settings.region.title} {night}"
    if without_prefect:
        with progress_bars(title) as progress:
            finished = run_night(settings, night, progress)
    else:
        with waiting("starting Prefect, about 20 s 正在启动 Prefect，约20秒"):
            from pipelines.nightly import run_as_flow
        with progress_bars(title) as progress:
            finished = run_as_flow(settings, night, progress)
    print_night(finished, settings, fresh=True)


def _lock_down() -> None:
    from store.lockdown import lock_down, require_lockdown

    lock_down()
    require_lockdown()


def _region_record(name: str, path: Path) -> dict[str, str]:
    from config.settings import load

    try:
        region = load(name).region
    except ForestsinkError as error:
        return {"name": name, "file": str(path), "problem": str(error)}
    return {
        "name": name,
        "title": region.title,
        "title_zh": region.title_zh,
        "crs": region.grid.crs,
        "cells": f"{region.grid.width} x {region.grid.height}",
        "file": str(path),
    }


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a date such as 2020-09-01. 日期格式应为 2020-09-01。",
            param_hint="--night",
        ) from None


def _today(region: str) -> date:
    from config.settings import load

    return datetime.now(ZoneInfo(load(region).region.timezone)).date()


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
