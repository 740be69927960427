"""A budget holds with nine references of ten, and what no reference tells of is refused."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from mlmon_dagster.drift.calibration import Calibration, calibrate
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.judging import Evidence, judge_all
from mlmon_dagster.drift.luck import HEAVIEST, allowance, tail_index
from mlmon_dagster.drift.methods.mean_z import MeanZ
from mlmon_dagster.drift.methods.zscore import Zscore
from mlmon_dagster.drift.monitor import Monitor, parse_monitor
from mlmon_dagster.drift.profile import Profile

Draw = Callable[[np.random.Generator, int], np.ndarray]

HEAVY: dict[str, Draw] = {
    "cauchy": lambda random, rows: random.standard_cauchy(rows),
    "lognormal 3": lambda random, rows: np.exp(3 * random.normal(size=rows)),
    "pareto 1.1": lambda random, rows: random.pareto(1.1, rows),
}
LIGHT: dict[str, Draw] = {
    "normal": lambda random, rows: random.normal(size=rows),
    "exponential": lambda random, rows: random.exponential(size=rows),
    "tied": lambda random, rows: random.poisson(1.0, rows).astype(float),
    "rare": lambda random, rows: (random.random(rows) < 0.02).astype(float),
}
RATE = 0.02


def monitor(use: str) -> Monitor:
    return parse_monitor("m", {"use": use, "column": "x", "alarm_budget": "1 per quarter"})


def evidence(watch: Monitor, values: np.ndarray, usual: int) -> Evidence:
    profile = Profile.of({"x": Column.of("x", values)})
    return Evidence(profile, calibrations={"m": calibrate(profile, watch, RATE, usual)}, rates={"m": RATE})


@pytest.mark.parametrize("level", [0.2, 0.02, 0.001])
@pytest.mark.parametrize(("reference", "window"), [(1000, 1000), (2000, 500), (500, 2000), (100_000, 500)])
def test_nine_of_ten_references_keep_the_level_of_a_normal_distance(level: float, reference: int, window: int) -> None:
    means = np.random.default_rng(1).normal(size=40_000) / np.sqrt(reference)
    threshold = norm.isf(level / 2) * np.sqrt(1 / reference + 1 / window)

    def kept(limit: float) -> float:
        above = norm.sf((limit - means) * np.sqrt(window)) + norm.sf((limit + means) * np.sqrt(window))
        return float(np.mean(above <= level * (1 + 1e-9)))

    assert kept(threshold * allowance(level, reference, window)) > 0.895
    if window >= reference:
        assert allowance(level, reference, window) == 1 or kept(threshold) < 0.895


@given(st.floats(1e-7, 0.9), st.integers(1, 10**9), st.integers(1, 10**9))
def test_the_allowance_is_small_and_vanishes_with_the_reference(level: float, reference: int, window: int) -> None:
    found = allowance(level, reference, window)
    assert 1 <= found < 2 if level < 0.2 else found >= 1
    if reference > 10_000 * window and level < 0.2:
        assert found < 1.01


@pytest.mark.parametrize("freedom", [1, 2, 3])
def test_the_tail_index_of_students_t_is_one_over_its_degrees_of_freedom(freedom: int) -> None:
    random = np.random.default_rng(4)
    found = [tail_index(Column.of("x", random.standard_t(freedom, 10_000))) for _ in range(30)]
    assert np.mean(found) == pytest.approx(1 / freedom, abs=0.05)
    assert np.std(found) < 0.2 / freedom


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=60), st.integers(1, 50), st.integers(-1000, 1000))
@settings(max_examples=300, deadline=None)
def test_a_tail_index_knows_no_unit_no_origin_and_no_order(values: list[int], unit: int, origin: int) -> None:
    found = tail_index(Column.of("x", values))
    moved = [value * unit + origin for value in reversed(values)]
    assert found >= 0
    assert tail_index(Column.of("x", moved)) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize(
    "values", [[3.0] * 50, [3.0] * 49 + [4.0], [0.0] * 90 + [1.0] * 9 + [2.0], [1e300, -1e300, 0.0]]
)
def test_a_column_that_hardly_varies_has_light_tails(values: list[float]) -> None:
    assert tail_index(Column.of("x", values)) < HEAVIEST


@pytest.mark.parametrize("use", ["wasserstein", "zscore", "mean_z"])
@pytest.mark.parametrize("shape", HEAVY)
@pytest.mark.parametrize(("rows", "usual"), [(400, 200), (4000, 500)])
def test_what_single_far_values_move_is_refused_where_tails_are_heavy(
    use: str, shape: str, rows: int, usual: int
) -> None:
    random, watch = np.random.default_rng([rows, usual]), monitor(use)
    basis = evidence(watch, HEAVY[shape](random, rows), usual)
    (drift,) = judge_all({"m": watch}, basis, {"x": Column.of("x", HEAVY[shape](random, usual))})["m"]
    assert (drift.verdict, drift.threshold) == ("insufficient", None)
    assert f"no reference tells what {use} does by chance" in drift.reason
    assert "wasserstein_clipped or broad" in drift.reason
    assert Calibration.from_bytes(basis.calibrations["m"].to_bytes()) == basis.calibrations["m"]


def test_a_refused_column_says_why_and_leaves_the_others_to_be_judged() -> None:
    random = np.random.default_rng(0)
    watch = parse_monitor("m", {"use": "zscore", "columns": "all", "alarm_budget": "1 per quarter"})
    profile = Profile.of({"far": random.standard_cauchy(2000), "near": random.normal(size=2000)})
    found = calibrate(profile, watch, RATE, 200)
    assert (set(found.columns), set(found.refused)) == ({"near"}, {"far"})
    window = {"far": Column.of("far", random.standard_cauchy(200)), "near": Column.of("near", np.ones(200))}
    judged = judge_all({"m": watch}, Evidence(profile, calibrations={"m": found}, rates={"m": RATE}), window)["m"]
    assert {one.column: one.verdict for one in judged} == {"far": "insufficient", "near": "drift"}


@pytest.mark.parametrize("use", ["ks", "psi", "tails", "wasserstein_clipped", "broad", "quantile_shift"])
def test_what_far_values_do_not_move_judges_heavy_tails(use: str) -> None:
    random, watch = np.random.default_rng(9), monitor(use)
    basis = evidence(watch, HEAVY["cauchy"](random, 1000), 100)
    windows = [{"x": Column.of("x", HEAVY["cauchy"](random, 100))} for _ in range(60)]
    alarms = [any(one.verdict == "drift" for one in judge_all({"m": watch}, basis, window)["m"]) for window in windows]
    assert sum(alarms) <= 6
    moved = judge_all({"m": watch}, basis, {"x": Column.of("x", HEAVY["cauchy"](random, 100) + 3)})["m"]
    assert any(one.verdict == "drift" for one in moved)


def share_above(method: type[Zscore] | type[MeanZ], reference: np.ndarray, windows: np.ndarray, limit: float) -> float:
    apart = np.abs(windows.mean(axis=1) - reference.mean())
    error = np.sqrt(reference.var() / len(reference) + windows.var(axis=1) / windows.shape[1])
    return float(np.mean(apart / (reference.std() if method is Zscore else error) > limit))


@pytest.mark.slow
@pytest.mark.parametrize("method", [Zscore, MeanZ])
@pytest.mark.parametrize("shape", LIGHT)
@pytest.mark.parametrize(("rows", "usual"), [(400, 100), (2000, 500), (1000, 1000), (500, 2000)])
def test_windows_large_beside_the_reference_keep_the_budget_with_most_references(
    method: type[Zscore] | type[MeanZ], shape: str, rows: int, usual: int
) -> None:
    watch, shares = monitor("zscore" if method is Zscore else "mean_z"), []
    for seed in range(40):
        random = np.random.default_rng([seed, rows, usual])
        reference = LIGHT[shape](random, rows)
        limit = evidence(watch, reference, usual).calibrations["m"].columns["x"].at(rows, usual)
        windows = LIGHT[shape](random, 400 * usual).reshape(400, usual)
        shares.append(share_above(method, reference, windows, limit))
    assert np.mean(shares) < RATE
    assert np.mean(np.array(shares) > RATE) <= 0.25  # 0.1, and what 400 windows and 1,200 draws tell is not exact
