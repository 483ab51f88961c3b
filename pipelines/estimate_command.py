"""``forestsink estimate``: totals and means anchored by plots."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Design(StrEnum):
    """How the auxiliaries are known where no plot is."""

    EXHAUSTIVE = "exhaustive"
    TWO_PHASE = "two-phase"


def estimate(  # noqa: PLR0913, PLR0917 (a command has as many as it has options)
    sample: Annotated[
        str, typer.Option(help="CSV of plots: y, auxiliaries, area. 样地表")
    ],
    y: Annotated[str, typer.Option(help="Column observed at the plots. 观测列")],
    aux: Annotated[
        str, typer.Option(help="Auxiliary columns, a,b,c. 辅助变量列，逗号分隔")
    ],
    population: Annotated[
        str,
        typer.Option(
            help="CSV of auxiliaries: means (one row per area), all units, or the "
            "first-phase plots. 总体均值、全部单元或第一相样本"
        ),
    ],
    by: Annotated[
        str, typer.Option(help="Column of both that names small areas. 分区列")
    ] = "",
    design: Annotated[
        Design,
        typer.Option(help="Auxiliaries known everywhere, or from a sample. 抽样设计"),
    ] = Design.EXHAUSTIVE,
    cluster: Annotated[
        str, typer.Option(help="Column that names clusters of plots. 群团列")
    ] = "",
    size: Annotated[
        str,
        typer.Option(
            help="Column of the population: area of a unit (gives totals), or share of "
            "a first-phase plot in the forest. 面积或林内比例列"
        ),
    ] = "",
    level: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Confidence of limits. 置信水平")
    ] = 0.9,
    out: Annotated[
        Path | None, typer.Option(help="FILE.json or FILE.csv. 输出文件")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON. 输出 JSON")
    ] = False,
) -> None:
    """由样地校正的估计。 Estimate means and totals from plots and auxiliaries."""
    if out is not None and out.suffix.lower() not in {".json", ".csv"}:
        raise typer.BadParameter(
            f"{out.name} is neither .json nor .csv. 请用 .json 或 .csv。",
            param_hint="--out",
        )
    from pipelines.estimate import Request, run_estimate, save
    from pipelines.estimate_view import print_estimates
    from store.estimate_tables import Columns

    names = tuple(name.strip() for name in aux.split(","))
    result = run_estimate(
        Request(
            sample,
            population,
            Columns(y.strip(), names, by.strip(), cluster.strip(), size.strip()),
            is_two_phase=design is Design.TWO_PHASE,
            level=level,
        )
    )
    if out is not None:
        save(result, out)
    if as_json:
        import json

        typer.echo(json.dumps(result.record(), ensure_ascii=False, indent=1))
    else:
        print_estimates(result)
