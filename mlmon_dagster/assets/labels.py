"""Late labels: joined to a window's predictions by key once they are mature, and what they say of performance."""

from datetime import timedelta
from typing import TYPE_CHECKING

from mlmon_dagster.assets.moments import parse_moments
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageRun
from mlmon_dagster.drift.performance import PERFORMANCE, measure
from mlmon_dagster.errors import DataError
from mlmon_dagster.pipeline.spec import Performance
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import numpy
    import pyarrow

MINIMUM_LABELS = 30
"""Labels below which performance is not judged."""

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def performance_check(
    stage: StageRun, ports: Ports, version: ModelVersion, predictions: "pyarrow.Table"
) -> tuple[CheckResult | None, dict[str, float]]:
    """The check `performance` and its metrics for one window; no check where performance is not declared."""
    declared = stage.pipeline.stages.model_monitoring.performance
    if declared is None or stage.window is None:
        return None, {}
    mature = stage.window.end + period(declared.labels.maturity)
    if stage.now < mature:
        return CheckResult("performance", "no_data", f"labels of this window are complete on {mature:%Y-%m-%d}"), {}
    labels, scored = join_labels(stage, declared, predictions)
    metrics = {"labels": float(len(labels)), "labels.share": len(labels) / max(predictions.num_rows, 1)}
    if len(labels) < MINIMUM_LABELS:
        reason = f"{len(labels)} of {predictions.num_rows} predictions have a label; {MINIMUM_LABELS} are needed"
        return CheckResult(
            "performance", "insufficient" if predictions.num_rows else "no_data", reason, metrics
        ), metrics
    metrics |= performances(declared, labels, scored)
    value = metrics[f"performance.{declared.metric}"]
    reference = ports.governance.metrics.latest(stage.pipeline.name, None).get(f"performance.{declared.metric}")
    return _judge(declared, value, reference.value if reference else None, metrics), metrics


def performances(declared: Performance, labels: "numpy.ndarray", predictions: "numpy.ndarray") -> dict[str, float]:
    """`performance.<metric>` for every declared metric; `DataError` where one has no meaning."""
    names = dict.fromkeys((declared.metric, *declared.also))
    return {f"performance.{name}": measure(name, labels, predictions, positive=declared.positive) for name in names}


def join_labels(
    stage: StageRun, declared: Performance, predictions: "pyarrow.Table"
) -> "tuple[numpy.ndarray, numpy.ndarray]":
    """Labels and predictions of the rows that have both, as float arrays of one length, joined by key."""
    import pyarrow as pa

    key = list(declared.labels.source.rows.key)
    table = declared.labels.source.reader.read(stage.directory, declared.labels.source.rows.time, stage.window)
    for name in (*key, declared.labels.column):
        if name not in table.column_names:
            raise DataError(
                f"the labels have no column {name!r}", hint=f"their columns: {', '.join(table.column_names)}"
            )
    wanted = pa.table({**_keys(predictions, predictions, key, "UTC"), "prediction": predictions["prediction"]})
    zone = declared.labels.source.rows.timezone
    found = pa.table({**_keys(table, predictions, key, zone), "label": table[declared.labels.column]})
    joined = wanted.to_pandas().merge(found.to_pandas().drop_duplicates(key), on=key, how="inner")
    joined = joined.dropna(subset=["label", "prediction"])
    return joined["label"].to_numpy(), joined["prediction"].to_numpy()


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


def _judge(declared: Performance, value: float, reference: float | None, metrics: dict[str, float]) -> CheckResult:
    """Against the reference's own performance: without one there is nothing to compare with, which is an error."""
    if reference is None:
        reason = f"the reference has no {declared.metric} to compare with: register the model again"
        return CheckResult("performance", "error", reason, metrics)
    higher_is_better = PERFORMANCE[declared.metric].better == "higher"
    loss = (reference - value if higher_is_better else value - reference) / max(abs(reference), 1e-12)
    metrics["performance.loss"] = loss
    worse = f"{abs(loss):.1%} {'worse' if loss > 0 else 'better'}, up to {declared.tolerance:.0%} worse is accepted"
    text = f"{declared.metric} is {value:.6g}, on the reference {reference:.6g} ({worse})"
    return CheckResult("performance", "drift" if loss > declared.tolerance else "ok", text, metrics)


def period(text: str) -> timedelta:
    """A declared length of time.

    >>> period("14d").days
    14
    """
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
