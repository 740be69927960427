"""What a pipeline file declares of monitoring: monitors and checks, labels and performance, alert rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from mlmon_dagster.drift.monitor import Monitor, MonitorsField, Threshold, parse_monitor
from mlmon_dagster.drift.peers import Compatible
from mlmon_dagster.drift.performance import PERFORMANCE
from mlmon_dagster.pipeline.forms import Cron, Name, Period
from mlmon_dagster.pipeline.rules import BUILT_IN, AlertRule
from mlmon_dagster.pipeline.source import Source
from mlmon_dagster.plugins import CONFIG, PluginField, PluginsField, alternatives

if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(PERFORMANCE)]

LABEL, TARGET_DRIFT, PERFORMANCE_DRIFT = "label", "target_drift", "performance_drift"
"""The column that labels have in a comparison, and the two checks that are judged once they are there."""

ESTIMATE = "performance_estimate"
"""The check of the performance that is estimated without labels."""

CHALLENGER = "challenger"
"""The check of the version that answered beside the live one."""

ATTRIBUTION = "attribution_drift"
"""The check of what the model leans on."""


@dataclass(frozen=True)
class Labels:
    """The later true values of predictions."""

    __pydantic_config__ = CONFIG

    source: Source
    column: Annotated[str, Field(description="column with the true value")]
    maturity: Annotated[Period, Field(description="how long after a window ends its labels are complete")] = "1d"

    def __post_init__(self) -> None:
        if not self.source.rows.key:
            raise ValueError("labels are joined to predictions: `source` must name its `key` columns")


@dataclass(frozen=True)
class LabelMonitorField:
    """The annotation of the monitor that compares labels with those of the reference: a monitor without columns."""

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def parse(self, raw: object) -> Monitor:
        """The monitor `target_drift` on the column `label`."""
        if isinstance(raw, Mapping) and raw.get("columns") == [LABEL]:  # as a declaration is written again
            raw = {key: value for key, value in raw.items() if key != "columns"}
        if isinstance(raw, Mapping) and {"column", "columns"} & set(raw):
            raise self._error("the monitor of `target` has the column of the labels, it cannot have another", raw)
        parsed = parse_monitor(TARGET_DRIFT, {**raw, "column": LABEL} if isinstance(raw, Mapping) else raw)
        if parsed.alarm_budget or parsed.persistence or parsed.season:
            raise self._error(
                "the monitor of `target` takes no alarm_budget, persistence or season: labels are few", raw
            )
        return parsed

    @staticmethod
    def _error(message: str, raw: object) -> ValidationError:
        details = InitErrorDetails(type=PydanticCustomError("target", message), loc=(), input=raw)
        return ValidationError.from_exception_data("target", [details])

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        return {
            "anyOf": list(alternatives("method", Threshold).values()),
            "description": "monitor that compares labels with the reference's (default: `{use: auto}`)",
        }


@dataclass(frozen=True)
class ChallengerRule:
    """Versions that answered in the same windows (canary, A/B, shadow) are compared on their labels."""

    __pydantic_config__ = CONFIG

    alpha: Annotated[
        float,
        Field(gt=0, lt=1, description="probability of finding a difference that is none, however long labels land"),
    ] = 0.01
    difference: Annotated[float, Field(gt=0, le=1, description="relative difference of the loss that matters")] = 0.05


@dataclass(frozen=True)
class Performance:
    """How good predictions are, once labels are there."""

    __pydantic_config__ = CONFIG

    metric: Annotated[MetricName, Field(description="the performance metric that is judged")]
    labels: Labels
    also: Annotated[tuple[MetricName, ...], Field(description="further metrics that are recorded")] = ()
    positive: Annotated[
        str | int | float | bool | None, Field(description="the class that binary metrics are about (default: 1)")
    ] = None
    tolerance: Annotated[
        float, Field(ge=0, description="relative loss against the reference that is still accepted")
    ] = 0.2
    target: Annotated[Monitor | None, LabelMonitorField()] = None
    challenger: ChallengerRule | None = None
    estimate: Annotated[
        bool, Field(description="whether the metric is also estimated, and judged, before labels are there")
    ] = False

    @property
    def target_monitor(self) -> Monitor:
        """The monitor that compares labels with the reference's."""
        return self.target or parse_monitor(TARGET_DRIFT, {"use": "auto", "column": LABEL})


@dataclass(frozen=True)
class AttributionMonitor:
    """Whether the model still leans on the features it leaned on (needs the extra `shap`)."""

    __pydantic_config__ = CONFIG

    threshold: Annotated[float, Field(gt=0, le=1, description="1 - NDCG above which it is drift")] = 0.1
    rows: Annotated[int, Field(ge=10, le=10_000, description="rows that are explained, of reference and window")] = 200
    minimum_rows: Annotated[int, Field(ge=1, description="complete rows below which nothing is said")] = 30


@dataclass(frozen=True)
class ModelMonitoring:
    """Stage 7: monitors, checks and performance of every window, and the channels that alerts travel on."""

    __pydantic_config__ = CONFIG

    monitors: Annotated[Mapping[str, Monitor], MonitorsField()]
    checks: Annotated[Mapping[str, Any], PluginsField("check")] = field(default_factory=dict)
    performance: Performance | None = None
    segments: Annotated[
        Mapping[Name, str],
        Field(
            description="name: SQL condition (DuckDB); performance is judged in each, and drift where a monitor says so"
        ),
    ] = field(default_factory=dict)
    predictions: Annotated[
        Literal["batch", "realtime"],
        Field(
            description="what a window is judged on: its rows scored by batch inference, or what live servers logged"
        ),
    ] = "batch"
    attribution: AttributionMonitor | None = None
    engine: Annotated[
        Any,
        PluginField("engine"),
        Field(description="what counts a window's rows on the profile's grids (default: all its values are measured)"),
    ] = None
    channels: tuple[Annotated[Any, PluginField("channel")], ...] = ()
    schedule: Annotated[Cron, Field(description="cron: when closed windows are looked for")] = "0 * * * *"
    alerts: Annotated[
        Mapping[Name, AlertRule],
        Field(description="rules on metrics, beside (or by name instead of) the built-in ones"),
    ] = field(default_factory=dict)
    built_in_alerts: Annotated[bool, Field(description="whether the built-in rules apply")] = True
    cooldown: Annotated[
        Period | None, Field(description="after an alert was sent, how long the next one of its check wakes nobody")
    ] = None

    def __post_init__(self) -> None:
        if not self.monitors:
            raise ValueError("a pipeline without a monitor would never see drift: declare at least one")
        if self.engine:
            self._refuse_what_needs_every_value()
        twice = set(self.monitors) & set(self.checks)
        ours = {PERFORMANCE_DRIFT, TARGET_DRIFT, ESTIMATE, ATTRIBUTION, CHALLENGER}
        for name in {*self.monitors, *self.checks} & ours:
            raise ValueError(f"the name {name} belongs to a check of `performance`: choose another")
        if twice:
            raise ValueError(f"a monitor and a check share the name {', '.join(sorted(twice))}")

    def _refuse_what_needs_every_value(self) -> None:
        """An engine gives counts on the grids of the whole reference."""
        for name, monitor in self.monitors.items():
            why = "another library's numbers need" if isinstance(monitor.method, Compatible) else "a season needs"
            if isinstance(monitor.method, Compatible) or monitor.season:
                message = f"{name}: {why} every value of a window, and an `engine` gives counts: leave one of them out"
                raise ValueError(message)
            if monitor.segments and getattr(self.engine, "table", None):
                message = (
                    f"{name}: segments are conditions on the rows that the stages keep, and the engine counts those "
                    "of a `table` of its own: leave one of them out"
                )
                raise ValueError(message)

    @property
    def alert_rules(self) -> dict[str, AlertRule]:
        """Every rule that applies, by name."""
        return {**(BUILT_IN if self.built_in_alerts else {}), **self.alerts}

    @property
    def immediate_checks(self) -> tuple[str, ...]:
        """Checks that are judged as soon as a window is scored; those of labels wait for them."""
        estimate = (ESTIMATE,) if self.performance and self.performance.estimate else ()
        attribution = (ATTRIBUTION,) if self.attribution else ()
        return (*self.monitors, *self.checks, *attribution, *estimate)

    @property
    def check_names(self) -> tuple[str, ...]:
        """Every check that monitoring a window reports: one for each monitor and declared check, and two of labels."""
        labels = (TARGET_DRIFT, PERFORMANCE_DRIFT) if self.performance else ()
        beside = (CHALLENGER,) if self.performance and self.performance.challenger else ()
        return (*self.immediate_checks, *labels, *beside)
