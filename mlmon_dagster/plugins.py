"""How plug-ins are found, parsed and described: one frozen dataclass in one file, for every family.

A family is a folder of modules. The module's name is the name in YAML, the one public dataclass that the
module defines is the plug-in, its fields are its parameters and its docstring is its documentation page.
Third parties add members through the entry point group `mlmon_dagster.<family>s`:
the entry point's name is the name in YAML, its value the dataclass.
"""

import dataclasses
import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoints, distributions
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from mlmon_dagster.errors import MissingError

FAMILIES = {
    "source": "mlmon_dagster.adapters.sources",
    "method": "mlmon_dagster.drift.methods",
    "joint": "mlmon_dagster.drift.multivariate.methods",
    "check": "mlmon_dagster.governance.checks",
    "channel": "mlmon_dagster.adapters.channels",
    "target": "mlmon_dagster.adapters.targets",
    "engine": "mlmon_dagster.adapters.engines",
}
"""Family name -> the package whose modules are its members."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""How an instance may be called."""

CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""How every declaration is read, always in pydantic's JSON mode: no unknown keys, no silent conversion, no NaN."""


@cache
def _installed() -> EntryPoints:
    """All entry points; finding them reads a file of every installed package, so it is done once."""
    return EntryPoints(point for distribution in distributions() for point in distribution.entry_points)


@cache
def names(family: str) -> tuple[str, ...]:
    """Every member of the family, built in or installed, in alphabetical order."""
    package = importlib.import_module(FAMILIES[family])
    found = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    return tuple(sorted(found | {point.name for point in _installed().select(group=f"mlmon_dagster.{family}s")}))


@cache
def load(family: str, name: str) -> type:
    """The plug-in class called `name`; `MissingError` names the nearest known ones."""
    if name not in names(family):
        raise MissingError(unknown(family, name, names(family)))
    for point in _installed().select(group=f"mlmon_dagster.{family}s"):
        if point.name == name:
            return _configured(point.load())
    module = importlib.import_module(f"{FAMILIES[family]}.{name}")
    members = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and dataclasses.is_dataclass(value)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(members) != 1:
        raise TypeError(f"{module.__name__} must define exactly one public dataclass, the plug-in; found {members}")
    return _configured(members[0])


def parse(family: str, raw: object, key: str | None = None) -> Any:
    """An instance from its declaration: `{use: name, field: value, ...}`, or just the name.

    `key` is the instance's own name, which `use` defaults to. Raises pydantic's `ValidationError`.
    """
    fields: dict[str, Any] = {"use": raw} if isinstance(raw, str) else dict(_mapping(family, raw))
    name = fields.pop("use", key)
    if not isinstance(name, str) or name not in names(family):
        message = unknown(family, name, names(family))
        error = PydanticCustomError("unknown_plugin", "{message}", {"message": message})
        details = InitErrorDetails(type=error, loc=("use",), input=name)
        raise ValidationError.from_exception_data(family, [details])
    return validate(load(family, name), fields)


def unknown(what: str, name: object, known: tuple[str, ...]) -> str:
    """One sentence for a name that is not there: what came, the nearest known ones, all of them."""
    folded = {one.casefold(): one for one in known}
    near = [folded[one] for one in get_close_matches(str(name).casefold(), folded, n=2, cutoff=0.6)]
    guess = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"there is no {what} called {name!r}{guess} (known: {', '.join(known) or 'none'})"


def validate(declared: type, fields: Mapping[str, Any]) -> Any:
    """An instance of a declared dataclass, its fields read strictly; raises pydantic's `ValidationError`."""
    return adapter(declared).validate_json(json.dumps(fields))


@cache
def adapter(plugin: type) -> TypeAdapter[Any]:
    """pydantic's validator for one plug-in class."""
    return TypeAdapter(plugin)


@dataclasses.dataclass(frozen=True)
class PluginField:
    """The annotation that makes a field hold one plug-in of `family`: `Annotated[Any, PluginField("target")]`."""

    family: str

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda raw: parse(self.family, raw))

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        return json_schema(self.family)


@dataclasses.dataclass(frozen=True)
class PluginsField:
    """The annotation for a mapping of named plug-ins: the key names the instance and is the default of `use`.

    `parse_one` reads one of them from its key and its declaration; by default it is a plug-in and nothing more.
    """

    family: str
    parse_one: Callable[[str, object], Any] | None = None

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def parse(self, raw: object) -> Mapping[str, Any]:
        """All of them, or one `ValidationError` with every mistake."""
        parsed, problems = {}, []
        for key, value in _mapping(self.family, raw).items():
            if not NAME.fullmatch(key):
                message = "expected a name of lower-case letters, digits and _ that starts with a letter (at most 64)"
                error = PydanticCustomError("name", "{message}", {"message": message})
                problems.append(InitErrorDetails(type=error, loc=(key, "[key]"), input=key))
                continue
            try:
                parsed[key] = self.parse_one(key, value) if self.parse_one else parse(self.family, value, key)
            except ValidationError as error:
                problems += [relocated(problem, key) for problem in error.errors()]
        if problems:
            raise ValidationError.from_exception_data(self.family, problems)
        return parsed

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        return named_json_schema(self.family)


def relocated(problem: Any, *prefix: str | int) -> InitErrorDetails:
    """The same problem of a nested declaration, seen from outside."""
    context = {name: value for name, value in problem.get("ctx", {}).items() if name != "error"}
    message = problem["msg"].removeprefix("Value error, ")
    error = PydanticCustomError(problem["type"], "{message}", {**context, "message": message})
    return InitErrorDetails(type=error, loc=(*prefix, *problem["loc"]), input=problem["input"])


@cache
def name_of(plugin: type) -> str:
    """The name in YAML of a plug-in class; `MissingError` for a class that is none."""
    package, _, module = plugin.__module__.rpartition(".")
    if package in FAMILIES.values():
        return module
    for family in FAMILIES:
        for point in _installed().select(group=f"mlmon_dagster.{family}s"):
            if point.load() is plugin:
                return point.name
    raise MissingError(f"{plugin.__qualname__} is no plug-in: it has no entry point in a group mlmon_dagster.<family>s")


def json_schema(family: str, shared: type | None = None) -> dict[str, Any]:
    """JSON Schema of one plug-in: its name, or a mapping with `use` and its fields (and those of `shared`)."""
    return {"anyOf": [{"enum": list(names(family))}, *alternatives(family, shared).values()]}


def named_json_schema(family: str, shared: type | None = None) -> dict[str, Any]:
    """JSON Schema of a mapping of named plug-ins: where the name is a plug-in's, `use` may be left out."""
    each = alternatives(family, shared)
    short = [{"enum": list(names(family))}] if shared is None else []
    own = {name: [_without_use(one), *(each[other] for other in each if other != name)] for name, one in each.items()}
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "properties": {name: {"anyOf": [*short, *choices]} for name, choices in own.items()},
        "additionalProperties": {"anyOf": [*short, *each.values()]},
    }


def _without_use(one: Mapping[str, Any]) -> dict[str, Any]:
    required = [key for key in one["required"] if key != "use"]
    return {**one, "title": f"{one['title']}.named", "required": required}


def alternatives(family: str, shared: type | None = None) -> dict[str, dict[str, Any]]:
    """Name -> JSON Schema of the plug-in's mapping, for every member; nested definitions stand in its own `$defs`."""
    found = {}
    for name in names(family):
        prefix = f"{family}.{name}."
        body = adapter(load(family, name)).json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
        more = adapter(shared).json_schema() if shared else {}
        body["$defs"] = {prefix + key: value for key, value in body.pop("$defs", {}).items()}
        body["title"] = f"{family}.{name}"
        body["properties"] = {"use": {"const": name}, **body.get("properties", {}), **more.get("properties", {})}
        body["required"] = ["use", *body.get("required", ()), *more.get("required", ())]
        found[name] = body
    return found


def _mapping(family: str, raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        error = PydanticCustomError(
            "plugin_type", "expected a mapping with `use` and the {family}'s fields", {"family": family}
        )
        raise ValidationError.from_exception_data(family, [InitErrorDetails(type=error, loc=(), input=raw)])
    return raw


def _configured(plugin: type) -> type:
    if not hasattr(plugin, "__pydantic_config__"):
        plugin.__pydantic_config__ = CONFIG  # type: ignore[attr-defined]
    return plugin
