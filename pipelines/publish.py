"""A night's results, published whole, and the pointers that lead people to them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipelines.context import Night
from pipelines.results import Results
from store.published import RECORD, Published
from store.record import NightRecord


@dataclass(frozen=True, slots=True)
class Finished:
    """A published night and where it is."""

    record: NightRecord
    folder: Path


def publish(night: Night, results: Results) -> Finished:
    """Write everything that people open, whole; point ``current`` and ``latest`` to it.

    A run that is published already, and whose every file is unchanged, is returned.
    """
    run_id = results.run_id(night)
    published = Published(night.settings.published_root, night.digest)
    folder = published.find(night.night, run_id)
    if folder is None:
        night.catalog.require_building()
        from pipelines.products import build_products  # drawing libraries load slowly

        folder = published.publish(
            night.night, run_id, partial(build_products, night, results, run_id)
        )
    else:
        published.point(night.night, run_id)
    record = NightRecord.model_validate_json((folder / RECORD).read_bytes())
    return Finished(record, folder)
