"""What is expected of a registered model version, as the registry keeps it."""

from functools import lru_cache
from typing import Any

from mlmon_dagster.drift.estimation.expectation import Expectation
from mlmon_dagster.ports import ModelVersion

EXPECTATION = "expectation.zip"
"""The file of a model version that holds what is expected of it."""


@lru_cache(maxsize=16)
def expectation_of(registry: Any, version: ModelVersion) -> Expectation:
    """What is expected of the version, kept for other windows: a version never changes.

    `MissingError` for a version that was registered without.
    """
    return Expectation.from_bytes(registry.file(version, EXPECTATION))
