"""Where rows come from: a source plug-in, and what every source must tell about its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from mlmon_dagster import plugins


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = "there is no time zone called {name}; expected a name such as Europe/Berlin or UTC"
        raise PydanticCustomError("tz", message, {"name": repr(name[:60])}) from None
    return name


@dataclass(frozen=True)
class Rows:
    """What every source tells about its rows, whatever plug-in reads them."""

    __pydantic_config__ = plugins.CONFIG

    time: Annotated[str | None, Field(description="column with the moment of each row; windows are cut by it")] = None
    key: Annotated[tuple[str, ...], Field(description="columns that together identify a row")] = ()
    timezone: Annotated[str, Field(description="zone of times that carry none"), AfterValidator(_zone)] = "UTC"


@dataclass(frozen=True)
class Source:
    """A declared source: `{use: file, path: ..., time: date, key: [id]}`.

    `reader` is the plug-in (family `source`), `rows` are the keys that all sources share.
    """

    reader: Any
    rows: Rows = field(default_factory=Rows)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(parse_source)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: object, _handler: object) -> dict[str, Any]:
        return {"anyOf": list(plugins.alternatives("source", Rows).values())}


def parse_source(raw: object) -> Source:
    """A `Source` from its declaration; raises pydantic's `ValidationError` with the place of each mistake."""
    shared_names = set(Rows.__dataclass_fields__)
    fields = dict(raw) if isinstance(raw, Mapping) else raw
    shared, problems = {}, []
    if isinstance(fields, dict):
        shared = {name: fields.pop(name) for name in list(fields) if name in shared_names}
    rows, reader = Rows(), None
    try:
        rows = plugins.validate(Rows, shared)
    except ValidationError as error:
        problems += [plugins.relocated(problem) for problem in error.errors()]
    try:
        reader = plugins.parse("source", fields)
    except ValidationError as error:
        problems += [plugins.relocated(problem) for problem in error.errors()]
    if problems:
        raise ValidationError.from_exception_data("source", problems)
    return Source(reader, rows)
