"""What a monitor's declaration asks of the pipeline's windows."""

from collections.abc import Mapping

from pydantic_core import PydanticCustomError

from mlmon_dagster.drift.budget import HIGHEST
from mlmon_dagster.drift.monitor import Monitor
from mlmon_dagster.drift.seasons import LONGEST_HOURS, SEASONS
from mlmon_dagster.pipeline.windows import Windows
from mlmon_dagster.plugins import unknown


def require_fitting(windows: Windows, monitors: Mapping[str, Monitor]) -> None:
    """Raises pydantic's error for an alarm budget or a season that windows of this length cannot have."""
    for name, monitor in monitors.items():
        if monitor is not None and monitor.alarm_budget and monitor.alarm_budget.rate(windows.days) > HIGHEST:
            raise _error(
                f"{name}.alarm_budget",
                f"{monitor.alarm_budget} lets {monitor.alarm_budget.rate(windows.days):.0%} of {windows.every} windows "
                f"alarm though nothing drifts; expected a budget below {HIGHEST:.0%} of them",
            )
        if monitor is not None and monitor.season and windows.days * 24 > LONGEST_HOURS[monitor.season]:
            fitting = [season for season in SEASONS if windows.days * 24 <= LONGEST_HOURS[season]]
            raise _error(
                f"{name}.season",
                f"a {windows.every} window has no {monitor.season.replace('_', ' ')}; with these windows a season is "
                f"{' or '.join(fitting)}",
            )


def require_declared(monitors: Mapping[str, Monitor], segments: Mapping[str, str]) -> None:
    """Raises pydantic's error for a segment that a monitor names and nobody declares."""
    for name, monitor in monitors.items():
        wanted = () if monitor is None or monitor.segments == "all" else monitor.segments
        for segment in wanted:
            if segment not in segments:
                raise _error(f"{name}.segments", unknown("segment", segment, tuple(segments)))
        if monitor is not None and monitor.segments == "all" and not segments:
            raise _error(f"{name}.segments", "all segments are asked for and none is declared under `segments`")


def _error(at: str, message: str) -> PydanticCustomError:
    facts = {"message": message, "at": f"stages.model_monitoring.monitors.{at}"}
    return PydanticCustomError("monitor_windows", "{message}", facts)
