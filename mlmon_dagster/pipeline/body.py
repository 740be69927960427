"""A pipeline written as its body again: plain, without defaults, in one way only."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from mlmon_dagster import plugins
from mlmon_dagster.drift.budget import AlarmBudget
from mlmon_dagster.drift.monitor import Monitor
from mlmon_dagster.drift.peers import Compatible
from mlmon_dagster.drift.persistence import Persistence
from mlmon_dagster.pipeline.source import Source
from mlmon_dagster.pipeline.spec import Pipeline

_OURS = "mlmon_dagster.pipeline."


def body_of(pipeline: Pipeline, variables: Mapping[tuple[str | int, ...], str] | None = None) -> dict[str, Any]:
    """The body that declares `pipeline`: mappings, lists and scalars, as in a pipeline file.

    Keys that have their default are left out, plug-ins say their name in `use`. Where `variables` has the text that a
    value was declared with (`${NAME}`), that text stands in its place: a body says the same in every environment and
    holds no secret.
    """
    body: dict[str, Any] = _plain(pipeline)
    for path, text in (variables or {}).items():
        _write(body, path, text)
    return body


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Source):
        return {**_plugin(value.reader), **_fields(value.rows)}
    if isinstance(value, AlarmBudget):
        return f"{value.alarms:.7g} per {value.period}"
    if isinstance(value, Persistence):
        return _fields(value)
    if isinstance(value, Monitor):
        bare = dataclasses.replace(value, method=None)
        own = {**_fields(bare), "columns": _plain(value.columns), "threshold": value.threshold}
        del own["name"], own["method"]
        if isinstance(value.method, Compatible):
            limit = {} if value.method.threshold is None else {"threshold": value.method.threshold}
            del own["threshold"]
            return {"use": value.method.method, **own, **limit, "compatible": value.method.peer}
        return {**_plugin(value.method), **own}
    return _fields(value) if type(value).__module__.startswith(_OURS) else _plugin(value)


def _plugin(plugin: Any) -> dict[str, Any]:
    return {"use": plugins.name_of(plugin.__class__), **_fields(plugin)}


def _fields(value: Any) -> dict[str, Any]:
    found = {}
    for name, default in _defaults(value.__class__).items():
        inner = getattr(value, name)
        if inner != default:
            found[name] = _plain(inner)
    return found


@cache
def _defaults(declared: type) -> dict[str, Any]:
    return {
        field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        for field in dataclasses.fields(declared)
    }


def _write(body: Any, path: tuple[str | int, ...], text: str) -> None:
    """Puts `text` at the path if a scalar is there: short forms of the file have other paths in the body."""
    *before, last = path
    try:
        for step in before:
            body = body[step]
        if not isinstance(body[last], dict | list):
            body[last] = text
    except (KeyError, IndexError, TypeError):
        return
