"""A planner's request as a form: the same fields with Chinese titles, and its TOML."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date

from pydantic import ConfigDict
from pydantic.config import JsonDict
from pydantic.fields import ComputedFieldInfo, FieldInfo

from config.siting_tables import growth_curves
from config.zone_request import TownshipLimit, ZoneRequest
from models.criteria import CRITERIA

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def _title(name: str, field: FieldInfo | ComputedFieldInfo) -> str:
    """Return the Chinese that the description of a field begins with."""
    return (field.description or name).split(" ", maxsplit=1)[0]


def _for_people(schema: JsonDict) -> None:
    """Give every criterion a field of its own, and name the species groups."""
    fields = schema["properties"]
    if not isinstance(fields, dict):
        raise TypeError("A form has fields.")
    weights: JsonDict = {
        name: {
            "title": f"{one.title_zh} {one.title}",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        }
        for name, one in CRITERIA.items()
    }
    _choose(fields["weights"], {"type": "object", "properties": weights})
    townships, named = fields["townships"], fields["species_group"]
    if isinstance(townships, dict):
        townships["additionalProperties"] = TownshipForm.model_json_schema()
    if isinstance(named, dict):
        known = {str(named["default"]), *growth_curves()}
        named["examples"] = [*sorted(known)]


class TownshipForm(TownshipLimit):
    """What one township gives, with Chinese titles."""

    model_config = ConfigDict(field_title_generator=_title)


def _choose(field: object, instead: JsonDict) -> None:
    """Put ``instead`` for the mapping among the alternatives of ``field``."""
    if isinstance(field, dict):
        field["anyOf"] = [{**instead, "additionalProperties": False}, {"type": "null"}]


class ZoneForm(ZoneRequest):
    """碳汇优先发展区请求。预算与面积上限至少填一项。A request; a limit is needed."""

    model_config = ConfigDict(
        title="碳汇优先发展区请求 Request for priority zones",
        field_title_generator=_title,
        json_schema_extra=_for_people,
    )


def request_text(request: ZoneRequest) -> str:
    """Return the TOML file of a request; what is as usual is left out.

    ``read_request`` makes the same request of it.
    """
    told = request.model_dump(exclude_defaults=True)
    return "".join(f"{line}\n" for line in _lines(told, ()))


def _lines(table: Mapping[str, object], path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield f"[{'.'.join(_key(name) for name in path)}]"
    inner = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    for name, value in table.items():
        if name not in inner and value is not None:
            yield f"{_key(name)} = {_value(value)}"
    for name, below in inner.items():
        yield from _lines(below, (*path, name))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case date() | int() | float():
            return str(value)
        case tuple() | list():
            return f"[{', '.join(_value(one) for one in value)}]"
        case _:
            raise TypeError(f"TOML has nothing for {value!r}.")
