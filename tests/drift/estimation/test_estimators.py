"""Estimates of performance without labels against the labels that were there all along."""

import numpy as np
import pytest
from worlds import classes, numbers

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.estimation.cbpe import Cbpe
from mlmon_dagster.drift.estimation.dle import Dle
from mlmon_dagster.drift.estimation.expectation import Expectation
from mlmon_dagster.drift.performance import PERFORMANCE, Outcomes, measure_outcomes
from mlmon_dagster.errors import DataError

CLASSES = Cbpe.of(*classes(5000, seed=1))
NUMBERS = Dle.of(*numbers(5000, seed=1), ("mae", "rmse", "mape"))
OF_CLASSES = [name for name, metric in PERFORMANCE.items() if metric.task != "regression"]


@pytest.mark.parametrize("metric", OF_CLASSES)
@pytest.mark.parametrize("shift", [0.0, 0.7, -1.0])
def test_every_metric_of_classes_is_estimated_though_inputs_move(metric, shift):
    outcomes, columns = classes(30_000, shift, seed=2)
    true = measure_outcomes(metric, outcomes)

    found = CLASSES.estimate(metric, outcomes, columns)

    assert found.value == pytest.approx(true, abs=0.04 if metric != "log_loss" else 0.12)
    assert found.low < found.value < found.high
    assert found.believed


@pytest.mark.parametrize(
    ("metric", "shift"),
    [(metric, shift) for metric in ("mae", "rmse") for shift in (0.0, 0.7, -1.0)] + [("mape", 0.0), ("mape", 0.7)],
)
def test_errors_of_numbers_are_estimated_though_inputs_move(metric, shift):
    outcomes, columns = numbers(30_000, shift, seed=2)

    found = NUMBERS.estimate(metric, outcomes, columns)

    assert found.value == pytest.approx(measure_outcomes(metric, outcomes), rel=0.06)
    assert found.believed


@pytest.mark.parametrize(("world", "estimator", "metric"), [(classes, CLASSES, "f1"), (numbers, NUMBERS, "mae")])
def test_bounds_hold_the_true_value_nearly_always(world, estimator, metric):
    held = 0
    for seed in range(40):
        outcomes, columns = world(500, seed=100 + seed)
        found = estimator.estimate(metric, outcomes, columns)
        held += found.low <= measure_outcomes(metric, outcomes) <= found.high

    assert held >= 33


@pytest.mark.parametrize(("world", "estimator", "metric"), [(classes, CLASSES, "f1"), (numbers, NUMBERS, "mae")])
def test_fewer_rows_give_wider_bounds(world, estimator, metric):
    few, many = (estimator.estimate(metric, *world(rows, seed=5)) for rows in (100, 5000))

    assert few.high - few.low > 2 * (many.high - many.low)


@pytest.mark.parametrize(("world", "estimator", "metric"), [(classes, CLASSES, "f1"), (numbers, NUMBERS, "mae")])
def test_inputs_that_the_reference_never_had_are_not_believed(world, estimator, metric):
    found = estimator.estimate(metric, *world(1000, shift=5.0, seed=6))

    assert not found.believed
    assert "have inputs that the reference never had" in found.doubt
    assert found.parts["support"] < 0.3


def test_a_category_that_the_reference_never_had_is_outside():
    outcomes, columns = numbers(400, seed=7)
    found = NUMBERS.estimate("mae", outcomes, {**columns, "kind": np.array(["z"] * 400, dtype=object)})

    assert found.parts["support"] == 0


def test_predictions_of_which_the_reference_has_hardly_any_are_not_believed():
    reference, columns = classes(400, shift=-2.0, seed=8)
    estimator = Cbpe.of(reference, columns)
    rare = np.flatnonzero(reference.probabilities[:, 1] > 0.6)
    repeated = np.tile(rare, 40)

    found = estimator.estimate(
        "accuracy", reference.take(repeated), {name: values[repeated] for name, values in columns.items()}
    )

    assert found.parts["support"] == 1
    assert found.parts["coverage"] < 0.5
    assert not found.believed


def test_a_changed_concept_is_what_estimates_cannot_see():
    outcomes, columns = classes(5000, seed=9, concept=0.0)
    found = CLASSES.estimate("accuracy", outcomes, columns)

    assert found.believed
    assert found.value - measure_outcomes("accuracy", outcomes) > 0.15


@pytest.mark.parametrize(("world", "estimator", "metric"), [(classes, CLASSES, "f1"), (numbers, NUMBERS, "rmse")])
def test_an_estimator_comes_back_from_its_file_and_says_the_same(world, estimator, metric):
    outcomes, columns = world(300, seed=10)
    expectation = Expectation.of({metric: outcomes}, Column.of("label", [1.0, 2.0]), estimator)

    again = Expectation.from_bytes(expectation.to_bytes())

    assert again.metrics == expectation.metrics
    assert again.to_bytes() == expectation.to_bytes()
    assert again.estimator.estimate(metric, outcomes, columns) == estimator.estimate(metric, outcomes, columns)


def test_the_same_rows_give_the_same_estimator():
    first, second = (Dle.of(*numbers(800, seed=3), ("mae",)) for _ in range(2))
    assert np.array_equal(first.losses["absolute"].trees.leaves, second.losses["absolute"].trees.leaves)


def test_what_cannot_be_estimated_says_what_can():
    with pytest.raises(DataError, match="r2 cannot be estimated"):
        NUMBERS.estimate("r2", *numbers(50))
    with pytest.raises(DataError, match="mae, mse, rmse, mape can be"):
        Dle.of(*numbers(50), ("r2",))
    with pytest.raises(DataError, match="the model gives none"):
        Cbpe.of(Outcomes.of(["0", "1"], ["0", "1"]), {"x": np.zeros(2)})
    with pytest.raises(DataError, match="metric of numbers"):
        CLASSES.estimate("mae", *classes(50))
    with pytest.raises(DataError, match="not an expectation"):
        Expectation.from_bytes(b"no archive")
