"""``forestsink features``: canopy height rasters to features of cells or plots."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.learn_command import JsonOption


def features(  # noqa: PLR0913, PLR0917 (a command has as many as it has options)
    chm: Annotated[str, typer.Option(help="GeoTIFF of canopy height, m. 冠层高栅格")],
    out: Annotated[
        Path, typer.Option(help="GeoTIFF of features, or CSV of plots. 输出")
    ],
    cell: Annotated[
        float | None, typer.Option(help="Side of the cells, m. 像元边长")
    ] = None,
    like: Annotated[
        str, typer.Option(help="Or a raster whose grid to use. 参照栅格")
    ] = "",
    plots: Annotated[
        str,
        typer.Option(help="Or a CSV of plots: outline, or x, y, area_ha. 样地表"),
    ] = "",
    shape: Annotated[
        Literal["circle", "square"],
        typer.Option(help="Of plots without an outline. 样地形状"),
    ] = "circle",
    crs: Annotated[str, typer.Option(help="Of a raster that states none. 坐标系")] = "",
    nodata: Annotated[
        float | None, typer.Option(help="Where the raster states none. 无数据值")
    ] = None,
    least_seen: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            help="Least share of a cell that must be seen, %. 最小有效面积",
        ),
    ] = 50.0,
    as_json: JsonOption = False,
) -> None:
    """由冠层高栅格计算特征。 Metrics of canopy height for cells, or for plots."""
    if [cell is not None, bool(like), bool(plots)].count(True) != 1:
        raise typer.BadParameter(
            "give one of --cell, --like and --plots. "
            "--cell、--like、--plots 须且只能给一个。",
            param_hint="features",
        )
    ending = ".csv" if plots else ".tif"
    if out.suffix.lower() != ending:
        raise typer.BadParameter(
            f"{out.name} is no {ending}. 请输出为 {ending}。", param_hint="--out"
        )
    from store.lockdown import lock_down, require_lockdown

    lock_down()
    require_lockdown()
    from pipelines.canopy_features import FeatureRequest, make_features
    from store.canopy_rasters import CanopyFile

    found = make_features(
        FeatureRequest(
            CanopyFile(chm, crs, nodata),
            out,
            cell_m=cell,
            like=like,
            plots=plots,
            shape=shape,
            fewest_share=least_seen / 100,
        )
    )
    if as_json:
        import json

        typer.echo(json.dumps(found.record(), ensure_ascii=False, indent=1))
        return
    for line in found.lines():
        typer.echo(line)
