"""The stream of recent scores: a batch counts as its rows do, and costs no memory a row."""

import sys

import numpy as np
import pytest

from mlmon_dagster.drift.scorer import Calibration
from mlmon_dagster.serving.stream import ScoreStream

CALIBRATION = Calibration.of(np.linspace(0.2, 1.8, 101), np.linspace(0.5, 4.0, 101))


def looked(scores: np.ndarray, *, batch: bool) -> dict[str, float]:
    stream = ScoreStream(CALIBRATION)
    if batch:
        stream.observe_all(scores)
    else:
        for one in scores.tolist():
            stream.observe(one)
    stream.look(1.0)
    return {name: one["value"] for name, one in stream.facts.items()}


@pytest.mark.parametrize("rows", [1, 4, 5, 1000])
def test_a_batch_is_watched_as_its_rows_would_be_one_by_one(rows: int) -> None:
    scores = np.random.default_rng(rows).uniform(0.2, 2.5, rows)
    one_by_one = looked(scores, batch=False)
    assert looked(scores, batch=True) == pytest.approx(one_by_one)
    assert any(value != 0 for value in one_by_one.values())


def test_a_batch_that_lies_far_off_is_seen() -> None:
    stream = ScoreStream(CALIBRATION)
    for second in range(5):
        stream.observe_all(np.full(1000, 3.0))
        stream.look(float(second))
    assert stream.watched["ewma"].changes


def test_a_batch_keeps_no_score_of_its_rows_until_the_look() -> None:
    stream = ScoreStream(CALIBRATION)
    for _ in range(10):
        stream.observe_all(np.ones(100_000))
    assert sys.getsizeof(stream._recent) + sys.getsizeof(stream._batches) < 10_000


def test_nothing_since_the_last_look_feeds_nothing() -> None:
    stream = ScoreStream(CALIBRATION)
    stream.observe_all(np.full(1000, 3.0))
    stream.look(1.0)
    before = stream.facts
    stream.look(2.0)
    assert stream.facts == before
