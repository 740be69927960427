"""Monitors: a method on a column (or all) with a threshold, and the verdict on every column of a window."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from mlmon_dagster import plugins
from mlmon_dagster.drift.change import change
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.method import Measure, Method
from mlmon_dagster.drift.peers import Compared, Compatible, PeerName
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError

Verdict = Literal["ok", "drift", "no_data", "insufficient", "error"]

SEVERITY: tuple[Verdict, ...] = ("ok", "no_data", "insufficient", "drift", "error")
"""Verdicts from the best to the worst; only `ok` is green."""


@dataclass(frozen=True)
class Threshold:
    """What every monitor declares, whatever its method."""

    __pydantic_config__ = plugins.CONFIG

    column: Annotated[str | None, Field(description="one column; `prediction` is the model's output")] = None
    columns: Annotated[tuple[str, ...] | Literal["all"] | None, Field(description="several columns, or all")] = None
    threshold: Annotated[float | None, Field(gt=0, description="distance above which it is drift")] = None
    significance: Annotated[float, Field(gt=0, le=1, description="and below which the p-value must be")] = 0.01
    minimum_rows: Annotated[int, Field(ge=1, description="values below which a window is not judged")] = 30
    compatible: Annotated[
        PeerName | None,
        Field(description="a library whose numbers, threshold and verdict are wanted"),
    ] = None

    def __post_init__(self) -> None:
        if (self.column is None) == (self.columns is None):
            raise ValueError("a monitor needs exactly one of `column` and `columns` (a list, or all)")
        if self.columns == ():
            raise ValueError("`columns` is empty: name at least one, or all")


@dataclass(frozen=True)
class Monitor:
    """A method on some columns with a threshold.

    It is drift when the distance is above the threshold and, for methods that are tests, the p-value is below the
    significance too: an effect that is large, and no accident of a small window.
    """

    name: str
    method: Any
    columns: tuple[str, ...] | Literal["all"]
    threshold: float
    significance: float = 0.01
    minimum_rows: int = 30


@dataclass(frozen=True)
class Drift:
    """One column judged by one monitor: what was measured, the verdict, and why in a plain sentence."""

    monitor: str
    column: str
    method: str
    value: float | None
    p_value: float | None
    threshold: float
    verdict: Verdict
    reason: str
    unit: str
    rows_reference: int
    rows_window: int


def parse_monitor(key: str, raw: object) -> Monitor:
    """A monitor from its declaration; what is not a monitor's own key belongs to the method (family `method`).

    Raises pydantic's `ValidationError` with the place of each mistake.
    """
    if not isinstance(raw, Mapping):
        error = PydanticCustomError(
            "monitor_type", "expected a mapping such as {use: ks, column: prediction, threshold: 0.1}"
        )
        raise ValidationError.from_exception_data("monitor", [InitErrorDetails(type=error, loc=(), input=raw)])
    own = set(Threshold.__dataclass_fields__)
    problems: list[InitErrorDetails] = []
    threshold = method = None
    try:
        threshold = plugins.validate(Threshold, {name: value for name, value in raw.items() if name in own})
    except ValidationError as error:
        problems += [plugins.relocated(problem) for problem in error.errors()]
    try:
        family = "joint" if raw.get("use", key) in plugins.names("joint") else "method"
        method = plugins.parse(family, {name: value for name, value in raw.items() if name not in own}, key)
    except ValidationError as error:
        problems += [plugins.relocated(problem) for problem in error.errors()]
    if threshold is None or method is None:
        raise ValidationError.from_exception_data("monitor", problems)
    columns = (threshold.column,) if threshold.column else threshold.columns
    limit = method.default_threshold if threshold.threshold is None else threshold.threshold
    if threshold.compatible:
        method = _compatible(threshold, _name(method))
    return Monitor(key, method, columns, limit, threshold.significance, threshold.minimum_rows)


def _compatible(threshold: Threshold, method: str) -> Compatible:
    try:
        return Compatible.of(str(threshold.compatible), method, threshold.threshold)
    except InputError as error:
        message = PydanticCustomError("compatible", "{message}", {"message": error.message})
        details = InitErrorDetails(type=message, loc=("compatible",), input=threshold.compatible)
        raise ValidationError.from_exception_data("monitor", [details]) from error


@dataclass(frozen=True)
class MonitorsField:
    """The annotation for a mapping of named monitors: `Annotated[Mapping[str, Monitor], MonitorsField()]`."""

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(plugins.PluginsField("method", parse_monitor).parse)

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        one, several = (plugins.named_json_schema(family, Threshold) for family in ("method", "joint"))
        any_of = [*one["additionalProperties"]["anyOf"], *several["additionalProperties"]["anyOf"]]
        properties = {**one["properties"], **several["properties"]}
        return {**one, "properties": properties, "additionalProperties": {"anyOf": any_of}}


def judge(profile: Profile, window: Mapping[str, Column], monitor: Monitor) -> tuple[Drift, ...]:
    """Every column of the monitor, judged apart from the others: one that cannot be judged says so and stops nothing.

    Over several columns the p-values are corrected for their number (Benjamini and Hochberg 1995), so that a hundred
    columns do not raise a false alarm each window.
    """
    names = tuple(profile.columns) if monitor.columns == "all" else monitor.columns
    measured = [(name, _measured(profile, window, monitor, name)) for name in names if _serves(profile, monitor, name)]
    corrected = iter(
        _corrected([one.p_value for _, one in measured if isinstance(one, Measure) and one.p_value is not None])
    )
    return tuple(
        _judged(profile, window, monitor, name, one, next(corrected) if _tested(one) else None)
        for name, one in measured
    )


def verdict_of(verdicts: Iterable[str]) -> Verdict:
    """The worst of several verdicts, in the order of `SEVERITY`; nothing judged is `no_data`, never `ok`.

    >>> verdict_of(["ok", "insufficient"])
    'insufficient'
    >>> verdict_of([])
    'no_data'
    """
    found = [SEVERITY.index(verdict) for verdict in verdicts]
    return SEVERITY[max(found)] if found else "no_data"


def _serves(profile: Profile, monitor: Monitor, name: str) -> bool:
    """With `columns: all` a method works on the columns it can; a named column is always answered."""
    return monitor.columns != "all" or profile.columns[name].kind in monitor.method.kinds


def _measured(
    profile: Profile, window: Mapping[str, Column], monitor: Monitor, name: str
) -> Measure | Compared | tuple[Verdict, str]:
    reference, current = profile.columns.get(name), window.get(name)
    if reference is None:
        return "error", f"the reference has no column {name!r} ({', '.join(profile.columns)})"
    if current is None:
        return "error", f"the window has no column {name!r}"
    if current.rows == 0:
        return "no_data", f"{name}: the window has no rows"
    if reference.kind != current.kind and current.present:
        return "error", f"{name} is {current.kind} in the window and {reference.kind} in the reference"
    if reference.kind not in monitor.method.kinds:
        return "error", f"{_name(monitor.method)} does not measure {reference.kind} columns such as {name}"
    shares_only = _name(monitor.method) == "missing"
    if not shares_only and not current.present:
        return "no_data", f"{name}: every value of the window is missing"
    if not shares_only and not reference.present:
        return "error", f"{name}: every value of the reference is missing"
    values = current.rows if shares_only else current.present
    if values < monitor.minimum_rows:
        return "insufficient", f"{name}: {values} values, at least {monitor.minimum_rows} are needed"
    if isinstance(monitor.method, Compatible):
        return _compared(monitor.method, reference, current)
    measured: Measure = monitor.method.measure(reference, current)
    return measured


def _compared(method: Compatible, reference: Column, current: Column) -> Compared | tuple[Verdict, str]:
    try:
        return method.compare(reference, current)
    except DataError as error:
        return "error", str(error)


def _judged(
    profile: Profile,
    window: Mapping[str, Column],
    monitor: Monitor,
    name: str,
    found: Measure | Compared | tuple[Verdict, str],
    p_value: float | None,
) -> Drift:
    reference, current = profile.columns.get(name), window.get(name)
    rows = (reference.rows if reference else 0, current.rows if current else 0)
    if isinstance(found, Compared):
        return Drift(
            monitor.name, name, f"{found.peer}_{found.method}", found.value, found.p_value, found.threshold,
            "drift" if found.drifted else "ok", found.sentence(name), found.statistic, *rows,
        )  # fmt: skip
    method = _chosen(monitor.method, reference)
    value: float | None = None
    if isinstance(found, Measure):
        value = found.value
        drifted = value > monitor.threshold and (p_value is None or p_value < monitor.significance)
        verdict: Verdict = "drift" if drifted else "ok"
        reason = _sentence(monitor, method, name, found, drifted, reference, current)
    else:
        verdict, reason = found
    return Drift(
        monitor.name, name, _name(method), value, p_value, monitor.threshold, verdict, reason, method.unit, *rows,
    )  # fmt: skip


def _sentence(
    monitor: Monitor,
    method: Method,
    name: str,
    found: Measure,
    drifted: bool,
    reference: Column | None,
    current: Column | None,
) -> str:
    size = f"{_name(method)} {found.value:.3g}"
    if not drifted:
        above = found.value > monitor.threshold
        return f"{name}: {size} is " + (
            "large but may be chance in so few rows" if above else f"within {monitor.threshold:g}"
        )
    moved = change(reference, current) if reference and current else ""
    return f"{name} has drifted: {size} is above {monitor.threshold:g}" + (f"; {moved}" if moved else "")


def _corrected(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values, in the order given."""
    count, smallest = len(p_values), 1.0
    adjusted = [1.0] * count
    for rank, place in sorted(enumerate(sorted(range(count), key=p_values.__getitem__), 1), reverse=True):
        smallest = min(smallest, p_values[place] * count / rank)
        adjusted[place] = smallest
    return adjusted


def _tested(found: Measure | Compared | tuple[Verdict, str]) -> bool:
    return isinstance(found, Measure) and found.p_value is not None


def _chosen(method: Any, reference: Column | None) -> Any:
    return method.chosen(reference) if reference is not None and hasattr(method, "chosen") else method


def _name(method: object) -> str:
    """The method's name in YAML, which is its module's."""
    if isinstance(method, Compatible):
        return f"{method.peer}_{method.method}"
    return type(method).__module__.rpartition(".")[2]
