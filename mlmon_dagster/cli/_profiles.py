"""Profiles that are named on the command line: a file, or the one that a registered model version has."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlmon_dagster.drift.profile import Profile


def read(place: str) -> "Profile":
    """The profile at a path, or of `models:/name/1` or `models:/name@alias` in the registry that the settings name."""
    from mlmon_dagster.adapters.profiles import REGISTERED, read_profile

    if not place.startswith(REGISTERED):
        return read_profile(place)
    from mlmon_dagster.adapters.mlflow.registry import open_registry
    from mlmon_dagster.drift.profile import Profile
    from mlmon_dagster.settings import read_settings

    registry = open_registry(read_settings())
    return Profile.from_bytes(registry.profile(registry.at(place)))
