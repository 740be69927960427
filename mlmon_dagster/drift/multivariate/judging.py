"""The verdict of a joint monitor on a window."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.calibration import Calibration, declaration_digest
from mlmon_dagster.drift.covariance import Covariance
from mlmon_dagster.drift.judging import persisting, uncalibrated
from mlmon_dagster.drift.monitor import Drift, Monitor, Verdict
from mlmon_dagster.drift.multivariate.joint import JOINT, JointMeasure, Learned, Table
from mlmon_dagster.drift.multivariate.matrix import rows_of
from mlmon_dagster.drift.multivariate.numbers import window_covariance
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError
from mlmon_dagster.plugins import load, name_of, names, unknown

NAMED = 3
"""Columns that a sentence names."""


@dataclass(frozen=True)
class JointDrift:
    """The verdict, and what was measured beside the distance."""

    drift: Drift
    numbers: dict[str, float]


@dataclass(frozen=True)
class Basis:
    """What a joint monitor is judged by beside what it learned: for an alarm budget, and for persistence."""

    calibration: Calibration | None = None
    rate: float = -1.0
    """Share of windows that the alarm budget allows."""
    past: tuple[bool | None, ...] = ()
    """Whether it was above in the windows before, oldest first; None for one not judged."""

    def threshold(self, monitor: Monitor, reference_rows: int, window_rows: int) -> float | None:
        """The declared threshold, or the calibrated one where that is larger; None where a budget has none.

        A window larger than all that were drawn has the threshold of the largest: methods look at so many rows only.
        """
        if monitor.alarm_budget is None:
            return monitor.threshold
        found = self.calibration
        if found is None or found.declaration != declaration_digest(monitor, self.rate) or JOINT not in found.columns:
            return None
        curve = found.columns[JOINT]
        thick = reference_rows * window_rows / max(reference_rows + window_rows, 1) > curve.sizes[-1]
        drawn = curve.thresholds[-1] * curve.variation if thick else curve.at(reference_rows, window_rows)
        return max(drawn, monitor.threshold or 0.0)


ALONE = Basis()


def is_joint(monitor: Monitor) -> bool:
    """Whether the monitor's method measures several columns at once."""
    return hasattr(monitor.method, "learn")


def chosen(monitor: Monitor, table: Table, inputs: tuple[str, ...]) -> dict[str, Any]:
    """The monitor's columns of a table: those it names, or all `inputs`; `DataError` names one that is not there."""
    wanted = inputs if monitor.columns == "all" else monitor.columns
    for name in wanted:
        if name not in table:
            raise DataError(unknown("column", name, tuple(table)))
    return {name: table[name] for name in wanted}


def judge_joint(learned: Learned, window: Table, monitor: Monitor, basis: Basis = ALONE) -> JointDrift:
    """Judged like one column: drift is a distance above the threshold with a p-value below the significance.

    With an alarm budget the calibrated threshold decides alone, and persistence holds back what has not lasted.
    A window that cannot be compared is an `error` that says why, one without rows `no_data`, a thin one `insufficient`.
    """
    rows = (int(learned.about.get("rows", 0)), rows_of(window))
    return judge_measured(lambda: monitor.method.measure(learned, window), rows, monitor, basis)


def profiled(profile: Profile, monitor: Monitor, inputs: tuple[str, ...]) -> Covariance | None:
    """What the monitor needs of the reference, where its profile carries that: the covariance of its columns.

    None for a method that needs the rows, for a profile that lacks one of the monitor's columns of numbers, and for
    fewer than two of them.
    """
    wanted = inputs if monitor.columns == "all" else monitor.columns
    numbers = [name for name in wanted if name not in profile.columns or profile.columns[name].kind != "categorical"]
    together = profile.covariance
    if not hasattr(monitor.method, "compare") or together is None:
        return None
    return together.only(numbers) if len(numbers) > 1 and set(numbers) <= set(together.names) else None


def judge_rows(
    reference: Covariance, reference_rows: int, window: Table, monitor: Monitor, basis: Basis = ALONE
) -> JointDrift:
    """The same as `judge_joint` of a reference of which only a covariance is kept: it gives the same numbers."""
    return judge_measured(
        lambda: monitor.method.compare(reference, window_covariance(reference, window)),
        (reference_rows, rows_of(window)),
        monitor,
        basis,
    )


def unjudged(monitor: Monitor, verdict: Verdict, reason: str) -> JointDrift:
    """The verdict of a monitor that could not measure."""
    plugin: Any = type(monitor.method)
    drift = Drift(
        monitor.name, JOINT, name_of(plugin), None, None, None, verdict, reason, monitor.method.unit, 0, 0
    )  # fmt: skip
    return JointDrift(drift, {})


def judge_covariances(reference: Profile, window: Profile, monitor: Monitor) -> JointDrift:
    """The same from two profiles that keep a covariance, for methods that sums are enough for; else `InputError`."""
    plugin: Any = type(monitor.method)
    method = name_of(plugin)
    require_sums_enough(method)
    for side, one in (("reference", reference), ("window", window)):
        if one.covariance is None:
            raise InputError(
                f"the profile of the {side} keeps no covariance, which {method} needs",
                hint="build the reference's with `mlmon profile build --covariance`, and the window's --like it",
            )
    chosen = reference.covariance if monitor.columns == "all" else _chosen(reference.covariance, monitor.columns)
    assert chosen is not None and window.covariance is not None  # noqa: S101, PT018 - told above
    if window.covariance.axes != reference.covariance.axes:  # type: ignore[union-attr]
        raise InputError("the window's covariance is of another reference", hint="mlmon profile build --like REFERENCE")
    other = window.covariance.only(chosen.names)
    return judge_measured(lambda: monitor.method.compare(chosen, other), (reference.rows, window.rows), monitor)


def require_sums_enough(method: str) -> None:
    """`InputError` for a joint method that needs the rows, and which do not."""
    able = [name for name in names("joint") if hasattr(load("joint", name), "compare")]
    if method not in able:
        raise InputError(f"{method} needs the rows; from profiles come {', '.join(able)}")


def _chosen(covariance: Covariance | None, columns: tuple[str, ...]) -> Covariance:
    assert covariance is not None  # noqa: S101 - told by the caller
    for name in columns:
        if name not in covariance.names:
            raise InputError(unknown("column of the covariance", name, covariance.names))
    return covariance.only(columns)


def judge_measured(
    measured: Callable[[], JointMeasure], sizes: tuple[int, int], monitor: Monitor, basis: Basis = ALONE
) -> JointDrift:
    """The verdict on what is measured, given the rows of reference and window."""
    plugin: Any = type(monitor.method)
    method, (before, rows) = name_of(plugin), sizes
    numbers: dict[str, float] = {}
    verdict, value, p_value, exceeds = "ok", None, None, False
    threshold = basis.threshold(monitor, before, rows)
    if not rows:
        verdict, reason = "no_data", "the window has no rows"
    elif threshold is None:
        verdict, reason = "error", uncalibrated(monitor, "the columns together")
    elif rows < monitor.minimum_rows:
        verdict, reason = "insufficient", f"{rows} rows, at least {monitor.minimum_rows} are needed"
    else:
        try:
            found = measured()
        except DataError as error:
            verdict, reason = "error", error.message
        else:
            value, p_value, numbers = found.value, found.p_value, dict(found.numbers)
            significant = p_value < monitor.significance or monitor.alarm_budget is not None
            exceeds = value > threshold and significant
            verdict, reason = "drift" if exceeds else "ok", _sentence(monitor, method, found, threshold, exceeds)
            if exceeds and monitor.persistence:
                verdict, reason = persisting(monitor.persistence, basis.past, reason)
            if not np.isfinite(value):
                verdict, reason = "error", f"{method} gives no finite number for this window"
    drift = Drift(
        monitor.name, JOINT, method, value, p_value, threshold, verdict, reason, monitor.method.unit,  # type: ignore[arg-type]
        before, rows, exceeds,
    )  # fmt: skip
    return JointDrift(drift, numbers)


def _sentence(monitor: Monitor, method: str, found: JointMeasure, threshold: float, drifted: bool) -> str:
    size = f"{method} {found.value:.3g}"
    if drifted:
        told = f", most in {', '.join(found.columns[:NAMED])}" if found.columns else ""
        chance = f", which chance alone reaches {monitor.alarm_budget}" if monitor.alarm_budget else ""
        return f"the columns together have drifted: {size} is above {threshold:.3g}{chance}{told}"
    if found.value > threshold:
        return f"{size} is large but may be chance in so few rows"
    return f"{size} is within {threshold:.3g}"
