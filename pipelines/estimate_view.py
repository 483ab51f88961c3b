"""What ``forestsink estimate`` shows: a table of estimates and what to know of them."""

from rich import box
from rich.table import Table

from models.estimates import FLAGS
from pipelines.console import console
from pipelines.estimate import Result, Row
from store.numbers import general, interval

DIGITS = 7


def print_estimates(result: Result) -> None:
    """Show reported rows, then those to compare with, then flags and notes."""
    table = Table(
        title=f"{result.request.columns.y}: {result.kind[1]}\n{result.kind[2]}",
        header_style="bold",
        box=box.SIMPLE_HEAD,
    )
    columns: tuple[str, ...] = (
        "area 区域",
        "method 方法",
        "estimate 估计值",
        "ext. variance 外部方差",
    )
    level = f"{100 * result.request.level:g} %"
    columns += ("g variance g权方差", "n", f"{level} limits 置信限", "flags 标记")
    for name in columns:
        table.add_column(name)
    for row in result.rows:
        table.add_row(*_cells(row), style="bold")
    table.add_section()
    for row in result.comparison:
        table.add_row(*_cells(row), style="dim")
    console.print(table)
    _print_totals(result)
    for code, (english, chinese) in FLAGS.items():
        if any(code in str(row["flags"]) for row in result.rows):
            console.print(f"{code}: {english}. {chinese}。", highlight=False)
    for note in result.notes:
        console.print(note, highlight=False)


def _cells(row: Row) -> list[str]:
    low, high = _number(row["lower"]), _number(row["upper"])
    flags = row["flags"]
    return [
        "all 全部" if row["area"] is None else str(row["area"]),
        f"{row['method_en']} {row['method_zh']}",
        *(
            general(_number(row[name]), digits=DIGITS)
            for name in ("estimate", "ext_variance", "g_variance")
        ),
        str(row["n"]),
        interval(low, high),
        ", ".join(flags) if isinstance(flags, list) else "",
    ]


def _print_totals(result: Result) -> None:
    for row in result.rows:
        total = _number(row["total"])
        if total is not None:
            place = "all 全部" if row["area"] is None else row["area"]
            se = general(_number(row["total_se"]), digits=DIGITS)
            console.print(
                f"{place}: total 总量 {general(total, digits=DIGITS)} ± {se}",
                highlight=False,
            )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
