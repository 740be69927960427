"""Drift is judged in declared segments too: against the same segment of the reference, and corrected with the whole."""

import dataclasses
from pathlib import Path

import pytest
from watched import World

from mlmon_dagster.errors import InputError

SEGMENTS = {"large": "size > 55", "small": "size <= 45", "giant": "size > 1000"}


def declaring(world: World, **monitor: object) -> World:
    inputs = {"use": "ks", "columns": "all", **monitor}
    return dataclasses.replace(world.declaring(inputs=inputs), segments=SEGMENTS)


def test_a_segment_that_drifts_while_the_whole_does_not_is_named(world: World) -> None:
    made = declaring(world, segments=["large"], threshold=0.3)
    version = made.register()
    drifted = made.declaring(inputs={"use": "ks", "columns": "all", "segments": ["large"], "threshold": 0.05})
    (check,) = dataclasses.replace(drifted, segments=SEGMENTS).judge(21, version, rows=2_000, shift=8.0).checks
    assert check.verdict == "drift"
    assert "in large, size has drifted: ks 0." in check.reason
    assert {row["segment"] for row in check.table} == {"", "large"}


def test_its_numbers_are_metrics_of_the_segment_and_its_page_shows_it(world: World) -> None:
    made = declaring(world, segments="all")
    result = made.judge(20, made.register(), rows=400, shift=4.0)
    assert {"drift.size.ks", "segment.large.drift.size.ks", "segment.small.drift.prediction.ks"} <= set(result.metrics)
    page = Path(str(result.facts["report"])).read_text()
    assert "size in large" in page
    assert "size in small" in page


def test_a_segment_without_rows_is_told_and_does_not_hide_that_the_whole_was_judged(world: World) -> None:
    made = declaring(world, segments=["giant"], threshold=0.3)
    (check,) = made.judge(20, made.register(), rows=400).checks
    assert check.verdict == "ok"
    assert check.reason == "in giant, size: the window has no rows (and so for 1 more columns)"


def test_a_version_that_was_registered_without_the_segment_is_an_error_that_says_so(world: World) -> None:
    version = declaring(world).register()
    after = dataclasses.replace(declaring(world, segments=["later"]), segments={"later": "size > 50"})
    (check,) = after.judge(20, version, rows=400).checks
    assert check.verdict == "error"
    assert "no reference of the segment later; run the model_registry stage again" in check.reason


def test_a_condition_that_cannot_be_computed_stops_the_registration_and_names_the_columns(world: World) -> None:
    made = dataclasses.replace(declaring(world, segments="all"), segments={"odd": "weight > 3"})
    with pytest.raises(InputError, match=r"segment 'odd' cannot be computed(.|\n)*size"):
        made.register()


def test_no_drift_in_many_segments_is_no_alarm(world: World) -> None:
    made = dataclasses.replace(
        declaring(world, segments="all", threshold=0.05), segments={f"s{n}": f"hash(id) % 12 = {n}" for n in range(12)}
    )
    version = made.register()
    verdicts = [made.judge(day, version, rows=1_000).checks[0].verdict for day in range(20, 26)]
    assert verdicts.count("drift") <= 1
