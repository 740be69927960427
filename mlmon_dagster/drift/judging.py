"""Judging a window: a large distance that is no accident is drift, and what cannot be told is never green."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from mlmon_dagster.drift.calibration import Calibration, declaration_digest
from mlmon_dagster.drift.chance import noise_floor
from mlmon_dagster.drift.change import change
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.correction import adjusted
from mlmon_dagster.drift.method import Measure
from mlmon_dagster.drift.monitor import Drift, Monitor, Verdict, method_name, placed
from mlmon_dagster.drift.peers import Compared, Compatible
from mlmon_dagster.drift.persistence import Persistence
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import load, names

BLIND = 2.0
"""A distance of so many thresholds that chance explains: in so few rows drift cannot be told."""

ID = 0.9
"""Share of different texts from which a column tells rows apart and nothing else."""

Past = Mapping[str, tuple[bool | None, ...]]
"""Place (a column, or a segment's) -> whether it was above in the windows before, oldest first; None: not judged."""


@dataclass(frozen=True)
class Segmented:
    """The rows of one segment on both sides; `reference` is None where the version has none, and `why` says so."""

    reference: Mapping[str, Column] | None
    window: Mapping[str, Column]
    seasons: Mapping[str, Profile] = field(default_factory=dict)
    """Monitor -> the segment's reference at the window's place of the monitor's season."""
    why: str = ""


@dataclass(frozen=True)
class Evidence:
    """What windows are judged by: the reference, and by monitor what belongs to it alone."""

    profile: Profile
    seasons: Mapping[str, Profile] = field(default_factory=dict)
    """Monitor -> the reference at the window's place of the monitor's season."""
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    """Monitor -> share of windows that its alarm budget allows."""
    past: Mapping[str, Past] = field(default_factory=dict)
    segments: Mapping[str, Segmented] = field(default_factory=dict)

    def segments_of(self, monitor: Monitor) -> tuple[str, ...]:
        """Those of its segments that are there to be judged."""
        wanted = tuple(self.segments) if monitor.segments == "all" else monitor.segments
        return tuple(name for name in wanted if name in self.segments)

    def reference(self, monitor: Monitor) -> Mapping[str, Column]:
        """The columns that the monitor compares with; none where the season's place has no reference."""
        if monitor.season is None:
            return self.profile.columns
        found = self.seasons.get(monitor.name)
        return found.columns if found else {}


@dataclass(frozen=True)
class _Found:
    """One column of one monitor on its way to a verdict."""

    monitor: Monitor
    name: str
    method: Any
    """The monitor's, or one of several that it has for the column."""
    reference: Column | None
    window: Column | None
    measure: Measure | Compared | None
    """None where nothing could be measured; then `verdict` and `reason` say why."""
    verdict: Verdict = "ok"
    reason: str = ""
    segment: str | None = None

    @property
    def tested(self) -> bool:
        """Whether its p-value is one of those that are corrected together."""
        measured = isinstance(self.measure, Measure) and self.measure.p_value is not None
        return measured and not self.monitor.alarm_budget

    @property
    def series(self) -> str:
        return self.monitor.series(self.name, self.method, self.segment)

    @property
    def place(self) -> str:
        return placed(self.name, self.segment)


def judge(profile: Profile, window: Mapping[str, Column], monitor: Monitor) -> tuple[Drift, ...]:
    """Every column of one monitor without a past; see `judge_all`."""
    return judge_all({monitor.name: monitor}, Evidence(profile), window)[monitor.name]


def judge_all(
    monitors: Mapping[str, Monitor], evidence: Evidence, window: Mapping[str, Column]
) -> dict[str, tuple[Drift, ...]]:
    """Every column of every monitor, each judged apart: one that cannot be judged says so and stops nothing.

    The p-values of all columns of all monitors are corrected together (Benjamini and Hochberg 1995), so that a
    pipeline of a hundred columns does not raise a false alarm each window; monitors with an alarm budget keep it by
    their thresholds instead. Columns of segments follow those of all rows, and are corrected with them.
    """
    found = [
        one
        for monitor in monitors.values()
        for segment in (None, *evidence.segments_of(monitor))
        for name in monitor.names(evidence.profile)
        for one in _by_method(evidence, window, monitor, name, segment)
    ]
    p_values = iter(adjusted([float(one.measure.p_value or 0) for one in found if one.measure and one.tested]))
    judged: dict[str, list[Drift]] = {name: [] for name in monitors}
    for one in found:
        judged[one.monitor.name].append(_judged(evidence, one, next(p_values) if one.tested else None))
    return {name: tuple(drifts) for name, drifts in judged.items()}


def exceeding(drifts: Iterable[Drift]) -> dict[str, bool]:
    """Place -> whether it was above a threshold, by any of the monitor's methods; what persistence remembers."""
    found: dict[str, bool] = {}
    for one in drifts:
        if one.value is not None:
            found[one.place] = found.get(one.place, False) or one.exceeds
    return found


def _by_method(
    evidence: Evidence, window: Mapping[str, Column], monitor: Monitor, name: str, segment: str | None
) -> Iterator[_Found]:
    """The column by each of the monitor's methods; what keeps several of them from measuring is said once."""
    said: set[str] = set()
    for method in monitor.methods(evidence.reference(monitor).get(name)):
        if segment is None:
            one = _measured(evidence, window, monitor, name, method)
        else:
            one = _in_segment(evidence, monitor, name, method, segment)
        if one.measure is not None or one.reason not in said:
            yield one
        said.add(one.reason)


def _in_segment(evidence: Evidence, monitor: Monitor, name: str, method: Any, segment: str) -> _Found:
    """The same of a segment's rows on both sides."""
    sides = evidence.segments[segment]
    if sides.reference is None:
        why = f"{name}: {sides.why}; run the model_registry stage again"
        return _Found(monitor, name, method, None, None, None, "error", why, segment)
    rows = max((column.rows for column in sides.reference.values()), default=0)
    own = Evidence(Profile(sides.reference, rows), sides.seasons)
    found = _measured(own, sides.window, monitor, name, method)
    thin = found.reference is not None and found.reference.present < monitor.minimum_rows
    if thin and found.verdict != "no_data":
        why = f"{name}: {found.reference.present} values in the reference of this segment"  # type: ignore[union-attr]
        return _Found(monitor, name, method, found.reference, found.window, None, "insufficient", why, segment)
    return replace(found, segment=segment)


def _measured(evidence: Evidence, window: Mapping[str, Column], monitor: Monitor, name: str, method: Any) -> _Found:
    columns = evidence.reference(monitor)
    reference, current = columns.get(name), window.get(name)

    def none(verdict: Verdict, reason: str) -> _Found:
        return _Found(monitor, name, method, reference, current, None, verdict, reason)

    said = _unmeasurable(evidence, monitor, name, method, reference, current)
    if said or reference is None or current is None:
        return none(*(said or ("error", f"{name} cannot be measured")))
    try:
        compares = isinstance(method, Compatible)
        measure: Measure | Compared = (method.compare if compares else method.measure)(reference, current)
    except DataError as error:
        return none("error", str(error))
    except ArithmeticError as error:
        return none("error", f"{name}: its numbers are too large: {error}")
    if measure.value != measure.value:
        return none("error", f"{name}: the distance is not a number")
    return _Found(monitor, name, method, reference, current, measure)


def _unmeasurable(
    evidence: Evidence, monitor: Monitor, name: str, method: Any, reference: Column | None, current: Column | None
) -> tuple[Verdict, str] | None:
    """Why a column cannot be measured, or None where it can."""
    if reference is None:
        if monitor.season and name in evidence.profile.columns:
            return "insufficient", f"{name}: the reference has no rows at this {monitor.season.replace('_', ' ')}"
        return "error", f"the reference has no column {name!r} ({', '.join(evidence.profile.columns)})"
    if current is None:
        return "error", f"the window has no column {name!r}"
    if current.rows == 0:
        return "no_data", f"{name}: the window has no rows"
    if reference.kind != current.kind and current.present:
        return "error", f"{name} is {current.kind} in the window and {reference.kind} in the reference"
    if reference.kind not in method.kinds:
        able = [one for one in names("method") if reference.kind in cast(Any, load("method", one)).kinds]
        told = f"{method_name(method)} does not measure {reference.kind} columns such as {name}"
        return "error", f"{told}; these do: {', '.join(able)}"
    rows_only = method_name(method) == "missing"
    if not rows_only and not current.present:
        return "no_data", f"{name}: every value of the window is missing"
    if not rows_only and not reference.present:
        return "error", f"{name}: every value of the reference is missing"
    values, known = (one.rows if rows_only else one.present for one in (current, reference))
    if values < monitor.minimum_rows:
        return "insufficient", f"{name}: {values} values, at least {monitor.minimum_rows} are needed"
    if monitor.season and known < monitor.minimum_rows:
        return "insufficient", f"{name}: {known} values in the reference at this place of the season"
    return None


def _judged(evidence: Evidence, one: _Found, p_value: float | None) -> Drift:
    monitor, verdict, reason, exceeds = one.monitor, one.verdict, one.reason, False
    threshold = one.measure.threshold if isinstance(one.measure, Compared) else _threshold(evidence, one)
    if one.measure is not None and one.reference is not None and one.window is not None:
        if threshold is None:
            verdict, reason = _unjudged(evidence, one)
        else:
            verdict, reason = _verdict(one, threshold, p_value, one.reference, one.window)
            exceeds = verdict == "drift"
            if monitor.persistence and exceeds:
                past = evidence.past.get(monitor.name, {}).get(one.place, ())
                verdict, reason = persisting(monitor.persistence, past, reason)
    if p_value is None and one.measure is not None:
        p_value = one.measure.p_value
    if one.segment is not None and one.segment not in reason:
        reason = f"in {one.segment}, {reason}"
    compared = one.measure if isinstance(one.measure, Compared) else None
    return Drift(
        monitor=monitor.name,
        column=one.name,
        method=f"{compared.peer}_{compared.method}" if compared else method_name(one.method),
        value=one.measure.value if one.measure else None,
        p_value=p_value,
        threshold=threshold,
        verdict=verdict,
        reason=reason,
        unit=compared.statistic if compared else one.method.unit,
        rows_reference=one.reference.rows if one.reference else 0,
        rows_window=one.window.rows if one.window else 0,
        exceeds=exceeds,
        segment=one.segment,
        measure=one.measure if isinstance(one.measure, Measure) else None,
    )


def _threshold(evidence: Evidence, one: _Found) -> float | None:
    """The declared threshold, or the calibrated one for windows of this size where that is larger."""
    monitor = one.monitor
    if monitor.alarm_budget is None:
        return _declared(one)
    found, rate = evidence.calibrations.get(monitor.name), evidence.rates.get(monitor.name, -1.0)
    if found is None or found.declaration != declaration_digest(monitor, rate) or one.series not in found.columns:
        return None
    if one.reference is None or one.window is None:
        return None
    rows = (one.reference.rows, one.window.rows)
    return max(found.columns[one.series].at(*rows), _declared(one) or 0.0)


def _unjudged(evidence: Evidence, one: _Found) -> tuple[Verdict, str]:
    """Why there is no threshold: this method's chance on this column cannot be told, or nobody looked."""
    found, rate = evidence.calibrations.get(one.monitor.name), evidence.rates.get(one.monitor.name, -1.0)
    if found is not None and found.declaration == declaration_digest(one.monitor, rate) and one.series in found.refused:
        return "insufficient", found.refused[one.series]
    return "error", uncalibrated(one.monitor, one.name)


def _declared(one: _Found) -> float | None:
    """The threshold that was declared: of one of several methods, as many times its own."""
    several = one.method is not one.monitor.method and hasattr(one.monitor.method, "parts")
    declared = one.monitor.threshold
    return declared if declared is None or not several else declared * float(type(one.method).default_threshold)


def _is_id(column: Column) -> bool:
    """Whether a column of texts has about as many of them as rows."""
    if column.kind != "categorical" or not len(column.values):
        return False
    return len(column.values) > ID * column.present if not column.other else int(column.counts.max()) == 1


def _verdict(
    one: _Found, threshold: float, p_value: float | None, reference: Column, window: Column
) -> tuple[Verdict, str]:
    assert one.measure is not None  # noqa: S101 - asked for measured columns only
    if isinstance(one.measure, Compared):
        return "drift" if one.measure.drifted else "ok", one.measure.sentence(one.name)
    value, monitor, size = one.measure.value, one.monitor, f"{method_name(one.method)} {one.measure.value:.3g}"
    if value <= threshold:
        return "ok", f"{one.name}: {size} is within {threshold:.3g}"
    if monitor.alarm_budget is None:
        if method_name(one.method) != "missing" and _is_id(reference) and _is_id(window):
            told = "nearly every row has another value, as an id has: there is nothing to compare, leave it out"
            return "insufficient", f"{one.name}: {told}"
        if p_value is not None:
            chance = p_value >= monitor.significance
        else:
            chance = value <= noise_floor(one.method, reference, window.rows, monitor.significance)
        if chance:
            said = f"{one.name}: {size} is above {threshold:.3g} but may be chance in {window.rows} rows"
            if value > BLIND * threshold:
                return "insufficient", f"{said}: too few to tell; take longer windows or an alarm budget"
            return "ok", said
    moved = change(reference, window)
    said = f"{one.name} has drifted: {size} is above {threshold:.3g}"
    if monitor.alarm_budget is not None:
        said += f", which chance alone reaches {monitor.alarm_budget}"
    return "drift", said + (f"; {moved}" if moved else "")


def persisting(persistence: Persistence, past: tuple[bool | None, ...], reason: str) -> tuple[Verdict, str]:
    """The verdict of a window that is above its threshold, given those before it."""
    state = persistence.state(past, now=True)
    if state == "persists":
        return "drift", f"{reason}; so it was in {persistence}"
    before = sum(above is True for above in past[len(past) - min(len(past), persistence.of - 1) :])
    calm = reason.replace(" has drifted:", ":", 1).replace(" have drifted:", ":", 1)
    said = f"{calm}; this counts as drift in {persistence}, and {before} before were"
    if state == "unknown":
        return "insufficient", f"{said}: too few are judged to tell"
    return "ok", said


def uncalibrated(monitor: Monitor, name: str) -> str:
    """Why a monitor with an alarm budget cannot judge."""
    return (
        f"{name}: the alarm budget of {monitor.name} ({monitor.alarm_budget}) was not calibrated for this model "
        "version; run the model_registry stage again"
    )
