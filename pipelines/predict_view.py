"""What ``forestsink predict`` shows."""

from pipelines.console import console
from pipelines.predict import PredictedMap

SHOWN = 8
"""Features of which there may be many."""


def print_map(found: PredictedMap) -> None:
    """Show how much of a map may be used, and what looks odd about its features."""
    tally = found.tally
    share = tally.domain_share()
    console.print(
        f"{tally.predicted:,} cells predicted 已预测像元; in the domain 适用域内 "
        f"{'-' if share is None else f'{100 * share:.1f} %'}.",
        highlight=False,
    )
    if not found.is_creditable:
        console.print(
            "! Too little of the map lies in the model's domain: not creditable. "
            "适用域内面积不足，结果不可用于核证。",
            style="yellow",
            highlight=False,
        )
    if tally.out_of_range:
        console.print(
            f"! {tally.out_of_range:,} cells are predicted outside the valid range; "
            "they are not cut, and marked as outside the domain. "
            "部分像元预测值超出有效范围，未截断，已标记为域外。",
            style="yellow",
            highlight=False,
        )
    drifted = [one for one in found.drifts if one.has_drifted]
    for one in drifted[:SHOWN]:
        console.print(
            f"- {one.feature}: unlike the plots 与样地分布不同 (PSI "
            f"{one.stability_index:g}).",
            highlight=False,
        )
    console.print(f"map 地图: {found.out}", highlight=False)
