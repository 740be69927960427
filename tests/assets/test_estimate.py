"""Performance without labels in a pipeline: fitted at registration, judged with the window."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from staged import stage_run

from mlmon_dagster.adapters.batch.scorer import BatchScorer
from mlmon_dagster.adapters.mlflow.model_directory import load_model, write_model
from mlmon_dagster.assets.batch import score
from mlmon_dagster.assets.estimate import estimate_checks, fit_estimator
from mlmon_dagster.assets.expected import EXPECTATION
from mlmon_dagster.assets.outcomes import outcomes_of
from mlmon_dagster.assets.probabilities import probability_columns
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.estimation.expectation import Expectation
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.pipeline.monitoring import Labels, Performance
from mlmon_dagster.pipeline.source import Rows, Source


def rows(count, shift=0.0, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(shift, 1, count)
    return pd.DataFrame({"x": x, "y": random.normal(0, 1, count), "label": (x + random.normal(0, 1, count) > 0)})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A classifier as the registry keeps it, and the one that was fitted."""
    frame = rows(1000, seed=1)
    fitted = LogisticRegression().fit(frame[["x", "y"]], frame.label.astype(int))
    folder = tmp_path_factory.mktemp("model") / "model"
    profile = Profile.of({name: Column.of(name, frame[name].to_numpy()) for name in ("x", "y")})
    write_model(folder, fitted, frame[["x", "y"]], profile.to_bytes())
    return SimpleNamespace(fitted=fitted, loaded=load_model(folder), scorer=BatchScorer.open(folder, 1))


def scored(model, frame):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    found = score(model.scorer, table, (), lambda inputs: probability_columns(model.fitted, inputs[["x", "y"]]))
    return found.rows


@dataclasses.dataclass(frozen=True)
class Files:
    """The files of one model version."""

    content: tuple

    def file(self, version, name):
        found = dict(self.content)
        if name not in found:
            raise MissingError(f"version 1 has no {name}")
        return found[name]


DECLARED = Performance("accuracy", Labels(Source(None, Rows(key=("id",))), "label"), also=("f1",), estimate=True)
VERSION = SimpleNamespace(number=1, inputs=("x", "y"))


@dataclasses.dataclass(frozen=True)
class Version:
    number: int = 1
    inputs: tuple = ("x", "y")


def registered(model):
    reference = rows(4000, seed=2)
    unseen = scored(model, reference).append_column("label", pa.array(reference.label))
    outcomes = {name: outcomes_of(name, unseen) for name in ("accuracy", "f1")}
    estimator = fit_estimator(DECLARED, outcomes, unseen, ("x", "y"))
    expectation = Expectation.of(outcomes, Column.of("label", reference.label.to_numpy()), estimator)
    return Files(((EXPECTATION, expectation.to_bytes()),))


def judged(folder, files, predictions, declared=DECLARED):
    run = stage_run(folder, "model_monitoring", "2024-01-02")
    stages = run.pipeline.stages
    monitoring = dataclasses.replace(stages.model_monitoring, performance=declared)
    stages = dataclasses.replace(stages, model_monitoring=monitoring)
    run = dataclasses.replace(run, pipeline=dataclasses.replace(run.pipeline, stages=stages))
    return estimate_checks(run, SimpleNamespace(registry=files), Version(), predictions)


def test_batch_inference_keeps_the_probability_of_every_class(model):
    found = scored(model, rows(50, seed=3))

    drift, chances = ["drift_score", "drift_max"], ["probability.0", "probability.1"]
    assert found.column_names == ["x", "y", "prediction", *drift, *chances, "model_version"]
    chances = np.column_stack([found["probability.0"], found["probability.1"]])
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    np.testing.assert_array_equal(chances.argmax(axis=1), found["prediction"].to_numpy())
    assert model.loaded.classifies


def test_a_usual_window_is_estimated_as_good_as_ever(tmp_path, model):
    (check,) = judged(tmp_path, registered(model), scored(model, rows(800, seed=4)))

    assert (check.name, check.verdict) == ("performance_estimate", "ok")
    assert check.metrics["estimate.accuracy"] == pytest.approx(0.75, abs=0.04)
    assert check.metrics["estimate.accuracy.low"] < 0.75 < check.metrics["estimate.accuracy.high"]
    assert check.metrics["estimate.validity"] > 0.8
    assert "within what is tolerated" in check.reason


def test_rows_that_are_hard_to_tell_are_seen_before_their_labels(tmp_path, model):
    hard = rows(6000, seed=5)
    hard = hard[hard.x.abs() < 0.4]

    (check,) = judged(tmp_path, registered(model), scored(model, hard), dataclasses.replace(DECLARED, tolerance=0.1))

    assert check.verdict == "drift"
    assert "even at best" in check.reason


def test_what_is_not_to_be_believed_is_insufficient_and_says_why(tmp_path, model):
    (check,) = judged(tmp_path, registered(model), scored(model, rows(800, shift=9.0, seed=6)))

    assert check.verdict == "insufficient"
    assert "do not believe it" in check.reason


def test_without_rows_or_an_estimator_it_is_never_green(tmp_path, model):
    files = registered(model)
    some = scored(model, rows(29, seed=7))

    assert judged(tmp_path, files, some)[0].verdict == "insufficient"
    assert judged(tmp_path, files, some.slice(0, 0))[0].verdict == "no_data"
    (check,) = judged(tmp_path, Files(()), scored(model, rows(50, seed=7)))
    assert check.verdict == "error"
    assert "register the model again" in check.reason
    assert judged(tmp_path, files, some, dataclasses.replace(DECLARED, estimate=False)) == []


def test_a_metric_that_cannot_be_estimated_is_refused_at_registration(model):
    declared = dataclasses.replace(DECLARED, metric="r2")
    frame = rows(100).assign(prediction=0.5)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pytest.raises(InputError, match="r2 cannot be estimated without labels"):
        fit_estimator(declared, {"r2": outcomes_of("r2", table)}, table, ("x", "y"))
