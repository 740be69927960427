"""Locks: a stage whose declaration may only change after it was unlocked."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Lock:
    """A stage of a pipeline, held to the declaration it had when it was locked."""

    id: str
    """`pipeline/stage`."""
    seq: int
    pipeline: str
    project: str
    stage: str
    digest: str
    """Of the declaration, see `declaration_digest`."""
    set_by: str
    set_at: datetime
    reason: str = ""


def declaration_digest(declared: object) -> str:
    """SHA-256 over a declaration: the same for two equal declarations, whatever order or spelling the file has."""
    text = json.dumps(_plain(declared), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> Any:
    """As JSON; a dataclass keeps its name, since two plug-ins may have equal fields."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {type(value).__name__: fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
