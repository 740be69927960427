"""Declared segments of feature drift: profiles of the reference's, and the window's rows in each of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets.segments import masks
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.judging import Segmented
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import MissingError
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import pyarrow as pa


def wanted(pipeline: Pipeline) -> dict[str, str]:
    """The declared segments that any monitor judges: name -> condition."""
    declared = pipeline.stages.model_monitoring
    monitors = [one for one in declared.monitors.values() if one is not None and one.segments]
    everything = any(one.segments == "all" for one in monitors)
    named = {name for one in monitors for name in one.segments if one.segments != "all"}
    return {name: text for name, text in declared.segments.items() if everything or name in named}


def segment_files(pipeline: Pipeline, reference: "pa.Table", profile: Profile) -> dict[str, bytes]:
    """A profile of the reference's rows in each wanted segment, to attach to a version.

    Raises `InputError` for a condition that cannot be computed.
    """
    names = [name for name in reference.column_names if name in profile.columns]
    return {
        _path(name): _profile(reference.select(names).filter(_boolean(mask)))
        for name, mask in masks(reference, wanted(pipeline)).items()
    }


def segmented(pipeline: Pipeline, registry: Any, version: ModelVersion, rows: "pa.Table") -> Mapping[str, Segmented]:
    """Both sides of every wanted segment of a window's rows; a version without one says so where it is judged."""
    return {
        name: Segmented(_reference(registry, version, name), columns_of(rows.filter(_boolean(mask))))
        for name, mask in masks(rows, wanted(pipeline)).items()
    }


def _profile(rows: "pa.Table") -> bytes:
    if not rows.num_rows:
        return Profile(columns_of(rows), 0).to_bytes()
    return Profile.of(columns_of(rows)).to_bytes()


def _reference(registry: Any, version: ModelVersion, name: str) -> Any:
    try:
        return Profile.from_bytes(registry.attached(version, _path(name))).columns
    except MissingError:
        return None


def _boolean(mask: Any) -> Any:
    import pyarrow as pa

    return pa.array(mask)


def _path(name: str) -> str:
    return f"segments/{name}.profile"
