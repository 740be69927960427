"""Late labels: joined to a window's predictions by key, and what they say of target and performance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from mlmon_dagster.assets.expected import expectation_of
from mlmon_dagster.assets.moments import parse_moments
from mlmon_dagster.assets.outcomes import outcomes_of
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.segments import explained, masks
from mlmon_dagster.assets.stage import CheckResult, StageRun
from mlmon_dagster.drift.estimation.expectation import Expectation, Expected
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.histogram import number_text
from mlmon_dagster.drift.judging import judge
from mlmon_dagster.drift.performance import PERFORMANCE, measure_outcomes
from mlmon_dagster.drift.performance.error import standard_error
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.pipeline.monitoring import LABEL, PERFORMANCE_DRIFT, TARGET_DRIFT, Performance
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import pyarrow

MINIMUM_LABELS = 30
"""Labels below which performance is not judged."""

CERTAIN = 1.96
"""Standard errors that a loss must exceed to be no accident of few labels."""

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Labelled:
    """The predictions of a window that have a label: all their columns, and `label` last."""

    rows: "pyarrow.Table"
    predictions: int
    """All predictions of the window."""

    @property
    def labels(self) -> int:
        """Predictions that have a label."""
        return int(self.rows.num_rows)

    @property
    def metrics(self) -> dict[str, float]:
        """`labels`, and their share of the predictions."""
        return {"labels": float(self.labels), "labels.share": self.labels / max(self.predictions, 1)}


def label_checks(
    stage: StageRun, ports: Ports, version: ModelVersion, predictions: "pyarrow.Table"
) -> tuple[list[CheckResult], dict[str, float]]:
    """The checks `target_drift` and `performance_drift` of one window and their metrics; none where not declared.

    Before labels are mature both are `no_data`, unless every prediction has its label already.
    """
    declared = stage.pipeline.stages.model_monitoring.performance
    if declared is None or stage.window is None:
        return [], {}
    mature = stage.window.end + period(declared.labels.maturity)
    try:
        labelled = join_labels(stage, declared, predictions)
    except InputError as error:
        early = stage.now < mature
        reason = f"there are no labels yet, they are complete on {mature:%Y-%m-%d}: {error.message}"
        return _both("no_data" if early else "error", reason if early else str(error)), {}
    if stage.now < mature and (labelled.labels < labelled.predictions or not labelled.labels):
        so_far = f"{labelled.labels} of {labelled.predictions} predictions have a label so far"
        return _both("no_data", f"{so_far}, they are complete on {mature:%Y-%m-%d}", labelled), labelled.metrics
    if labelled.labels < MINIMUM_LABELS:
        reason = f"{labelled.labels} of {labelled.predictions} predictions have a label; {MINIMUM_LABELS} are needed"
        return _both("insufficient" if labelled.predictions else "no_data", reason, labelled), labelled.metrics
    try:
        expectation = expectation_of(cast(Any, ports.registry), version)
    except MissingError as error:
        return _both("error", str(error), labelled), labelled.metrics
    target = _target_check(declared, expectation, labelled)
    performance = _performance_check(declared, expectation, labelled)
    try:
        performance = _by_segment(stage, declared, expectation, labelled, performance)
    except InputError as error:
        performance = replace(performance, verdict="error", reason=str(error))
    if performance.verdict == "drift":
        said, table = explained(declared, labelled.rows, version.inputs, expectation.losses)
        reason = f"{performance.reason}; {said}" if said else performance.reason
        performance = replace(performance, reason=reason, table=table)
    return [target, performance], {**labelled.metrics, **target.metrics, **performance.metrics}


def concept(checks: Sequence[CheckResult]) -> dict[str, Any]:
    """Whether the concept has drifted, which is either of both (requirement X5), and by which reasons."""
    reasons = [check.name.upper() for check in checks if check.verdict == "drift"]
    return {"drifted": bool(reasons), "reasons": reasons}


def performances(declared: Performance, labelled: Labelled) -> dict[str, Any]:
    """Metric -> the outcomes it is measured on, for every declared metric."""
    names = dict.fromkeys((declared.metric, *declared.also))
    return {name: outcomes_of(name, labelled.rows, declared.positive) for name in names}


def segment_performance(stage: StageRun, declared: Performance, labelled: Labelled) -> dict[str, Expected]:
    """The judged metric in each declared segment with labels enough; `InputError` for one that cannot be computed."""
    import pyarrow as pa

    found = {}
    for name, mask in masks(labelled.rows, stage.pipeline.stages.model_monitoring.segments).items():
        if mask.sum() < MINIMUM_LABELS:
            continue
        outcomes = outcomes_of(declared.metric, labelled.rows.filter(pa.array(mask)), declared.positive)
        try:
            value = measure_outcomes(declared.metric, outcomes)
            found[name] = Expected(value, standard_error(declared.metric, outcomes))
        except DataError:
            continue  # the metric has no meaning in this segment, such as an AUC of one class
    return found


def _by_segment(
    stage: StageRun, declared: Performance, expectation: Expectation, labelled: Labelled, whole: CheckResult
) -> CheckResult:
    """The check with every segment's metric; a segment worse than expected of it is drift, whatever the whole is."""
    metrics, worse = dict(whole.metrics), []
    for name, now in segment_performance(stage, declared, labelled).items():
        metrics[f"segment.{name}.performance.{declared.metric}"] = now.value
        expected = expectation.segments.get(name)
        if expected is None or whole.verdict not in ("ok", "drift"):
            continue
        named = f"performance.{declared.metric}"
        judged = _compared(declared, expected, {named: now.value, f"{named}.error": now.error})
        metrics[f"segment.{name}.performance.loss"] = judged.metrics["performance.loss"]
        if judged.verdict == "drift":
            worse.append(f"in the segment {name}: {judged.reason}")
    if not worse:
        return replace(whole, metrics=metrics)
    return replace(whole, verdict="drift", reason="; ".join([whole.reason, *worse]), metrics=metrics)


def join_labels(stage: StageRun, declared: Performance, predictions: "pyarrow.Table") -> Labelled:
    """The predictions that have a label, joined by key; of several labels with one key the first counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    source = declared.labels.source
    key = list(source.rows.key)
    table = source.reader.read(stage.directory, source.rows.time, stage.window)
    for name in (*key, declared.labels.column):
        if name not in table.column_names:
            raise DataError(
                f"the labels have no column {name!r}", hint=f"their columns: {', '.join(table.column_names)}"
            )
    wanted = pa.table(_keys(predictions, predictions, key, "UTC")).to_pandas()
    wanted["_row"] = range(len(wanted))
    found = pa.table(_keys(table, predictions, key, source.rows.timezone)).to_pandas()
    found["_label"] = range(len(found))
    found = found[pc.invert(pc.is_null(table[declared.labels.column], nan_is_null=True)).to_numpy()]
    joined = wanted.merge(found.drop_duplicates(key), on=key, how="inner").sort_values("_row")
    labels = table[declared.labels.column].combine_chunks().take(pa.array(joined["_label"]))
    name = f"{LABEL}_of_model"
    kept = predictions.rename_columns([name if one == LABEL else one for one in predictions.column_names])
    rows = kept.take(pa.array(joined["_row"])).append_column(LABEL, labels)
    unscored = pc.is_null(rows["prediction"], nan_is_null=True)
    return Labelled(rows.filter(pc.invert(unscored)), predictions.num_rows)


def _keys(
    table: "pyarrow.Table", predictions: "pyarrow.Table", key: list[str], timezone: str
) -> "dict[str, pyarrow.ChunkedArray]":
    """Key columns that compare: moments as moments, however the labels write them, everything else as text."""
    import pyarrow as pa

    moments = [name for name in key if pa.types.is_timestamp(predictions.schema.field(name).type)]
    return {
        name: parse_moments(table[name], timezone).values if name in moments else table[name].cast(pa.string())
        for name in key
    }


def _target_check(declared: Performance, expectation: Expectation, labelled: Labelled) -> CheckResult:
    (drift,) = judge(expectation.labels, columns_of(labelled.rows, [LABEL]), declared.target_monitor)
    metrics = {} if drift.value is None else {f"drift.{LABEL}.{drift.method}": drift.value}
    return CheckResult(TARGET_DRIFT, drift.verdict, drift.reason, metrics)


def _performance_check(declared: Performance, expectation: Expectation, labelled: Labelled) -> CheckResult:
    metrics = dict(labelled.metrics)
    try:
        for name, outcomes in performances(declared, labelled).items():
            metrics[f"performance.{name}"] = measure_outcomes(name, outcomes)
            if name == declared.metric:
                metrics[f"performance.{name}.error"] = standard_error(name, outcomes)
    except DataError as error:
        return CheckResult(PERFORMANCE_DRIFT, "insufficient", str(error), metrics)
    expected = expectation.metrics.get(declared.metric)
    if expected is None:
        known = ", ".join(expectation.metrics)
        reason = f"the reference has no {declared.metric} to compare with, it has {known}: register the model again"
        return CheckResult(PERFORMANCE_DRIFT, "error", reason, metrics)
    return _compared(declared, expected, metrics)


def _compared(declared: Performance, expected: Expected, metrics: dict[str, float]) -> CheckResult:
    """Worse than tolerated, and by more than chance explains."""
    name = declared.metric
    value, error = metrics[f"performance.{name}"], metrics[f"performance.{name}.error"]
    worse = expected.value - value if PERFORMANCE[name].better == "higher" else value - expected.value
    loss = worse / max(abs(expected.value), 1e-12)
    chance = CERTAIN * (error**2 + expected.error**2) ** 0.5
    certain = not worse <= chance  # an error that nobody knows excuses nothing
    verdict = "drift" if loss > declared.tolerance and certain else "ok"
    said = f"{abs(loss):.1%} {'worse' if loss > 0 else 'better'}, up to {declared.tolerance:.0%} worse is accepted"
    if loss > declared.tolerance and not certain:
        said += "; so few labels may give that by chance"
    text = f"{name} is {number_text(value)} ± {number_text(float(f'{CERTAIN * error:.2g}'))}"
    text += f", on the reference {number_text(expected.value)} ({said})"
    return CheckResult(PERFORMANCE_DRIFT, verdict, text, {**metrics, "performance.loss": loss})  # type: ignore[arg-type]


def _both(verdict: Any, reason: str, labelled: Labelled | None = None) -> list[CheckResult]:
    metrics = labelled.metrics if labelled else {}
    return [CheckResult(name, verdict, reason, metrics) for name in (TARGET_DRIFT, PERFORMANCE_DRIFT)]


def period(text: str) -> timedelta:
    """A declared length of time.

    >>> period("14d").days
    14
    """
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
