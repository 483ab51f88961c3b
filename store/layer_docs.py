"""The table of layers for people: ``python -m store.layer_docs`` prints it."""

import sys

from geo.layers import LAYERS, ROUTES, STATUSES, VERDICTS, Band
from geo.parcels import COLUMNS

HEAD = """# Layers 图层

Made from `geo/layers.py` and `geo/parcels.py` by `make docs`; do not edit.
"""


def layers_markdown() -> str:
    """Return every layer, band and parcel column with unit, type and range."""
    parts = [HEAD]
    for layer in LAYERS.values():
        where = "published 发布" if layer.published else "internal 内部"
        parts.append(
            f"\n## `{layer.name}`: {layer.title} {layer.title_zh}\n\n"
            f"Period: {layer.period}; {where}; stored as {layer.dtype}, "
            f"nodata {layer.nodata:g}.\n\n"
            "| band | title | 名称 | unit | range | stored x |\n"
            "|---|---|---|---|---|---|"
        )
        parts.extend(_band(band) for band in layer.bands)
    parts.append(
        "\n## Parcels 小班\n\n| column | title | 名称 | unit |\n|---|---|---|---|"
    )
    parts.extend(
        f"| `{column.name}` | {column.title} | {column.title_zh} | {column.unit} |"
        for column in COLUMNS
    )
    parts.append("\nVerdicts 判定: " + _codes(VERDICTS) + ".")
    routes = tuple((code, english, zh) for code, _, english, zh, _ in ROUTES)
    parts.append("\nMethods 方法: " + _codes(routes) + ".")
    parts.append("\nStatuses 状态: " + _codes(STATUSES) + ".")
    return "\n".join(parts) + "\n"


def _band(band: Band) -> str:
    low, high = band.valid_range
    return (
        f"| `{band.name}` | {band.title} | {band.title_zh} | {band.unit} | "
        f"{low:g} to {high:g} | {band.scale:g} |"
    )


def _codes(table: tuple[tuple[str, ...], ...]) -> str:
    return ", ".join(f"`{code}` {english} {zh}" for code, english, zh, *_ in table)


if __name__ == "__main__":
    sys.stdout.write(layers_markdown())
