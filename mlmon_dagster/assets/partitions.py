"""Windows as Dagster time partitions, and how stages with and without windows depend on each other."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import dagster as dg
from dagster import BetaWarning, PreviewWarning

from mlmon_dagster.pipeline.windows import FORMATS, Windows

PARTITIONS_PER_RUN = 53
"""A backfill runs up to a year of weekly windows in one run: a run costs more than a window."""

KINDS: dict[str, type[dg.TimeWindowPartitionsDefinition]] = {
    "hourly": dg.HourlyPartitionsDefinition,
    "daily": dg.DailyPartitionsDefinition,
    "weekly": dg.WeeklyPartitionsDefinition,
    "monthly": dg.MonthlyPartitionsDefinition,
}


@cache
def partitions_of(windows: Windows) -> dg.TimeWindowPartitionsDefinition:
    """The partitions whose keys are the windows' keys; weeks start on Monday, everything is UTC."""
    monday = {"day_offset": 1} if windows.every == "weekly" else {}
    form = FORMATS[windows.every]
    return KINDS[windows.every](  # type: ignore[call-arg]
        windows.first.strftime(form),
        end_date=windows.last.strftime(form) if windows.last else None,
        timezone="UTC",
        **monday,
    )


def check_spec(
    name: str, key: dg.AssetKey, partitions: dg.PartitionsDefinition | None, *, blocking: bool, description: str
) -> dg.AssetCheckSpec:
    """A check of an asset; one with partitions is judged, listed and plotted window by window."""
    return dg.AssetCheckSpec(name, asset=key, partitions_def=partitions, blocking=blocking, description=description)


@contextmanager
def accepted_previews() -> Iterator[None]:
    """Dagster warns of each use of partitioned checks, backfill policies and owners; we chose them, and pin its minor version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PreviewWarning)
        warnings.simplefilter("ignore", BetaWarning)
        yield
