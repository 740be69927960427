"""Monitors: a method on a column (or all) with a threshold or an alarm budget, and the verdicts they can give."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from mlmon_dagster import plugins
from mlmon_dagster.drift.budget import AlarmBudget
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.method import Measure
from mlmon_dagster.drift.peers import Compatible, PeerName
from mlmon_dagster.drift.persistence import JSON_SCHEMA, Persistence
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.seasons import Season
from mlmon_dagster.errors import InputError

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
    alarm_budget: Annotated[
        AlarmBudget | None,
        Field(description="false alarms that are accepted, such as `1 per quarter`; thresholds follow from it"),
    ] = None
    significance: Annotated[float, Field(gt=0, le=1, description="and below which the p-value must be")] = 0.01
    minimum_rows: Annotated[int, Field(ge=1, description="values below which a window is not judged")] = 30
    compatible: Annotated[
        PeerName | None,
        Field(description="a library whose numbers, threshold and verdict are wanted"),
    ] = None
    persistence: Annotated[
        Persistence | None,
        WithJsonSchema({"anyOf": [JSON_SCHEMA, {"type": "null"}]}),
        Field(description="drift only when so many of the newest windows are above: {windows: 2, of: 3}"),
    ] = None
    season: Annotated[Season | None, Field(description="compare with the same place of the reference's season")] = None
    segments: Annotated[
        tuple[str, ...] | Literal["all"] | None,
        Field(description="declared segments in which columns are judged too, each against the same of the reference"),
    ] = None

    def __post_init__(self) -> None:
        if (self.column is None) == (self.columns is None):
            raise ValueError("a monitor needs exactly one of `column` and `columns` (a list, or all)")
        if self.columns == ():
            raise ValueError("`columns` is empty: name at least one, or all")
        if self.compatible and self.alarm_budget:
            raise ValueError(f"`compatible` judges by the rule of {self.compatible}: it takes no alarm_budget")


@dataclass(frozen=True)
class Monitor:
    """A method on some columns with a threshold, an alarm budget, or both.

    With a threshold it is drift when the distance is above it and chance does not explain it: an effect that is large,
    and no accident of a small window. With an alarm budget the threshold is calibrated on the reference so that windows
    without drift alarm no more often than the budget says; a threshold beside it is the smallest distance that matters.
    """

    name: str
    method: Any
    columns: tuple[str, ...] | Literal["all"]
    threshold: float | None
    significance: float = 0.01
    minimum_rows: int = 30
    alarm_budget: AlarmBudget | None = None
    persistence: Persistence | None = None
    season: Season | None = None
    segments: tuple[str, ...] | Literal["all"] = ()
    """Declared segments in which its columns are judged too."""

    def names(self, profile: Profile) -> tuple[str, ...]:
        """Its columns: with `all`, those of the profile that the method can measure; a named one is always answered."""
        if self.columns != "all":
            return self.columns
        return tuple(name for name, one in profile.columns.items() if one.kind in self.method.kinds)

    def methods(self, reference: Column | None) -> tuple[Any, ...]:
        """What measures this column: its method, the one that `auto` chooses, or all that `broad` has for it."""
        if reference is not None and hasattr(self.method, "parts"):
            return tuple(self.method.parts(reference))
        chooses = reference is not None and hasattr(self.method, "chosen")
        return (self.method.chosen(reference) if chooses else self.method,)

    def series(self, column: str, method: Any, segment: str | None = None) -> str:
        """What a threshold belongs to: the column, of all rows or of a segment's, or one of several methods on it."""
        place = placed(column, segment)
        return f"{place}.{method_name(method)}" if hasattr(self.method, "parts") else place


@dataclass(frozen=True)
class Drift:
    """One column judged by one monitor: what was measured, the verdict, and why in a plain sentence."""

    monitor: str
    column: str
    method: str
    value: float | None
    p_value: float | None
    """Corrected for all columns that are judged together; None for methods that are no tests."""
    threshold: float | None
    """None where an alarm budget has no calibration."""
    verdict: Verdict
    reason: str
    unit: str
    rows_reference: int
    rows_window: int
    exceeds: bool = False
    """Whether this window alone is above its threshold and no accident: what persistence counts."""
    segment: str | None = None
    """The segment whose rows were judged; None for all rows."""
    measure: Measure | None = None
    """What was measured, with its certainty and effect; None where nothing was, and for another library's numbers."""

    @property
    def title(self) -> str:
        """What was judged, in words: the column, and the segment where it is one."""
        return self.column if self.segment is None else f"{self.column} in {self.segment}"

    @property
    def place(self) -> str:
        """The same as a name: what persistence remembers it by."""
        return placed(self.column, self.segment)

    @property
    def metric(self) -> str:
        """`drift.<column>.<method>`, after `segment.<name>.` where it is one."""
        return placed(f"drift.{self.column}.{self.method}", self.segment)


def placed(name: str, segment: str | None) -> str:
    """The name of something of all rows, or of a segment's.

    >>> placed("price", None), placed("price", "north")
    ('price', 'segment.north.price')
    """
    return name if segment is None else f"segment.{segment}.{name}"


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
    declared = method = None
    try:
        declared = plugins.validate(Threshold, {name: value for name, value in raw.items() if name in own})
    except ValidationError as error:
        problems += [plugins.relocated(problem) for problem in error.errors()]
    used, joint, single = raw.get("use", key), plugins.names("joint"), plugins.names("method")
    family = "joint" if used in joint else "method"
    try:
        if isinstance(used, str) and used not in (*joint, *single):
            message = plugins.unknown("method", used, (*single, *joint))
            kind = PydanticCustomError("unknown_plugin", "{message}", {"message": message})
            details = InitErrorDetails(type=kind, loc=("use",), input=used)
            raise ValidationError.from_exception_data("monitor", [details])
        method = plugins.parse(family, {name: value for name, value in raw.items() if name not in own}, key)
    except ValidationError as error:
        problems += [plugins.relocated(problem) for problem in error.errors()]
    if declared is None or method is None:
        raise ValidationError.from_exception_data("monitor", problems)
    if family == "joint" and declared.segments:
        kind = PydanticCustomError("joint", "a joint method is judged on all rows: no segments")
        raise ValidationError.from_exception_data("monitor", [InitErrorDetails(type=kind, loc=(), input=raw)])
    threshold = declared.threshold
    if threshold is None and declared.alarm_budget is None:
        threshold = method.default_threshold
    if declared.compatible:
        method = _compatible(declared, method_name(method))
    return Monitor(
        key, method, (declared.column,) if declared.column else declared.columns, threshold, declared.significance,
        declared.minimum_rows, declared.alarm_budget, declared.persistence, declared.season, declared.segments or (),
    )  # fmt: skip


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


def verdict_of(verdicts: Iterable[str]) -> Verdict:
    """The worst of several verdicts, in the order of `SEVERITY`; nothing judged is `no_data`, never `ok`.

    >>> verdict_of(["ok", "insufficient"])
    'insufficient'
    >>> verdict_of([])
    'no_data'
    """
    found = [SEVERITY.index(verdict) for verdict in verdicts]
    return SEVERITY[max(found)] if found else "no_data"


def window_verdict(drifts: Iterable[Drift]) -> Verdict:
    """The verdict of one monitor: a segment with too few rows is told, and leaves it to all rows."""
    thin = ("no_data", "insufficient")
    return verdict_of(one.verdict for one in drifts if one.segment is None or one.verdict not in thin)


def method_name(method: Any) -> str:
    """The method's name in YAML; that of a compatible one begins with the library's."""
    if isinstance(method, Compatible):
        return f"{method.peer}_{method.method}"
    plugin: type = type(method)
    return plugins.name_of(plugin)
