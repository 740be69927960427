"""The keys that may stand at each place of a pipeline file, and what they mean: read off the declared types."""

import dataclasses
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from mlmon_dagster import plugins
from mlmon_dagster.drift.monitor import MonitorsField, Threshold
from mlmon_dagster.pipeline.source import Rows, Source
from mlmon_dagster.pipeline.spec import Pipeline


@dataclasses.dataclass(frozen=True)
class _Plugin:
    """A place that holds one plug-in, beside keys that all of its kind share."""

    family: str
    shared: type | None = None


@dataclasses.dataclass(frozen=True)
class _Named:
    """A place that holds named plug-ins."""

    each: _Plugin


def known_keys(body: object, path: Sequence[str | int]) -> tuple[str, ...]:
    """Every key that may stand in the mapping at `path` of `body`; nothing where any may.

    >>> known_keys({}, ["stages", "model_inferencing"])
    ('batch', 'realtime', 'folder')
    """
    return tuple(_fields(*_at(body, path)))


def meaning(body: object, path: Sequence[str | int]) -> str:
    """What the key at the end of `path` means, as its declaration describes it; empty where it does not.

    >>> meaning({}, ["owner"])
    'team:name or an e-mail address'
    """
    hint = _fields(*_at(body, path[:-1])).get(str(path[-1])) if path else None
    found = [extra.description for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, FieldInfo)]
    return next((text for text in reversed(found) if text), "")


def _at(body: object, path: Sequence[str | int]) -> tuple[Any, object, str]:
    """What is declared at the path, what stands there, and under which key."""
    declared, raw, key = _opened(Pipeline), body, ""
    for step in path:
        if isinstance(declared, _Named):
            below: Any = declared.each
        elif _is_collection(declared):
            below = get_args(declared)[0 if isinstance(step, int) else -1]
        else:
            below = _fields(declared, raw, key).get(str(step))
        declared, raw, key = _opened(below), _inside(raw, step), str(step)
    return declared, raw, key


def _opened(declared: Any) -> Any:
    """Without its annotations: a dataclass, a collection, a plug-in."""
    if get_origin(declared) is Annotated:
        for extra in declared.__metadata__:
            if isinstance(extra, plugins.PluginField):
                return _Plugin(extra.family)
            if isinstance(extra, plugins.PluginsField):
                return _Named(_Plugin(extra.family))
            if isinstance(extra, MonitorsField):
                return _Named(_Plugin("method", Threshold))
        return _opened(declared.__origin__)
    if get_origin(declared) in (Union, types.UnionType):
        inner = [_opened(one) for one in get_args(declared)]
        return next((one for one in inner if dataclasses.is_dataclass(one) or get_origin(one)), None)
    if declared is Source:
        return _Plugin("source", Rows)
    return declared


def _is_collection(declared: Any) -> bool:
    origin = get_origin(declared)
    return isinstance(origin, type) and issubclass(origin, Mapping | tuple)


def _fields(declared: Any, raw: object, key: str) -> dict[str, Any]:
    """Name -> annotation of every key there."""
    if isinstance(declared, _Plugin):
        use = raw if isinstance(raw, str) else _inside(raw, "use") or key
        known = isinstance(use, str) and use in plugins.names(declared.family)
        own = _hints(plugins.load(declared.family, str(use))) if known else {}
        return {"use": str, **own, **(_hints(declared.shared) if declared.shared else {})}
    return _hints(declared) if isinstance(declared, type) and dataclasses.is_dataclass(declared) else {}


@cache
def _hints(declared: type) -> dict[str, Any]:
    hints = get_type_hints(declared, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(declared)}


def _inside(raw: object, step: str | int) -> object:
    if isinstance(raw, Mapping):
        return raw.get(step)
    return raw[step] if isinstance(raw, list) and isinstance(step, int) and step < len(raw) else None
