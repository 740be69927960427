"""Performance of a window before its labels are there: estimated, judged, and doubted where it must be."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from mlmon_dagster.assets.expected import expectation_of
from mlmon_dagster.assets.outcomes import PREDICTION, outcomes_of
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageRun
from mlmon_dagster.drift.estimation.cbpe import Cbpe
from mlmon_dagster.drift.estimation.dle import Dle
from mlmon_dagster.drift.estimation.estimate import Estimate
from mlmon_dagster.drift.estimation.estimator import Estimator
from mlmon_dagster.drift.estimation.expectation import Expected
from mlmon_dagster.drift.histogram import number_text
from mlmon_dagster.drift.performance import PERFORMANCE, Outcomes
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.pipeline.monitoring import ESTIMATE, LABEL, Performance
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import pyarrow

MINIMUM_ROWS = 30
"""Rows of a window below which nothing is estimated."""


def fit_estimator(
    declared: Performance, outcomes: Mapping[str, Outcomes], rows: "pyarrow.Table", inputs: Sequence[str]
) -> Estimator:
    """What will estimate the declared metric, from rows that the model did not learn from.

    `InputError` for a metric that cannot be estimated, or a classifier without probabilities.
    """
    columns = _columns(rows, inputs)
    try:
        if PERFORMANCE[declared.metric].task == "regression":
            return Dle.of(outcomes[declared.metric], columns, tuple(outcomes))
        return Cbpe.of(outcomes[declared.metric], columns)
    except DataError as error:
        raise InputError(
            f"{declared.metric} cannot be estimated without labels: {error.message}",
            hint="leave `estimate` out, or choose another metric",
        ) from error


def estimate_checks(
    stage: StageRun, ports: Ports, version: ModelVersion, predictions: "pyarrow.Table"
) -> list[CheckResult]:
    """The check `performance_estimate` of one window; none where it is not declared."""
    declared = stage.pipeline.stages.model_monitoring.performance
    if declared is None or not declared.estimate:
        return []
    if predictions.num_rows < MINIMUM_ROWS:
        reason = f"{predictions.num_rows} predictions, {MINIMUM_ROWS} are needed to estimate {declared.metric}"
        return [CheckResult(ESTIMATE, "insufficient" if predictions.num_rows else "no_data", reason)]
    try:
        expectation = expectation_of(cast(Any, ports.registry), version)
        expected = expectation.metrics.get(declared.metric)
        if expectation.estimator is None or expected is None:
            raise MissingError(f"version {version.number} was registered without an estimator of {declared.metric}")
        estimate = _estimated(expectation.estimator, declared, predictions, version)
    except InputError as error:
        return [CheckResult(ESTIMATE, "error", f"{error.message}; register the model again")]
    return [_judged(declared, estimate, expected)]


def _estimated(
    estimator: Estimator, declared: Performance, predictions: "pyarrow.Table", version: ModelVersion
) -> Estimate:
    rows = predictions.append_column(LABEL, predictions[PREDICTION])  # nobody looks at it, but outcomes have labels
    outcomes = outcomes_of(declared.metric, rows, declared.positive)
    return estimator.estimate(declared.metric, outcomes, _columns(predictions, version.inputs))


def _judged(declared: Performance, estimate: Estimate, expected: Expected) -> CheckResult:
    """Drift only when even the better bound is worse than tolerated; nothing is said of what is not believed."""
    name, higher = declared.metric, PERFORMANCE[declared.metric].better == "higher"
    metrics = {f"estimate.{name}": estimate.value, f"estimate.{name}.low": estimate.low}
    metrics |= {f"estimate.{name}.high": estimate.high, "estimate.validity": estimate.validity}
    value, low, high = (number_text(one) for one in (estimate.value, estimate.low, estimate.high))
    text = f"{name} is estimated as {value} ({low} to {high}), on the reference it is {number_text(expected.value)}"
    if not estimate.believed:
        return CheckResult(ESTIMATE, "insufficient", f"{text}; do not believe it: {estimate.doubt}", metrics)
    best = estimate.high if higher else estimate.low
    loss = (expected.value - best if higher else best - expected.value) / max(abs(expected.value), 1e-12)
    worse = f"even at best {loss:.1%} worse" if loss > declared.tolerance else "within what is tolerated"
    return CheckResult(ESTIMATE, "drift" if loss > declared.tolerance else "ok", f"{text}: {worse}", metrics)


def _columns(rows: "pyarrow.Table", names: Sequence[str]) -> dict[str, Any]:
    """Inputs as arrays: moments as numbers, everything else as it is."""
    import pyarrow as pa

    found = {}
    for name in names:
        column = rows[name]
        if pa.types.is_temporal(column.type):
            column = column.cast(pa.timestamp("us")).cast(pa.int64())
        found[name] = column.to_numpy()
    return found
