"""An answer to a planner's request, on the terminal."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from store.zone_compare import WHERE, CompareRecord, table_rows
from store.zone_record import AnswerRecord


def print_zones(folder: Path, record_json: str) -> None:
    """Print the zones in order, their certificate and what was not checked."""
    record = AnswerRecord.model_validate_json(record_json)
    console = Console()
    table = Table(title=f"{record.title_zh} {record.request_title_zh}")
    for title in ("#", "ha", f"t CO2 → {record.horizon}", "90 %", "CNY/t", "选中频率"):
        table.add_column(title, justify="right")
    table.add_column("理由 reasons")
    for zone in record.zones:
        last = next(one for one in zone.uptake if one.year == record.horizon)
        table.add_row(
            str(zone.rank),
            f"{zone.area_ha:,.2f}",
            f"{last.total_tco2:,.0f}",
            f"{last.low_tco2:,.0f}–{last.high_tco2:,.0f}",
            f"{zone.cost_cny_tco2:,.0f}",
            f"{zone.selection_frequency:.2f} {zone.sureness}",
            zone.reasons_zh[0] if zone.reasons_zh else "",
        )
    console.print(table)
    console.print(
        f"最优性差距 certified gap ≤ {record.certificate.gap_pct:.4f} %; "
        f"{record.area_ha:,.2f} ha, {record.cost_cny:,.0f} CNY"
    )
    if record.not_checked:
        console.print(f"未核查 not checked: {'、'.join(record.not_checked_zh)}")
    for english, chinese in zip(record.notes, record.notes_zh, strict=True):
        console.print(f"{chinese} {english}")
    console.print(f"{record.unsure} 项系数未核实或为建议值 coefficients are proposals")
    console.print(str(folder), soft_wrap=True)


def print_comparison(folder: Path, record_json: str) -> None:
    """Print what two answers share and how they differ."""
    record = CompareRecord.model_validate_json(record_json)
    console = Console()
    a, b = record.a, record.b
    table = Table(title=f"{a.title_zh} 方案比较 {a.title}")
    for title in ("", f"A {a.request_title_zh}", f"B {b.request_title_zh}", "B - A"):
        table.add_column(title, justify="right" if title else "left")
    for row in table_rows(record):
        name = f"{row.name[0]} {row.name[1]} {row.unit}"
        table.add_row(name, row.a, row.b, row.difference)
    console.print(table)
    for part in record.parts:
        english, chinese, _ = WHERE[part.where]
        console.print(f"{chinese} {english}: {part.area_ha:,.2f} ha")
    for english, chinese in zip(record.notes, record.notes_zh, strict=True):
        console.print(f"{chinese} {english}")
    console.print(str(folder), soft_wrap=True)
