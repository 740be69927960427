"""Windows as Dagster time partitions, and how stages with and without windows depend on each other."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import dagster as dg
from dagster import BetaWarning, PreviewWarning

from mlmon_dagster.pipeline.windows import FORMATS, Windows

PARTITIONS_PER_RUN = 53
"""A backfill runs up to a year of weekly windows in one run: a run costs more than a window."""

KINDS: dict[str, Callable[..., dg.TimeWindowPartitionsDefinition]] = {
    "hourly": dg.HourlyPartitionsDefinition,
    "daily": dg.DailyPartitionsDefinition,
    "weekly": dg.WeeklyPartitionsDefinition,
    "monthly": dg.MonthlyPartitionsDefinition,
}


@cache
def partitions_of(windows: Windows) -> dg.TimeWindowPartitionsDefinition:
    """The partitions whose keys are the windows' keys; weeks start on Monday, everything is UTC."""
    form = FORMATS[windows.every]
    monday: dict[str, Any] = {"day_offset": 1} if windows.every == "weekly" else {}
    start, end = windows.first.strftime(form), windows.last.strftime(form) if windows.last else None
    return KINDS[windows.every](start, end_date=end, timezone="UTC", **monday)


def check_spec(
    name: str, key: dg.AssetKey, partitions: dg.PartitionsDefinition | None, *, blocking: bool, description: str
) -> dg.AssetCheckSpec:
    """A check of an asset; one with partitions is judged, listed and plotted window by window."""
    return dg.AssetCheckSpec(name, asset=key, partitions_def=partitions, blocking=blocking, description=description)


@contextmanager
def accepted_previews() -> Iterator[None]:
    """Dagster warns of partitioned checks, backfill policies and owners; we chose them and pin its version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PreviewWarning)
        warnings.simplefilter("ignore", BetaWarning)
        yield
