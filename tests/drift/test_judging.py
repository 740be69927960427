"""What a distance means: for many columns, few rows, many rows, and what was judged before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster import plugins
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.correction import adjusted
from mlmon_dagster.drift.judging import Evidence, judge, judge_all
from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.drift.profile import Profile

NUMERIC = [
    name for name in plugins.names("method") if name != "broad" and "numeric" in plugins.load("method", name).kinds
]
"""`broad` judges a column several times (`test_broad.py`)."""


def normal(rows: int, seed: int, shift: float = 0.0) -> Column:
    return Column.of("x", np.random.default_rng([seed, rows]).normal(shift, 1, rows))


REFERENCE = Profile.of({"x": normal(5000, 0)})


@pytest.mark.parametrize("use", NUMERIC)
@pytest.mark.parametrize("rows", [30, 50, 200])
def test_small_windows_without_drift_do_not_alarm(use: str, rows: int) -> None:
    """Measured elsewhere with fixed thresholds: PSI > 0.1 in 90% of windows of 50 rows, W1 in 92%."""
    watch = parse_monitor("m", {"use": use, "column": "x", "threshold": 0.05})
    verdicts = [judge(REFERENCE, {"x": normal(rows, seed)}, watch)[0].verdict for seed in range(1, 41)]
    assert verdicts.count("drift") <= 2


@pytest.mark.parametrize("use", sorted({*NUMERIC} - {"mean_z"}))
def test_very_many_rows_do_not_make_a_small_shift_drift(use: str) -> None:
    """Measured elsewhere: KS p < .05 on a shift of 0.01 sigma in every window of a million rows. `mean_z` is a test."""
    large = Profile.of({"x": normal(300_000, 0)})
    assert (
        judge(large, {"x": normal(300_000, 1, 0.02)}, parse_monitor("m", {"use": use, "column": "x"}))[0].verdict
        == "ok"
    )


@pytest.mark.parametrize("use", ["auto", "ks", "psi", "wasserstein"])
def test_a_rule_does_not_turn_at_a_number_of_rows(use: str) -> None:
    watch = parse_monitor("m", {"use": use, "column": "x"})
    for rows in (999, 1000, 1001):
        profile = Profile.of({"x": normal(rows, 0)})
        (one,) = judge(profile, {"x": normal(rows, 1, 1.0)}, watch)
        assert (one.verdict, one.threshold, one.method) == ("drift", watch.threshold, use.replace("auto", "ks"))


def test_all_columns_of_all_monitors_are_corrected_together() -> None:
    random = np.random.default_rng(4)
    columns = {f"x{place}": Column.of(f"x{place}", random.normal(size=2000)) for place in range(8)}
    window = {name: Column.of(name, random.normal(size=150)) for name in columns}
    profile = Profile.of(columns)
    monitors = {
        name: parse_monitor(name, {"use": use, "columns": list(columns)[:count]})
        for name, use, count in (("a", "ks", 8), ("b", "psi", 5))
    }
    judged = judge_all(monitors, Evidence(profile), window)
    together = [one.p_value for drifts in judged.values() for one in drifts]
    raw = [
        monitor.method.measure(profile.columns[name], window[name]).p_value
        for monitor in monitors.values()
        for name in monitor.columns
    ]
    assert together == pytest.approx(adjusted(raw))


def test_ninety_windows_of_forty_columns_without_drift_raise_next_to_no_alarm() -> None:
    """The same windows by the rule p < .05 for each column: nearly every one alarms."""
    random = np.random.default_rng(5)
    profile = Profile.of({f"x{place}": Column.of(f"x{place}", random.normal(size=3000)) for place in range(40)})
    watch = parse_monitor("m", {"use": "ks", "columns": "all", "threshold": 0.02})
    ours = naive = 0
    for _ in range(90):
        window = {name: Column.of(name, random.normal(size=500)) for name in profile.columns}
        ours += any(one.verdict == "drift" for one in judge(profile, window, watch))
        naive += any(
            float(watch.method.measure(profile.columns[name], window[name]).p_value or 1) < 0.05 for name in window
        )
    assert (ours <= 3, naive >= 70) == (True, True)


def test_a_budget_that_was_never_calibrated_is_an_error_and_never_green() -> None:
    watch = parse_monitor("m", {"use": "ks", "column": "x", "alarm_budget": "1 per quarter"})
    (one,) = judge(REFERENCE, {"x": normal(100, 1)}, watch)
    assert (one.verdict, one.threshold, "not calibrated" in one.reason) == ("error", None, True)


CELLS = st.one_of(st.none(), st.floats(), st.integers(-3, 3).map(float))


@given(st.lists(CELLS, min_size=1, max_size=60), st.lists(CELLS, max_size=60), st.sampled_from(NUMERIC))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_there_is_one_verdict_and_no_evidence_is_never_green(
    before: list[float | None], now: list[float | None], use: str
) -> None:
    reference = Column.of("x", np.array(before, dtype=float), "numeric")
    window = Column.of("x", np.array(now, dtype=float), "numeric")
    watch = parse_monitor("m", {"use": use, "column": "x", "minimum_rows": 5})
    (one,) = judge(Profile.of({"x": reference}), {"x": window}, watch)
    measured = window.rows if use == "missing" else window.present
    if measured < 5:
        assert one.verdict in ("no_data", "insufficient", "error")
        assert one.value is None
    if one.verdict == "ok":
        assert one.value is not None
        assert one.value == one.value


def test_a_method_that_cannot_measure_a_column_names_those_that_can() -> None:
    answers = Column.of("answer", np.array(["yes", "no"] * 50))
    (one,) = judge(
        Profile.of({"answer": answers}), {"answer": answers}, parse_monitor("m", {"use": "ks", "column": "answer"})
    )
    assert one.verdict == "error"
    assert (
        "ks does not measure categorical columns such as answer; these do: auto, broad, category_shift, chi_square"
        in one.reason
    )


def test_a_column_of_ids_is_told_as_one_and_is_not_green() -> None:
    before, now = (
        Column.of("id", np.array([f"C{place}" for place in range(*ends)])) for ends in ((0, 500), (500, 900))
    )
    (one,) = judge(Profile.of({"id": before}), {"id": now}, parse_monitor("m", {"use": "auto", "columns": "all"}))
    assert one.verdict == "insufficient"
    assert one.reason.startswith("id: nearly every row has another value, as an id has")
