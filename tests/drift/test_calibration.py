"""Calibrated thresholds keep the budget that was stated: whatever the method, the size, the columns, persistence."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster.drift.calibration import Calibration, Curve, calibrate, declaration_digest
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.judging import Evidence, judge_all
from mlmon_dagster.drift.monitor import Drift, Monitor, parse_monitor
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError

RATE = 0.1


def rows(count: int, seed: int, columns: int = 4) -> dict[str, Column]:
    """Correlated, skewed, tied and categorical columns of one process."""
    random = np.random.default_rng([seed, count])
    base = random.normal(size=count)
    named: dict[str, Any] = {f"x{place}": base + random.normal(size=count) for place in range(columns)}
    named["skewed"] = np.exp(1.5 * random.normal(size=count))
    named["tied"] = random.poisson(1.0, count)
    named["city"] = random.choice(list("abcdefgh"), count, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.04, 0.01])
    return {name: Column.of(name, values) for name, values in named.items()}


def monitor(use: str = "auto", **more: object) -> Monitor:
    return parse_monitor("inputs", {"use": use, "columns": "all", "alarm_budget": "1 per quarter", **more})


def judged(watch: Monitor, profile: Profile, found: Calibration, window: Mapping[str, Column]) -> tuple[Drift, ...]:
    evidence = Evidence(profile, calibrations={"inputs": found}, rates={"inputs": found.rate})
    return judge_all({"inputs": watch}, evidence, window)["inputs"]


@pytest.mark.parametrize(("use", "size"), [("auto", 300), ("psi", 120), ("wasserstein", 300)])
def test_windows_without_drift_alarm_within_the_budget(use: str, size: int) -> None:
    watch = monitor(use)
    shares = []
    for reference in range(2):
        profile = Profile.of(rows(4000, reference))
        found = calibrate(profile, watch, RATE, 300)
        alarms = [
            any(one.verdict == "drift" for one in judged(watch, profile, found, rows(size, 1000 + seed)))
            for seed in range(100)
        ]
        shares.append(np.mean(alarms))
    assert np.mean(shares) < RATE * 1.3
    assert np.mean(shares) > RATE / 10


def test_a_shift_is_seen_at_the_threshold_that_the_budget_gives() -> None:
    watch, profile = monitor(), Profile.of(rows(4000, 1))
    found = calibrate(profile, watch, RATE, 300)
    shifted = {**rows(300, 5), "x0": Column.of("x0", np.random.default_rng(2).normal(0.6, 1.4, 300))}
    verdicts = {one.column: one.verdict for one in judged(watch, profile, found, shifted)}
    assert verdicts["x0"] == "drift"


def test_thin_windows_and_many_columns_have_higher_thresholds() -> None:
    few, many = (Profile.of(rows(4000, 1, columns)) for columns in (1, 12))
    curves = [calibrate(profile, monitor("ks"), RATE, 300).columns["x0"] for profile in (few, many)]
    sizes = [curves[0].at(4000, count) for count in (30, 100, 300, 1000, 100_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert curves[1].at(4000, 300) > curves[0].at(4000, 300)


def test_persistence_lowers_the_threshold_that_it_makes_safe() -> None:
    profile = Profile.of(rows(4000, 1))
    once, twice = (
        calibrate(profile, monitor("ks", persistence=held), 0.01, 300) for held in (None, {"windows": 2, "of": 3})
    )
    assert twice.level > 10 * once.level
    assert twice.columns["x0"].at(4000, 300) < once.columns["x0"].at(4000, 300)


def test_the_same_reference_and_monitor_give_the_same_bytes() -> None:
    profile = Profile.of(rows(1000, 1))
    first, again = (calibrate(profile, monitor("ks"), RATE, 100) for _ in range(2))
    assert first.to_bytes() == again.to_bytes()
    assert Calibration.from_bytes(first.to_bytes()) == first


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version": 99}', b"[1]", b'{"version": 1, "columns": {"x": 1}}'])
def test_what_is_no_calibration_is_told(content: bytes) -> None:
    with pytest.raises(DataError, match="this is not a calibration"):
        Calibration.from_bytes(content)


def test_a_calibration_serves_the_monitor_it_was_made_for_only() -> None:
    profile = Profile.of(rows(1000, 1))
    watch = monitor("ks")
    found = calibrate(profile, watch, RATE, 100)
    others = [
        dataclasses.replace(watch, minimum_rows=50),
        monitor("ks", persistence={"windows": 2, "of": 3}),
        monitor("psi"),
        monitor("psi", bins=20),
    ]
    assert len({declaration_digest(one, RATE) for one in [watch, *others]}) == 5
    for other in others:
        verdicts = {one.verdict for one in judged(other, profile, found, rows(100, 3))}
        assert verdicts == {"error"}
    assert declaration_digest(dataclasses.replace(watch, threshold=0.3), RATE) == found.declaration


def test_a_threshold_beside_a_budget_is_the_smallest_distance_that_matters() -> None:
    profile = Profile.of({"x": Column.of("x", np.random.default_rng(1).normal(size=20_000))})
    window = {"x": Column.of("x", np.random.default_rng(2).normal(0.08, 1, 20_000))}
    for threshold, verdict in ((None, "drift"), (0.1, "ok")):
        watch = monitor("ks", **({"threshold": threshold} if threshold else {}))
        found = calibrate(profile, watch, RATE, 5000)
        assert [one.verdict for one in judged(watch, profile, found, window)] == [verdict]


def test_windows_of_the_reference_that_vary_more_than_chance_raise_the_threshold() -> None:
    random = np.random.default_rng(1)
    calm = [{"x": Column.of("x", random.normal(0, 1, 200))} for _ in range(20)]
    lively = [{"x": Column.of("x", random.normal(random.normal(0, 0.3), 1, 200))} for _ in range(20)]
    variations = []
    for windows in (calm, lively):
        values = np.concatenate([one["x"].ascending for one in windows])
        profile = Profile.of({"x": Column.of("x", values)})
        found = calibrate(profile, monitor("ks"), RATE, 200, [(profile, one) for one in windows])
        variations.append(found.columns["x"].variation)
    assert variations[0] < 1.3
    assert variations[1] > 2
    assert (
        calibrate(profile, monitor("ks"), RATE, 200, [(profile, one) for one in windows[:7]]).columns["x"].variation
        == 1
    )


def test_the_first_missing_value_ever_breaks_no_budget() -> None:
    watch = parse_monitor("inputs", {"use": "missing", "column": "x", "alarm_budget": "1 per quarter"})
    profile = Profile.of({"x": Column.of("x", np.arange(1000.0))})
    found = calibrate(profile, watch, 0.01, 100)
    for missing, verdict in ((1, "ok"), (8, "drift")):
        window = {"x": Column.of("x", [None] * missing + [1.0] * (100 - missing))}
        assert [one.verdict for one in judged(watch, profile, found, window)] == [verdict]


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False, width=32)), min_size=2, max_size=40),
    st.sampled_from(["ks", "psi", "wasserstein", "missing", "zscore"]),
)
@settings(max_examples=25, deadline=None)
def test_any_reference_has_thresholds_that_are_numbers(values: list[float | None], use: str) -> None:
    profile = Profile.of({"x": Column.of("x", np.array(values, dtype=float))})
    watch = parse_monitor("inputs", {"use": use, "column": "x", "alarm_budget": "1 per quarter"})
    for curve in calibrate(profile, watch, RATE, 10).columns.values():
        assert all(value >= 0 for value in curve.thresholds)
        assert np.isfinite(curve.at(40, 7)) or max(curve.thresholds) == np.inf


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_threshold_never_rises_with_the_rows(reference: int, window: int) -> None:
    curve = Curve((30.0, 100.0, 1000.0), (0.3, 0.16, 0.05))
    assert curve.at(reference, window) >= curve.at(reference, window + 1000) > 0
