"""Windows without drift alarm within the budget, whatever the method and however thin or thick the window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster import plugins
from mlmon_dagster.drift.calibration import Curve, calibrate
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.judging import Evidence, judge_all
from mlmon_dagster.drift.monitor import Monitor, parse_monitor
from mlmon_dagster.drift.profile import Profile

ROWS, USUAL = 4000, 500
SHAPES = ("normal", "tied", "skewed", "category", "gaps")


def column(shape: str, rows: int, random: np.random.Generator) -> Column:
    if shape == "category":
        return Column.of("x", random.choice(list("abcdefgh"), rows, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.04, 0.01]))
    values = {
        "normal": lambda: random.normal(size=rows),
        "tied": lambda: random.poisson(1.0, rows).astype(float),
        "skewed": lambda: np.exp(1.5 * random.normal(size=rows)),
        "gaps": lambda: np.where(random.random(rows) < 0.03, np.nan, random.normal(size=rows)),
    }[shape]()
    return Column.of("x", values)


def monitor(use: str) -> Monitor:
    return parse_monitor("m", {"use": use, "columns": "all", "alarm_budget": "1 per quarter"})


def alarms(use: str, shape: str, size: int, rate: float, seeds: range, windows: int) -> int:
    """How many windows alarm, each reference with its own."""
    watch, found = monitor(use), 0
    for seed in seeds:
        random = np.random.default_rng([seed, size])
        profile = Profile.of({"x": column(shape, ROWS, random)})
        evidence = Evidence(profile, calibrations={"m": calibrate(profile, watch, rate, USUAL)}, rates={"m": rate})
        for _ in range(windows):
            judged = judge_all({"m": watch}, evidence, {"x": column(shape, size, random)})["m"]
            found += any(one.verdict == "drift" for one in judged)
    return found


def most(windows: int, rate: float) -> float:
    """So many alarms are as rare as 1 in 10,000 where each window alarms at that rate."""
    from scipy.stats import binom

    return float(binom.isf(1e-4, windows, rate))


@pytest.mark.parametrize(
    ("use", "shape", "size"),
    [
        ("psi", "normal", 60),
        ("psi", "normal", 30),
        ("ks", "tied", 45),
        ("broad", "skewed", 90),
        ("broad", "gaps", 900),
    ],
)
def test_thin_and_thick_windows_keep_the_budget(use: str, shape: str, size: int) -> None:
    assert alarms(use, shape, size, 0.05, range(2), 150) <= most(300, 0.05)


@pytest.mark.parametrize(("second", "power"), [(0.05, -0.5), (0.16, -0.3219), (0.3, 0.0)])
def test_beyond_the_largest_windows_thresholds_fall_no_faster_than_distances_do(second: float, power: float) -> None:
    curve = Curve((100.0, 200.0), (0.2, second))
    assert curve.at(10**9, 1600) == pytest.approx(second * 8**power, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("use", [name for name in plugins.names("method") if name != "auto"])
@given(shape=st.sampled_from(SHAPES), size=st.integers(30, 2000), start=st.integers(0, 10**6))
@settings(max_examples=12, deadline=None)
def test_every_method_keeps_the_budget_at_every_size(use: str, shape: str, size: int, start: int) -> None:
    kinds = plugins.load("method", use).kinds
    if ("categorical" if shape == "category" else "numeric") not in kinds:
        return
    assert alarms(use, shape, size, 0.02, range(start, start + 10), 100) <= most(1000, 0.02)
