"""``forestsink train --region`` at the terminal."""

import json
from collections.abc import Mapping
from typing import Any

import typer

from pipelines.console import console, piping, progress_bars, waiting
from pipelines.learn_view import print_card
from store.lockdown import lock_down, require_lockdown

REFUSED = 1
"""Exit code of a model that was trained and kept, and may not speak for its region."""


def train_a_region(region: str, told: Mapping[str, Any], *, as_json: bool) -> None:
    """Train the model of a region and say whether it was promoted.

    Raises ``typer.Exit`` with ``REFUSED`` when a check of the gate failed.
    """
    lock_down()
    require_lockdown()
    with piping(as_json), waiting("loading 正在加载"):
        from pipelines.plot_model import RegionRequest, train_region
        from pipelines.twin.ready import load_ready
    with piping(as_json):
        settings = load_ready(region)
    request = RegionRequest(**told)
    title = f"{settings.region.title_zh} {settings.region.title}"
    if as_json:
        found = train_region(settings, request)
        typer.echo(json.dumps(found.learned.card, ensure_ascii=False, indent=1))
    else:
        with progress_bars(title) as progress:
            found = train_region(settings, request, progress)
        print_card(found.learned)
        failed = [check.name for check in found.checks if not check.passed]
        if found.promoted:
            told_of = "promoted: every check passed. 已通过全部检查，可用于本区域。"
        else:
            told_of = (
                f"not promoted: {', '.join(failed)}. "
                f"未通过检查（{len(failed)} 项），不用于本区域。"
            )
        console.print(told_of, highlight=False)
        console.print(
            "Nights take it from now on, unless [biomass] route says otherwise. "
            "此后每夜运行采用该模型，除非 [biomass] route 另有指定。"
            if found.promoted
            else "Nights go on as before. 每夜运行的方法不变。",
            highlight=False,
            markup=False,
        )
    if not found.promoted:
        raise typer.Exit(REFUSED)
