"""Every performance metric against scikit-learn, on whatever labels and predictions there are."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn import metrics

from mlmon_dagster.drift.performance import PERFORMANCE, Outcomes, measure
from mlmon_dagster.drift.performance.scored import area_under_roc
from mlmon_dagster.errors import DataError

CLASSES = (0, 1, 2)
EXPECTED = {
    "mae": metrics.mean_absolute_error,
    "median_ae": metrics.median_absolute_error,
    "mse": metrics.mean_squared_error,
    "rmse": metrics.root_mean_squared_error,
    "mape": metrics.mean_absolute_percentage_error,
    "r2": metrics.r2_score,
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
    "f1_macro": lambda truth, given: metrics.f1_score(truth, given, average="macro"),
    "f1_weighted": lambda truth, given: metrics.f1_score(truth, given, average="weighted"),
    "roc_auc": metrics.roc_auc_score,
    "roc_auc_ovr": lambda truth, given: metrics.roc_auc_score(truth, given, multi_class="ovr", labels=CLASSES),
    "average_precision": metrics.average_precision_score,
    "log_loss": lambda truth, given: metrics.log_loss(truth, given, labels=CLASSES),
    "brier": metrics.brier_score_loss,
}


def outcomes_of(name: str, seed: int, rows: int = 200) -> tuple[Outcomes, np.ndarray]:
    """Outcomes that the metric takes, and what scikit-learn is given for them."""
    random, metric = np.random.default_rng(seed), PERFORMANCE[name]
    if metric.takes == "chances":
        chances = random.dirichlet((1, 1, 1), rows)
        return Outcomes.of(random.integers(0, 3, rows), probabilities=chances, classes=CLASSES), chances
    if metric.takes == "scores":
        scores = np.round(random.random(rows), 1)
        return Outcomes.of(random.integers(0, 2, rows), probabilities=scores), scores
    if metric.task == "regression":
        predictions = random.normal(size=rows)
        return Outcomes.of(random.normal(size=rows), predictions), predictions
    count = 2 if metric.task == "binary" else 3
    predictions = random.integers(0, count, rows)
    return Outcomes.of(random.integers(0, count, rows), predictions), predictions


@pytest.mark.parametrize("name", PERFORMANCE)
@pytest.mark.parametrize("seed", range(4))
def test_a_metric_is_scikit_learns(name, seed):
    outcomes, given_ = outcomes_of(name, seed)

    found = PERFORMANCE[name].measure(outcomes)

    assert found == pytest.approx(EXPECTED[name](outcomes.labels, given_), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", PERFORMANCE)
def test_better_says_which_way_is_better(name):
    good, _ = outcomes_of(name, 5)
    metric = PERFORMANCE[name]
    if metric.takes == "values":
        perfect = Outcomes.of(good.labels, good.labels)
    else:
        perfect = Outcomes.of(good.labels, probabilities=np.eye(len(good.classes))[good.labels], classes=good.classes)

    gain = metric.measure(perfect) - metric.measure(good)

    assert gain > 0 if metric.better == "higher" else gain < 0


@settings(max_examples=150, deadline=None)
@given(data=st.data(), rows=st.integers(1, 40))
def test_binary_metrics_are_scikit_learns_or_say_that_they_have_no_meaning(data, rows):
    truth = data.draw(npst.arrays(np.int64, rows, elements=st.integers(0, 1)))
    scores = data.draw(npst.arrays(np.float64, rows, elements=st.floats(0, 1)))
    outcomes = Outcomes.of(truth, predictions=(scores > 0.5).astype(int), probabilities=scores)
    for name in ("accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "brier"):
        seen = outcomes.predictions if PERFORMANCE[name].takes == "values" else scores
        with warnings.catch_warnings(record=True) as undefined:
            warnings.simplefilter("always")
            expected = EXPECTED[name](truth, seen)
        if undefined or np.isnan(expected):
            with pytest.raises(DataError):
                PERFORMANCE[name].measure(outcomes)
        else:
            assert PERFORMANCE[name].measure(outcomes) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), rows=st.integers(2, 50))
def test_the_area_under_roc_is_exact_for_any_scores(data, rows):
    scores = data.draw(npst.arrays(np.float64, rows, elements=st.floats(allow_nan=False, allow_infinity=False)))
    truth = data.draw(npst.arrays(np.bool_, rows))
    if truth.all() or not truth.any():
        return
    pairs = scores[truth][:, None] - scores[~truth][None, :]
    with np.errstate(over="ignore"):
        exact = ((pairs > 0).sum() + (scores[truth][:, None] == scores[~truth][None, :]).sum() / 2) / pairs.size

    assert area_under_roc(truth, scores) == exact


def test_classes_may_be_text_and_the_positive_one_is_named():
    labels = ["UP", "DOWN", "UP", "UP"]
    outcomes = Outcomes.of(labels, ["UP", "UP", "UP", "DOWN"], positive="UP")

    assert measure("recall", labels, outcomes.predictions, positive="UP") == pytest.approx(2 / 3)
    assert measure("accuracy", labels, outcomes.predictions) == 0.5
    chances = [[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]]
    assert measure("roc_auc", labels, probabilities=chances, classes=("DOWN", "UP")) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("mae", ([], []), "at least one label"),
        ("maee", ([1], [1]), "did you mean mae"),
        ("mae", ([1, 2], [1]), "for each label, got 1 for 2"),
        ("mae", (["a"], ["b"]), "is for numbers"),
        ("mape", ([0.0, 1.0], [1.0, 1.0]), "1 of 2 labels are 0"),
        ("r2", ([1.0], [1.0]), "at least two labels"),
        ("f1", ([0, 1, 2], [0, 1, 2]), "for two classes"),
        ("roc_auc", ([1, 1], [0.1, 0.2]), "both classes"),
        ("roc_auc", (["a", "b"], ["a", "b"]), "the model gives classes"),
        ("log_loss", ([1, 1], [1, 0]), "the model gives none"),
        ("mae", ([1, 1],), "beside the labels"),
    ],
)
def test_what_has_no_meaning_is_an_error_that_says_why(name, arguments, message):
    with pytest.raises(DataError, match=message):
        measure(name, *arguments)


def test_probabilities_must_be_probabilities_of_known_classes():
    with pytest.raises(DataError, match="outside of 0 to 1"):
        Outcomes.of([0, 1], probabilities=[0.5, 1.5])
    with pytest.raises(DataError, match="one column for each"):
        Outcomes.of([0, 1], probabilities=[[0.5, 0.5, 0.0]] * 2)
    with pytest.raises(DataError, match="does not know: 7"):
        measure("log_loss", [0, 7], probabilities=[0.5, 0.5])
    with pytest.raises(DataError, match="every class; there is none of 2"):
        measure("roc_auc_ovr", [0, 1], probabilities=[[0.5, 0.5, 0.0]] * 2, classes=CLASSES)
