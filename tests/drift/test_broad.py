"""`broad`: several methods on a column, each with a threshold of its own and one budget for all."""

import numpy as np
import pytest

from mlmon_dagster.drift.calibration import calibrate
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.judging import Evidence, exceeding, judge, judge_all
from mlmon_dagster.drift.monitor import Drift, Monitor, parse_monitor
from mlmon_dagster.drift.profile import Profile

RANDOM = np.random.default_rng(3)
NUMBERS = RANDOM.normal(size=3000)
PROFILE = Profile.of({"x": Column.of("x", NUMBERS), "city": Column.of("city", RANDOM.choice(list("abcd"), 3000))})


def monitor(**fields: object) -> Monitor:
    return parse_monitor("m", {"use": "broad", "columns": "all", **fields})


def window(numbers: object, city: object = None) -> dict[str, Column]:
    return {"x": Column.of("x", numbers), "city": Column.of("city", list("abcd") * 100 if city is None else city)}


def test_every_method_of_a_column_has_a_verdict_of_its_own() -> None:
    judged = judge(PROFILE, window(NUMBERS[:400]), monitor())
    assert [(one.column, one.method) for one in judged] == [
        ("x", "ks"), ("x", "psi"), ("x", "tails"), ("x", "missing"),
        ("city", "psi"), ("city", "category_shift"), ("city", "missing"),
    ]  # fmt: skip
    assert {one.verdict for one in judged} == {"ok"}


def test_a_threshold_is_a_multiple_of_each_methods_own() -> None:
    judged = judge(PROFILE, window(NUMBERS[:400]), monitor(threshold=2.0))
    assert {one.method: one.threshold for one in judged if one.column == "x"} == pytest.approx(
        {"ks": 0.2, "psi": 0.4, "tails": 0.4, "missing": 0.1}
    )


def test_what_keeps_every_method_from_measuring_is_said_once() -> None:
    (one, *others) = judge(PROFILE, {"x": Column.of("x", NUMBERS[:400])}, monitor(threshold=1.0))[4:]
    assert (one.column, one.verdict, others) == ("city", "error", [])
    lost = judge(PROFILE, window([np.nan] * 400), monitor())
    assert [(one.method, one.verdict) for one in lost if one.column == "x"] == [("ks", "no_data"), ("missing", "drift")]


@pytest.fixture(scope="module")
def budgeted() -> tuple[Monitor, Evidence]:
    watch, rate = monitor(alarm_budget="1 per quarter"), 0.02
    calibration = calibrate(PROFILE, watch, rate, 400)
    return watch, Evidence(PROFILE, calibrations={"m": calibration}, rates={"m": rate})


@pytest.mark.parametrize(
    ("shifted", "method"),
    [
        (lambda x: x + 0.35, "ks"),
        (lambda x: x * 1.5, "psi"),
        (lambda x: np.where(x > 1.6, x * 3, x), "tails"),
        (lambda x: np.where(np.arange(len(x)) % 25 == 0, np.nan, x), "missing"),
    ],
)
def test_with_a_budget_each_change_is_seen_by_the_method_for_it(
    budgeted: tuple[Monitor, Evidence], shifted: object, method: str
) -> None:
    watch, evidence = budgeted
    fresh = np.random.default_rng(9).normal(size=400)
    found = judge_all({"m": watch}, evidence, window(shifted(fresh)))["m"]  # type: ignore[operator]
    assert method in {one.method for one in found if one.verdict == "drift"}
    calm = judge_all({"m": watch}, evidence, window(fresh))["m"]
    assert {one.verdict for one in calm} == {"ok"}


def test_persistence_remembers_a_column_that_any_method_saw() -> None:
    def one(method: str, exceeds: bool, value: float | None = 1.0) -> Drift:
        return Drift("m", "x", method, value, None, 1.0, "ok", "", "", 1, 1, exceeds)

    assert exceeding([one("ks", False), one("psi", True), one("missing", False)]) == {"x": True}
    assert exceeding([one("ks", False), one("psi", True, None)]) == {"x": False}
