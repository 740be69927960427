"""Files that are kept beside a model version, which it may lack."""

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import MissingError
from mlmon_dagster.ports import ModelRegistry, ModelVersion


def attached(registry: ModelRegistry, version: ModelVersion, path: str) -> bytes | None:
    """The file's bytes; None where the version has none of that path."""
    try:
        return registry.attached(version, path)
    except MissingError:
        return None


def attached_profile(registry: ModelRegistry, version: ModelVersion, path: str) -> Profile | None:
    """The profile in such a file."""
    content = attached(registry, version, path)
    return None if content is None else Profile.from_bytes(content)
