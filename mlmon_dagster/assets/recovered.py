"""The reference of a registered version, read again for what nobody asked of it when the version was registered."""

from collections.abc import Mapping
from dataclasses import replace

from mlmon_dagster.assets.drift_segments import segment_profiles
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.reference import as_windows, predicted, read_reference
from mlmon_dagster.assets.reference_windows import Reference
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.profile import Profile, compact
from mlmon_dagster.errors import DataError
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.ports import ModelVersion


def recovered(stage: StageRun, ports: Ports, version: ModelVersion, profile: Profile) -> Reference:
    """The rows that the version was registered with, from the feature store, with the version's own predictions.

    Nobody keeps them with the version, so they may be there no more or be others: `BlockedError` for windows that have
    no features now, `DataError` for rows that are not those of the version's profile.
    """
    table, windows = read_reference(replace(stage, key=StageKey(stage.pipeline.name, None, "model_registry")))
    missing = [name for name in version.inputs if name not in table.column_names]
    changed = missing or _changed(profile, columns_of(table, list(version.inputs)), table.num_rows)
    if changed:
        raise DataError(
            f"{', '.join(changed)} of {windows[0]} to {windows[-1]} in the feature store is not as it was when "
            f"version {version.number} of {version.name} was registered"
        )
    frame = table.to_pandas()[list(version.inputs)]
    scored = as_windows(stage.pipeline, table, predicted(ports.registry.native(version), frame), version.inputs)
    segments = segment_profiles(stage.pipeline, scored, profile)
    return Reference.cut(stage, scored, windows, profile, segments, version.inputs)


def _changed(profile: Profile, columns: Mapping[str, Column], rows: int) -> list[str]:
    """Columns that are not those of the profile, as it keeps them: in bins, or with every value."""
    return [
        name
        for name, column in columns.items()
        if Profile({name: profile.columns[name]}, profile.rows).digest
        not in {Profile({name: one}, rows).digest for one in (compact(column), column)}
    ]
