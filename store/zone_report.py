"""The report on an answer: one HTML file, both languages, nothing fetched."""

from collections.abc import Mapping
from pathlib import Path

from store.files import writing
from store.report import TEMPLATES, embedded, environment, script_digest
from store.zone_record import AnswerRecord
from store.zone_report_view import (
    columns_of,
    summary,
    weights_of,
    what_if_table,
    zone_row,
)

MOST_ROWS = 500
"""More zones than this are in the GeoPackage only."""
WORDY = ("Species group", "Sureness")
"""Columns of words, which stand to the left."""


def write_zone_report(
    path: Path,
    *,
    record: AnswerRecord,
    request: str,
    picture: Path,
    colours: Mapping[str, tuple[str, str, str]],
) -> None:
    """Write the report whole or not at all; same arguments, same bytes.

    ``request`` is the request as it was written, ``picture`` a PNG of the map, and
    ``colours`` English, Chinese and colour by sureness.
    """
    columns, counts = columns_of(record), record.sureness_counts
    script = (TEMPLATES / "report.js.j2").read_text(encoding="utf-8")
    page = (
        environment()
        .get_template("zones.html.j2")
        .render(
            answer=record,
            style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
            script=script,
            script_digest=script_digest(script),
            summary=summary(record),
            unchecked=list(zip(record.not_checked_zh, record.not_checked, strict=True)),
            unsure=[
                c for c in record.coefficients if c.status in {"unverified", "proposal"}
            ],
            picture=embedded(picture),
            sureness=[
                ((zh, en), counts[code], colour)
                for code, (en, zh, colour) in colours.items()
            ],
            columns=columns,
            wordy=[n for n, (_, en, _) in enumerate(columns) if en in WORDY],
            rows=[
                (
                    zone_row(zone, record.horizon, colours),
                    list(zip(zone.reasons_zh, zone.reasons, strict=True)),
                )
                for zone in record.zones[:MOST_ROWS]
            ],
            hidden_rows=max(len(record.zones) - MOST_ROWS, 0),
            what_if=what_if_table(record),
            weights=weights_of(record),
            notes=list(zip(record.notes_zh, record.notes, strict=True)),
            excluded=[
                ((zh, en), record.excluded[name])
                for name, (en, zh) in sorted(record.reason_titles.items())
            ],
            request_text=request,
        )
    )
    with writing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
