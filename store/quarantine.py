"""Bad input set aside: the reason, and the very bytes that caused it."""

import shutil
from pathlib import Path

from geo.errors import InputError
from store.files import faultpoint, sha256_file, write_json, writing
from store.keys import digest_of

MAX_COPY_BYTES = 256 * 2**20
"""Larger files are named by their digest and stay where they are."""


def quarantine(
    root: Path, region: str, error: InputError, *, inputs: Path | None = None
) -> Path:
    """Record ``error`` and keep a copy of its file; return the folder.

    The same fault of the same bytes is recorded once. Files below ``inputs`` are named
    from there, so that the record does not depend on where the inputs lie.
    """
    source = Path(error.where.get("file", ""))
    record: dict[str, object] = dict(error.record())
    if inputs is not None and source.is_relative_to(inputs):
        record["file"] = source.relative_to(inputs).as_posix()
    if source.is_file() and not source.is_symlink():
        record["sha256"] = sha256_file(source)
        record["bytes"] = source.stat().st_size
    folder = root / region / digest_of(record)[:16]
    if (folder / "reason.json").exists():
        return folder
    if "sha256" in record and source.stat().st_size <= MAX_COPY_BYTES:
        with writing(folder / source.name) as temporary:
            shutil.copyfile(source, temporary)
    write_json(folder / "reason.json", record)
    faultpoint("quarantine.recorded")
    return folder
