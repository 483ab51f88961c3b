"""The tables of ``docs/scale.md``, worked out from what was measured."""

from collections.abc import Iterator

from alone import Figures

CELL_HA = 0.01
PLACES = (
    ("a county of 2,500 km2 县", 2_500),
    ("a prefecture of 15,000 km2 地级市", 15_000),
    ("a province of 105,000 km2 (such as Zhejiang) 省", 105_000),
    ("a province of 485,000 km2 (such as Sichuan) 省", 485_000),
)
"""Areas that people plan for; Zhejiang has about 105,500 km2, Sichuan 486,000."""
NIGHT_HOURS = 6.0
"""From the last delivery to the morning."""


def scale_table(results: list[Figures]) -> str:
    """Return what a night takes by area, as Markdown."""
    by_name = {one["name"]: one for one in results}
    if "night" not in by_name:
        return "Not measured yet: `make bench`."
    night = by_name["night"]
    figures = night["figures"]
    million = night["cells"] / 1e6
    lines = list(_measured(night))
    lines += [
        "",
        "| area | million cells | a scene over all of it | over a quarter | machines "
        f"for the first in {NIGHT_HOURS:g} h |",
        "|---|---|---|---|---|",
    ]
    for name, area_km2 in PLACES:
        cells = area_km2 * 100 / CELL_HA / 1e6
        whole = cells / million * figures["newest"]["seconds"] / 3600
        quarter = cells / million * figures["quarter"]["seconds"] / 3600
        machines = max(1, -(-whole // NIGHT_HOURS))
        lines.append(
            f"| {name} | {cells:,.0f} | {_hours(whole)} | {_hours(quarter)} | "
            f"{machines:.0f} |"
        )
    return "\n".join(lines)


def _measured(night: Figures) -> Iterator[str]:
    figures, million = night["figures"], night["cells"] / 1e6
    yield (
        f"Measured on {night['machine']['cores']} cores, {million:.1f} million cells, "
        f"{night['parcels']:,} parcels, {figures['floor']['bands']} bands, six scenes:"
    )
    yield ""
    for name, words in (
        ("newest", "a night, one scene new"),
        ("quarter", "the night after, a scene over a quarter"),
        ("before", "the first night of all, eight scenes and the training"),
    ):
        one = figures[name]
        yield (
            f"- {words}: {one['seconds']:.0f} s, {one['cpu_seconds'] / million:.1f} "
            f"processor seconds per million cells, at most {one['peak_mb'] / 1e3:.1f} "
            "GB in memory"
        )


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"
