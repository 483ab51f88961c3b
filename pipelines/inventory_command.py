"""``forestsink inventory``: what a region emits, by sector and year."""

from pathlib import Path
from typing import Annotated

import typer


def inventory(
    region: Annotated[str, typer.Option(help="Region with emission sources. 区域")],
    year: Annotated[
        int | None, typer.Option(help="Year of the layer, the last by default. 年份")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder for the inventory. 输出目录")
    ] = None,
) -> None:
    """区域排放清单与强度。 Sum a region's emissions by sector, scope and year."""
    from pipelines.emission_inventory import make_inventory
    from pipelines.twin.ready import load_ready
    from store.inventory_files import RECORD, TABLE
    from store.lockdown import lock_down, require_lockdown

    lock_down()
    require_lockdown()
    folder = make_inventory(load_ready(region), year, out)
    typer.echo((folder / TABLE).read_text(encoding="utf-8"), nl=False)
    typer.echo(str(folder / RECORD))
