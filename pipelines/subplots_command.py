"""``forestsink subplots``: large plots cut in squares."""

from pathlib import Path
from typing import Annotated

import typer


def subplots(  # noqa: PLR0913, PLR0917 (a command has as many as it has options)
    trees: Annotated[str, typer.Option(help="Trees with places in the plot. 样木表")],
    corners: Annotated[
        str, typer.Option(help="Corners of the plots, in the field and mapped. 角点表")
    ],
    side: Annotated[float, typer.Option(help="Side of the squares, m. 方格边长")],
    out: Annotated[Path, typer.Option(help="CSV of the squares. 输出小样方表")],
    trees_out: Annotated[Path, typer.Option(help="CSV of their trees. 输出样木表")],
    plot_column: Annotated[str, typer.Option(help="In both. 样地号列")] = "plot_id",
    field_x: Annotated[
        str, typer.Option(help="Column of both, m along a side. 样地内横坐标列")
    ] = "field_x",
    field_y: Annotated[str, typer.Option(help="The other side. 样地内纵坐标列")] = (
        "field_y"
    ),
    x: Annotated[str, typer.Option("--x", help="Eastings of corners. 东坐标列")] = "x",
    y: Annotated[str, typer.Option("--y", help="Northings. 北坐标列")] = "y",
) -> None:
    """把大样地划分为小样方。 Cut large plots in squares the size of cells."""
    from pipelines.subplots import SubplotRequest, divide

    told = divide(
        SubplotRequest(
            trees,
            corners,
            plot_column,
            (field_x, field_y),
            (x, y),
            side,
            out,
            trees_out,
        )
    )
    for line in told:
        typer.echo(line)
