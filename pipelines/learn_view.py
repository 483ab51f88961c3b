"""What ``forestsink train`` shows."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from pipelines.console import console
from pipelines.learn import LearnedFolder
from store.numbers import general

SHOWN = 8
"""Rows, notes or features of which there may be many."""


def print_card(learned: LearnedFolder) -> None:
    """Show the candidates, the honest scores, what to know, and where it is."""
    card: Mapping[str, Any] = learned.card
    unit = card["target"]["unit"]
    table = Table(
        title=f"{card['target']['name']} ({unit}): unseen blocks 空间分块验证",
        header_style="bold",
        box=box.SIMPLE_HEAD,
    )
    for name in ("candidate 候选", "RMSE", "bias 偏差", "R2", "ns/cell 每像元"):
        table.add_column(name)
    for one in card["candidates"]:
        chosen = one["name"] == card["chosen"]["name"]
        table.add_row(
            f"{one['name']}{' *' if chosen else ''}",
            *(general(one["blocked"][name]) for name in ("rmse", "bias", "r2")),
            general(one["cost_ns_per_cell"]),
            style="bold" if chosen else "dim" if one["is_baseline"] else "",
        )
    console.print(table)
    for line in (card["chosen"]["why"], card["chosen"]["why_zh"], *_facts(card)):
        console.print(line, highlight=False)
    for check in card["gate"]:
        if not check["passed"]:
            told = f"! {check['sentence']} {check['sentence_zh']}"
            console.print(told, style="yellow", highlight=False)
    _print_rows(learned)
    console.print(f"model 模型: {learned.folder}", highlight=False)


def _facts(card: Mapping[str, Any]) -> list[str]:
    scores, blocks, unit = card["scores"], card["blocks"], card["target"]["unit"]
    thirds = ", ".join(
        f"{100 * s:.0f} %" for s in card["intervals"]["coverage_90_by_third"]
    )
    limit = card["saturation"]
    told = [
        f"RMSE {general(scores['blocked']['rmse'])} {unit} in unseen blocks 分块, "
        f"{general(scores['random']['rmse'])} at random 随机, "
        f"{general(scores['plain_mean_blocked']['rmse'])} plain mean 均值.",
        f"{blocks['blocks']} blocks 方块 of {general(blocks['block_m'])} m; residual "
        f"range 残差相关距离 {general(card['residual']['practical_range_m'])} m.",
        "90 % intervals hold 区间覆盖率 "
        f"{100 * card['intervals']['coverage_90']:.0f} % ({thirds}).",
    ]
    if limit["saturates"]:
        told.append(f"Saturates above 饱和上限 {limit['upper_valid_limit']:g} {unit}.")
    if blocks["reason"] == "few_blocks":
        told.append(
            "Blocks are narrower than the residuals' range, for want of plots apart: "
            "scores may flatter. 样地不够分散，方块小于残差相关距离，精度可能偏乐观。"
        )
    return told


def _print_rows(learned: LearnedFolder) -> None:
    for error in learned.rejected[:SHOWN]:
        console.print(f"- {error.what} {error.zh}", highlight=False)
    if len(learned.rejected) > SHOWN:
        more = len(learned.rejected) - SHOWN
        console.print(f"- and {more} more rows. 另有 {more} 行。", highlight=False)
    for note in learned.notes[:SHOWN]:
        console.print(f"- {note}", highlight=False)
