"""Alert rules: what a metric must not do. Declared in a pipeline file, judged on the metric's points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field

from mlmon_dagster.governance.check import Judgement, Verdict
from mlmon_dagster.pipeline.times import not_above_ten_years, period
from mlmon_dagster.plugins import CONFIG

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
PERIOD = r"^[1-9][0-9]{0,4}[mhdw]$"


class Point(Protocol):
    """One measurement of a metric: of a window, or of a look at what is live."""

    @property
    def value(self) -> float: ...

    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True)
class AlertRule:
    """Raises an alert when a metric leaves its bounds, rises, or is no longer measured; exactly one of the four."""

    __pydantic_config__ = CONFIG

    metric: Annotated[str, Field(min_length=1, max_length=256, description="the metric's name")]
    above: Annotated[float | None, Field(allow_inf_nan=False, description="alert when it is greater")] = None
    below: Annotated[float | None, Field(allow_inf_nan=False, description="alert when it is less")] = None
    rises: Annotated[
        float | None,
        Field(
            gt=0, allow_inf_nan=False, description="alert when the newer half of `over` points is this share greater"
        ),
    ] = None
    absent_for: Annotated[
        str | None,
        Field(pattern=PERIOD, description="alert when it was measured before and is not for this long"),
        AfterValidator(lambda text: text if text is None else not_above_ten_years(text)),
    ] = None
    severity: Annotated[Severity, Field(description="how bad it is")] = "warning"
    periods: Annotated[int, Field(ge=1, le=100, description="how many of the last `of` points must be out")] = 1
    of: Annotated[int | None, Field(ge=1, le=100, description="how many points are looked at (default: all)")] = None
    over: Annotated[int, Field(ge=4, le=100, description="how many points a trend is looked for in")] = 6

    def __post_init__(self) -> None:
        given = [name for name in ("above", "below", "rises", "absent_for") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"an alert rule has exactly one of above, below, rises and absent_for, got {', '.join(given) or 'none'}"
            )
        if self.of is not None and self.of < self.periods:
            raise ValueError(
                f"{self.periods} of the last {self.of} points can never be out: `of` is at least `periods`"
            )

    @property
    def points(self) -> int:
        """How many points it looks at."""
        return self.over if self.rises is not None else (self.of or self.periods)

    def judge(self, points: Sequence[Point], now: datetime) -> Judgement:
        """`error` when it fires, `insufficient` with too few points, `no_data` when it was never measured.

        `points` are the last ones, oldest first.
        """
        if not points:
            return Judgement("no_data", f"{self.metric} was never measured")
        if self.absent_for is not None:
            return self._absence(points[-1].at, now, period(self.absent_for))
        values = [point.value for point in points[-self.points :]]
        if self.rises is not None:
            return self._trend(values)
        out = [value for value in values if self._is_out(value)]
        what, limit = ("above", self.above) if self.above is not None else ("below", self.below)
        said = f"{self.metric} is {values[-1]:.6g}, {what} {limit:.6g} in {len(out)} of the last {len(values)}"
        if len(out) >= self.periods:
            return Judgement("error", said)
        verdict: Verdict = "ok" if len(values) >= self.periods else "insufficient"
        return Judgement(verdict, f"{said}; {self.periods} would be too many")

    def _is_out(self, value: float) -> bool:
        if self.above is not None:
            return value > self.above
        return self.below is not None and value < self.below

    def _absence(self, last: datetime, now: datetime, longest: timedelta) -> Judgement:
        silent = now - last
        said = f"{self.metric} was measured last at {last:%Y-%m-%d %H:%M} UTC"
        return Judgement("error", f"{said}: silence is no good news") if silent > longest else Judgement("ok", said)

    def _trend(self, values: Sequence[float]) -> Judgement:
        if len(values) < self.over:
            return Judgement("insufficient", f"{self.metric} has {len(values)} of {self.over} points")
        half = len(values) // 2
        older, newer = fmean(values[:half]), fmean(values[-half:])
        share = (newer - older) / abs(older) if older else (0.0 if newer == older else float("inf"))
        said = f"{self.metric} rose by {share:.1%} over {self.over} points, from {older:.6g} to {newer:.6g}"
        return Judgement("error" if share > float(self.rises or 0) else "ok", said)


BUILT_IN: Mapping[str, AlertRule] = {
    "drifted_features": AlertRule("drifted.share", above=0.10, periods=2),
    "slow_answers": AlertRule("latency_ms.p99", above=100.0, periods=2),
    "failed_answers": AlertRule("error_rate", above=0.01, periods=2, severity="critical"),
    "high_drift": AlertRule("drift_score.mean", above=2.0, periods=2, severity="critical"),
    "low_volume": AlertRule("requests", below=1.0, periods=2),
    "absent_scores": AlertRule("drift_score.mean", absent_for="1d", severity="critical"),
}
"""What every pipeline is watched for (requirements 8.4 to 8.12, 7.15); one may declare its own by these names."""
