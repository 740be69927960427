"""The reference as its windows were: what thresholds for alarm budgets and seasons are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mlmon_dagster.adapters.tables import arrays_of
from mlmon_dagster.assets.drift_segments import wanted
from mlmon_dagster.assets.segments import masks
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.multivariate.joint import Table
from mlmon_dagster.drift.multivariate.judging import is_joint
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.pipeline.windows import Window

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ReferenceWindow:
    """One window of the reference, as its columns were."""

    window: Window
    columns: Mapping[str, Column]
    segments: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    """The same of its rows in each segment that a monitor judges."""

    def part(self, segment: str | None) -> Mapping[str, Column]:
        """The columns of all its rows, or of a segment's."""
        return self.columns if segment is None else self.segments[segment]

    def rows(self, segment: str | None = None) -> int:
        """How many those are."""
        return max((column.rows for column in self.part(segment).values()), default=0)


@dataclass(frozen=True)
class Reference:
    """All of them, and the profiles of their rows together."""

    profile: Profile
    windows: Sequence[ReferenceWindow]
    table: Table
    """The rows, those of each window after the one before, where joint monitors need them."""
    inputs: tuple[str, ...]
    segments: Mapping[str, Profile] = field(default_factory=dict)

    @classmethod
    def cut(
        cls,
        stage: StageRun,
        scored: "pa.Table",
        windows: Sequence[str],
        profile: Profile,
        segments: Mapping[str, Profile],
        inputs: tuple[str, ...],
    ) -> "Reference":
        """Of the rows with their predictions, which lie one window after the other in the order of these keys."""
        import pyarrow as pa

        inside, columns = masks(scored, wanted(stage.pipeline)), scored.select(list(profile.columns))
        start, found = 0, []
        for name in windows:
            output = stage.outputs.output(stage.upstream("feature_store"), name)
            rows = columns.slice(start, output.rows if output else 0)
            own = {
                segment: columns_of(rows.filter(pa.array(mask[start : start + rows.num_rows])))
                for segment, mask in inside.items()
            }
            found.append(ReferenceWindow(stage.pipeline.windows.window(name), columns_of(rows), own))
            start += rows.num_rows
        joint = any(is_joint(one) for one in stage.pipeline.stages.model_monitoring.monitors.values())
        return cls(profile, found, arrays_of(scored) if joint else {}, inputs, segments)

    def filled(self, segment: str | None = None) -> list[ReferenceWindow]:
        """The windows that have rows, or rows in the segment."""
        return [window for window in self.windows if window.rows(segment)]

    def usual_rows(self, segment: str | None = None) -> int:
        """How many rows a window usually has."""
        rows = [window.rows(segment) for window in self.filled(segment)]
        return int(np.median(rows)) if rows else self.profile.rows

    def of(self, segment: str | None) -> Profile:
        """The profile of all rows, or of a segment's."""
        return self.profile if segment is None else self.segments[segment]
