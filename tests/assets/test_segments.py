"""Segments of a window: declared ones are judged, the worst one is found, and a loss is explained."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from staged import stage_run

from mlmon_dagster.assets.expectation import expect
from mlmon_dagster.assets.expected import EXPECTATION
from mlmon_dagster.assets.labels import label_checks
from mlmon_dagster.assets.segments import masks
from mlmon_dagster.drift.estimation.expectation import Expectation
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.monitoring import Labels, Performance
from mlmon_dagster.pipeline.source import Rows, Source
from mlmon_dagster.pipeline.windows import day


@dataclasses.dataclass(frozen=True)
class Table:
    """A source that has its rows in memory."""

    rows: pa.Table

    def read(self, directory, time, window):
        return self.rows


@dataclasses.dataclass(frozen=True)
class Files:
    """The files of one model version."""

    content: bytes

    def file(self, version, name):
        assert name == EXPECTATION
        return self.content


@dataclasses.dataclass(frozen=True)
class Version:
    number: int = 1
    inputs: tuple = ("size", "city")


def world(rows, seed, bad=0.0, shift=0.0):
    """Predictions whose errors grow with size, and are `bad` larger for luxury in Ulm."""
    random = np.random.default_rng(seed)
    size, city = random.normal(100 + shift, 20, rows), random.choice(["Ulm", "Bonn"], rows)
    price = 3 * size
    error = random.normal(0, 1, rows) * (1 + np.maximum(size - 100, 0) / 20)
    luxury = (size > 130) & (city == "Ulm")
    table = pa.table({"id": np.arange(rows), "size": size, "city": city, "prediction": price})
    return table, pa.table({"id": np.arange(rows), "paid": price + error * (1 + bad * luxury)})


def stage(folder, labels, **segments):
    performance = Performance("mae", Labels(Source(Table(labels), Rows(key=("id",))), "paid", "14d"))
    run = stage_run(folder, "model_monitoring", "2024-01-02")
    stages = run.pipeline.stages
    monitoring = dataclasses.replace(stages.model_monitoring, performance=performance, segments=segments)
    stages = dataclasses.replace(stages, model_monitoring=monitoring)
    return dataclasses.replace(run, pipeline=dataclasses.replace(run.pipeline, stages=stages), now=day("2024-03-01"))


SEGMENTS = {"luxury": "size > 130 AND city = 'Ulm'", "small": "size < 80", "nobody": "size > 1e9"}


def judged(folder, seed=2, rows=4000, **changed):
    reference, labels = world(6000, 1)
    known = stage(folder, labels, **SEGMENTS)
    expectation, _ = expect(known, reference, reference["prediction"].to_numpy(), reference, Version().inputs)
    window, now = world(rows, seed, **changed)
    ports = SimpleNamespace(registry=Files(expectation.to_bytes()))
    checks, metrics = label_checks(stage(folder, now, **SEGMENTS), ports, Version(), window)
    return {check.name: check for check in checks}["performance_drift"], metrics


def test_every_declared_segment_has_its_metric_and_a_calm_window_is_ok(tmp_path):
    check, metrics = judged(tmp_path)

    assert check.verdict == "ok"
    assert metrics["segment.luxury.performance.mae"] > metrics["segment.small.performance.mae"] > 0
    assert "segment.nobody.performance.mae" not in metrics


def test_a_segment_that_became_worse_is_drift_though_the_whole_is_not(tmp_path):
    check, metrics = judged(tmp_path, bad=2.0)

    assert check.verdict == "drift"
    assert metrics["performance.loss"] < 0.2
    assert metrics["segment.luxury.performance.loss"] > 1
    assert "in the segment luxury: mae is" in check.reason
    assert "in the segment small" not in check.reason
    assert "worst where" in check.reason


def test_a_loss_that_comes_from_where_inputs_lie_names_the_column(tmp_path):
    check, _ = judged(tmp_path, shift=40.0)

    assert check.verdict == "drift"
    assert "size explains" in check.reason
    assert check.table[0]["column"] == "size"


def test_what_is_expected_comes_back_with_segments_and_losses(tmp_path):
    reference, labels = world(2000, 1)
    expectation, _ = expect(
        stage(tmp_path, labels, **SEGMENTS), reference, reference["prediction"].to_numpy(), reference, Version().inputs
    )

    again = Expectation.from_bytes(expectation.to_bytes())

    assert again.segments == expectation.segments
    assert set(again.segments) == {"luxury", "small"}
    np.testing.assert_array_equal(again.losses.counts, expectation.losses.counts)
    assert again.to_bytes() == expectation.to_bytes()


def test_a_condition_that_is_null_does_not_hold():
    rows = pa.table({"size": [1.0, None, 3.0]})
    assert masks(rows, {"large": "size > 2"})["large"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("sise > 2", "sise"),
        ("size > 2; DROP TABLE rows", "not one condition"),
        ("size > 2, 1", "TUPLE"),
        ("size IN (SELECT * FROM read_csv('/etc/passwd'))", "disabled"),
    ],
)
def test_a_condition_that_cannot_be_computed_is_named_with_the_columns_there_are(condition, said):
    with pytest.raises(InputError, match="the segment 'large' cannot be computed") as caught:
        masks(pa.table({"size": [1.0]}), {"large": condition})
    assert said in caught.value.message or "Parser Error" in caught.value.message
    assert "columns it may use: size" in caught.value.hint


def test_a_segment_that_cannot_be_computed_is_an_error_and_never_green(tmp_path):
    reference, labels = world(2000, 1)
    known = stage(tmp_path, labels)
    expectation, _ = expect(known, reference, reference["prediction"].to_numpy(), reference, Version().inputs)
    ports = SimpleNamespace(registry=Files(expectation.to_bytes()))

    checks, _ = label_checks(stage(tmp_path, labels, odd="sise > 1"), ports, Version(), reference)

    assert checks[1].verdict == "error"
    assert "the segment 'odd' cannot be computed" in checks[1].reason
