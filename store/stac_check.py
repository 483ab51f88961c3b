"""Whether a STAC catalogue on disk says what is so, without a network.

The core of STAC is checked against the schemas that pystac ships. Extensions publish
their schemas on the web only, so their fields are checked here by their own rules.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pystac
from jsonschema import Draft7Validator
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource

from store.files import sha256_file

SHA256_MULTIHASH = "1220"
"""What a SHA-256 is written after: its code and its length in bytes."""

KINDS = {"Feature": "item", "Collection": "collection", "Catalog": "catalog"}


def validate(folder: Path) -> list[str]:
    """Return what is wrong with the catalogue in ``folder``; nothing if it is sound.

    Schemas come from the installed pystac and from nowhere else: one that is not there
    is an error instead of being fetched. Every link and file is followed,
    and every digest computed again.
    """
    return [
        f"{path.relative_to(folder).as_posix()}: {problem}"
        for path in _documents(folder)
        for problem in _problems(path)
    ]


def _documents(folder: Path) -> list[Path]:
    expected = [folder / "catalog.json", folder / "collection.json"]
    return [*expected, *sorted((folder / "items").glob("*.json"))]


def _problems(path: Path) -> Iterator[str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield f"cannot be read: {error}"
        return
    kind = KINDS.get(content.get("type", ""))
    if kind is None:
        yield f"is a {content.get('type')!r}, not one of {sorted(KINDS)}"
        return
    for fault in _schema(kind).iter_errors(content):
        yield f"{'/'.join(map(str, fault.absolute_path))}: {fault.message}"
    yield from _broken_links(path, content)
    if kind == "item":
        yield from _item_problems(path, content)


def _schema(kind: str) -> Draft7Validator:
    known = get_local_schema_cache()
    # A registry that is given no way to retrieve refuses what it does not hold.
    registry = Registry().with_resources(
        (address, Resource.from_contents(schema)) for address, schema in known.items()
    )
    name = next(a for a in known if a.endswith(f"{kind}-spec/json-schema/{kind}.json"))
    return Draft7Validator(known[name], registry=registry)


def _entries(content: Mapping[str, object], name: str) -> list[dict[str, object]]:
    """Return the objects listed under ``name``; the rest is the schema's matter."""
    listed = content.get(name)
    entries = listed if isinstance(listed, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]


def _broken_links(path: Path, content: Mapping[str, object]) -> Iterator[str]:
    for link in _entries(content, "links"):
        href = str(link.get("href"))
        if "://" in href or href.startswith("/"):
            yield f"link {link.get('rel')}: {href} is not relative"
        elif not (path.parent / href).is_file():
            yield f"link {link.get('rel')}: {href} is not there"


def _item_problems(path: Path, content: Mapping[str, object]) -> Iterator[str]:
    try:
        pystac.Item.from_dict(dict(content), preserve_dict=True)
    except (pystac.STACError, KeyError, ValueError) as error:
        yield f"pystac cannot read it: {error}"
        return
    # The file's own words are checked: pystac silently renames fields of old versions.
    assets = content["assets"]
    for name, asset in assets.items() if isinstance(assets, dict) else ():
        for problem in (*_file_problems(path, asset), *_field_problems(asset, content)):
            yield f"asset {name}: {problem}"


def _file_problems(path: Path, asset: Mapping[str, object]) -> Iterator[str]:
    href = str(asset.get("href"))
    file = path.parent / href
    if "://" in href or href.startswith("/"):
        yield f"{href} is not relative"
    elif not file.is_file():
        yield f"{href} is not there"
    else:
        if asset.get("file:size") != file.stat().st_size:
            yield "file:size differs from the file's"
        if asset.get("file:checksum") != SHA256_MULTIHASH + sha256_file(file):
            yield "file:checksum differs from the file's"


def _numbers(count: tuple[int, ...]) -> Callable[[object], bool]:
    def holds(value: object) -> bool:
        return (
            isinstance(value, list)
            and len(value) in count
            and all(isinstance(n, int | float) for n in value)
        )

    return holds


def _text_like(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_RULES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "proj:code": ("projection", _text_like(r"[A-Za-z]+:[0-9A-Za-z_.]+")),
    "proj:wkt2": ("projection", _text_like(r"(?s).+")),
    "proj:shape": ("projection", _numbers((2,))),
    "proj:transform": ("projection", _numbers((6, 9))),
    "proj:bbox": ("projection", _numbers((4, 6))),
    "raster:scale": ("raster", _is_number),
    "raster:offset": ("raster", _is_number),
    "raster:spatial_resolution": ("raster", _is_number),
    "raster:sampling": ("raster", _text_like("area|point")),
    "classification:classes": (
        "classification",
        lambda value: isinstance(value, list) and all("value" in c for c in value),
    ),
    "file:size": ("file", _is_number),
    "file:checksum": ("file", _text_like("[a-f0-9]+")),
}
"""Extension fields: whose they are, and what a value must be."""


def _field_problems(
    fields: Mapping[str, object], content: Mapping[str, object]
) -> Iterator[str]:
    listed = content.get("stac_extensions")
    addresses = listed if isinstance(listed, list) else []
    declared = {str(address).split("/")[3] for address in addresses}
    for holder in (fields, *_entries(fields, "bands")):
        for name, value in holder.items():
            if name.split(":")[0] not in {r.split(":")[0] for r in _RULES}:
                continue
            owner, holds = _RULES.get(name, ("", None))
            if holds is None:
                yield f"{name} is no field of its extension"
            elif owner not in declared:
                yield f"{name} is used but the {owner} extension is not declared"
            elif not holds(value):
                yield f"{name} may not be {value!r}"
