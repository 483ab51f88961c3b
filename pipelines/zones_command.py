"""``forestsink zones``: a request answered with ranked zones, or two compared."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

HINT = "须给出 --region 与 --request，或 --compare A B。"


def zones(
    region: Annotated[
        str | None, typer.Option(help="Region with a published night. 区域")
    ] = None,
    request: Annotated[
        Path | None, typer.Option(help="TOML file of what is asked. 请求文件")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            help="Two request files, or folders of answers, instead. 比较两个方案"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder for the answer. 输出目录")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON. 输出 JSON")
    ] = False,
) -> None:
    """碳汇优先发展区。 Rank zones where new sink forest goes first."""
    if compare is not None and request is None:
        _compare(region, compare, out, as_json=as_json)
        return
    if region is None or request is None or compare is not None:
        raise typer.BadParameter(
            f"Give --region and --request, or --compare A B. {HINT}",
            param_hint="zones",
        )
    _answer(region, request, out, as_json=as_json)


def _answer(region: str, request: Path, out: Path | None, *, as_json: bool) -> None:
    from config.zone_request import read_request_file

    asked, text = read_request_file(request)
    from pipelines.console import piping
    from pipelines.twin.ready import load_ready
    from pipelines.zones import make_zones
    from pipelines.zones_view import print_zones

    _lock_down()
    with piping(as_json):
        settings = load_ready(region)
    with _bars(asked.title_zh, as_json=as_json) as progress:
        folder = make_zones(settings, asked, text, out, progress)
    record = (folder / "zones.json").read_text(encoding="utf-8")
    if as_json:
        typer.echo(record)
    else:
        print_zones(folder, record)


def _compare(
    region: str | None, pair: tuple[Path, Path], out: Path | None, *, as_json: bool
) -> None:
    from config.environment import home
    from pipelines.console import piping
    from pipelines.twin.ready import load_ready
    from pipelines.zone_compare import compare_zones
    from pipelines.zones_view import print_comparison

    _lock_down()
    with piping(as_json):
        settings = load_ready(region) if region is not None else None
    with _bars("方案比较 comparison", as_json=as_json) as progress:
        folder = compare_zones(settings, pair, home(), out, progress)
    record = (folder / "compare.json").read_text(encoding="utf-8")
    if as_json:
        typer.echo(record)
    else:
        print_comparison(folder, record)


def _bars(
    title: str, *, as_json: bool
) -> AbstractContextManager[Callable[[str, int, int], None]]:
    from pipelines.console import progress_bars
    from pipelines.context import silent

    return nullcontext(silent) if as_json else progress_bars(title)


def _lock_down() -> None:
    from store.lockdown import lock_down, require_lockdown

    lock_down()
    require_lockdown()
