"""``forestsink zones``: a planner's request answered with ranked zones."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer


def zones(
    region: Annotated[str, typer.Option(help="Region with a published night. 区域")],
    request: Annotated[Path, typer.Option(help="TOML file of what is asked. 请求文件")],
    out: Annotated[
        Path | None, typer.Option(help="New folder for the answer. 输出目录")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON. 输出 JSON")
    ] = False,
) -> None:
    """碳汇优先发展区。 Rank zones where new sink forest goes first."""
    from config.zone_request import read_request_file

    asked, text = read_request_file(request)
    from pipelines.console import progress_bars
    from pipelines.context import silent
    from pipelines.twin.ready import load_ready
    from pipelines.zones import make_zones
    from pipelines.zones_view import print_zones
    from store.lockdown import lock_down, require_lockdown

    lock_down()
    require_lockdown()
    settings = load_ready(region)
    shown = nullcontext(silent) if as_json else progress_bars(asked.title_zh)
    with shown as progress:
        folder = make_zones(settings, asked, text, out, progress)
    record = (folder / "zones.json").read_text(encoding="utf-8")
    if as_json:
        typer.echo(record)
    else:
        print_zones(folder, record)
