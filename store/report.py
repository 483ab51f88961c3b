"""The night's report: one HTML file, both languages, nothing fetched."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from geo.parcels import BY_NAME
from store.files import writing
from store.numbers import days_text, general, interval, plus_minus, rounded
from store.record import NightRecord
from store.report_view import (
    PARCEL_COLUMNS,
    budget_bar,
    caption,
    card_rows,
    parcel_rows,
    route_names,
    score_rows,
    status_counts,
    verdict_counts,
)

TEMPLATES = Path(__file__).parent / "templates"
MIME = {".png": "image/png", ".jpg": "image/jpeg"}
MOST_ROWS = 2000
"""A browser sorts this many rows at once; the GeoPackage has them all."""

REJECTED = ("input", "provider")
"""Attentions of these kinds are inputs that were left out."""


def write_report(
    path: Path,
    *,
    record: NightRecord,
    parcels: gpd.GeoDataFrame,
    pictures: Mapping[str, Path],
) -> None:
    """Write the report of a night whole or not at all.

    ``parcels`` has the columns of ``geo.parcels.COLUMNS``. ``pictures`` are PNG or JPEG
    files by name (``overview``, or the name of a band), shown in that order and kept
    inside the file. Same arguments, same bytes. Raises ``ValueError`` for a picture of
    another kind.
    """
    page = render_report(record=record, parcels=parcels, pictures=pictures)
    with writing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def render_report(
    *, record: NightRecord, parcels: gpd.GeoDataFrame, pictures: Mapping[str, Path]
) -> str:
    """Return the report's HTML; see ``write_report``."""
    script = (TEMPLATES / "report.js.j2").read_text(encoding="utf-8")
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            night=record,
            style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
            script=script,
            script_digest=script_digest(script),
            columns=PARCEL_COLUMNS,
            rows=parcel_rows(parcels, record, most=MOST_ROWS),
            hidden_rows=max(len(parcels) - MOST_ROWS, 0),
            pictures=[
                (name, *caption(name), embedded(file))
                for name, file in pictures.items()
            ],
            totals=[(BY_NAME.get(total.name), total) for total in record.totals],
            budget=budget_bar(record.budget),
            statuses=status_counts(record),
            verdicts=verdict_counts(record),
            scores=score_rows(record.model_card),
            model_facts=card_rows(record.model_card, without=("scores",)),
            change_facts=card_rows(record.change_card),
            plots=record.plots_total,
            route=route_names(record),
            route_facts=card_rows(record.biomass.model, without=("scores",)),
            route_scores=score_rows(record.biomass.model),
            rejected=[a for a in record.attentions if a.code.startswith(REJECTED)],
            unverified=[c for c in record.coefficients if c.status == "unverified"],
        )
    )


def environment() -> Environment:
    """Return what renders the templates of reports, with the filters they use."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "days": days_text,
        "general": general,
        "plus_minus": plus_minus,
        "interval": interval,
        "zip": zip,
        "rounded": rounded,
    }
    return environment


def script_digest(script: str) -> str:
    """Return what lets a browser run this script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def embedded(file: Path) -> str:
    """Return a picture as a link that holds it; ``ValueError`` for another kind."""
    kind = MIME.get(file.suffix.lower())
    if kind is None:
        raise ValueError(f"A report shows {sorted(MIME)} files, got {file.name}.")
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
