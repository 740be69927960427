"""Joint monitors with an alarm budget: calibrated thresholds keep it, and persistence holds back what does not last."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from mlmon_dagster import plugins
from mlmon_dagster.drift.calibration import Calibration
from mlmon_dagster.drift.monitor import Monitor, Verdict, parse_monitor
from mlmon_dagster.drift.multivariate.calibration import calibrate_joint
from mlmon_dagster.drift.multivariate.joint import Learned
from mlmon_dagster.drift.multivariate.judging import Basis, judge_joint

RATE, ROWS, USUAL = 0.05, 3000, 200


def table(rows: int, seed: int, together: bool = True, level: float = 0.0) -> dict[str, Any]:
    random = np.random.default_rng([seed, rows])
    base = random.normal(level, 1, rows)
    found = {f"x{place}": base + random.normal(size=rows) for place in range(3)}
    found["skewed"] = np.exp(base if together else random.normal(level, 1, rows))
    return found


REFERENCE = table(ROWS, 0)


def monitor(use: str, **fields: object) -> Monitor:
    return parse_monitor("together", {"use": use, "columns": "all", "alarm_budget": "1 per quarter", **fields})


def learned(watch: Monitor) -> Learned:
    found = watch.method.learn(REFERENCE)
    return Learned({"rows": ROWS, **found.about}, found.arrays)


def verdict(watch: Monitor, window: dict[str, Any], calibration: Calibration | None, *past: bool | None) -> Verdict:
    return judge_joint(learned(watch), window, watch, Basis(calibration, RATE, past)).drift.verdict


def alarms(use: str, size: int, windows: int) -> int:
    watch = monitor(use)
    basis, kept = Basis(calibrate_joint(watch, REFERENCE, RATE, USUAL), RATE), learned(watch)
    judged = [judge_joint(kept, table(size, seed), watch, basis).drift.verdict for seed in range(1, windows + 1)]
    assert set(judged) <= {"ok", "drift"}
    return judged.count("drift")


@pytest.mark.parametrize(("use", "size"), [("correlation_shift", 200), ("mmd", 60), ("pca_reconstruction", 400)])
def test_windows_without_drift_alarm_within_the_budget(use: str, size: int) -> None:
    from scipy.stats import binom

    assert alarms(use, size, 200) <= binom.isf(1e-3, 200, RATE)


@pytest.mark.slow
@pytest.mark.parametrize("use", plugins.names("joint"))
@pytest.mark.parametrize("size", [60, 200, 700])
def test_every_joint_method_keeps_the_budget_at_every_size(use: str, size: int) -> None:
    from scipy.stats import binom

    assert alarms(use, size, 200) <= binom.isf(1e-3, 200, RATE)


def test_columns_that_no_longer_go_together_are_drift_that_names_the_budget() -> None:
    watch = monitor("correlation_shift")
    basis = Basis(calibrate_joint(watch, REFERENCE, RATE, USUAL), RATE)
    found = judge_joint(learned(watch), table(200, 5, together=False), watch, basis).drift
    assert (found.verdict, found.exceeds) == ("drift", True)
    assert "which chance alone reaches 1 per quarter, most in " in found.reason
    assert "skewed" in found.reason


def test_a_budget_that_was_never_calibrated_for_this_monitor_is_an_error_and_never_green() -> None:
    watch = monitor("mmd")
    calibration = calibrate_joint(watch, REFERENCE, RATE, USUAL)
    assert verdict(watch, table(200, 5), None) == "error"
    assert verdict(monitor("mmd", features=64), table(200, 5), calibration) == "error"
    assert verdict(watch, table(200, 5), calibration) == "ok"
    assert Calibration.from_bytes(calibration.to_bytes()) == calibration == calibrate_joint(
        watch, REFERENCE, RATE, USUAL
    )  # fmt: skip


def test_persistence_waits_for_a_second_window() -> None:
    watch = monitor("correlation_shift", persistence={"windows": 2, "of": 2})
    calibration = calibrate_joint(watch, REFERENCE, RATE, USUAL)
    once = calibrate_joint(dataclasses.replace(watch, persistence=None), REFERENCE, RATE, USUAL)
    assert calibration.columns["joint"].thresholds < once.columns["joint"].thresholds
    moved = table(200, 5, together=False)
    assert [verdict(watch, moved, calibration, before) for before in (False, True, None)] == [
        "ok", "drift", "insufficient",
    ]  # fmt: skip


def test_windows_of_the_reference_that_differ_by_nature_raise_the_threshold() -> None:
    parts = [table(200, seed, level=0.6 * (seed % 2)) for seed in range(12)]
    reference = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    own = [(start, start + 200) for start in range(0, 2400, 200)]
    watch = monitor("mmd")
    assert calibrate_joint(watch, reference, RATE, 200, own).columns["joint"].variation > 1.5
    assert calibrate_joint(watch, REFERENCE, RATE, 200, own).columns["joint"].variation < 1.4
