"""Versions of a pipeline: their digests, and what changed from one to the other."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.errors import MissingError
from mlmon_dagster.governance.locks import declaration_digest
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import STAGES
from mlmon_dagster.plugins import unknown


@dataclass(frozen=True)
class Change:
    """One key that two bodies declare differently; `None` stands for a key that is not there (it has its default)."""

    path: str
    """With dots: `stages.model_monitoring.monitors.price_ks.threshold`."""
    before: Any
    after: Any

    @property
    def stage(self) -> str | None:
        """The stage that it changes, if it is one's."""
        parts = self.path.split(".")
        return parts[1] if parts[0] == "stages" and len(parts) > 1 else None


def version_digest(body: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a body (see `body.body_of`): it does not depend on the order of keys.

    >>> version_digest({"a": 1, "b": 2}) == version_digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def stage_digest(pipeline: Pipeline, stage: str) -> str:
    """The digest of one stage's declaration, as locks keep it; `MissingError` names the stages."""
    if stage not in STAGES:
        raise MissingError(unknown("stage", stage, STAGES))
    return declaration_digest(getattr(pipeline.stages, stage))


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every difference between two bodies, by path; mappings are compared key by key, lists as a whole.

    >>> changes({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}, "d": 4})
    (Change(path='a.b', before=1, after=3), Change(path='d', before=None, after=4))
    """
    return tuple(_changes("", old, new))


def _changes(path: str, old: Any, new: Any) -> list[Change]:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return [] if old == new and type(old) is type(new) else [Change(path, old, new)]
    found = []
    for key in sorted({*old, *new}):
        found += _changes(f"{path}.{key}" if path else str(key), old.get(key), new.get(key))
    return found
