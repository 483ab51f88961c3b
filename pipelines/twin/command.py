"""``forestsink twin``: make a simulated county."""

from pathlib import Path
from typing import Annotated

import typer

twin_app = typer.Typer(help="Simulated county. 模拟县域。", no_args_is_help=True)


@twin_app.callback()
def _twin() -> None:
    """模拟县域：真值已知，用于检验。 A simulated county whose truth is known."""


@twin_app.command("make")
def make(
    size: Annotated[int, typer.Option(help="Cells of 10 m along a side, even. 边长")],
    years: Annotated[int, typer.Option(help="Years from 2021 on. 年数")],
    seed: Annotated[int, typer.Option(help="Another seed, another county. 随机种子")],
    out: Annotated[Path, typer.Option(help="Folder to make it in. 输出目录")],
    scenes: Annotated[int, typer.Option(help="Scenes a year. 每年景数")] = 24,
) -> None:
    """生成模拟县域。 Make a simulated county; same settings, same bytes."""
    from models.twin.county import County
    from pipelines.console import print_made, progress_bars
    from pipelines.twin.make import make_twin

    try:
        county = County(size, years, seed, scenes)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with progress_bars(f"twin 模拟县 {size} x {size}") as progress:
        made = make_twin(county, out, progress)
    print_made(made.folder, made.sizes)
