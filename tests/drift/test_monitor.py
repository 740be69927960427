"""Monitors: what is drift, what is too little to say, and what is an error."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.correction import adjusted
from mlmon_dagster.drift.judging import judge
from mlmon_dagster.drift.monitor import Monitor, parse_monitor, verdict_of
from mlmon_dagster.drift.profile import Profile

RANDOM = np.random.default_rng(7)


def reference(columns: int = 3, rows: int = 2000) -> Profile:
    random = np.random.default_rng(0)
    named = {f"x{place}": Column.of(f"x{place}", random.normal(size=rows)) for place in range(columns)}
    return Profile.of(named | {"city": Column.of("city", random.choice(["Ulm", "Bonn"], rows))})


def window(profile: Profile, rows: int = 400, shift: float = 0.0, seed: int = 1) -> dict[str, Column]:
    random = np.random.default_rng(seed)
    return {
        name: Column.of(name, random.normal(shift, 1, rows) if one.ordered else random.choice(["Ulm", "Bonn"], rows))
        for name, one in profile.columns.items()
    }


def auto(**more: object) -> Monitor:
    return parse_monitor("inputs", {"use": "auto", "columns": "all", **more})


def test_a_shift_is_drift_in_the_columns_that_shifted_only() -> None:
    profile = reference()
    now = window(profile) | {"x1": Column.of("x1", np.random.default_rng(3).normal(1, 1, 400))}
    judged = judge(profile, now, auto())
    assert {one.column: one.verdict for one in judged} == {"x0": "ok", "x1": "drift", "x2": "ok", "city": "ok"}
    assert "x1 has drifted" in next(one.reason for one in judged if one.column == "x1")


def test_two_hundred_windows_without_drift_raise_next_to_no_false_alarm() -> None:
    profile = reference(columns=10)
    alarms = sum(
        verdict_of(one.verdict for one in judge(profile, window(profile, seed=seed), auto(threshold=0.05))) == "drift"
        for seed in range(200)
    )
    assert alarms <= 8


def test_a_large_distance_that_may_be_chance_is_no_drift_and_says_so() -> None:
    profile = reference(columns=1)
    few = {"x0": Column.of("x0", np.random.default_rng(5).normal(0.1, 1, 100))}
    (judged,) = judge(profile, few, parse_monitor("x", {"use": "ks", "column": "x0", "threshold": 0.1}))
    assert judged.value is not None
    assert judged.value > 0.1
    assert (judged.verdict, "may be chance in 100 rows" in judged.reason) == ("ok", True)


def test_a_window_in_which_chance_alone_reaches_twice_the_threshold_cannot_be_told() -> None:
    profile = reference(columns=1)
    few = {"x0": Column.of("x0", np.random.default_rng(5).normal(0.4, 1, 31))}
    (judged,) = judge(profile, few, parse_monitor("x", {"use": "ks", "column": "x0", "threshold": 0.05}))
    assert (judged.verdict, "too few to tell" in judged.reason) == ("insufficient", True)


@pytest.mark.parametrize(
    ("now", "verdict", "said"),
    [
        (None, "error", "the window has no column 'x0'"),
        (Column.of("x0", []), "no_data", "no rows"),
        (Column.of("x0", [None] * 50), "no_data", "every value of the window is missing"),
        (Column.of("x0", [1.0] * 29), "insufficient", "29 values, at least 30"),
        (Column.of("x0", ["a"] * 50), "error", "categorical in the window and numeric in the reference"),
        (Column.of("x0", [5.0] * 50), "drift", "has drifted"),
    ],
)
def test_every_column_is_answered_for_itself(now: Column | None, verdict: str, said: str) -> None:
    profile = reference(columns=2)
    columns = window(profile)
    columns = {name: one for name, one in columns.items() if name != "x0"} | ({"x0": now} if now else {})
    judged = {one.column: one for one in judge(profile, columns, auto())}
    assert (judged["x0"].verdict, said in judged["x0"].reason) == (verdict, True)
    assert judged["x1"].verdict == "ok"


def test_a_column_the_reference_lacks_is_an_error_and_never_green() -> None:
    (judged,) = judge(reference(), window(reference()), parse_monitor("x", {"use": "ks", "column": "price"}))
    assert (judged.verdict, judged.value) == ("error", None)


def test_missing_values_are_judged_even_where_nothing_is_present() -> None:
    profile = reference(columns=1)
    monitor = parse_monitor("gaps", {"use": "missing", "column": "x0"})
    (judged,) = judge(profile, {"x0": Column.of("x0", [None] * 50)}, monitor)
    assert (judged.verdict, judged.value) == ("drift", 1.0)


def test_p_values_are_corrected_as_scipy_does() -> None:
    p_values = list(RANDOM.random(20) ** 3)
    assert adjusted(p_values) == pytest.approx(list(stats.false_discovery_control(p_values)))


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [(["ok", "ok"], "ok"), (["ok", "no_data"], "no_data"), (["drift", "insufficient"], "drift"),
     (["drift", "error"], "error"), ([], "no_data")],
)  # fmt: skip
def test_the_worst_verdict_wins(verdicts: list[str], worst: str) -> None:
    assert verdict_of(verdicts) == worst


@pytest.mark.parametrize(
    ("raw", "place", "said"),
    [
        ({"use": "kss", "column": "x"}, ("use",), "did you mean ks"),
        ({"use": "ks", "column": "x", "treshold": 0.1}, ("treshold",), "Unexpected keyword"),
        ({"use": "ks"}, (), "exactly one of"),
        ({"use": "ks", "column": "x", "columns": "all"}, (), "exactly one of"),
        ({"use": "psi", "column": "x", "bins": 1}, ("bins",), "greater than or equal to 2"),
        ({"use": "ks", "column": "x", "threshold": -1}, ("threshold",), "greater than 0"),
        ({"use": "ks", "column": "x", "minimum_rows": "many"}, ("minimum_rows",), "valid integer"),
        ("ks", (), "expected a mapping"),
    ],
)
def test_a_mistake_in_a_monitor_is_found_where_it_is(raw: object, place: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_monitor("mine", raw)
    assert any(tuple(one["loc"]) == place and said in one["msg"] for one in caught.value.errors()), (
        caught.value.errors()
    )


def test_the_key_is_the_default_of_use() -> None:
    monitor = parse_monitor("psi", {"columns": ["a", "b"], "bins": 20})
    assert (type(monitor.method).__name__, monitor.method.bins, monitor.threshold) == ("Psi", 20, 0.2)


def test_a_compatible_monitor_gives_the_librarys_number_threshold_and_verdict() -> None:
    random = np.random.default_rng(3)
    profile = Profile.of({"x": Column.of("x", random.normal(0, 1, 2000)), "word": Column.of("word", ["a", "b"] * 1000)})
    window = {"x": Column.of("x", random.normal(0.5, 1, 500)), "word": Column.of("word", ["a", "b"] * 250)}
    monitor = parse_monitor("m", {"use": "auto", "columns": "all", "compatible": "evidently"})

    numbers, words = judge(profile, window, monitor)

    assert (numbers.method, numbers.threshold, numbers.verdict) == ("evidently_wasserstein", 0.1, "drift")
    assert (words.method, words.value, words.verdict) == ("evidently_jensen_shannon", 0.0, "ok")
    assert "(evidently's rule)" in numbers.reason


def test_a_library_without_the_method_is_refused_with_its_methods() -> None:
    with pytest.raises(ValidationError, match=r"no method of alibi called 'psi' \(known: auto, ks, chi_square\)"):
        parse_monitor("m", {"use": "psi", "column": "x", "compatible": "alibi"})
