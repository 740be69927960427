"""Declared segments of feature drift: profiles of the reference's, and the window's rows in each of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets.attached import attached, attached_profile
from mlmon_dagster.assets.counting import window_columns
from mlmon_dagster.assets.segments import masks
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.judging import Segmented
from mlmon_dagster.drift.monitor import Monitor
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.seasons import Season, place
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelRegistry, ModelVersion

if TYPE_CHECKING:
    import pyarrow as pa


def wanted(pipeline: Pipeline) -> dict[str, str]:
    """The declared segments that any monitor judges: name -> condition."""
    declared = pipeline.stages.model_monitoring
    monitors = [one for one in declared.monitors.values() if one is not None and one.segments]
    named = {name for one in monitors for name in segments_of(pipeline, one)}
    return {name: text for name, text in declared.segments.items() if name in named}


def segments_of(pipeline: Pipeline, monitor: Monitor) -> tuple[str, ...]:
    """Names of the segments that a monitor judges."""
    declared = pipeline.stages.model_monitoring.segments
    return tuple(declared) if monitor.segments == "all" else monitor.segments


def segment_profiles(
    pipeline: Pipeline, reference: "pa.Table", profile: Profile, *, exact: bool = False
) -> dict[str, Profile]:
    """A profile of the reference's rows in each wanted segment.

    Raises `InputError` for a condition that cannot be computed.
    """
    return {name: profiled(columns, exact=exact) for name, columns in parts(pipeline, reference, profile).items()}


def segment_files(pipeline: Pipeline, profiles: Mapping[str, Profile]) -> dict[str, bytes]:
    """What is attached to a version: the profiles, and the conditions that they are of."""
    conditions = wanted(pipeline)
    return {_path(name): one.to_bytes() for name, one in profiles.items()} | {
        _condition_path(name): conditions[name].encode() for name in profiles
    }


def parts(pipeline: Pipeline, rows: "pa.Table", profile: Profile) -> dict[str, dict[str, Column]]:
    """The profile's columns of the rows in each wanted segment."""
    names = [name for name in rows.column_names if name in profile.columns]
    return {
        name: columns_of(rows.select(names).filter(_boolean(mask)))
        for name, mask in masks(rows, wanted(pipeline)).items()
    }


def profiled(columns: Mapping[str, Column], *, exact: bool = False) -> Profile:
    """The profile of a segment's columns, which may have no row."""
    if not any(column.rows for column in columns.values()):
        return Profile(columns, 0)
    return Profile.of(columns, exact=exact)


def segmented(
    stage: StageRun, registry: ModelRegistry, version: ModelVersion, rows: "pa.Table"
) -> Mapping[str, Segmented]:
    """Both sides of every wanted segment of a window's rows; a version without one says so where it is judged."""
    conditions = wanted(stage.pipeline)
    return {
        name: _sides(stage, registry, version, name, conditions[name], rows.filter(_boolean(mask)))
        for name, mask in masks(rows, conditions).items()
    }


def season_path(season: Season, at: int, segment: str) -> str:
    """Where the reference of a segment at a place of the season is kept beside the version."""
    return f"seasons/{season}/{at:03}/{segment}.profile"


def _sides(
    stage: StageRun, registry: ModelRegistry, version: ModelVersion, name: str, condition: str, rows: "pa.Table"
) -> Segmented:
    before = attached(registry, version, _condition_path(name))  # earlier versions kept no condition
    if before is not None and before.decode() != condition:
        why = f"the condition of the segment {name} was {before.decode()!r} when the model version was registered"
        return Segmented(None, columns_of(rows), why=why)
    profile = attached_profile(registry, version, _path(name))
    if profile is None:
        return Segmented(None, columns_of(rows), why=f"the model version has no reference of the segment {name}")
    seasons = _seasons(stage, registry, version, name)
    return Segmented(profile.columns, window_columns(stage, profile, rows), seasons)


def _seasons(stage: StageRun, registry: ModelRegistry, version: ModelVersion, name: str) -> dict[str, Profile]:
    """Monitor -> the segment's reference at the window's place of the monitor's season, where there is one."""
    assert stage.window is not None  # noqa: S101 - windows are judged
    found = {}
    for monitor in stage.pipeline.stages.model_monitoring.monitors.values():
        if monitor.season is None or name not in segments_of(stage.pipeline, monitor):
            continue
        path = season_path(monitor.season, place(monitor.season, stage.window.start), name)
        profile = attached_profile(registry, version, path)
        if profile is not None:
            found[monitor.name] = profile
    return found


def _boolean(mask: Any) -> Any:
    import pyarrow as pa

    return pa.array(mask)


def _path(name: str) -> str:
    return f"segments/{name}.profile"


def _condition_path(name: str) -> str:
    return f"segments/{name}.sql"
