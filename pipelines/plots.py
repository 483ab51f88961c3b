"""``forestsink plots``: from tree lists to biomass, carbon and CO2 of plots."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

COLUMN_OPTION = "Its header, where the name does not tell. 列名"


@dataclass(frozen=True, slots=True)
class PlotRequest:
    """What the command was asked for."""

    trees: Path
    plots: Path
    out: Path
    tree_columns: dict[str, str]
    tree_units: dict[str, str]
    plot_columns: dict[str, str]
    plot_units: dict[str, str]
    equation: str
    species_map: Path | None
    own_equations: Path | None
    stress: float | None
    height_curve: str
    area_along_slope: bool
    root_shoot: str
    carbon_fraction: str
    draws: int
    seed: int
    trees_out: Path | None


def plots_command(  # noqa: PLR0913, PLR0917  a command's options are its arguments
    trees: Annotated[Path, typer.Option(help="Trees, one a row. 样木表")],
    plots: Annotated[Path, typer.Option(help="Plots with their areas. 样地表")],
    out: Annotated[Path, typer.Option(help="CSV to write; a .json beside it. 输出")],
    species_column: Annotated[str, typer.Option(help=COLUMN_OPTION)] = "",
    dbh_column: Annotated[str, typer.Option(help=COLUMN_OPTION)] = "",
    height_column: Annotated[str, typer.Option(help=COLUMN_OPTION)] = "",
    wood_density_column: Annotated[str, typer.Option(help=COLUMN_OPTION)] = "",
    plot_column: Annotated[
        str, typer.Option(help="Header of the plot's id. 样地号列名")
    ] = "",
    tree_column: Annotated[str, typer.Option(help="Tree number. 样木号列名")] = "",
    per_ha_column: Annotated[
        str, typer.Option(help="Trees of a hectare each stands for. 每公顷株数列名")
    ] = "",
    area_column: Annotated[str, typer.Option(help=COLUMN_OPTION)] = "",
    slope_column: Annotated[str, typer.Option(help=COLUMN_OPTION)] = "",
    dbh_unit: Annotated[str, typer.Option(help="cm, mm or m. 胸径单位")] = "",
    height_unit: Annotated[str, typer.Option(help="m, dm or cm. 树高单位")] = "",
    area_unit: Annotated[
        str, typer.Option(help="ha, mu or m2, unless the header says. 面积单位")
    ] = "",
    wood_density_unit: Annotated[
        str, typer.Option(help="g/cm3, t/m3 or kg/m3. 木材密度单位")
    ] = "",
    slope_unit: Annotated[str, typer.Option(help="degree or percent. 坡度单位")] = "",
    area_is: Annotated[
        Literal["horizontal", "slope"],
        typer.Option(help="How areas were laid out: on the map or uphill. 面积量法"),
    ] = "horizontal",
    equation: Annotated[
        str, typer.Option(help="For species that have none. 缺省方程")
    ] = "",
    species_map: Annotated[
        Path | None,
        typer.Option(help="CSV species, equation, wood_density. 树种对照表"),
    ] = None,
    own_equations: Annotated[
        Path | None,
        typer.Option(help="More rows as in tree_equations.csv. 自备方程表"),
    ] = None,
    stress: Annotated[
        float | None, typer.Option(help="E of Chave et al. 2014. 环境胁迫指数")
    ] = None,
    height_curve: Annotated[
        str,
        typer.Option(help="'own' or a CSV of dbh, height: fills heights. 树高曲线"),
    ] = "",
    root_shoot: Annotated[
        str, typer.Option(help="Zone of root_shoot.csv. 根茎比分区")
    ] = "",
    carbon_fraction: Annotated[
        str, typer.Option(help="Row of carbon_fraction.csv. 含碳率")
    ] = "any",
    draws: Annotated[int, typer.Option(min=100, help="Monte Carlo draws. 次数")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the draws. 随机种子")] = 0,
    trees_out: Annotated[
        Path | None, typer.Option(help="CSV of every tree's mass. 单木结果")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON. 输出 JSON")] = (
        False
    ),
) -> None:
    """由样木表计算样地生物量与碳储量。 Biomass and carbon of plots from trees."""
    from pipelines.plot_run import run_plots

    request = PlotRequest(
        trees=trees,
        plots=plots,
        out=out,
        tree_columns={
            "plot_id": plot_column,
            "tree_id": tree_column,
            "species": species_column,
            "dbh": dbh_column,
            "height": height_column,
            "wood_density": wood_density_column,
            "per_ha": per_ha_column,
        },
        tree_units={
            "dbh": dbh_unit,
            "height": height_unit,
            "wood_density": wood_density_unit,
        },
        plot_columns={
            "plot_id": plot_column,
            "area": area_column,
            "slope": slope_column,
        },
        plot_units={"area": area_unit, "slope": slope_unit},
        equation=equation,
        species_map=species_map,
        own_equations=own_equations,
        stress=stress,
        height_curve=height_curve,
        area_along_slope=area_is == "slope",
        root_shoot=root_shoot,
        carbon_fraction=carbon_fraction,
        draws=draws,
        seed=seed,
        trees_out=trees_out,
    )
    card = run_plots(request)
    if as_json:
        typer.echo(json.dumps(card, ensure_ascii=False, indent=1))
    else:
        from pipelines.console import print_plots

        print_plots(out, card)
