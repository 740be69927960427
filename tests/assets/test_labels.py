"""Late labels: what is said before they are mature, when they are, and of what."""

import dataclasses
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from staged import stage_run

from mlmon_dagster.adapters.mlflow.registry import open_registry
from mlmon_dagster.assets.expected import EXPECTATION
from mlmon_dagster.assets.labels import concept, label_checks
from mlmon_dagster.assets.outcomes import outcomes_of
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.estimation.expectation import Expectation
from mlmon_dagster.drift.packing import pack
from mlmon_dagster.drift.performance.outcomes import Outcomes
from mlmon_dagster.pipeline.monitoring import Labels, Performance
from mlmon_dagster.pipeline.source import Rows, Source
from mlmon_dagster.pipeline.windows import day
from mlmon_dagster.settings import read_settings

WINDOW = "2024-01-02"
MATURE = day("2024-01-03") + timedelta(days=14)
ROWS = 400


@dataclasses.dataclass(frozen=True)
class Table:
    """A source that has its rows in memory, or raises."""

    rows: pa.Table | Exception

    def read(self, directory, time, window):
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def truth(rows=ROWS, shift=0.0, seed=1):
    return np.random.default_rng(seed).normal(100 + shift, 10, rows)


def predicted(labels, error=5.0, seed=2):
    return labels + np.random.default_rng(seed).normal(0, error, len(labels))


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """Registries' versions: one that was registered with an expectation, and one without."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    settings = read_settings({"MLMON_HOME": str(tmp_path_factory.mktemp("home"))})
    registry = open_registry(settings)
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    labels = truth(2000, seed=8)
    expectation = Expectation.of(
        {name: Outcomes.of(labels, predicted(labels, seed=9)) for name in ("mae", "rmse")}, Column.of("label", labels)
    )
    files = {EXPECTATION: expectation.to_bytes()}
    model = LinearRegression().fit(frame, frame.x)
    common = {"name": "sales", "example": frame, "profile": pack({}, {}), "facts": {}}
    return SimpleNamespace(
        ports=SimpleNamespace(registry=registry),
        known=registry.register(model, files=files, **common),
        unknown=registry.register(model, **common),
    )


def judged(folder, registered, labels, now=MATURE, version=None, count=ROWS, metric="mae", **declared):
    """The two checks and the metrics of a window with 400 predictions; `labels` is (ids, values) or an error."""
    source = labels if isinstance(labels, Exception) else pa.table({"id": labels[0], "paid": labels[1]})
    performance = Performance(metric, Labels(Source(Table(source), Rows(key=("id",))), "paid", "14d"), **declared)
    run = stage_run(folder, "model_monitoring", WINDOW)
    stages = run.pipeline.stages
    monitoring = dataclasses.replace(stages.model_monitoring, performance=performance)
    stages = dataclasses.replace(stages, model_monitoring=monitoring)
    run = dataclasses.replace(run, pipeline=dataclasses.replace(run.pipeline, stages=stages), now=now)
    rows = pa.table({"id": np.arange(count), "prediction": predicted(truth(count))})
    return label_checks(run, registered.ports, version or registered.known, rows)


def verdicts(found):
    return {check.name: check.verdict for check in found[0]}


def test_good_predictions_and_usual_labels_are_ok(tmp_path, registered):
    found = judged(tmp_path, registered, (np.arange(ROWS), truth()), also=("rmse",))

    assert verdicts(found) == {"target_drift": "ok", "performance_drift": "ok"}
    assert found[1]["labels"] == ROWS
    assert found[1]["labels.share"] == 1.0
    assert found[1]["performance.mae"] == pytest.approx(4, rel=0.2)
    assert found[1]["performance.rmse"] == pytest.approx(5, rel=0.2)
    assert found[1]["performance.mae.error"] == pytest.approx(0.15, rel=0.3)
    assert concept(found[0]) == {"drifted": False, "reasons": []}


def test_worse_predictions_of_usual_labels_are_performance_drift_alone(tmp_path, registered):
    labels = truth() + np.random.default_rng(5).normal(0, 5, ROWS)

    found = judged(tmp_path, registered, (np.arange(ROWS), labels))

    assert verdicts(found) == {"target_drift": "ok", "performance_drift": "drift"}
    assert "% worse, up to 20% worse is accepted" in found[0][1].reason
    assert concept(found[0]) == {"drifted": True, "reasons": ["PERFORMANCE_DRIFT"]}


def test_other_labels_that_are_predicted_as_well_as_ever_are_target_drift_alone(tmp_path, registered):
    rows = np.arange(ROWS)
    kept = rows[truth() > 100]

    found = judged(tmp_path, registered, (kept, truth()[kept]))

    assert verdicts(found) == {"target_drift": "drift", "performance_drift": "ok"}
    assert found[1]["drift.label.ks"] > 0.4
    assert concept(found[0])["reasons"] == ["TARGET_DRIFT"]


def test_a_loss_that_few_labels_give_by_chance_is_not_drift(tmp_path, registered):
    labels = truth() + np.random.default_rng(5).normal(0, 3.5, ROWS)

    found = judged(tmp_path, registered, (np.arange(31), labels[:31]), tolerance=0.0)

    assert found[1]["performance.loss"] > 0
    assert verdicts(found)["performance_drift"] == "ok"
    assert "so few labels may give that by chance" in found[0][1].reason


@pytest.mark.parametrize("count", [0, 1, 399])
def test_before_they_are_mature_labels_are_awaited(tmp_path, registered, count):
    found = judged(tmp_path, registered, (np.arange(count), truth()[:count]), now=MATURE - timedelta(seconds=1))

    assert verdicts(found) == {"target_drift": "no_data", "performance_drift": "no_data"}
    assert found[0][0].reason == f"{count} of 400 predictions have a label so far, they are complete on 2024-01-17"
    assert found[1] == {"labels": float(count), "labels.share": count / 400}


def test_a_window_whose_labels_are_all_there_is_judged_at_once(tmp_path, registered):
    found = judged(tmp_path, registered, (np.arange(ROWS), truth()), now=day("2024-01-03"))

    assert verdicts(found) == {"target_drift": "ok", "performance_drift": "ok"}


def test_mature_labels_that_are_too_few_are_insufficient_and_never_green(tmp_path, registered):
    assert set(verdicts(judged(tmp_path, registered, (np.arange(29), truth()[:29]))).values()) == {"insufficient"}
    nothing = judged(tmp_path, registered, (np.arange(29), truth()[:29]), count=0)
    assert set(verdicts(nothing).values()) == {"no_data"}


def test_labels_that_cannot_be_read_are_awaited_until_they_are_mature_and_then_an_error(tmp_path, registered):
    from mlmon_dagster.errors import MissingError

    early = judged(tmp_path, registered, MissingError("there is no file labels.csv"), now=day("2024-01-03"))
    late = judged(tmp_path, registered, MissingError("there is no file labels.csv"))

    assert set(verdicts(early).values()) == {"no_data"}
    assert set(verdicts(late).values()) == {"error"}
    assert "no file labels.csv" in early[0][0].reason
    assert "no file labels.csv" in late[0][0].reason


def test_a_version_of_which_nothing_is_expected_is_an_error_that_says_what_to_do(tmp_path, registered):
    found = judged(tmp_path, registered, (np.arange(ROWS), truth()), version=registered.unknown)

    assert set(verdicts(found).values()) == {"error"}
    assert "register the model again" in found[0][0].reason


def test_a_metric_that_the_reference_was_not_measured_in_is_an_error(tmp_path, registered):
    found = judged(tmp_path, registered, (np.arange(ROWS), truth()), metric="r2")

    assert verdicts(found) == {"target_drift": "ok", "performance_drift": "error"}
    assert "the reference has no r2 to compare with, it has mae, rmse" in found[0][1].reason


def test_missing_and_repeated_labels_do_not_count_twice(tmp_path, registered):
    ids = [*range(ROWS), *range(ROWS)]
    values = [*truth(), *(truth() + 1000)]
    values[:50] = [None] * 50

    found = judged(tmp_path, registered, (ids, values), tolerance=100.0)

    assert found[1]["labels"] == ROWS
    assert found[1]["performance.mae"] == pytest.approx(4 + 1000 * 50 / ROWS, rel=0.05)


def test_classes_are_named_alike_however_they_are_written():
    rows = pa.table(
        {"prediction": [1, 0, 1, 1], "probability.0": [0.2, 0.9, 0.4, 0.3], "probability.1": [0.8, 0.1, 0.6, 0.7],
         "label": [1.0, 0.0, 1.0, 0.0]}
    )  # fmt: skip
    outcomes = outcomes_of("f1", rows)

    assert outcomes.positive == "1"
    assert outcomes.classes == ("0", "1")
    assert outcomes.labels.tolist() == ["1", "0", "1", "0"]
    assert outcomes_of("mae", rows).labels.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert outcomes_of("f1", rows, positive=False).positive == "0"
