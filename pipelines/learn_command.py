"""``forestsink train`` and ``predict``: a model one can sign, and its map."""

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON. 输出 JSON")]


def train(  # noqa: PLR0913, PLR0917 (a command has as many as it has options)
    region: Annotated[
        str, typer.Option(help="Region whose plots and imagery to learn from. 区域")
    ] = "",
    table: Annotated[str, typer.Option(help="Or a CSV of plots. 样地表")] = "",
    target: Annotated[
        str, typer.Option(help="Column to predict, e.g. agb_t_ha. 目标列")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the model. 模型目录")
    ] = None,
    crs: Annotated[str, typer.Option(help="Of x and y, e.g. EPSG:4547. 坐标系")] = "",
    x: Annotated[str, typer.Option("--x", help="Column of eastings. 东坐标列")] = "x",
    y: Annotated[str, typer.Option("--y", help="Column of northings. 北坐标列")] = "y",
    features: Annotated[
        str,
        typer.Option(help="Columns a,b,c; all other numbers by default. 特征列"),
    ] = "",
    plot_id: Annotated[
        str, typer.Option("--id", help="Column that names the plots. 样地编号列")
    ] = "",
    measured: Annotated[
        str, typer.Option(help="Column of days or years of the plots. 调查日期列")
    ] = "",
    imagery: Annotated[
        str, typer.Option(help="Day or year that the features show. 影像日期")
    ] = "",
    valid_range: Annotated[
        str, typer.Option(help="LOW,HIGH that the target can have. 目标有效范围")
    ] = "",
    block_m: Annotated[
        float | None,
        typer.Option(help="Side of blocks, m; by default from the residuals. 方块边长"),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=3, max=50, help="Spatial folds. 折数")
    ] = None,
    shared_se: Annotated[
        str,
        typer.Option(
            help="Columns a,b of the error that all plots share. 样地共有误差列"
        ),
    ] = "",
    candidates: Annotated[
        str, typer.Option(help="Models to try, a,b,c; all by default. 候选模型")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of all chance. 随机种子")] = 0,
    as_json: JsonOption = False,
) -> None:
    """训练模型并写出模型卡片。 Train a model on plots and write its card.

    With --region the exit code is 1 when the model may not speak for the region.
    """
    if region:
        from pipelines.plot_model_command import train_a_region

        _require_alone(
            {"--table": table, "--target": target, "--out": out, "--crs": crs}
        )
        train_a_region(
            region,
            {"block_m": block_m, "folds": folds, "seed": seed}
            | ({"candidates": _names(candidates)} if candidates else {}),
            as_json=as_json,
        )
        return
    if not (table and target and out and crs):
        raise typer.BadParameter(
            "give --region, or --table with --target, --crs and --out. "
            "请给出 --region，或 --table、--target、--crs 与 --out。",
            param_hint="train",
        )
    low_high = _range(valid_range)
    if imagery:
        _require_day(imagery)
    from models.learning.recipe import CANDIDATES
    from pipelines.learn import TrainRequest, train_table
    from pipelines.learn_view import print_card
    from store.training_tables import TrainingColumns

    learned = train_table(
        TrainRequest(
            table,
            TrainingColumns(target, x, y, _names(features), plot_id, measured),
            crs,
            out,
            imagery=imagery,
            valid_range=low_high,
            block_m=block_m,
            folds=folds,
            seed=seed,
            candidates=_names(candidates) or CANDIDATES,
            shared_se=_names(shared_se) or (),
        )
    )
    if as_json:
        import json

        typer.echo(json.dumps(learned.card, ensure_ascii=False, indent=1))
    else:
        print_card(learned)


def predict(  # noqa: PLR0913, PLR0917 (a command has as many as it has options)
    model: Annotated[Path, typer.Option(help="Folder of the model. 模型目录")],
    raster: Annotated[
        str,
        typer.Option(help="GeoTIFF whose band descriptions are the features. 特征栅格"),
    ],
    out: Annotated[Path, typer.Option(help="GeoTIFF to write. 输出栅格")],
    trained_on: Annotated[
        str,
        typer.Option(help="Table that must be the one trained on. 核对训练样地表"),
    ] = "",
    over: Annotated[
        int, typer.Option(min=1, max=64, help="Means of N x N cells. 合并像元数")
    ] = 1,
    least_known: Annotated[
        float, typer.Option(min=0, max=100, help="Of such cells, %. 合并最小有效面积")
    ] = 50.0,
    without_shared: Annotated[
        bool,
        typer.Option(
            "--without-shared",
            help="SD without what all plots have wrong alike. 不含样地共有误差",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """由模型预测栅格。 Predict mean, SD and domain of every cell of a raster."""
    if out.suffix.lower() not in {".tif", ".tiff"}:
        raise typer.BadParameter(
            f"{out.name} is no .tif. 请输出为 .tif。", param_hint="--out"
        )
    from store.lockdown import lock_down, require_lockdown

    lock_down()
    require_lockdown()
    from pipelines.predict import PredictRequest, predict_raster
    from pipelines.predict_view import print_map

    found = predict_raster(
        PredictRequest(
            model,
            raster,
            out,
            trained_on,
            over=over,
            least_known=least_known / 100,
            with_shared=not without_shared,
        )
    )
    if as_json:
        import json

        typer.echo(json.dumps(found.record(), ensure_ascii=False, indent=1))
    else:
        print_map(found)


def _require_alone(others: dict[str, object]) -> None:
    given = [name for name, value in others.items() if value]
    if given:
        raise typer.BadParameter(
            f"a region has its own plots; leave out {', '.join(given)}. "
            f"按区域训练时请去掉 {'、'.join(given)}。",
            param_hint="--region",
        )


def _names(text: str) -> tuple[str, ...] | None:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    return names or None


def _range(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not low < high:
        raise typer.BadParameter(
            f"{text!r} is not LOW,HIGH such as 0,500. 应为 下限,上限，如 0,500。",
            param_hint="--valid-range",
        )
    return low, high


def _require_day(text: str) -> None:
    from store.table_values import MisreadError
    from store.training_tables import day_of

    try:
        day_of(text)
    except MisreadError:
        raise typer.BadParameter(
            f"{text!r} is no day or year such as 2024-07-01 or 2024. "
            "应为 2024-07-01 或 2024。",
            param_hint="--imagery",
        ) from None
